"""Checks exercise 1: each docstring is a promise about the student's program."""

import math
import sys

from classroom.check import Failed, Undecided, _, expect, needs, workers

TASKS = ["factorial"]
ROUTES = ["POST /factorial"]
NUMBERS = 0, 1, 5, 20, 1559, 5000
WRONG = -1, 2.5, "5", True, None, [5], 10_001
APART = 1.5, 1.8  # two at the same time take less than so many times as long as one; one after the other more

sys.set_int_max_str_digits(50_000)


@workers(0)
def test_at_once(program):
    """POST /factorial answers at once, while no worker is there"""
    task_id = program.accepted("/factorial", {"number": 5})
    state = program.status(task_id)["state"]
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])


@workers(0)
def test_refuses(program):
    """what has no factorial here is refused with 422"""
    for number in WRONG:
        program.refused("/factorial", {"number": number})
    for body in ({}, [5], 5):
        program.refused("/factorial", body)


def test_right(program):
    """the factorial is right for 0, 1, 5, 20, 1559 and 5000"""
    for number, task_id in sent(program, NUMBERS).items():
        text = str(math.factorial(number))
        expect(program.result(task_id), {"factorial": text, "digits": len(text)}, try_=hint(number))


@needs("right")
def test_by_a_worker(program):
    """the worker does the work, not the web server"""
    expect(
        program.result(program.send("factorial", 6)),
        {"factorial": "720", "digits": 3},
        because=_("the task did not get 6! from the web server, but 6"),
    )


@needs("at-once", "right")
def test_together(program):
    """two that start together run at the same time, on two workers"""
    for _again in range(3):
        attempts = [program.attempt(task_id) for task_id in sent(program, (6, 7)).values() if program.ended(task_id)]
        alone = min(one.ended_at - one.started_at for one in attempts)
        if alone < 0.9:
            raise Failed(
                _("a second of work in the task"),
                f"{alone:.2f} s",
                because=_("time.sleep(1) stands for work that takes its time: without it there is nothing to see"),
            )
        both = max(one.ended_at for one in attempts) - min(one.started_at for one in attempts)
        ratio = both / alone
        if ratio < APART[0]:
            return
    took = _("one took {alone:.1f} s, both together {both:.1f} s", alone=alone, both=both)
    if ratio < APART[1]:
        raise Undecided(_("{took}: is this machine busy?", took=took))
    raise Failed(_("two together take about as long as one"), took, because=_("one waited for the other"))


@needs("right")
def test_failure(program):
    """a factorial that goes wrong reads FAILURE"""
    seen = program.ended(program.send("factorial", "ten"))
    because = _("the task was sent the word “ten”; an error that it catches and returns looks like a result")
    expect(seen["state"], "FAILURE", because=because)


def sent(program, numbers):
    """Send these numbers, one after the other; number -> id of its task."""
    return {number: program.accepted("/factorial", {"number": number}) for number in numbers}


def hint(number):
    """Where to look when this number's factorial is wrong."""
    if number < 2:
        return _("{number}! is 1: what does your loop do when there is nothing to multiply?", number=number)
    return ""
