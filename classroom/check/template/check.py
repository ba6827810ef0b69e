"""Checks exercise NN: each docstring is a promise about the student's program."""

from classroom.check import _, expect, needs, workers

TASKS = ["WORDS"]
ROUTES = ["POST /WORDS"]
NUMBERS = 0, 1, 5, -21
WRONG = 2.5, "5", True, None, [5]


@workers(0)
def test_at_once(program):
    """POST /WORDS answers at once, while no worker is there"""
    task_id = program.accepted("/WORDS", {"number": 5})
    state = program.status(task_id)["state"]
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])


@workers(0)
def test_refuses(program):
    """what is no whole number is refused with 422"""
    for number in WRONG:
        program.refused("/WORDS", {"number": number})
    for body in ({}, [5], 5):
        program.refused("/WORDS", body)


def test_right(program):
    """0, 1, 5 and -21 are doubled"""
    sent = {number: program.accepted("/WORDS", {"number": number}) for number in NUMBERS}
    for number, task_id in sent.items():
        expect(program.result(task_id), 2 * number)


@needs("right")
def test_by_a_worker(program):
    """the worker does the work, not the web server"""
    because = _("the task was sent the number 6 itself, past the web server")
    expect(program.result(program.send("WORDS", 6)), 12, because=because)
