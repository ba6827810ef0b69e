"""Measures, prints each row as it is known and what there is to learn, and keeps the figures and their drawing."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from redis import RedisError

from classroom.address import LAB, no_answer
from classroom.local.private import write
from classroom.local.stop import Stop, heed_signals, ignore_signals
from classroom.local.up import fail
from classroom.recorded import QueueFull
from classroom.scale import words
from classroom.scale.amdahl import compared, fair, serial_fraction
from classroom.scale.crew import Crew, NotMeasured
from classroom.scale.measure import counts, evenly, measure
from classroom.scale.plot import svg
from classroom.work import LOADS
from tasks import celery

RUN = "./lab tell NAME run lets one take tasks again."


def scale(work, tasks, plot):
    """Measure and print it; returns exit code 0, 1 where it cannot be measured, 130 when it was interrupted."""
    heed_signals()
    try:
        if plot and Path(plot).suffix.lower() != ".svg":
            raise NotMeasured(f"{plot} should be an SVG file, such as {Path(plot).with_suffix('.svg')}.")
        if plot and not os.access(Path(plot).absolute().parent, os.W_OK):
            raise NotMeasured(f"{plot} cannot be written: is its folder there?")
        crew = Crew(celery)
        crew.check(LOADS[work].name)
        tasks = tasks or evenly([crew.slots(count) for count in counts(len(crew.workers))])
        for name in crew.left_out:
            print(f"{name} is paused, and stays out of it.")
        rows = measure_all(crew, work, tasks)
        fraction = serial_fraction(fair(rows, tasks))
        lessons = list(words.lessons(rows, tasks, crew.machines(len(crew.workers)), fraction))
        print("", *lessons, sep="\n")
        keep(crew, work, tasks, rows, fraction, lessons, Path(plot or LAB / "scale.svg"))
    except (NotMeasured, QueueFull, OSError) as error:
        return fail(error)
    except RedisError as error:
        return fail(no_answer(error))
    except Stop:
        fail("\nInterrupted: what was left is cancelled, and those that were paused take tasks again.")
        return 130
    return 0


def measure_all(crew, work, tasks):
    """Measure each number of workers and print its row; whatever happens, all are let back at the end."""
    numbers, rows = counts(len(crew.workers)), []
    has_slots = crew.slots(len(crew.workers)) > len(crew.workers)
    try:
        try:
            print(words.heading(work, tasks, numbers, has_slots), flush=True)
            for number in numbers:
                row = measure(crew, work, tasks, number)
                rows.append(row | compared(row, rows[0] if rows else row))
                print(words.line(rows[-1], has_slots), flush=True)
        finally:
            ignore_signals()
    finally:
        if left := crew.undo():
            raise NotMeasured(f"The broker does not answer, and {', '.join(left)} may be paused still: {RUN}")
    return rows


def keep(crew, work, tasks, rows, fraction, lessons, plot):
    """Keep the figures, for other commands, and their drawing."""
    figures = {
        "work": work,
        "tasks": tasks,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": [{key: round(number, 3) for key, number in row.items()} for row in rows],
        "serial_fraction": fraction and round(fraction, 4),
        "lessons": lessons,
        "cores": sum(cores for _, cores in crew.machines(len(crew.workers)).values()),
    }
    LAB.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(LAB / "scale.json", json.dumps(figures, indent=2))
    plot.write_text(svg(rows, f"{words.load(work, tasks)}: speed-up"), encoding="utf-8")
    print(f"Plot: {os.path.relpath(plot)}")
