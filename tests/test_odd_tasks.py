"""Tasks as students may write them: the status stays true, and none is run more often than it should be."""

import subprocess
import sys
import time

import pytest
from parts import Api, given, until

from classroom.local.cluster import ROOT, LocalCluster
from classroom.worker.unknown import AT_ONCE


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A cluster of one worker that knows the odd tasks."""
    with LocalCluster(tmp_path_factory.mktemp("odd"), workers=1, env=given("odd")) as cluster, Api(cluster.url) as api:
        api.cluster = cluster
        yield api


def run(api, name):
    """The status of one of the odd tasks, once it has ended."""
    return api.ended(api.post(f"/run/{name}").json()["task_id"])


@pytest.mark.parametrize(
    ("name", "state", "attempt", "words"),
    [
        ("ignoring", "FAILURE", 1, "left no result"),
        ("rejecting", "SUCCESS", 5, "at last"),
        ("based", "SUCCESS", 1, "once"),
        ("unspeakable", "FAILURE", 1, "EncodeError"),
        ("limited", "SUCCESS", 1, "in time"),
    ],
)
def test_it_ends_as_it_should_after_as_many_attempts(odd, name, state, attempt, words):
    status = run(odd, name)
    assert (status["state"], status["attempt"]) == (state, attempt), status
    assert words in f"{status['status']} {status['result']}"


def test_a_task_for_later_says_when_and_nothing_behind_it_is_sent_twice(odd):
    later = odd.post("/at").json()["task_id"]
    elsewhere = odd.post("/elsewhere").json()["task_id"]
    redis = odd.cluster.ledger.redis
    busy = odd.submit(seconds=20)
    until(lambda: odd.status(busy)["progress"], what="the worker to be busy")
    for _ in range(10):
        odd.submit()
    time.sleep(10)  # longer than the grace after which a message would count as lost
    assert redis.llen("celery") <= 11 and redis.llen("celery-gpu") == 1
    assert "Waiting for its time, in 3" in odd.status(later)["status"]
    assert odd.status(elsewhere)["state"] == "PENDING"
    for task_id in (busy, later, elsewhere):
        odd.post(f"/cancel/{task_id}")


def test_a_worker_that_is_asked_to_stop_finishes_a_long_task_alone(start):
    # Given two workers, one of which runs a task of several leases
    cluster = start(workers=2, env=given("odd"))
    with Api(cluster.url) as api:
        task_id = api.post("/run/nap").json()["task_id"]
        name = until(lambda: api.status(task_id)["worker"], what="the task to run")
        worker = next(worker for worker in cluster.workers if worker.name == name.split("@")[0])
        # When that worker is asked to stop
        worker.process.terminate()
        # I expect it to finish what it runs, and nobody else to run it too
        status = api.ended(task_id)
        assert (status["result"], status["attempt"], status["worker"]) == ("rested", 1, name)
        worker.process.wait(10)
        assert len(api.workers()) == 1


def test_a_group_subscribes_to_nothing_until_somebody_waits(odd):
    code = """
import tasks
from celery import chord, group
redis = tasks.celery.ledger.redis
result = group(tasks.longtask.s(n, 0) for n in range(5))()
assert redis.pubsub_channels("celery-task-meta-*") == [], redis.pubsub_channels()
assert sorted(result.get(timeout=60)) == [0, 2, 4, 6, 8]
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=odd.cluster.env, cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("path", "result"), [("/chain/two", ["two"]), ("/chord/two", [["one", "two"]])], ids=["chain", "chord"]
)
def test_a_task_that_comes_after_others_is_known_from_the_start(start, path, result):
    cluster = start(workers=0, env=given("odd"))
    with Api(cluster.url) as api:
        # Given tasks that come after others, and nobody who works
        good, bad, cancelled = (api.post(word).json()["task_id"] for word in (path, path.replace("two", "error"), path))
        for task_id in (good, bad, cancelled):
            status = api.status(task_id)
            assert (status["state"], status["status"]) == ("PENDING", "Waiting: the tasks before it have not ended.")
        # When one of them is cancelled, I expect it to be so at once
        assert api.post(f"/cancel/{cancelled}").json()["state"] == "REVOKED"
        # When somebody works, I expect the end of each to be that of a task sent by itself
        cluster.add_worker()
        status = api.ended(good)
        assert (status["state"], status["result"], status["attempt"]) == ("SUCCESS", result, 1)
        assert status["submitted_at"] < status["started_at"]
        assert cluster.ledger.redis.ttl(f"lab:task:{good}") > 0
        status = api.ended(bad)
        assert status["state"] == "FAILURE" and "on purpose" in status["error"]["message"]
        until(lambda: not cluster.ledger.redis.zcard("lab:waiting"), what="all to be done")
        assert api.status(cancelled)["state"] == "REVOKED" and not api.status(cancelled)["attempt"]


