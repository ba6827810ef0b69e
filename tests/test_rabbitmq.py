"""RabbitMQ as the broker, with Redis for the results and the ledger: a real server of the test's own."""

import socket
import time

import pytest
from kombu import Connection
from parts import Api, given, need, until

from classroom.local import ports
from classroom.local.rabbitmq import RabbitMQ

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(start):
    """Two workers and a web server on RabbitMQ, with an embedded Redis for the rest."""
    need("rabbitmq-server", "rabbitmq-server")
    return start(workers=2, rabbitmq=True)


def test_tasks_run_wait_and_are_cancelled(cluster):
    with Api(cluster.url) as api:
        assert api.ended(api.submit(x=21))["result"] == 42
        busy = [api.submit(seconds=30) for _ in range(2)]
        until(lambda: all(api.status(task_id)["progress"] for task_id in busy), what="both to run")
        waiting = [api.submit() for _ in range(2)]
        assert api.status(waiting[1])["status"] == "Waiting: 1 task ahead, 2 of 2 workers busy."
        assert api.post(f"/cancel/{waiting[0]}").json()["state"] == "REVOKED"
        for task_id in busy:
            api.post(f"/cancel/{task_id}")
        assert api.ended(waiting[1])["result"] == 20
        assert api.status(waiting[0])["attempt"] == 0


def test_a_message_that_the_broker_forgot_is_sent_again(cluster):
    # Given a waiting task whose message is lost
    with Api(cluster.url) as api:
        busy = [api.submit(seconds=8) for _ in range(2)]
        until(lambda: all(api.status(task_id)["progress"] for task_id in busy), what="both workers to be busy")
        lost = api.submit(x=4)
        with Connection(cluster.broker_url) as connection:
            purge = connection.default_channel.queue_purge
            until(lambda: purge("celery") == 1, 3, "its message")
        # I expect it to run, and once
        status = api.ended(lost)
        assert (status["result"], status["attempt"]) == (8, 1)


def test_the_task_of_a_killed_worker_runs_again(cluster):
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=5)
        name = until(lambda: api.status(task_id)["progress"] and api.status(task_id)["worker"], what="it to run")
        next(worker for worker in cluster.workers if worker.name == name.split("@")[0]).kill()
        began = time.monotonic()
        until(lambda: api.status(task_id)["attempt"] == 2, 15, "the second attempt")
        print(f"ran again after {time.monotonic() - began:.1f} s")
        assert api.ended(task_id)["result"] == 20


def test_a_task_for_later_holds_no_worker(start):
    need("rabbitmq-server", "rabbitmq-server")
    with Api(start(workers=1, rabbitmq=True, env=given("later")).url) as api:
        later = [api.post("/later").json()["task_id"] for _ in range(3)]
        again = api.post("/again").json()["task_id"]
        # I expect others to run before it is due
        assert api.ended(api.submit(x=21, seconds=0))["result"] == 42
        assert {api.status(each)["state"] for each in later} == {"PENDING"}
        # and it, in time
        until(lambda: api.status(again)["finished_at"], 60, "a task that is sent again twice")
        assert (api.status(again)["result"], api.status(again)["attempt"]) == ("done", 3)
        assert {api.ended(each)["result"] for each in later} == {"late"}


@pytest.mark.parametrize("which", [0, 1, 2], ids=["clients", "servers", "names"])
def test_a_port_that_somebody_else_takes_first_is_left_to_them(tmp_path, monkeypatch, which):
    need("rabbitmq-server", "rabbitmq-server")
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        theirs, free = somebody.getsockname()[1], ports.any_free
        chosen = iter([*(free() for _ in range(which)), theirs])
        monkeypatch.setattr(ports, "any_free", lambda: next(chosen, None) or free())
        server = RabbitMQ(tmp_path / "rabbitmq").serve()
        try:
            assert theirs not in server.ports
            with Connection(server.url) as connection:
                connection.connect()
        finally:
            server.end()
