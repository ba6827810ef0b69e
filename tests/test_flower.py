"""./lab up --flower for real: what its pages show, who reaches them, and what workers may do without it."""

import json
import re
import socket
import subprocess
import sys
import time
from importlib.util import find_spec

import psutil
import pytest
import redis
import requests
from parts import Api, lack, left, need, until

from classroom.local.cluster import ROOT
from classroom.local.rabbitmq import RabbitMQ

BLOCKED = """
import sys
sys.modules["flower"] = None  # as where it is not installed
from classroom.__main__ import lab
lab(["up", "--flower"])
"""
TASKS = "/tasks/datatable?draw=1&start=0&length=100&order[0][column]=0&columns[0][data]=name"


@pytest.fixture(autouse=True)
def needed():
    """Skip the tests where Flower is not installed."""
    if not find_spec("flower"):
        lack("Flower is not installed: ./lab test installs it")


def flower(terminal):
    """A client of the Flower that the banner names."""
    return Api(re.search(r"^  flower    (http://127\.0\.0\.1:\d+)$", terminal.said(), re.MULTILINE)[1])


def workers(pages):
    """The names of the workers that Flower says are alive, without their hosts."""
    return {one["hostname"].split("@")[0] for one in pages.get("/workers?json=1").json()["data"] if one["status"]}


def sees(pages, task_id, state="SUCCESS"):
    """Whether Flower's list of tasks has this one in this state."""
    try:
        return (task_id, state) in [(one["uuid"], one["state"]) for one in pages.get(TASKS).json()["data"]]
    except requests.ConnectionError:  # it is being started
        return False


def sees_a_new_one(pages, api):
    """Whether Flower sees the end of a task that is sent now."""
    task_id = api.submit()
    api.ended(task_id)
    time.sleep(1)
    return sees(pages, task_id)


def process(terminal):
    """Flower's process, as a child of ./lab up."""
    (found,) = [child for child in terminal.process.children() if "flower" in child.cmdline()]
    return found


def test_it_is_refused_for_a_class(terminal):
    terminal.up("--flower", "--class", "--address", "127.0.0.1", ready=False)
    assert terminal.exit_code(20) == 1
    assert "leave --flower or --class out" in terminal.said() and "Traceback" not in terminal.said()


