"""Starts again what died: the broker at once, the others after a pause that grows with each time."""

import signal
import time

from classroom.worker.control import TOLD_TO_STOP


class Supervisor:
    """Watches the processes of a local cluster; to be asked often what there is to say."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.ends = {}  # process -> how often it ended
        self.due = {}  # process -> when it is started again
        self.stopped = set()  # workers that were told to stop, and stay away

    def look(self):
        """Notice what ended and start what is due; returns a sentence for each."""
        sentences = []
        for process in self.cluster.processes:
            if process.alive:
                self.due.pop(process, None)  # somebody else has started it
                continue
            if process.held or process in self.stopped:
                continue
            if not process.is_over:
                process.clear_up()
            if process.process.poll() == TOLD_TO_STOP and process in self.cluster.workers:
                self.stopped.add(process)
                sentences.append(f"{process.name} was told to stop.")
                continue
            if process not in self.due:
                self.due[process] = time.monotonic() + self.pause(process)
                sentences.append(f"{process.name} ended ({ending(process)}).")
            if time.monotonic() >= self.due[process]:
                del self.due[process]
                process.start()
                sentences.append(f"{process.name} is started again.")
        return sentences

    def pause(self, process):
        """Seconds until a process that just ended is started again."""
        lived = time.monotonic() - process.started_at
        if process in self.cluster.brokers:  # all others wait for it
            return 0 if lived > 2 else 1
        self.ends[process] = 1 if lived > 5 else self.ends.get(process, 0) + 1
        return min(30, 2 ** (self.ends[process] - 1))


def ending(process):
    """How a process ended, in words."""
    code = process.process.poll()
    return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
