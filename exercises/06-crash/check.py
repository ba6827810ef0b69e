"""Checks exercise 6: each docstring is a promise about the student's program."""

import runpy
import time
from pathlib import Path

from classroom.check import Failed, _, expect, needs, workers

Bank = runpy.run_path(str(Path(__file__).with_name("bank.py")))["Bank"]
bank = Bank().start()  # its books are the witness, and it knows who is in the middle of what: it holds the answer

TASKS = ["transfer"]
ROUTES = ["POST /transfers"]
ENV = {"BANK_URL": bank.url, "no_proxy": "*"}
ENDED = "SUCCESS", "FAILURE", "REVOKED"
ASKED = 30  # seconds within which a task that runs asks the bank


@workers(0)
def test_at_once(program):
    """POST /transfers answers at once, while no worker is there"""
    task_id = sent(program, "Rui", "Sofia", 20)
    state = program.status(task_id)["state"]
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])
    has_booked({"Rui": [], "Sofia": []}, because, program.sent[task_id])


@workers(1)
def test_right(program):
    """it reads SUCCESS when the bank has booked both halves, once"""
    held = bank.hold("Bia")
    task_id = sent(program, "Ana", "Bia", 30)
    is_held(program, held, task_id)
    state = program.status(task_id)["state"]
    held.released.set()
    if state == "SUCCESS":
        raise Failed(
            _("SUCCESS when both halves are booked"),
            _("SUCCESS before the bank has answered to the deposit"),
            because=_("who reads SUCCESS believes that all is done"),
            repeat=program.sent[task_id],
        )
    done(program, task_id, "Ana", "Bia", 30)


@needs("right")
@workers(1)
def test_twins(program):
    """two equal transfers are two: both are booked"""
    tasks = [sent(program, "Caio", "Duda", 20) for _time in range(2)]
    results = [program.result(task_id) for task_id in tasks]
    because = _("the same was sent twice, and each time a task was accepted")
    has_booked({"Caio": [-20, -20], "Duda": [20, 20]}, because, program.sent[tasks[0]])
    expect(sorted(one["withdrawn"] for one in results), [one["booking"] for one in bank.of("Caio")])


@needs("right")
@workers(1)
def test_refused(program):
    """a transfer that the bank refuses reads FAILURE, with its 404"""
    task_id = sent(program, "Nobody", "Enzo", 10)
    seen = program.ended(task_id)
    if seen["state"] != "FAILURE":
        because = _("a task that returns something has succeeded, whatever it returns")
        raise Failed("FAILURE", f"{seen['state']}: {seen['result']}", because=because)
    if "404" not in seen["status"]:
        raise Failed(_("an error that tells what the bank answered: {code}", code=404), seen["status"])
    has_booked({"Enzo": []}, _("nothing was withdrawn, so there is nothing to deposit"), program.sent[task_id])


@needs("twins")
@workers(3)
def test_killed(program):
    """workers killed in the middle: nothing is lost, nothing twice"""
    lost, late = bank.hold("Flora", lost=True), bank.hold("Igor")
    first, second = sent(program, "Flora", "Gil", 40), sent(program, "Helena", "Igor", 50)
    for name in [at_work(program, lost, first), at_work(program, late, second)]:
        program.kill(name)
    lost.released.set(), late.released.set()
    because = _("its worker was killed before the bank had booked anything")
    done(program, first, "Flora", "Gil", 40, because)
    because = _("its worker was killed when the bank had booked both halves, and had not answered yet")
    done(program, second, "Helena", "Igor", 50, because)


@needs("twins")
def test_frozen(program):
    """a worker freezes in the middle and comes back: nothing twice"""
    held = bank.hold("Jonas")
    task_id = sent(program, "Jonas", "Kaique", 60)
    with program.frozen(at_work(program, held, task_id)):
        program.result(task_id)
        held.released.set()
    because = _("its worker froze while it waited for the bank, and came back when another one had done the transfer")
    done(program, task_id, "Jonas", "Kaique", 60, because)


def sent(program, payer, payee, amount):
    """Send a task for this transfer; returns its id."""
    return program.accepted("/transfers", {"from": payer, "to": payee, "amount": amount})


def is_held(program, held, task_id):
    """Wait until the bank holds an answer, or this task has ended without asking for it; returns which."""
    deadline = time.monotonic() + ASKED
    while not held.reached.wait(0.1):
        if program.status(task_id)["state"] in ENDED:
            return False
        if time.monotonic() > deadline:
            wanted, actual = _("a task that asks the bank"), _("it did not within {seconds} s", seconds=ASKED)
            raise Failed(wanted, actual, repeat=program.sent[task_id])
    return True


def at_work(program, held, task_id):
    """The name of the worker that runs this task, and waits for the bank's answer."""
    reached, seen = is_held(program, held, task_id), program.status(task_id)
    if not reached or not seen["worker"]:
        wanted = _("a task that asks the bank")
        raise Failed(wanted, _("it did not: {status}", status=seen["status"]), repeat=program.sent[task_id])
    return seen["worker"]


def done(program, task_id, payer, payee, amount, because=""):
    """Fail unless this task has succeeded, and the books have both halves of the transfer, each once."""
    result = program.result(task_id)
    has_booked({payer: [-amount], payee: [amount]}, because, program.sent[task_id])
    numbers = {"withdrawn": bank.of(payer)[0]["booking"], "deposited": bank.of(payee)[0]["booking"]}
    expect(result, numbers, because=because or _("these are the numbers of the bookings"))


def has_booked(wanted, because, repeat):
    """Fail unless the bank's books have exactly this, account -> amounts."""
    booked = {account: [one["amount"] for one in bank.of(account)] for account in wanted}
    if booked != wanted:
        raise Failed(told(wanted), told(booked), because=because, repeat=repeat)


def told(books):
    """Books in words, such as `Ana -30, Bia +30`."""
    return ", ".join(f"{account} {' '.join(f'{one:+}' for one in each) or '0'}" for account, each in books.items())
