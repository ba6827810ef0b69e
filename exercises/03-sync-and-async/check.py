"""Checks exercise 3: each docstring is a promise about the student's program."""

import ast
import time
from concurrent.futures import ThreadPoolExecutor

from classroom.check import Failed, Undecided, _, expect, needs, workers

ENV = {"WEB_PROCESSES": "1", "WEB_THREADS": "4"}
TASKS = ["slow_work"]
ROUTES = ["POST /sync", "POST /async"]
RESULT = {"answer": 42}
WORK = 0.45  # seconds that the work takes at least: its sleep, and a little for the clocks
REQUESTS = 20
NAMES = "sync_s", "async_s", "tasks_s"
SOONER = 0.5, 0.8  # /async is sooner with less than so many times what /sync takes, and is not with more
# What is stated is so many times what is measured: right between the inner two, wrong beyond the outer two.
# It cannot be much less, as the work is a sleep; on a busy machine it can be more.
FITS = 0.65, 0.8, 1.6, 2.5
START = "WEB_PROCESSES=1 WEB_THREADS=4 ./lab up"
MEASURE = "python3 exercises/03-sync-and-async/measure.py"

best = {}  # name of a figure -> the shortest that was measured


@workers(0)
def test_at_once(program):
    """POST /async answers at once, while no worker is there"""
    task_id = program.accepted("/async", {})
    state = program.status(task_id)["state"]
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])


@workers(0)
def test_sync(program):
    """POST /sync works itself, and answers with the result"""
    answer = done(program)
    expect(answer.json, RESULT)
    worked(answer.seconds)


@workers(0)
def test_stated(program):
    """FIGURES states three figures, in seconds"""
    stated(program)


@needs("at-once", "sync")
def test_same(program):
    """the task does the same work, and returns the same"""
    task_id = program.accepted("/async", {})
    expect(program.result(task_id), RESULT, because=_("this is what the task returned"))
    attempt = program.attempt(task_id)
    worked(attempt.ended_at - attempt.started_at)


@needs("same")
def test_sooner(program):
    """of 20 at the same time, /async answers the last far sooner"""
    for _again in range(3):
        measure(program)
        ratio = best["async_s"] / best["sync_s"]
        if ratio < SOONER[0]:
            return
    took = _("/sync {sync_s:.2f} s, /async {async_s:.2f} s", **best)
    if ratio < SOONER[1]:
        raise Undecided(_("{took}: is this machine busy?", took=took))
    raise Failed(
        _("/async far below /sync, until the last of 20 is answered"),
        took,
        because=_("someone works before POST /async answers; nobody should"),
    )


@needs("stated", "sooner")
def test_figures(program):
    """your figures agree with what is measured here"""
    figures = stated(program)
    for _again in range(2):
        if all(figures[name] >= FITS[1] * best[name] for name in ("sync_s", "tasks_s")):
            break
        measure(program)  # what is stated is too little, or this machine was busy
    program.last = MEASURE
    doubts = [doubt for doubt in (doubt_about(name, figures[name]) for name in NAMES) if doubt]
    if doubts:
        raise Undecided(doubts[0])


def done(program):
    """The answer of POST /sync; raises Failed unless it is one of work that was done."""
    alone = _("POST /sync should do the half second of work itself, and wait for nobody")
    try:
        answer = program.post("/sync", {})
    except Failed as nothing:
        raise Failed(nothing.expected, nothing.actual, because=alone) from None
    if answer.status != 200:
        error = program.last_error(program.cluster.web) if answer.status >= 500 else ""
        raise Failed(_("200 with the result"), answer, because=error or alone)
    return answer


def worked(seconds):
    """Fail where there was no half second of work."""
    if seconds < WORK:
        because = _("the sleep in work() stands for work that takes its time: without it there is nothing to see")
        raise Failed(_("half a second of work"), f"{seconds:.2f} s", because=because)


def measure(program):
    """Measure every figure once, and keep the shortest of each."""
    began = time.monotonic()
    tasks, async_s = together(program.accepted, "/async", {})
    _answers, sync_s = together(done, program)  # the workers sleep meanwhile, and take nothing from the web server
    for task_id in tasks:
        program.ended(task_id)
    figures = {"sync_s": sync_s, "async_s": async_s, "tasks_s": time.monotonic() - began}
    best.update({name: min(seconds, best.get(name, seconds)) for name, seconds in figures.items()})
    program.last = MEASURE


def together(send, *arguments):
    """Send 20 requests at the same time; what came back, and the seconds until the last of them was answered."""
    began = time.monotonic()
    with ThreadPoolExecutor(REQUESTS) as pool:
        sent = [pool.submit(send, *arguments) for _number in range(REQUESTS)]
    seconds = time.monotonic() - began
    return [one.result() for one in sent], seconds


def stated(program):
    """The figures that the student states, read without running the file; raises Failed where they cannot be read."""
    tree = ast.parse(next(program.exercises.glob("*/exercise.py")).read_bytes())
    lines = [one for one in tree.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "FIGURES"]
    value = lines[-1].value if lines else None
    if fault := unreadable(value):
        raise Failed(
            _("FIGURES = {form}, with your numbers", form='{"sync_s": …, "async_s": …, "tasks_s": …}'),
            ast.unparse(value) if value else _("no FIGURES"),
            because=fault,
            try_=_("start with {start}, then run {measure}", start=START, measure=MEASURE),
        )
    return dict(ast.literal_eval(value))


def unreadable(value):
    """Why no figures can be read from what FIGURES is set to; "" where they can."""
    if value is None:
        return _("there is no line that begins with FIGURES =")
    try:
        figures = dict(ast.literal_eval(value))
    except (ValueError, TypeError, RecursionError):
        return _("only plain numbers are read here, by their names: nothing is worked out, and no function is called")
    for name in NAMES:
        said = figures.get(name)
        if said is None:
            return _("{name} is not stated yet", name=name)
        if type(said) not in (int, float) or not 0 < said < 1e9:
            return _("{name} should be a number of seconds, above 0, not {said}", name=name, said=repr(said))
    return ""


def doubt_about(name, said):
    """Why a figure may be wrong; "" where it is right. Raises Failed where it is clearly wrong."""
    here, sync_s = best[name], best["sync_s"]
    doubt = _("you state {name} = {said:g}, here it was {here:.2f}: measure again", name=name, said=said, here=here)
    if name == "async_s":  # an answer at once has no least time: it is held against the one that works
        if said > SOONER[1] * sync_s:
            raise Failed(
                _("async_s far below {sync_s:.1f}, which was sync_s here", sync_s=sync_s),
                f"{said:g}",
                because=_("whoever gets only the id of a task need not wait until it has ended"),
                try_=_("is that until the last answer, or until the last task had ended?"),
            )
        return doubt if said > SOONER[0] * sync_s else ""
    ratio = said / here
    if not FITS[0] <= ratio <= FITS[3]:
        raise Failed(
            _("{name} near {here:.1f}, as it was here", name=name, here=here),
            f"{said:g}",
            because=too_little(name) if ratio < 1 else _("a busy machine takes longer, but not so much"),
            try_=_("start with {start}, then run {measure}", start=START, measure=MEASURE),
        )
    return "" if FITS[1] <= ratio <= FITS[2] else doubt


def too_little(name):
    """Why no machine takes so little."""
    if name == "sync_s":
        return _("20 times half a second, and 4 threads that answer: no machine takes less")
    return _("20 times half a second, and 2 workers: no machine takes less")
