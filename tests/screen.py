"""A real terminal in which one ./lab command runs, for tests of what a student sees and types."""

import fcntl
import os
import re
import struct
import termios
import threading

import psutil
from parts import left, until

ROWS, COLUMNS = 40, 100
STEP = re.compile(r"\x1b\[(\d*)([AHJ])|([\r\n])|([^\x1b\r\n]+)")


class Pty:
    """A terminal of its own in which one ./lab command runs; `lines` are what a student sees."""

    def __init__(self, desk, *command):
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.process = psutil.Popen(
            [desk.project / "lab", *command],
            cwd=desk.project,
            env=desk.env,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
        )
        self.written = b""
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Take in all that is written, until the end."""
        try:
            while news := os.read(self.master, 65536):
                self.written += news
        except OSError:
            pass

    def type(self, keys):
        """Type these keys."""
        os.write(self.master, keys.encode())

    @property
    def lines(self):
        """The lines on the screen, and above it, since it was cleared."""
        lines, row = [""], 0
        for number, order, control, text in STEP.findall(self.written.decode(errors="ignore")):
            if order == "A":
                row = max(row - int(number or 1), len(lines) - ROWS, 0)
            elif order == "J":
                lines, row = ([""], 0) if number == "2" else ([*lines[:row], ""], row)
            elif control == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            while text:
                room = COLUMNS - len(lines[row]) or COLUMNS
                if len(lines[row]) == COLUMNS:
                    row += 1
                    lines.append("")
                lines[row] += text[:room]
                text = text[room:]
        return lines

    @property
    def said(self):
        """All lines as one text."""
        return "\n".join(self.lines)

    @property
    def keys(self):
        """The line at the bottom, which says what the keys do."""
        return self.lines[-1].strip()

    def sees(self, words, timeout=60):
        """Wait until these words are there."""
        until(lambda: words in self.said, timeout, f"{words!r}; there is:\n{self.said}")

    def waits(self, timeout=90):
        """Wait until the check is over, and keys are heeded again."""
        until(lambda: "l:list" in self.keys, timeout, f"the end of the check; there is:\n{self.said}")

    def ended(self):
        """The exit code; the terminal has its settings again, and nothing is left of what was started."""
        family = self.process.children(recursive=True)
        code = self.process.wait(20)
        until(lambda: not left(family), what="the end of its processes")
        assert termios.tcgetattr(self.slave) == self.before
        return code


def break_it(file):
    """Save a file that Python cannot load, which takes but a moment to check."""
    file.write_text(file.read_text() + "def f(:\n")
