"""Checks exercise 7: each docstring is a promise about the student's program."""

import re
import runpy
import time
import unicodedata
from collections import Counter
from pathlib import Path

from classroom.check import Failed, Undecided, _, expect, needs, workers

HERE = Path(__file__).parent
Service = runpy.run_path(str(HERE / "service.py"))["Service"]
service = Service().start()  # every part asks it, and so it can fail a part, hold one, and knows of both

TASKS = ["count_words", "add_up"]
ROUTES = ["POST /wordcount"]
ENV = {"SERVICE_URL": service.url, "no_proxy": "*"}
LETTERS = r"[^\W\d_]+"
FOUR = {"text": "Curiouser and curiouser! " * 4, "parts": 4}
TEXTS = (  # the text, the number of parts, the stop words
    ("", 3, ""),
    ("Alice", 5, ""),
    ("The cat saw the Cat; THE CAT ran.", 2, "the"),
    ("The cat saw the Cat; THE CAT ran.", 2, "cat ran"),
    ("Don't! \u2018I don\u2019t know,\u2019 said the March-Hare--'tis _my_ tea: isn't it?", 3, "the"),
    ("wonderland " * 13, 4, ""),
    ("São Paulo, SÃO PAULO, Sa\u0303o Paulo", 2, ""),
    ("one\ntwo\n\ntwo\tthree three three", 100, ""),
)
WRONG = (
    *(5, [], "text", None, {}, {"text": 5}, {"text": None}, {"text": ["a"]}, {"parts": 4}),
    *({"book": "../alice"}, {"book": "bob"}, {"book": ["alice"]}),
    *({"text": "a", "parts": parts} for parts in (0, -1, 101, 2.5, True, "4", None, [4])),
)
PATIENCE = 20  # seconds within which a task ends, and nobody is killed
TOGETHER = 8  # seconds after which a second worker has not begun
HELD = 15  # seconds within which all parts but one have been counted


@workers(0)
def test_at_once(program):
    """POST /wordcount answers at once, while no worker is there"""
    service.plan()
    task_id = program.accepted("/wordcount", FOUR)
    state = program.status(task_id)["state"]
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])
    if service.asked:
        raise Failed(_("nobody asks the service yet"), _("requests: {times}", times=service.asked), because=because)


@workers(0)
def test_refuses(program):
    """what is no text, or no number of parts, is refused with 422"""
    for body in WRONG:
        program.refused("/wordcount", body)


@workers(1)
def test_right(program):
    """a text is counted right, into however many parts it is cut"""
    for text, parts, words in TEXTS:
        service.plan(words=words)
        counted_right(program, {"text": text, "parts": parts})
    service.plan()
    counted_right(program, {"book": "alice"})


@needs("right")
@workers(1)
def test_split(program):
    """every part is a task of its own"""
    service.plan()
    before = parts_so_far(program)
    counted_right(program, FOUR)
    count = len(parts_so_far(program) - before)
    if count != FOUR["parts"]:
        raise Failed(
            _("{count} tasks named 'count_words' for {count} parts", count=FOUR["parts"]),
            count,
            because=_("one task is run by one worker, however many there are"),
        )


@needs("split")
def test_together(program):
    """two workers count two parts at the same time"""
    service.plan("held", "held")
    task_id = program.accepted("/wordcount", FOUR)
    both = until(lambda: service.held == 2, TOGETHER)
    waiting = program.cluster.ledger.redis.zcard("lab:waiting")
    service.release()
    if not both and waiting:
        raise Undecided(_("a worker is free, and takes nothing: is this machine busy?"))
    if not both:
        raise Failed(
            _("a second part that is begun before the first one has ended"),
            _("none was, within {seconds} s", seconds=TOGETHER),
            because=_("the second part was not in the queue, though no part needs another"),
            repeat=program.sent[task_id],
        )
    expect(program.result(task_id, PATIENCE), counted(FOUR["text"]))


@needs("right")
def test_recovers(program):
    """a part that fails once is tried again, and counts once"""
    service.plan("503")
    counted_right(program, FOUR, because=_("the service answered 503 to the first part, and well from then on"))


@needs("together", "recovers")
def test_killed(program):
    """a part whose worker is killed is counted after all, and once"""
    service.plan("held")
    before = parts_so_far(program)
    task_id = program.accepted("/wordcount", FOUR)
    if not until(lambda: service.held and len(ended(program, before)) == FOUR["parts"] - 1, HELD):
        service.release()
        raise Undecided(_("the other parts did not end: is this machine busy?"))
    [held] = [one for one in program.attempts() if one.name == "count_words" and not one.ended_at]
    program.kill(held.worker)
    service.release()
    result = program.result(task_id)
    expect(result, counted(FOUR["text"]), because=_("a worker was killed while it counted one of the four parts"))


@needs("recovers")
def test_gives_up(program):
    """when a part fails for good the whole reads FAILURE, and why"""
    service.plan("200", "200", then=("503",))
    task_id = program.accepted("/wordcount", FOUR)
    seen = program.ended(task_id, PATIENCE)
    if seen["state"] != "FAILURE":
        raise Failed(
            "FAILURE",
            f"{seen['state']}: {seen['result']}",
            because=_("two of four parts were never counted: the service answered 503 each time"),
        )
    if "503" not in seen["error"]["message"]:
        raise Failed(_("an error that tells what the service answered: {code}", code=503), seen["status"])
    service.plan()
    counted_right(program, FOUR, because=_("the service is well again"))


def counted_right(program, body, because=""):
    """Fail unless this text is counted right."""
    text = body["text"] if "text" in body else (HERE / "alice.txt").read_text(encoding="utf-8")
    result = program.result(program.accepted("/wordcount", body), PATIENCE)
    expect(result, counted(text), because=because)


def counted(text):
    """What should come out for a text, with the stop words that the service has now."""
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'").lower()
    found = re.findall(rf"{LETTERS}(?:'{LETTERS})*", text)
    times = Counter(word for word in found if word not in service.words)
    top = sorted(times.items(), key=lambda one: (-one[1], one[0]))[:10]
    return {"total": sum(times.values()), "distinct": len(times), "top": [list(one) for one in top]}


def parts_so_far(program):
    """The ids of all tasks so far that count a part."""
    return {one.task_id for one in program.attempts() if one.name == "count_words"}


def ended(program, before):
    """The ids of the tasks that have counted a part, without those before."""
    done = {one.task_id for one in program.attempts() if one.name == "count_words" and one.outcome == "SUCCESS"}
    return done - before


def until(condition, seconds):
    """Wait until this is so; returns whether it was, within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
