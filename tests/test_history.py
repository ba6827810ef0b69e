"""Attempts, put together from the ledger's steps, and the document that the live page asks for."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from parts import Api, many_ended, until

from classroom import history
from classroom.history import History


@pytest.fixture
def ledger(start):
    """The ledger of a cluster in which nobody works but the test."""
    return start(workers=0).ledger


def submit(ledger, id, label="", attempt=""):
    return ledger.step("submitted", id, "longtask", "(1, 2)", label, 100, 0, "celery", attempt, "{}")


def run(ledger, id, worker="worker1@lab", slot=0):
    return ledger.step("started", id, "longtask", worker, slot, "tag", time.time())


def end(ledger, id, attempt, state="SUCCESS", worker="worker1@lab"):
    return ledger.step("ended", id, attempt, worker, state, "2", "{}")


def complete(ledger, id):
    submit(ledger, id)
    run(ledger, id)
    end(ledger, id, 1)


def told(history, cursor=(0, 0)):
    return {(one.task_id, one.attempt): one for one in history.since(cursor)}


def test_every_way_in_which_an_attempt_ends_is_told_apart(ledger):
    # Given tasks that succeed, fail, are given back, sent again, cancelled; and one that runs
    for id in ("good", "bad", "back", "retried", "runs", "cancelled"):
        submit(ledger, id, label="ana")
        assert run(ledger, id, slot=1) == 1
    end(ledger, "good", 1)
    end(ledger, "bad", 1, "FAILURE")
    ledger.step("returned", "back", "worker1@lab", "returned")
    submit(ledger, "retried", attempt="1")
    ledger.step("cancelled", "cancelled")
    end(ledger, "cancelled", 1, "REVOKED")
    run(ledger, "back", "worker2@lab")
    past = History(ledger)
    past.read()
    attempts = told(past)
    # I expect an attempt for each start, with its worker, slot, name, times and outcome
    outcomes = {key: one.outcome for key, one in attempts.items()}
    assert outcomes == {
        ("good", 1): "SUCCESS",
        ("bad", 1): "FAILURE",
        ("back", 1): "returned",
        ("back", 2): None,
        ("retried", 1): "retry",
        ("runs", 1): None,
        ("cancelled", 1): "REVOKED",
    }
    good, again = attempts["good", 1], attempts["back", 2]
    assert (good.name, good.args, good.label) == ("longtask", "(1, 2)", "ana")
    assert (good.worker, good.slot, again.worker, again.slot) == ("worker1@lab", 1, "worker2@lab", 0)
    assert good.queued_at <= good.started_at <= good.ended_at
    assert again.queued_at == max(attempts["back", 1].ended_at, float(ledger.task("back")["queued"]))
    assert again.queued_at <= again.started_at and again.ended_at is None
    # and from then on only what has changed
    cursor = past.cursor
    end(ledger, "runs", 1)
    past.read()
    assert [(key, one.outcome) for key, one in told(past, cursor).items()] == [(("runs", 1), "SUCCESS")]
    assert len(past.ends) == 4


@pytest.mark.parametrize("outcome", ["lost", "REVOKED"])
def test_an_attempt_whose_end_is_known_late_ends_where_the_next_one_in_its_slot_begins(ledger, outcome):
    submit(ledger, "late")
    run(ledger, "late")
    if outcome == "REVOKED":
        ledger.step("cancelled", "late")
    submit(ledger, "next")
    run(ledger, "next")  # the worker was started again at once
    ledger.step("returned", "late", "worker1@lab", "worker")
    past = History(ledger)
    past.read()
    late, following = told(past)["late", 1], told(past)["next", 1]
    assert late.outcome == outcome
    assert late.ended_at == following.started_at


def test_what_is_old_or_too_much_is_forgotten(ledger, monkeypatch):
    monkeypatch.setattr(history, "MOST", 5)
    past = History(ledger)
    for number in range(8):
        complete(ledger, str(number))
    past.read()
    assert sorted(key[0] for key in told(past)) == ["3", "4", "5", "6", "7"]
    past.prune(past.now + 601)
    assert told(past) == {} and not past.ends and not past.waits and past.waited == pytest.approx(0, abs=1e-6)


def test_steps_that_were_dropped_before_they_were_read_do_no_harm(ledger):
    past = History(ledger)
    submit(ledger, "one")
    run(ledger, "one")
    past.read()
    # When the end of a task is dropped unread
    end(ledger, "one", 1)
    submit(ledger, "two")
    run(ledger, "two")
    ledger.redis.xtrim("lab:steps", maxlen=1, approximate=False)
    past.read()
    # I expect it not to run for ever
    assert list(told(past)) == [("two", 1)]
    # and of one whose start alone is left to know since when it waited
    assert told(past)["two", 1].queued_at == pytest.approx(float(ledger.task("two")["queued"]), abs=0.001)


def test_steps_are_read_in_parts_and_a_stream_that_was_emptied_begins_anew(ledger, monkeypatch):
    monkeypatch.setattr(history, "AT_ONCE", 4)
    past = History(ledger)
    for number in range(6):
        complete(ledger, str(number))
        past.read()  # three entries, then none
        past.read()
    fresh = History(ledger)
    fresh.read()
    assert {key: one.outcome for key, one in told(fresh).items()} == {
        (str(number), 1): "SUCCESS" for number in range(6)
    }
    assert told(past).keys() == told(fresh).keys()
    # When nothing is left, and then one task runs
    ledger.redis.xtrim("lab:steps", maxlen=0, approximate=False)
    past.read()
    assert told(past) == {}
    run(ledger, "after")
    past.read()
    assert list(told(past)) == [("after", 1)]


def test_what_is_no_longer_known_of_a_task_is_empty(ledger):
    submit(ledger, "expired")
    run(ledger, "expired")
    ledger.redis.delete("lab:task:expired")
    ledger.redis.zadd("lab:waiting", {"stray": 1})
    past = History(ledger)
    past.read()
    one = told(past)["expired", 1]
    assert (one.name, one.args, one.label, one.worker) == ("", "", "", "worker1@lab")
    assert json.loads(ledger.step("waiting", 5)) == [
        1,
        [{"task_id": "stray", "attempt": "0", "name": "", "args": "", "label": "", "queued": ""}],
    ]


def test_a_task_for_later_waits_from_the_moment_on_at_which_it_is_due(ledger):
    ledger.step("submitted", "later", "longtask", "(1, 2)", "", 100, 0.3, "celery", "", "{}")
    due = float(ledger.task("later")["queued"])
    until(lambda: ledger.task("later")["now"] > due, what="the task to be due")
    run(ledger, "later")
    past = History(ledger)
    past.read()
    assert told(past)["later", 1].queued_at == pytest.approx(due, abs=0.001)
    assert past.waited == pytest.approx(told(past)["later", 1].started_at - due, abs=0.001)


def test_of_very_many_tasks_the_latest_are_told_and_the_others_counted(start):
    cluster = start(workers=0)
    many_ended(cluster.ledger, 2100)
    with Api(cluster.url) as api:
        answer = api.live()
        assert (len(answer["attempts"]), answer["left_out"]) == (2000, 100)
        assert {one["task_id"] for one in answer["attempts"]} == {str(number) for number in range(100, 2100)}
        again = api.get("/live", params={"after": answer["cursor"]}).json()
        assert (again["attempts"], again["left_out"]) == ([], 0)


def test_a_cursor_that_is_none_is_refused(api):
    for words in ("1", "a-b", "1-2-3", "9" * 20 + "-0", "-1"):
        answer = api.get("/live", params={"after": words})
        assert answer.status_code == 422 and answer.json()["field"] == "after"


def test_many_pages_do_not_wait_one_after_the_other_for_a_broker_that_hangs(start):
    cluster = start(workers=0)
    with Api(cluster.url) as api, ThreadPoolExecutor(20) as pool:
        assert api.get("/live").status_code == 200
        cluster.broker.freeze()
        until(lambda: api.get("/live").status_code == 503, what="the trouble to be seen")
        began = time.monotonic()
        answers = list(pool.map(lambda _: Api(cluster.url).get("/live").status_code, range(20)))
        assert answers == [503] * 20
        assert time.monotonic() - began < 5  # one after the other, 20 time-outs would take ten seconds
        cluster.broker.thaw()
        assert api.get("/live").status_code in (200, 503)


def test_many_pages_are_told_to_ask_less_often(start):
    cluster = start(workers=0)
    with Api(cluster.url) as api:
        assert api.live()["again_in"] == 0.5
        slowest = max(api.live()["again_in"] for _ in range(400))
        assert 0.5 < slowest <= 3
