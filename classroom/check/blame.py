"""What the logs of the program under check say of the student's file."""

import re

from classroom.words import _

LOG = 100_000  # characters at the end of a log in which an error is looked for


def own_words(text, exercises):
    """The text without the folder of the copy, which is not the student's."""
    return re.sub(rf"{re.escape(str(exercises))}/[^/]+/", "", text)


def last_error(logs, exercises):
    """The latest error in these logs that arose in the exercise, and where; "" without one."""
    found, place = "", None
    for log in logs:
        for line in log.read_text(errors="replace")[-LOG:].splitlines():
            if frame := re.match(rf' +File "{re.escape(str(exercises))}/.*?([^/"]+)", line (\d+)', line):
                place = frame
            elif place and line.strip() and not line.startswith(" "):  # the last line of a traceback
                file, number = place.groups()
                found, place = _("{error} ({file}, line {line})", error=line, file=file, line=number), None
    return found
