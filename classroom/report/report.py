"""Writes the report: one HTML file that needs nothing else."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from classroom.address import LAB
from classroom.check import results
from classroom.check.exercise import every
from classroom.check.show import FACES
from classroom.code import fingerprint, versions
from classroom.history import History
from classroom.report.lanes import drawing
from classroom.scale import words
from classroom.scale.plot import svg

ROWS = 500  # attempts in the table


def report(ledger, seconds, name=""):
    """The report on the last `seconds`, by this name, as HTML; raises RedisError."""
    history = History(ledger, seconds)
    history.read()
    attempts = sorted(history.since((0, 0)), key=lambda one: one.started_at)
    since = max(history.now - seconds, attempts[0].started_at if attempts else 0)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    templates.filters |= {"moment": moment, "time_of_day": time_of_day}
    return templates.get_template("report.html").render(
        name=name,
        now=history.now,
        since=since,
        attempts=[asdict(one) for one in attempts[:ROWS]],
        count=len(attempts),
        ended=counted(attempts),
        drawing=drawing(attempts, since, history.now),
        workers=ledger.workers(),
        here=fingerprint(),
        versions=versions(),
        machine=f"{platform.node()}, {platform.system()} {platform.release()}",
        checked=[found for exercise in every() if (found := results.last(exercise))],
        faces=FACES,
        **measured(),
    )


def counted(attempts):
    """How many attempts ended in which way, the most frequent first."""
    ways = [one.outcome or "running" for one in attempts]
    return sorted(((ways.count(way), way) for way in set(ways)), reverse=True)


def measured():
    """What ./lab scale measured last, and its drawing; nothing where it measured nothing."""
    try:
        scale = json.loads((LAB / "scale.json").read_text())
    except (OSError, ValueError):
        return {"scale": None}
    load = words.load(scale["work"], scale["tasks"])
    when = datetime.fromisoformat(scale["measured_at"]).timestamp()
    return {"scale": scale, "load": load, "when": when, "plot": Markup(svg(scale["rows"], f"{load}: speed-up"))}


def moment(seconds):
    """Date and time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def time_of_day(seconds):
    """The time of day in UTC, to a tenth of a second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S.%f")[:-5] if seconds else ""
