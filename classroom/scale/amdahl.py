"""Amdahl's law: what cannot be shared out limits how much faster more workers are."""

FASTER = 0.9  # of the time: less is called faster


def compared(row, first):
    """How a row compares with the first one: what would be ideal, its speed-up and its efficiency."""
    times = row["slots"] / first["slots"]
    speedup = first["seconds"] / row["seconds"]
    return {"ideal": first["seconds"] / times, "speedup": speedup, "efficiency": speedup / times}


def fair(rows, tasks):
    """The rows in which every slot has as many tasks as any other, and a core where it needs one; none where
    the machines were disturbed."""
    found = [row for row in rows if row["slots"] == row["at_once"] and tasks % row["slots"] == 0]
    return found if rows[0] in found and not disturbed(rows) else []


def disturbed(rows):
    """Whether more slots than there are cores were faster than as many: then others used the cores, too."""
    first, last = rows[0], rows[-1]
    if last["slots"] == last["at_once"]:
        return False
    best = [row["seconds"] for row in rows if row["slots"] == row["at_once"] == last["at_once"]]
    return last["seconds"] < FASTER * (best or [first["seconds"] * first["at_once"] / last["at_once"]])[0]


def serial_fraction(rows):
    """The s with which T(n) / T(1) = s + (1 - s) / n fits best, by least squares; None where no n is above 1."""
    above = below = 0
    for row in rows:
        share = row["ideal"] / rows[0]["ideal"]  # 1 / n
        above += (row["seconds"] / rows[0]["seconds"] - share) * (1 - share)
        below += (1 - share) ** 2
    return min(1, max(0, above / below)) if below else None
