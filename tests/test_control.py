"""A worker is steered by its control key alone: it pauses, reloads, stops, and says that its clock is wrong."""

import json
import subprocess

import pytest
from parts import Api, need, until

from classroom.drill.faults import set_clock
from classroom.local.cluster import ROOT
from classroom.local.supervise import Supervisor
from classroom.worker.control import TOLD_TO_STOP


def tell(cluster, worker, order):
    """Run ./lab tell against this cluster; returns its exit code and what it printed."""
    env = cluster.env | {"LAB_URL": cluster.url}
    done = subprocess.run([ROOT / "lab", "tell", worker, order], env=env, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def worker_of(api, name="worker1"):
    """What /workers says of a worker, None where it is not there."""
    return next((one for one in api.workers() if one["name"].startswith(name)), None)


def test_a_paused_worker_takes_nothing_until_it_is_told_to_run(start):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        # Given a worker with a task in hand, told to pause
        running = api.running(seconds=4)
        assert tell(cluster, "worker1", "pause")[0] == 0
        until(lambda: (seen := worker_of(api)) and seen["paused"], 5, "the pause")
        # I expect it to finish that one, and to leave others in the queue
        waiting = [api.submit(x=x) for x in range(3)]
        assert api.ended(running)["state"] == "SUCCESS"
        status = api.status(waiting[0])
        assert (status["state"], status["attempt"]) == ("PENDING", 0)
        assert "every worker is paused" in status["status"] and "run" in status["status"]
        # and to stay paused when the broker was away
        cluster.broker.kill()
        cluster.broker.start()
        until(lambda: (seen := worker_of(api)) and seen["last_seen_s"] < 2 and seen["paused"], 20, "its return")
        # When it is told to run, I expect it to take all of them, once each
        tell(cluster, "worker1", "run")
        assert [(api.ended(id)["result"], api.status(id)["attempt"]) for id in waiting] == [(0, 1), (2, 1), (4, 1)]
        until(lambda: (seen := worker_of(api)) and not seen["paused"], 5, "it to say so")


def test_a_worker_that_reloads_finishes_what_runs_and_is_the_same_process_with_new_code(start):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.running(seconds=4)
        pid, worker = cluster.workers[0].pid, cluster.workers[0]
        tell(cluster, "worker1", "reload")
        assert (api.ended(task_id)["state"], api.status(task_id)["attempt"]) == ("SUCCESS", 1)
        log = worker.log.read_text
        until(lambda: log().count(" ready.") == 2, what="it to start again")
        assert worker.alive and worker.pid == pid
        assert api.ended(api.submit())["result"] == 20
        assert log().count(" ready.") == 2, "told once, it reloads once"


def test_a_worker_that_is_told_to_stop_while_it_finishes_before_a_reload_stops(start):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.running(seconds=4)
        assert tell(cluster, "worker1", "reload")[0] == 0
        until(lambda: cluster.workers[0].said("told to reload"), what="it to hear of it")
        assert tell(cluster, "worker1", "stop")[0] == 0
        assert (api.ended(task_id)["state"], api.status(task_id)["attempt"]) == ("SUCCESS", 1)
        until(lambda: not cluster.workers[0].alive, what="it to stop")
        assert cluster.workers[0].process.wait(5) == TOLD_TO_STOP


def test_a_worker_that_is_told_to_stop_stays_away(start):
    cluster = start(workers=2)
    supervisor = Supervisor(cluster)
    with Api(cluster.url) as api:
        assert tell(cluster, "worker2", "stop") == (0, f"{worker_of(api, 'worker2')['name']} is told to stop.\n")
        said = []
        until(lambda: said.extend(supervisor.look()) or not cluster.workers[1].alive, what="it to stop")
        assert cluster.workers[1].process.poll() == TOLD_TO_STOP
        said += supervisor.look() + supervisor.look()
        assert said == ["worker2 was told to stop."]
        assert worker_of(api, "worker2") is None and worker_of(api, "worker1")
        # but another of that name may be started by hand
        cluster.workers[1].start()
        until(lambda: worker_of(api, "worker2"), what="its start")
        assert api.ended(api.submit())["result"] == 20


def test_a_worker_that_is_away_can_be_told_to_run_for_its_return(cluster):
    # Given a paused worker that is not heard any more
    step, key = cluster.ledger.step, "lab:worker:away@lab"
    step("alive", "away@lab", json.dumps({"name": "away@lab"}), "")
    assert step("told", "away@lab", "pause") == 1
    cluster.ledger.redis.delete(key)
    # When it is told to run, I expect it to be called away, and not to be paused when it returns
    assert step("told", "away@lab", "run") == 0
    assert "pause" not in step("alive", "away@lab", json.dumps({"name": "away@lab"}), "")
    step("gone", "away@lab", "")


def test_an_unknown_worker_is_a_sentence_with_those_there_are(cluster):
    code, said = tell(cluster, "worker9", "pause")
    assert code == 1 and "There is no worker worker9" in said and "worker1@" in said


@pytest.mark.slow
@pytest.mark.parametrize("offset", [7200, -7200])
def test_a_wrong_clock_is_a_warning_and_changes_nothing(start, offset):
    need("faketime", "faketime")
    cluster = start(workers=1)
    worker = cluster.make_worker("worker2")
    set_clock(worker, offset)
    cluster.workers.append(worker)
    cluster.wait_worker(worker.start())
    with Api(cluster.url) as api:
        until(
            lambda: (seen := worker_of(api, "worker2")) and abs(seen["clock_ahead_s"]) > 7000,
            what="the offset to be seen",
        )
        until(lambda: worker.said("this machine's clock is 7200 s"), what="the warning")
        until(lambda: (seen := worker_of(api)) and abs(seen["clock_ahead_s"]) < 2, what="the other's to be right")
        # Given a task on the worker with the right clock, longer than a lease
        tell(cluster, "worker2", "pause")
        until(lambda: (seen := worker_of(api, "worker2")) and seen["paused"], what="the pause")
        long = api.running(seconds=15)
        tell(cluster, "worker2", "run")
        until(lambda: (seen := worker_of(api, "worker2")) and not seen["paused"], what="it to go on")
        # I expect tasks on the other to run once, and the long one to stay where it is
        short = [api.submit(x=x, seconds=0.2) for x in range(10)]
        ended = [api.ended(task_id) for task_id in [long, *short]]
        assert [(one["state"], one["attempt"]) for one in ended] == [("SUCCESS", 1)] * 11
        assert any(one["worker"].startswith("worker2") for one in ended)
        # and a task of theirs that is cut off to come back as any other
        cut = api.submit(seconds=6)
        name = until(lambda: api.status(cut)["progress"] and api.status(cut)["worker"], what="it to run")
        next(one for one in cluster.workers if name.startswith(one.name)).kill()
        assert api.ended(cut)["attempt"] == 2
