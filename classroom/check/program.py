"""The student's program under check: a private cluster that runs it, and what a check can do with it."""

import sys
import threading

from classroom.check import crew
from classroom.check.client import ANSWER, Client
from classroom.check.states import states
from classroom.check.verdict import Failed, Undecided
from classroom.history import History
from classroom.local.cluster import ROOT, LocalCluster
from classroom.local.process import NotReady
from classroom.recorded import RecordedCelery
from classroom.words import _


class Program(Client):
    """The program in `exercises`, a folder of one exercise, on a cluster of its own whose data are in `folder`.

    It may write into the folder's `room/home` alone: it is started under limits, with the command `inside`.
    """

    def __init__(self, folder, exercises, env=None, inside=()):
        self.folder = folder
        self.home = folder / "room" / "home"
        self.home.mkdir(parents=True)
        private = dict.fromkeys(("LAB_DIR", "HOME", "TMPDIR"), str(self.home))
        private |= {"EXERCISES": str(exercises), "LAB_FLOWER": "0", "PYTHONPATH": str(ROOT)}
        self.limited = [sys.executable, "-m", "classroom.check.limits", str(self.home), *inside]
        cluster = LocalCluster(
            folder / "cluster", workers=0, env=private | (env or {}), before=self.limited, keeps=False
        )
        super().__init__(cluster, exercises)
        self.trouble = None
        self.starting = threading.Thread(target=self.start, daemon=True)

    def start(self):
        """Start the broker and the web server."""
        try:
            self.cluster.start()
        except (NotReady, OSError) as error:
            self.trouble = error

    def wait(self):
        """Wait until the web server answers; raises Failed where it does not."""
        self.starting.join()
        if self.trouble and not self.broker_is_well():
            raise Undecided(_("the private broker did not start: {trouble}", trouble=self.trouble))
        if self.trouble:
            raise Failed(
                _("a web server that starts with your exercise"),
                _("it does not"),
                because=self.own_words(str(self.trouble)),
            )

    def stop(self):
        """Stop everything."""
        self.starting.join(ANSWER)
        self.cluster.stop()

    # Tasks

    def send(self, task, *arguments):
        """Send a task straight to the queue, past the web server; returns its id."""
        if not hasattr(self, "celery"):
            cluster = self.cluster
            self.celery = RecordedCelery("checks", broker=cluster.broker_url, results=cluster.results)
            self.celery.conf.broker_transport_options = {"socket_timeout": ANSWER}
        return self.celery.send_task(task, arguments).id

    def attempts(self):
        """Every attempt so far: which worker ran what, and when."""
        history = History(self.cluster.ledger)
        history.read()
        return [*history.ended, *history.running.values()]

    def attempt(self, task_id):
        """The latest attempt of a task that has ended."""
        mine = [one for one in self.attempts() if one.task_id == task_id]
        if not mine:
            raise Failed(_("a task that a worker has run"), _("the cluster knows of no attempt of it"))
        return max(mine, key=lambda one: one.attempt)

    def states(self):
        """Hear all that tasks tell of themselves in a `with` block: `with program.states() as reached:`."""
        return states(self.cluster.results)

    # Workers

    def let(self, count):
        """Let exactly so many workers take tasks: start those that are missing, and pause the others."""
        crew.let(self, count)

    def kill(self, name):
        """Kill a worker, together with the process that runs its task; the next `let` starts it again."""
        crew.named(self.cluster, name).kill()

    def frozen(self, name):
        """Let a worker stand still in a `with` block; after it, the worker has ended all that it had in hand."""
        return crew.frozen(self, name)
