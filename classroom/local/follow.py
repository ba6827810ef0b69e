"""Follows log files: each new line once, each file bounded."""

import shutil

from classroom.local.process import LOG_SIZE


class Follower:
    """Reads the lines that a process adds to its log file, and keeps the file from growing without end."""

    def __init__(self, log):
        self.log = log
        self.position = log.stat().st_size if log.exists() else 0
        self.rest = b""

    def lines(self):
        """The whole lines that were added since the last call."""
        if not self.log.exists():
            return []
        with open(self.log, "rb") as file:
            if file.seek(0, 2) < self.position:  # a new file was begun
                self.position, self.rest = 0, b""
            file.seek(self.position)
            *whole, self.rest = (self.rest + file.read()).split(b"\n")
            self.position = file.tell()
        if self.position > LOG_SIZE:
            self.move_aside()
        return [line.decode(errors="replace") for line in whole]

    def move_aside(self):
        """Keep the log as .log.1 and empty it; its writer, which appends, goes on at its new start."""
        shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
        with open(self.log, "r+b") as file:
            file.truncate(0)
        self.position = 0
