"""Chords: each part counts once, whatever becomes of the workers that run it, and none is waited for in vain."""

import pytest
from parts import Api, given, until

from classroom.local.cluster import LocalCluster

PLACES = 1, 2, 3, 4  # a part's result is written down three times


@pytest.fixture(scope="module")
def chords(tmp_path_factory):
    """A cluster of one worker that knows the chords."""
    folder = tmp_path_factory.mktemp("chords")
    with LocalCluster(folder, workers=1, env=given("chords")) as cluster, Api(cluster.url) as api:
        api.cluster = cluster
        yield api


@pytest.mark.parametrize("place", PLACES)
def test_a_part_whose_process_dies_as_it_ends_counts_once(chords, tmp_path, place):
    # Given a chord, one of whose parts dies while its result is written down for the first, second … time
    task_id = chords.post("/chord/dying", json={"place": place, "folder": str(tmp_path)}).json()["task_id"]
    # I expect its last task to be sent, with the results of both
    status = chords.ended(task_id)
    assert (status["state"], status["result"]) == ("SUCCESS", ["quick", "last words"]), status
    assert (tmp_path / f"died{place}").exists() == (place < PLACES[-1])


def test_a_part_may_be_a_group_or_a_chord(chords):
    status = chords.ended(chords.post("/chord/nested").json()["task_id"])
    assert status["state"] == "SUCCESS" and str(status["result"]).count("quick") == 3, status
    assert str(status["result"]).count("silent") == 1, status


@pytest.mark.parametrize("name", ["deadly", pytest.param("deadlier", marks=pytest.mark.slow)])
def test_a_part_that_is_given_up_fails_its_chord(chords, name):
    # Given a chord with a part that is the end of each process, or each worker, that runs it
    task_id = chords.post(f"/chord/{name}").json()["task_id"]
    # When there is always another worker, I expect the last task not to wait for ever
    [worker] = chords.cluster.workers

    def ended():
        if not worker.alive:
            worker.restart()
        return chords.status(task_id)["finished_at"]

    until(ended, timeout=60, what=f"{task_id} to end")
    status = chords.status(task_id)
    assert status["state"] == "FAILURE" and "given up" in status["error"]["message"]


def test_a_part_that_is_cancelled_while_it_waits_fails_its_chord(chords):
    # Given a chord whose parts wait behind another task
    busy = chords.submit(seconds=4)
    ids = chords.post("/chord/quick").json()
    # When one of them is cancelled, I expect the last task to wait for it no longer
    assert chords.post(f"/cancel/{ids['part_id']}").json()["state"] == "REVOKED"
    status = chords.ended(ids["task_id"])
    assert status["state"] == "FAILURE" and "cancelled" in status["error"]["message"]
    assert chords.status(busy)["state"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["chain", "chord"])
@pytest.mark.parametrize(
    ("name", "until_it", "word"),
    [
        ("quick", "waits", "was cancelled"),
        ("steady", "runs", "was cancelled"),
        ("deadly", "", "given up"),
        ("unheard", "", "no worker knows it"),
    ],
)
def test_what_comes_after_a_cancelled_or_given_up_task_ends_with_it(chords, kind, name, until_it, word):
    # Given a task that others come after
    busy = chords.submit(seconds=4) if until_it == "waits" else None
    first, *later = chords.post(f"/after/{kind}/{name}").json()
    # When it is cancelled while it waits or while it runs, or is given up, or no worker knows it
    if until_it == "runs":
        until(lambda: chords.status(first)["progress"], what="the first to run")
    if until_it:
        chords.post(f"/cancel/{first}")
    assert chords.ended(first)["state"] == ("REVOKED" if until_it else "FAILURE")
    # I expect all that come after it to fail, and to say which one it was
    for task_id in later:
        status = chords.ended(task_id)
        assert status["state"] == "FAILURE", status
        assert f"the task {name!r} before it" in status["error"]["message"] and word in status["error"]["message"]
    assert not busy or chords.status(busy)["state"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["chain", "chord"])
@pytest.mark.parametrize("name", ["quick", "failing"])
def test_what_comes_after_a_task_that_was_cancelled_before_its_message_existed_ends(chords, kind, name):
    # Given a task that waits behind another, and two that come after it
    chords.submit(seconds=4)
    first, middle, last = chords.post(f"/after/{kind}/{name}").json()
    # When the middle one is cancelled before it is sent, and the first one ends, well or badly
    assert chords.post(f"/cancel/{middle}").json()["state"] == "REVOKED"
    assert chords.ended(first)["state"] == ("SUCCESS" if name == "quick" else "FAILURE")
    # I expect the last one to wait for it no longer
    status = chords.ended(last)
    assert status["state"] == "FAILURE", status


def test_a_chord_is_completed_by_another_when_the_one_who_was_about_to_do_it_died(chords):
    # Given a chord that somebody has begun to complete, and then died
    busy = chords.submit(seconds=4)
    ids = chords.post("/chord/quick").json()
    chords.cluster.ledger.redis.set(f"celery-taskset-meta-{ids['group_id']}.c", "somebody", ex=8)
    assert chords.status(busy)["state"] != "SUCCESS"
    # I expect its last task to be sent nevertheless
    status = chords.ended(ids["task_id"])
    assert (status["state"], status["result"]) == ("SUCCESS", ["quick", "quick"]), status


def test_a_worker_is_heard_while_it_waits_for_somebody_to_complete_a_chord(chords, tmp_path):
    # Given a chord whose last part is cancelled, and runs on
    ids = chords.post("/chord/in-folder/doomed", json={"folder": str(tmp_path)}).json()
    chords.ended(ids["other_id"])
    until(lambda: chords.status(ids["part_id"])["state"] == "STARTED", what="the part to run")
    chords.post(f"/cancel/{ids['part_id']}")
    # When its process dies, while somebody has begun to complete the chord, for longer than a lease
    claim = f"celery-taskset-meta-{ids['group_id']}.c"
    chords.cluster.ledger.redis.set(claim, "somebody", ex=60)
    (tmp_path / "die").touch()
    assert chords.ended(ids["part_id"])["state"] == "REVOKED"
    chords.cluster.ledger.redis.expire(claim, 8)

    def ended():
        assert chords.cluster.ledger.workers(), "the worker was not heard for longer than a lease"
        return chords.status(ids["task_id"])["finished_at"]

    # I expect the worker to be heard all the time, and the last task to fail then
    until(ended, what="the last task to end")
    assert "cancelled" in chords.status(ids["task_id"])["error"]["message"]


def test_an_attempt_that_lost_its_part_does_not_speak_for_it(start, tmp_path):
    # Given a chord, one of whose parts runs on a worker that stands still, and so on another, too
    cluster = start(workers=2, env=given("chords"))
    with Api(cluster.url) as api:
        ids = api.post("/chord/in-folder/slow", json={"folder": str(tmp_path)}).json()
        name = until(lambda: api.status(ids["part_id"])["worker"], what="the part to run")
        first = next(worker for worker in cluster.workers if worker.name == name.partition("@")[0])
        first.freeze()
        until(lambda: api.status(ids["part_id"])["attempt"] == 2, what="a second attempt")
        # When the first attempt goes on, and fails
        (tmp_path / "end1").touch()
        first.thaw()
        until(lambda: first.said("ValueError: too late"), what="the first attempt to fail")
        # I expect the chord to wait for the second one
        assert api.status(ids["task_id"])["state"] == "PENDING"
        (tmp_path / "end2").touch()
        status = api.ended(ids["task_id"])
        assert (status["state"], status["result"]) == ("SUCCESS", ["quick", "slow"]), status
