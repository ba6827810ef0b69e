"""The lanes of the report: who ran what, when, as places and sizes for an SVG drawing."""

import re
from itertools import groupby

WIDTH, NAMES, ROW = 760, 130, 22  # units of the drawing; NAMES of the width are for the workers' names
MARKS = 6  # times below the lanes
COLOURS = ("#0b62a8", "#a04000", "#1b7340", "#8e3b8e", "#7a5c00", "#00696b", "#5b4fb3", "#9a3161", "#4f6228", "#3d5a80")


def drawing(attempts, begin, now):
    """Rows, bars, links and marks of time; of what started before `begin` the rest. None where nothing ran."""
    if not attempts:
        return None
    end = max(one.ended_at or now for one in attempts)
    scale = (WIDTH - NAMES) / max(0.001, end - begin)

    def x(time):
        return round(NAMES + (max(begin, time) - begin) * scale, 2)

    rows, places = [], {}
    for host, slots in groupby(sorted({lane(one) for one in attempts}, key=natural), key=lambda lane: lane[0]):
        rows.append({"y": len(rows) * ROW, "text": host, "host": True})
        for _, worker, slot in slots:
            places[worker, slot] = len(rows) * ROW
            rows.append({"y": len(rows) * ROW, "text": f"{worker.split('@')[0]} · {slot + 1}", "host": False})
    bars = {}
    for one in attempts:
        left, right = x(one.started_at), x(one.ended_at or now)
        bars[one.task_id, one.attempt] = {
            "x": left,
            "y": places[one.worker, one.slot],
            "width": round(max(1.5, right - left), 2),
            "end": right,
            "words": (one.label or one.name)[: int((right - left) / 7)] if right - left > 20 else "",
            "colour": colour(one.label or one.name),
            "state": one.outcome or "running",
            "task": one,
        }
    pairs = (((id, number), (id, number + 1)) for (id, number), bar in bars.items() if bar["state"] == "lost")
    return {
        "width": WIDTH,
        "height": len(rows) * ROW,
        "names": NAMES,
        "row": ROW,
        "rows": rows,
        "bars": list(bars.values()),
        "links": [(bars[torn], bars[again]) for torn, again in pairs if again in bars],
        "marks": [(x(time), time) for time in (begin + (end - begin) * number / MARKS for number in range(MARKS))],
    }


def lane(attempt):
    """Where an attempt ran: machine, worker, slot."""
    return attempt.worker.partition("@")[2], attempt.worker, attempt.slot


def natural(lane):
    """What sorts lanes as people do: pc2 before pc10, worker2 before worker10."""
    *names, slot = lane
    return [[(int(number or 0), rest) for number, rest in re.findall(r"(\d*)(\D*)", name)] for name in names], slot


def colour(name):
    """The colour of this name, here as on the live page."""
    total = 0
    for letter in name:
        total = (total * 31 + ord(letter)) % 65521
    return COLOURS[total % len(COLOURS)]
