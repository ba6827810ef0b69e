"""What ./lab scale says: its table, and what there is to learn from it."""

import math
import socket

from classroom.scale.amdahl import disturbed, fair

MOST_TASKS = 1000
DOES = {"sleep": "sleep for a second each", "cpu": "compute for about a second each"}


def heading(work, tasks, counts, has_slots):
    """What is measured, and the table's columns."""
    workers = "1 worker" if counts == [1] else f"{listed(counts)} workers"
    slots = "  slots" if has_slots else ""
    return f"{load(work, tasks)}, on {workers}:\n\nworkers{slots}  seconds   ideal  speed-up  efficiency"


def load(work, tasks):
    """What there is to do."""
    return f"{several(tasks)} to {DOES[work]}"


def several(tasks):
    """So many tasks."""
    return "1 task" if tasks == 1 else f"{tasks} tasks"


def line(row, has_slots):
    """One row of the table."""
    slots = f"{row['slots']:7}" if has_slots else ""
    times = f"{row['seconds']:9.1f}{row['ideal']:8.1f}{row['speedup']:10.1f}"
    return f"{row['workers']:7}{slots}{times}{row['efficiency']:10.0%}".replace("%", " %")


def lessons(rows, tasks, machines, fraction):
    """What the rows teach, in sentences; `machines` has the slots and the cores of each."""
    kind = "slots" if any(row["slots"] != row["workers"] for row in rows) else "workers"
    if uneven := [row["slots"] for row in rows if row["slots"] == row["at_once"] and tasks % row["slots"]]:
        fit = math.lcm(*uneven, *(row["slots"] for row in rows))
        fit *= math.ceil(tasks / fit)
        cure = f"; {fit} can (--tasks {fit})" if fit <= MOST_TASKS else ""
        yield f"{several(tasks)} cannot be shared out evenly among {listed(uneven)} {kind}{cure}."
    if rows[-1]["slots"] > rows[-1]["at_once"]:
        yield crowded(rows, machines, kind)
    if len(rows) == 1:
        yield "A speed-up needs two workers or more: ./lab worker starts one more."
    if fraction is not None:
        seen = fair(rows, tasks)
        fitted = f" (Fitted to {listed([row['slots'] for row in seen])} {kind}.)" if len(seen) < len(rows) else ""
        yield amdahl(fraction) + fitted


def crowded(rows, machines, kind):
    """That more is computed at a time than there are cores, and whether that limits it."""
    shared = [
        f"{slots} {kind} share the {'one core' if cores == 1 else f'{cores} cores'} of {place(host)}"
        for host, (slots, cores) in machines.items()
        if slots > cores
    ]
    limit = rows[-1]["at_once"]
    if disturbed(rows):
        return f"{', '.join(shared)}, and yet it got faster beyond {limit}: are other programs busy there?"
    return f"{', '.join(shared)}: computing does not get faster beyond {limit}."


def amdahl(fraction):
    """Amdahl's law in words."""
    percent = round(100 * fraction)
    if not percent:
        return "Amdahl's law: less than 1 % of the time does not get shorter with more workers."
    best = f"at best {round(100 / percent, 1):g} times faster, however many there are"
    return f"Amdahl's law: about {percent} % of the time does not get shorter with more workers: {best}."


def place(host):
    """A machine's name, in words where it is this one."""
    return "this machine" if host == socket.gethostname() else host


def listed(numbers):
    """The numbers as a person lists them."""
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
