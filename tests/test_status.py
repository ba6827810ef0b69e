"""The status never lies: each row of the table of situations."""

import json
import uuid

from parts import Api, given, until


def test_no_worker_is_listening(start):
    with Api(start(workers=0).url) as api:
        status = api.status(api.submit())
    assert status["state"] == "PENDING"
    assert "no worker is listening" in status["status"] and "./lab worker" in status["status"]


def test_waiting_behind_others_and_running_and_done(start):
    # Given one worker that is busy, and three tasks in the queue
    with Api(start(workers=1).url) as api:
        first = api.submit(seconds=30)
        until(lambda: api.status(first)["state"] == "PROGRESS", what="the first task to run")
        waiting = [api.submit() for _ in range(3)]
        # I expect each to know its place
        for ahead, task_id in enumerate(waiting):
            status = api.status(task_id)
            assert status["state"] == "PENDING" and status["worker"] is None and status["started_at"] is None
            noun = "task" if ahead == 1 else "tasks"
            assert status["status"] == f"Waiting: {ahead} {noun} ahead, 1 of 1 worker busy."
        # and the first to say where it runs, for how long and how far
        running = api.status(first)
        assert running["status"].startswith(f"Running on {running['worker']} for ")
        assert f"{running['progress']['percent']} % done" in running["status"]
        assert 0 < running["progress"]["percent"] <= 100 and running["result"] is None
        api.post(f"/cancel/{first}")
        assert api.ended(waiting[-1])["status"].startswith("Done by worker1@")


def test_a_cancelled_task_never_runs_also_when_no_worker_was_there(start):
    cluster = start(workers=0)
    with Api(cluster.url) as api:
        cancelled, other = api.submit(label="cancelled"), api.submit(label="other")
        assert api.post(f"/cancel/{cancelled}").json()["state"] == "REVOKED"
        assert api.status(other)["status"].startswith("Waiting: no worker")
        cluster.add_worker()
        assert api.ended(other)["state"] == "SUCCESS"
        status = api.status(cancelled)
        assert (status["state"], status["started_at"], status["attempt"]) == ("REVOKED", None, 0)
        assert "Cancelled at" in status["status"]


def test_a_failed_task_tells_type_and_message(start):
    with Api(start(workers=1, env=given("failing")).url) as api:
        failed = api.ended(api.post("/run/failing").json()["task_id"])
        assert failed["state"] == "FAILURE" and failed["result"] is None
        assert failed["error"] == {"type": "ValueError", "message": "seven is <b>not</b> eight"}
        assert failed["status"] == "Failed: ValueError: seven is <b>not</b> eight"
        # I expect the ledger to know the end of a task also when Celery stores none
        assert api.ended(api.post("/run/quiet").json()["task_id"])["result"] == 7
        # and a result that JSON cannot hold to be a failure that says so
        huge = api.ended(api.post("/run/huge").json()["task_id"])
        assert huge["state"] == "FAILURE" and "4300 digits" in huge["error"]["message"]
        # and what it says of itself, however strange, to be an answer that any JSON parser reads
        strange = api.ended(api.post("/run/strange").json()["task_id"])
        assert (strange["progress"], strange["result"]) == (None, "NaN")


def test_a_killed_worker_is_named_with_the_time_since(start):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=60)
        worker = until(lambda: api.status(task_id)["worker"], what="the task to run")
        # When its worker dies
        cluster.workers[0].kill()
        # I expect the status to say so, within 10 s, and /workers to drop it
        words = f"{worker} stopped answering"
        status = until(
            lambda: (seen := api.status(task_id))["status"].startswith(words) and seen, 10, "the loss to show"
        )
        assert "s ago, while running this" in status["status"]
        assert api.get("/workers").json() == {"workers": []}


def test_a_killed_worker_process_runs_the_task_again(start):
    # Given a running task, when the process that runs it is killed but its worker lives
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=3)
        until(lambda: api.status(task_id)["state"] == "PROGRESS", what="the task to run")
        (child,) = cluster.workers[0].process.children()
        child.kill()
        # I expect it to run again, to its end
        status = api.ended(task_id)
        assert (status["state"], status["result"], status["attempt"]) == ("SUCCESS", 20, 2)


def test_an_id_never_given_out_is_404_also_after_a_restart_of_everything(start, tmp_path):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        known = api.submit()
        api.ended(known)
        queued = api.submit(seconds=0)
        for _ in range(12):  # several web processes answer
            assert api.get(f"/status/{uuid.uuid4()}").status_code == 404
            assert api.get(f"/status/{known}").status_code == 200
        cluster.stop()
        cluster.start()
        assert api.get(f"/status/{uuid.uuid4()}").status_code == 404
        assert api.status(known)["result"] == 20
        assert api.ended(queued)["state"] == "SUCCESS"


SAID = {"tasks": [], "paused": False, "clock_ahead_s": 0}


def test_a_worker_on_other_code_is_marked(cluster, api):
    # Given the heartbeat of a worker that runs other code
    about = {"name": "old@lab", "host": "lab", "concurrency": 1, "code": "01234567"} | SAID
    cluster.ledger.step("alive", "old@lab", json.dumps(about), about["code"])
    # I expect it alone to be marked
    old = {worker["name"].split("@")[0]: worker["old_code"] for worker in api.workers()}
    assert old == {"old": True, "worker1": False, "worker2": False}
    cluster.ledger.step("gone", "old@lab")


def test_workers_appear_within_3_s_and_leave_within_10(start):
    cluster = start(workers=0)
    with Api(cluster.url) as api:
        worker = cluster.make_worker("worker1").start()
        cluster.workers.append(worker)
        cluster.wait_worker(worker)
        until(lambda: len(api.workers()) == 1, 3, "the worker to be listed")
        worker.kill()
        until(lambda: not api.workers(), 10, "the killed worker to be dropped")
