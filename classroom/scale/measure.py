"""Runs the load on some of the workers, and reads from the ledger how long it took."""

import math
import time

from kombu.utils.uuid import uuid

from classroom.local.stop import stop_if_asked
from classroom.scale.crew import NotMeasured, in_hand
from classroom.work import LOADS

PATIENCE = 10  # times as long as tasks of a second take


def counts(most):
    """How many workers are measured: 1, 2, 4 … and all of them."""
    return sorted({2**power for power in range(most.bit_length())} | {most})


def evenly(numbers, least=8, most=64):
    """At least eight tasks, as many as all these numbers of workers can share evenly; eight where that is too many."""
    fit = math.lcm(*numbers) * math.ceil(least / math.lcm(*numbers))
    return fit if fit <= most else least


def measure(crew, work, tasks, count):
    """Run so many tasks on the first `count` workers; returns a row of the table, without what it is compared with."""
    crew.let(count)
    crew.check(LOADS[work].name)
    slots = crew.slots(count)
    at_once = slots if work == "sleep" else sum(map(min, crew.machines(count).values()))
    seconds = run(crew, LOADS[work], tasks, count, PATIENCE * math.ceil(tasks / at_once))
    return {"workers": count, "slots": slots, "at_once": at_once, "seconds": seconds}


def run(crew, task, tasks, count, patience):
    """Send so many tasks; returns the seconds from the first one's sending to the last one's end, by Redis's clock."""
    crew.sent = [uuid() for _ in range(tasks)]
    for id in crew.sent:
        task.apply_async(task_id=id, label="./lab scale")
    wait(crew, patience)
    records = [crew.ledger.task(id) or {} for id in crew.sent]
    if any((one.get("state"), one.get("attempt")) != ("SUCCESS", "1") for one in records):
        raise NotMeasured("A worker stopped meanwhile, or a task was cancelled: start again.")
    if strangers := {one["worker"] for one in records} - {one["name"] for one in crew.workers[:count]}:
        raise NotMeasured(f"{', '.join(sorted(strangers))} took tasks that were for others: start again.")
    crew.sent = []
    return max(float(one["finished"]) for one in records) - min(float(one["submitted"]) for one in records)


def wait(crew, patience):
    """Wait until the tasks that were sent have ended; raises NotMeasured when others come, or time is up."""
    deadline = time.monotonic() + patience
    while True:
        stop_if_asked()
        busy = {id for ids in in_hand(crew.ledger) for id in ids}
        if busy - set(crew.sent):
            raise NotMeasured("Other tasks came in meanwhile: start again when nobody sends any.")
        if not busy:
            return
        if time.monotonic() > deadline:
            raise NotMeasured(f"{len(busy)} tasks had not ended after {patience} s: ./lab doctor looks for the cause.")
        time.sleep(0.1)
