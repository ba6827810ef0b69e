"""Traps of the course's old code and of the tutorials: none of them may be true of ours."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from parts import Api, until

from classroom import code
from classroom.local.cluster import ROOT

ALL = """
import sys, tasks, classroom.worker.events
from kombu.utils.imports import symbol_by_name
tasks.celery.amqp, tasks.celery.backend, symbol_by_name(tasks.celery.conf.worker_consumer)
print(*map(repr, sys.modules.values()))
"""
LOOK = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "CELERY_RESULT_BACKEND": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize(
    "first",
    ["app", "tasks", "ledger", "classroom.recorded.connection", "classroom.recorded.backend", "classroom.web.status"],
)
def test_every_module_can_be_imported_first(first):
    done = subprocess.run(
        [sys.executable, "-c", f"import {first}"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr


def test_a_worker_machine_needs_no_web_server():
    code = "import sys, tasks; sys.exit('gunicorn' in sys.modules or 'app' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30).returncode == 0


def test_a_machine_that_joins_gets_all_that_a_worker_imports():
    done = subprocess.run([sys.executable, "-c", ALL], cwd=ROOT, capture_output=True, text=True, timeout=30)
    ours = {Path(path) for path in re.findall(rf"from '({re.escape(str(ROOT))}/[^']*)'", done.stdout)}
    assert ROOT / "tasks.py" in ours, done.stderr
    assert {path for path in ours if ".venv" not in path.parts} <= set(code.files())


def test_submitting_opens_no_channel_and_no_connection_per_task(cluster, api):
    # Given what the broker and the web processes hold after a first round
    def round_of(count):
        for number in range(count):
            api.post(f"/cancel/{api.submit(x=number, seconds=600)}")

    def held():
        web = cluster.web.process.children()
        sockets = sum(len(process.net_connections(kind="tcp")) for process in web)
        return len(cluster.ledger.redis.pubsub_channels("celery-task-meta-*")), sockets

    round_of(40)
    channels, sockets = held()
    # When many more are submitted
    round_of(400)
    # I expect no channel, and no more connections than before (one of either side may come or go)
    assert channels == 0 and held()[0] == 0
    assert held()[1] <= sockets + 4


def test_web_processes_share_no_connection(cluster, api):
    def lines():
        with ThreadPoolExecutor(8) as pool:  # several at once: one after the other, one process may answer all of them
            list(pool.map(lambda _: cluster.get("/healthz"), range(16)))
        return [
            {
                line.laddr.port
                for line in process.net_connections("tcp")
                if line.raddr and line.raddr.port == cluster.broker_port
            }
            for process in cluster.web.process.children()
        ]

    one, other = until(lambda: all(seen := lines()) and seen, what="both processes to have answered")
    assert not one & other


def test_a_students_delay_opens_no_channel_either_and_get_still_works(cluster):
    code = """
import sys, time
import tasks
results = [tasks.longtask.delay(n, 0) for n in range(50)]
assert tasks.celery.ledger.redis.pubsub_channels("celery-task-meta-*") == [], "subscribed when sent"
assert [result.get(timeout=20) for result in results] == [2 * n for n in range(50)]
from celery import group
five = group(tasks.longtask.s(n, 0) for n in range(5))()
assert sorted(five.get(timeout=20)) == [0, 2, 4, 6, 8]
named = tasks.celery.send_task("longtask", (21, 0))
assert named.get(timeout=20) == 42
assert {tasks.celery.ledger.task(result.id)["state"] for result in [*results, *five.results, named]} == {"SUCCESS"}
# and one that somebody else put into the queue has a record from its start on
from celery import Celery
other = Celery(broker=tasks.celery.conf.broker_write_url)
other.conf.task_default_queue_type = "quorum"  # where it is RabbitMQ
task_id = other.send_task("longtask", (4, 0)).id
for _ in range(100):
    if (tasks.celery.ledger.task(task_id) or {}).get("state") == "SUCCESS":
        break
    time.sleep(0.1)
assert tasks.celery.ledger.task(task_id)["result"] == "8", tasks.celery.ledger.task(task_id)
"""
    env = cluster.env | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr


def test_a_worker_that_joins_late_takes_its_share(start):
    # Given one busy worker and three tasks behind
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        long, *others = [api.submit(seconds=seconds) for seconds in (60, 1, 1, 1)]
        until(lambda: api.status(long)["state"] == "PROGRESS", what="the first to run")
        # When a second worker joins
        cluster.add_worker()
        # I expect it to run all of these: nothing was hoarded by the first
        assert [api.ended(task_id)["worker"].split("@")[0] for task_id in others] == ["worker2"] * 3
        api.post(f"/cancel/{long}")


def test_progress_is_what_the_task_wrote(api):
    task_id = api.submit(seconds=3)
    seen = set()

    def ended():
        status = api.status(task_id)
        if status["progress"]:
            seen.add(status["progress"]["percent"])
        return status["finished_at"]

    until(ended, what="the task to end")
    assert len(seen) >= 4 and seen <= {17, 33, 50, 67, 83, 100}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_20_000_submits_cost_a_web_process_little_memory(start):
    # Given web processes that are warm
    cluster = start(workers=0)
    with Api(cluster.url) as api:

        def round_of(count):
            for number in range(count):
                api.submit(x=number)

        def memory():
            return max(process.memory_info().rss for process in cluster.web.process.children())

        round_of(3_000)
        before = memory()
        round_of(20_000)
        # I expect far less than the 380 KB per 1,000 submits of a subscription for each
        assert memory() - before < 2**20
        assert psutil.Process(cluster.web.pid).is_running()
