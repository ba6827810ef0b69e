"""The broker has a user for each role, and none may do more than its work."""

import subprocess
import sys
import time

import pytest
import redis
from parts import Api, given, need, until

from classroom.local.cluster import ROOT


@pytest.fixture(params=["valkey", pytest.param("redis-server", marks=pytest.mark.slow)])
def cluster(request, start):
    """A cluster with one worker, whose processes have a role each."""
    server = None if request.param == "valkey" else need("redis-server", "redis-server")
    return start(workers=1, server=server)


FORBIDDEN = [
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET maxmemory 1", "KEYS *", "SHUTDOWN NOSAVE", "DEBUG SLEEP 0",
    "FUNCTION LIST", "ACL LIST", "ACL SETUSER worker on", "SCRIPT FLUSH", "SCRIPT KILL", "MONITOR", "SAVE",
    "BGREWRITEAOF", "REPLICAOF 192.0.2.1 6379", "CLIENT LIST", "CLIENT KILL TYPE normal", "SWAPDB 0 1", "MODULE LIST",
    "INFO", "LATENCY DOCTOR", "SLOWLOG GET", "SCAN 0", "RANDOMKEY", "GET other", "SET other 1", "DEL other",
    "PUBLISH other 1", "MIGRATE 192.0.2.1 6379 lab:steps 0 100", "SORT lab:running",
]  # fmt: skip


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_role_may_not_touch_the_server_or_other_keys(cluster, role):
    client = redis.Redis.from_url(cluster.redis_urls[role], retry=None)
    for command in FORBIDDEN:
        with pytest.raises(redis.exceptions.ResponseError, match=r"permission|not allowed"):
            client.execute_command(*command.split())
    # not through a script either
    for code in ("return redis.call('GET', 'other')", "return redis.call('FLUSHALL')"):
        with pytest.raises(redis.exceptions.ResponseError, match=r"permission|ACL|can't (access|run)"):
            client.eval(code, 0)
    with Api(cluster.url) as api:
        assert api.ended(api.submit())["result"] == 20


def test_the_broker_refuses_nothing_that_the_roles_ask_for(cluster):
    with Api(cluster.url) as api:
        assert api.ended(api.submit(seconds=4))["result"] == 20  # a few heartbeats long
    assert cluster.ledger.redis.acl_log() == []


def test_who_has_no_password_may_do_nothing(cluster):
    anybody = redis.Redis(port=cluster.broker_port, retry=None)
    for command in ("PING", "GET lab:steps", "INFO", "EVAL return(1) 0", "SUBSCRIBE celery", "HELLO 3"):
        with pytest.raises(redis.exceptions.AuthenticationError):
            anybody.execute_command(*command.split())
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=cluster.broker_port, username="worker", password="guess", retry=None).ping()


def test_groups_and_chords_run_as_a_worker_also_after_scripts_were_flushed(cluster):
    # Given a script cache that is empty
    cluster.ledger.redis.script_flush()
    # When somebody with a worker's rights sends a chord, whose body a worker sends
    code = """
import tasks
from celery import chord, group
tasks.celery.ledger.redis.connection_pool.connection_kwargs["username"] == "worker" or exit(1)
assert sorted(group(tasks.longtask.s(n, 0) for n in range(5))().get(timeout=30)) == [0, 2, 4, 6, 8]
print(chord((tasks.longtask.s(n, 0) for n in range(5)), tasks.longtask.si(21, 0))().get(timeout=30))
"""
    env = cluster.worker_env | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert done.stdout.strip() == "42", done.stderr


def test_a_worker_for_a_queue_that_is_not_allowed_stops_with_a_sentence(cluster):
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-Q", "gpu"],
        cwd=ROOT, env=cluster.worker_env, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "The queue 'gpu' is not allowed on this broker: choose a name like 'celery-gpu'." in done.stderr


def test_a_queue_with_a_name_that_is_not_allowed_is_a_sentence_and_leaves_nothing(start):
    cluster = start(workers=0, env=given("odd"))
    with Api(cluster.url) as api:
        answer = api.post("/queue/gpu")
        assert answer.status_code == 500
        until(
            lambda: cluster.web.said("queue 'gpu' is not allowed: choose a name like 'celery-gpu'"), what="the reason"
        )
        assert cluster.ledger.redis.zcard("lab:waiting") == 0


def test_a_broker_that_was_killed_has_its_records_again(cluster):
    with Api(cluster.url) as api:
        id = api.submit(x=21)
        assert api.ended(id)["result"] == 42
        time.sleep(1.5)  # the log is on the disk once a second
        cluster.broker.kill()
        cluster.broker.start()
        until(cluster.broker_answers, what="the broker to be back")
        assert until(lambda: api.get(f"/status/{id}").json().get("result"), what="the web server to see it") == 42


def test_a_worker_whose_password_is_refused_when_the_broker_comes_ends_with_a_sentence(start):
    # Given a worker that was started while the broker was away, with a password of yesterday
    cluster = start(workers=0)
    cluster.broker.kill()
    worker = cluster.make_worker("late")
    worker.env = worker.env | {"CELERY_BROKER_URL": cluster.redis_urls["worker"].replace("worker:", "worker:old")}
    cluster.workers.append(worker)
    worker.start()
    until(lambda: worker.said("Cannot connect"), what="it to look for the broker")
    # When the broker is there
    cluster.broker.start()
    # I expect the worker to end: as a service it joins again then
    until(lambda: not worker.alive, 30, "the worker to end")
    assert worker.said("The broker lets this worker in no longer: join again")
