"""Checks exercise 5: each docstring is a promise about the student's program."""

import runpy
import time
from functools import cache
from pathlib import Path

from classroom.check import Failed, Undecided, _, expect, needs, workers

Service = runpy.run_path(str(Path(__file__).with_name("service.py")))["Service"]
service = Service().start()  # it remembers who came when, and so it is the witness

TASKS = ["weather"]
ROUTES = ["POST /weather"]
ENV = {"SERVICE_URL": service.url, "no_proxy": "*"}
LOST = {"Atlantis": 404, "Pompeii": 410}
TEN = ["Aracaju", "Belém", "Campinas", "Fortaleza", "Manaus", "Niterói", "Palmas", "Salvador", "Teresina", "Vitória"]
PAUSES = 0.5, 1, 2  # seconds, at least
GROWTH = 1.3, 1.6  # fixed pauses: the third is less than so many times the first; growing ones: more
ALIKE = 1.04, 1.08  # no jitter: the longest of ten is less than so many times the shortest; jitter: more
PATIENCE = 20  # seconds within which a task ends
HANGS = 8  # seconds after which whoever waits for an answer waits for ever


@workers(0)
def test_at_once(program):
    """POST /weather answers at once, while no worker is there"""
    task_id = sent(program, "Ouro Preto", "200")
    state = program.status(task_id)["state"]
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])
    if times := len(service.came_for("Ouro Preto")):
        raise Failed(_("nobody asks the service yet"), _("requests: {times}", times=times), because=because)


def test_right(program):
    """the weather of Recife and of São Paulo is what the service says"""
    for city in ("Recife", "São Paulo"):
        gets_it(program, city, sent(program, city, "200"))


@needs("right")
def test_not_again(program):
    """what the service does not know (404, 410) is asked for once"""
    for city, code in LOST.items():
        fails(program, city, sent(program, city), code, times=1)


@needs("right")
def test_recovers(program):
    """a service that is well at the second attempt is asked twice"""
    gets_it(program, "Olinda", sent(program, "Olinda", "503", "200"))


@needs("recovers")
@workers(0)
def test_makes_room(program):
    """between two attempts it reads RETRY, and its worker is free"""
    task_id = sent(program, "Natal", "503", "200")
    next_id = sent(program, "Curitiba", "200")
    program.let(1)
    gets_it(program, "Natal", task_id)
    gets_it(program, "Curitiba", next_id)
    if service.came_for("Curitiba")[0].came_at > service.came_for("Natal")[-1].came_at:
        raise Failed(
            _("the only worker does the next task during the pause of the first"),
            _("the next task had to wait until the first one was done"),
            because=_("whoever sleeps in a task keeps its worker"),
        )
    outcomes = [one.outcome for one in program.attempts() if one.task_id == task_id]
    if "retry" not in outcomes:
        raise Failed(_("RETRY between two attempts"), _("one attempt, which asked twice"))


@needs("makes-room")
def test_gives_up(program):
    """after four attempts it reads FAILURE, with the service's 503"""
    for city, task_id in ten(program).items():
        fails(program, city, task_id, 503, times=4)


@needs("gives-up")
def test_pauses(program):
    """its pauses are 0.5, 1 and 2 seconds or a little more"""
    came = [service.came_for(city) for city in ten(program)]
    shortest = [min(one[n + 1].came_at - one[n].over_at for one in came) for n in range(3)]
    first, second, third = shortest
    took = _("{first:.2f}, {second:.2f} and {third:.2f} s", first=first, second=second, third=third)
    because = _("so long were the shortest pauses of ten tasks, as the service saw them")
    if any(pause < 0.9 * least for pause, least in zip(shortest, PAUSES, strict=True)):
        raise Failed(_("pauses of at least 0.5, 1 and 2 s"), took, because=because)
    if third / first < GROWTH[0]:
        raise Failed(_("pauses that grow"), took, because=because)
    if third / first < GROWTH[1]:
        raise Undecided(_("{took}: is this machine busy?", took=took))