def test_where_it_is_not_installed_up_says_how_to_install_what_the_tests_use(terminal):
    command = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(command, env=terminal.env, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    (wanted,) = [line for line in (ROOT / "tests/requirements.txt").read_text().split() if line.startswith("flower")]
    assert done.stderr == f"Flower is not installed: .venv/bin/python -m pip install '{wanted}'\n"


def test_its_pages_show_workers_and_tasks_to_this_machine_alone(terminal):
    # Given a cluster with Flower, whose first port is taken, and one more worker
    home = terminal.folder / "home"
    home.mkdir()
    with socket.create_server(("127.0.0.1", 5555)) if free(5555) else socket.socket():
        terminal.up("--flower", HOME=str(home))
    pages = flower(terminal)
    assert pages.url != "http://127.0.0.1:5555"
    with open(terminal.folder / "worker.log", "wb") as log:
        command = [ROOT / "lab", "worker", "--name", "third"]
        terminal.started.append(psutil.Popen(command, env=terminal.env, stdout=log, stderr=log))
    # I expect all of them on its pages, and what they do
    until(lambda: workers(pages) == {"worker1", "worker2", "third"}, what="three workers")
    with Api(terminal.url) as api:
        task_id = api.submit()
        api.ended(task_id)
    until(lambda: sees(pages, task_id), what="the task")
    name = pages.get("/workers?json=1").json()["data"][0]["hostname"]
    # which the worker told it
    told = "broker_connection_timeout"
    one = until(lambda: told in (page := pages.get(f"/worker/{name}")).text and page, what="a worker's page")
    assert one.status_code == 200
    # and no password
    passwords = json.loads((terminal.lab / "credentials.json").read_text()).values()
    shown = [pages.get(path).text for path in ("/", "/tasks", "/broker", "/metrics", f"/task/{task_id}")]
    shown += [one.text, (terminal.lab / "log" / "flower.log").read_text()]
    assert not any(password in text for text in shown for password in passwords)
    # and no way to steer a worker from a page
    assert pages.post(f"/api/worker/shutdown/{name}").status_code in (401, 403)
    assert "Shut Down" not in one.text
    # and nothing that listens on the network, or is left at home
    heard = [line.laddr.ip for line in process(terminal).net_connections() if line.status == psutil.CONN_LISTEN]
    assert heard == ["127.0.0.1"]
    assert list(home.iterdir()) == []


def free(port):
    """Whether nobody listens here."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_it_comes_back_after_a_kill_and_after_the_brokers_and_stops_with_the_rest(terminal):
    up = terminal.up("--flower", "--workers", "1")
    pages = flower(terminal)
    # When it is killed
    process(terminal).kill()
    # I expect it to be started again, at the same address, and to see the next task
    until(lambda: "flower is started again." in terminal.said(), what="the supervisor")
    assert "flower ended (killed by SIGKILL)" in terminal.said()
    with Api(terminal.url) as api:
        until(lambda: sees_a_new_one(pages, api), what="a task after its death")
        # and also after the broker's death
        (broker,) = [child for child in up.children() if "valkey" in child.name()]
        broker.kill()
        until(lambda: "broker is started again." in terminal.said(), what="the supervisor")
        until(lambda: api.get("/healthz").status_code == 200, what="the broker")
        until(lambda: sees_a_new_one(pages, api), what="a task after the broker's death")
    # and to end with the rest
    family = [up, *up.children(recursive=True)]
    up.terminate()
    assert terminal.exit_code(10) == 0
    assert left(family) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["redis-server", "rabbitmq-server"])
def test_it_works_with_a_broker_that_the_environment_names(terminal, start, name):
    need(name, name)
    own = start(workers=0, server=need("redis-server", "redis-server"))
    rabbitmq = RabbitMQ(terminal.folder / "rabbitmq").serve() if name == "rabbitmq-server" else None
    try:
        env = {"BROKER_URL": own.broker_url}
        if rabbitmq:
            env = {"BROKER_URL": rabbitmq.url, "RESULT_BACKEND": own.broker_url}
        terminal.up("--flower", "--workers", "1", **env)
        pages = flower(terminal)
        until(lambda: workers(pages) == {"worker1"}, what="the worker")
        with Api(terminal.url) as api:
            task_id = api.submit()
            api.ended(task_id)
        until(lambda: sees(pages, task_id), what="the task")
    finally:
        terminal.stop()
        if rabbitmq:
            rabbitmq.end()


@pytest.mark.parametrize("server", [None, pytest.param("redis-server", marks=pytest.mark.slow)])
def test_workers_get_the_rights_that_they_need_for_it_and_no_others(start, server):
    cluster = start(workers=1, server=server and need(server, server), flower=True)
    pages = Api(cluster.flower_url)
    until(lambda: workers(pages), what="the worker")
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=2)
        until(lambda: sees(pages, task_id), what="the task")
    (name,) = [one["hostname"] for one in pages.get("/workers?json=1").json()["data"]]
    until(lambda: pages.get(f"/worker/{name}").status_code == 200, what="the worker's page")
    assert cluster.ledger.redis.acl_log() == []
    for role, commands in (
        ("worker", ["GET other", "PUBLISH other 1", "PSUBSCRIBE *", "SCRIPT FLUSH", "CONFIG GET *"]),
        ("web", ["PUBLISH /0.celery.pidbox 1", "PSUBSCRIBE /0.celeryev/*", "SCRIPT EXISTS 1"]),
    ):
        refused(cluster, role, commands)


def test_without_it_workers_send_no_events_and_hear_no_orders(start, monkeypatch):
    monkeypatch.setenv("LAB_FLOWER", "1")  # left over from somewhere
    cluster = start(workers=1)
    with cluster.ledger.redis.pubsub() as listener, Api(cluster.url) as api:
        listener.psubscribe("*")
        api.ended(api.submit(seconds=4))  # a few heartbeats long
        heard = list(iter(lambda: listener.get_message(timeout=0.5), None))
        assert heard[0]["type"] == "psubscribe"
        assert not [message for message in heard if "celeryev" in message["channel"]]
    command = [sys.executable, "-m", "celery", "-A", "tasks", "inspect", "ping"]
    ping = subprocess.run(command, env=cluster.env, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ping.returncode != 0 and "No nodes replied" in ping.stderr
    refused(cluster, "worker", ["PUBLISH /0.celeryev/task.multi 1", "PSUBSCRIBE /0.celery.pidbox"])


def refused(cluster, role, commands):
    """Check that the broker refuses each of these commands to a role."""
    client = redis.Redis.from_url(cluster.redis_urls[role], retry=None)
    for command in commands:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command.split())