@pytest.mark.parametrize(
    "line", ["bp = 5", "bp = Blueprint('x', __name__)\nbp.post('no-slash')(lambda: '')", "import sys; sys.exit()"]
)
def test_a_broken_blueprint_takes_nothing_else_down(start, tmp_path, line):
    file = tmp_path / "93-odd" / "exercise.py"
    file.parent.mkdir()
    file.write_text(f"from flask import Blueprint\n{line}\n")
    with Api(start(workers=0, env={"EXERCISE_FILE": str(file)}).url) as api:
        assert api.get("/healthz").status_code == 200
        assert "93-odd is left out" in api.get("/").text


def test_a_task_that_only_another_worker_knows_waits_for_that_one(start, tmp_path):
    # Given a worker that knows a task, busy, and one on other code, idle
    word = tmp_path / "word"
    cluster = start(workers=1, env=given("odd") | {"ODD_WORD": str(word)})
    other = cluster.make_worker("other")
    other.env = {key: value for key, value in other.env.items() if key != "EXERCISE_FILE"}
    cluster.workers.append(other.start())
    cluster.wait_worker(other)
    with Api(cluster.url) as api:
        knowing = cluster.workers[0]
        until(lambda: len(api.workers()) == 2, what="both to be seen")
        held = api.post("/run/held").json()["task_id"]
        until(lambda: api.status(held)["worker"], what="it to be busy")
        assert api.status(held)["worker"].startswith(knowing.name)
        # When that task is sent, I expect it to be put back until the busy one is free
        task_id = api.post("/run/limited").json()["task_id"]
        until(lambda: other.said("is not known here, but to worker1@"), what="the other to put it back")
        # and of many such tasks only a few to be held there
        many = [api.post("/run/limited").json()["task_id"] for _ in range(12)]
        seen = [cluster.ledger.redis.hlen("unacked") for _ in range(40) if not time.sleep(0.05)]
        assert AT_ONCE < max(seen) <= 1 + 1 + AT_ONCE
        # and the other to do what it knows meanwhile
        assert api.ended(api.submit())["worker"].startswith("other@")
        word.touch()
        status = api.ended(task_id)
        assert (status["state"], status["attempt"], status["worker"].split("@")[0]) == ("SUCCESS", 1, "worker1")
        assert {api.ended(each)["state"] for each in many} == {"SUCCESS"}
        # When the one who knows it takes nothing for a minute, I expect a failure that names it
        assert cluster.ledger.step("told", status["worker"], "pause") == 1
        until(lambda: any(one["paused"] for one in api.workers()), what="it to be paused")
        task_id = api.post("/run/limited").json()["task_id"]
        cluster.ledger.redis.hset(f"lab:task:{task_id}", "unknown", 1)  # as if it had been put back for long
        status = api.ended(task_id)
        assert "only worker1@" in status["status"] and "did not take it within 60 s" in status["status"]
        # When nobody is left who knows it, I expect a failure that says so
        knowing.process.terminate()
        until(lambda: not knowing.alive, what="it to stop")
        status = api.ended(api.post("/run/limited").json()["task_id"])
        assert status["state"] == "FAILURE"
        assert "the task 'limited' cannot be run: no worker knows it" in status["status"]