@needs("pauses")
def test_jitter(program):
    """ten tasks that failed together do not come back together"""
    third = [asked_for(program, task_id) for task_id in ten(program).values()]
    took = _("{shortest:.2f} to {longest:.2f} s", shortest=min(third), longest=max(third))
    if max(third) / min(third) < ALIKE[0]:
        raise Failed(
            _("third pauses from 2 to 3 s, each another"),
            took,
            because=_("so long were the third pauses that ten tasks asked Celery for"),
        )
    if max(third) / min(third) < ALIKE[1]:
        raise Undecided(_("{took}: is this machine busy?", took=took))


@needs("right")
def test_hangs(program):
    """a service that hangs, or hangs up, is left and asked again"""
    tasks = {city: sent(program, city, how, "200") for city, how in (("Cuiabá", "hangs"), ("Goiânia", "hangs-up"))}
    if hung("Cuiabá"):
        raise Failed(
            _("nobody waits for an answer much longer than 2 s"),
            _("the task still waited after {seconds} s", seconds=HANGS),
            because=_("the service took the request, and never answered"),
            repeat=program.sent[tasks["Cuiabá"]],
        )
    for city, task_id in tasks.items():
        seen = program.ended(task_id, PATIENCE)
        if seen["state"] == "FAILURE":
            because = _("whoever gets no answer may get one at the next attempt")
            raise Failed(_("another attempt"), seen["status"], because=because)
        gets_it(program, city, task_id)


def sent(program, city, *answers):
    """Let the service answer like this for a city, and send a task for it; returns the task's id."""
    if answers:
        service.plan(city, *answers)
    return program.accepted("/weather", {"city": city})


def gets_it(program, city, task_id):
    """Fail unless this task returns what the service said last."""
    result = program.result(task_id, PATIENCE)
    visits = service.came_for(city)
    if not visits:
        raise Failed(_("the service is asked for {city}", city=city), _("nobody asked it, but there is a result"))
    if visits[-1].answer != "200":
        because = _("the last answer of the service was {answer}", answer=visits[-1].answer)
        raise Failed(_("another attempt"), f"SUCCESS: {result}", because=because)
    expect(result, visits[-1].said)


def fails(program, city, task_id, code, times):
    """Fail unless this task has asked so many times, and reads FAILURE with this status code."""
    seen = program.ended(task_id, PATIENCE)
    asked = len(service.came_for(city))
    if asked != times:
        raise Failed(
            _("requests for {city}: {times}", city=city, times=times),
            _("requests for {city}: {times}", city=city, times=asked),
            because=_("the service answered {code} each time", code=code),
        )
    if seen["state"] != "FAILURE":
        because = _("a task that returns something has succeeded, whatever it returns")
        raise Failed("FAILURE", f"{seen['state']}: {seen['result']}", because=because)
    error = seen["error"]
    if str(code) not in error["message"]:
        lost = error["type"] == "OSError" and not error["message"]
        raise Failed(
            _("an error that tells what the service answered: {code}", code=code),
            seen["status"],
            because=_("an HTTPError cannot leave the worker: its words are lost on the way") if lost else "",
            try_=_("ServiceError can hold them") if lost else "",
        )


@cache
def ten(program):
    """Ten tasks that were sent together, and get only 503; city -> id, when all have ended."""
    tasks = {city: sent(program, city, "503") for city in TEN}
    for task_id in tasks.values():
        program.ended(task_id, PATIENCE)
    return tasks


def asked_for(program, task_id):
    """The last pause that a task asked Celery for: what the ledger noted, however busy this machine is."""
    attempts = sorted((one for one in program.attempts() if one.task_id == task_id), key=lambda one: one.attempt)
    return float(program.cluster.ledger.task(task_id)["queued"]) - attempts[-2].ended_at


def hung(city):
    """Whether the first who asked for this city waits on and on for an answer."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        first = next(iter(service.came_for(city)), None)
        if first and (first.over_at or time.monotonic() > first.came_at + HANGS):
            return not first.over_at
        time.sleep(0.05)
    return False
