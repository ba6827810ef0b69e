"""RabbitMQ as the broker, with Redis for the results and the ledger: a real server of the test's own."""

import os
import time

import psutil
import pytest
from parts import Api, need, until

from classroom.local import ports
from classroom.local.cluster import LocalCluster
from classroom.local.process import Process

pytestmark = pytest.mark.slow
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory):
    """The address of a RabbitMQ server on ports of its own, with a data folder of its own."""
    need("rabbitmq-server", "rabbitmq-server")
    folder = tmp_path_factory.mktemp("rabbitmq")
    port, distribution, epmd = (ports.any_free() for _ in range(3))
    env = os.environ | {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"lab{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_LOGS": "-",
    }
    server = Process("rabbitmq", [SERVER], folder / "rabbitmq.log", env, folder).start()
    try:
        server.wait_ready(lambda: server.said("Server startup complete"))
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        server.kill()
        for line in psutil.net_connections("tcp"):  # Erlang's name server, which left its parent
            if line.status == psutil.CONN_LISTEN and line.laddr.port == epmd:
                psutil.Process(line.pid).kill()


@pytest.fixture
def cluster(rabbitmq, tmp_path):
    """Two workers and a web server on RabbitMQ, with an embedded broker that keeps results only."""
    redis = LocalCluster(tmp_path / "redis", workers=0)
    try:
        redis.start_broker()
        with LocalCluster(tmp_path / "cluster", broker_url=rabbitmq, results=redis.broker_url) as cluster:
            yield cluster
    finally:
        redis.stop()


def test_tasks_run_wait_and_are_cancelled(cluster):
    with Api(cluster.url) as api:
        assert api.ended(api.submit(x=21))["result"] == 42
        busy = [api.submit(seconds=3) for _ in range(2)]
        until(lambda: all(api.status(task_id)["progress"] for task_id in busy), what="both to run")
        waiting = [api.submit() for _ in range(2)]
        assert api.status(waiting[1])["status"] == "Waiting: 1 task ahead, 2 of 2 workers busy."
        assert api.post(f"/cancel/{waiting[0]}").json()["state"] == "REVOKED"
        assert api.ended(waiting[1])["result"] == 20
        assert api.status(waiting[0])["attempt"] == 0


def test_the_task_of_a_killed_worker_runs_again(cluster):
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=5)
        name = until(lambda: api.status(task_id)["progress"] and api.status(task_id)["worker"], what="it to run")
        next(worker for worker in cluster.workers if worker.name == name.split("@")[0]).kill()
        began = time.monotonic()
        until(lambda: api.status(task_id)["attempt"] == 2, 15, "the second attempt")
        print(f"ran again after {time.monotonic() - began:.1f} s")
        assert api.ended(task_id)["result"] == 20
