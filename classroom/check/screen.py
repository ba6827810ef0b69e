"""A terminal with a footer that stays below all that is said, and whose keys are read one by one."""

import os
import select
import sys
import termios
import tty
from contextlib import suppress

CLEAR = "\x1b[H\x1b[2J"
TO_COLUMN_1, UP, CLEAR_BELOW = "\r", "\x1b[{}A", "\x1b[J"
ESCAPE = "\x1b"  # with which arrows and other keys begin that stand for no letter
CC = 6  # where tcgetattr has the special characters


class Screen:
    """The terminal of this command; its settings are put back at the end, whatever happens."""

    def __enter__(self):
        self.before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)  # keys come at once and are not shown; Ctrl-C still interrupts
        settings = termios.tcgetattr(sys.stdin)
        settings[CC][termios.VSUSP] = b"\0"  # Ctrl-Z would leave the shell with these settings
        termios.tcsetattr(sys.stdin, termios.TCSANOW, settings)
        self.footer = ""
        return self

    def __exit__(self, *_error):
        with suppress(termios.error, OSError):  # the terminal may be gone
            termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, self.before)  # keys still waiting are not the shell's
            self.write("\n")

    def clear(self):
        """Begin again with nothing but the footer."""
        self.write(CLEAR + self.footer)

    def say(self, text):
        """Say something above the footer."""
        self.write(f"{self.without_footer()}{text}\n{self.footer}")

    def show(self, footer):
        """Show another footer."""
        if footer != self.footer:
            self.write(self.without_footer() + footer)
            self.footer = footer

    def without_footer(self):
        """What takes the footer away, and goes to where it began."""
        columns = os.get_terminal_size(sys.stdout.fileno()).columns or 80
        rows = sum(max(1, -(-len(line) // columns)) for line in self.footer.split("\n"))
        return TO_COLUMN_1 + (UP.format(rows - 1) if rows > 1 else "") + CLEAR_BELOW

    def write(self, text):
        """Write it now."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def keys(self, seconds):
        """The keys that are typed within so many seconds, in small letters; all there are as soon as there is one."""
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return ""
        typed = os.read(sys.stdin.fileno(), 1024).decode(errors="ignore")
        if not typed:
            raise EOFError
        return "" if typed.startswith(ESCAPE) else typed.lower()
