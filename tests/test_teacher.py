"""The teacher's actions over HTTP need a token; pages tell the browser what they may do."""

import subprocess

import pytest
from parts import Api, given, until

from classroom.local.cluster import ROOT
from classroom.local.credentials import Credentials

ACTIONS = ["/teacher/cancel", "/teacher/purge", "/teacher/workers/worker1@x/pause"]


@pytest.fixture
def teacher(start):
    """A cluster with one worker, and its teacher's client."""
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        api.cluster = cluster
        api.headers["Authorization"] = f"Bearer {Credentials(cluster.folder).token}"
        yield api


@pytest.mark.parametrize("path", ACTIONS)
@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dGVhY2hlcjp4", "Bearer é"])
def test_without_the_token_nothing_is_done(api, path, given):
    headers = {} if given is None else {"Authorization": given.encode()}
    answer = api.post(path, headers=headers)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    assert "./lab token" in answer.json()["detail"]
    assert not any(worker["paused"] for worker in api.workers())


def test_cancel_all_stops_what_runs_and_what_waits(teacher):
    tasks = [teacher.submit(seconds=60) for _ in range(4)]
    until(lambda: teacher.status(tasks[0])["progress"], what="the first to run")
    answer = teacher.post("/teacher/cancel")
    assert (answer.status_code, answer.json()) == (202, {"cancelled": 4})
    assert [teacher.ended(task_id)["state"] for task_id in tasks] == ["REVOKED"] * 4
    assert teacher.ended(teacher.submit())["result"] == 20


def test_purge_empties_the_queue_and_lets_run_what_runs(teacher):
    tasks = [teacher.submit(seconds=8) for _ in range(4)]
    until(lambda: teacher.status(tasks[0])["progress"], what="the first to run")
    assert teacher.post("/teacher/purge").json() == {"cancelled": 3}
    assert teacher.cluster.ledger.redis.llen("celery") == 0
    assert [teacher.ended(task_id)["state"] for task_id in tasks] == ["SUCCESS", "REVOKED", "REVOKED", "REVOKED"]


@pytest.mark.parametrize("path", ["/teacher/purge", "/teacher/cancel"])
def test_what_comes_after_tasks_that_waited_in_the_emptied_queue_ends_too(start, path):
    # Given a chain and a chord, and nobody who works
    cluster = start(workers=0, env=given("chords"))
    with Api(cluster.url) as api:
        later = [id for kind in ("chain", "chord") for id in api.post(f"/after/{kind}/quick").json()[1:]]
        # When the teacher cancels all that waits
        token = {"Authorization": f"Bearer {Credentials(cluster.folder).token}"}
        assert api.post(path, headers=token).json() == {"cancelled": 3}
        # I expect what comes after it to have failed, without a worker
        ended = [api.status(task_id) for task_id in later]
        assert [status["state"] for status in ended] == ["FAILURE"] * 4, ended
        assert all("'quick' before it was cancelled" in status["error"]["message"] for status in ended)


def test_a_worker_is_paused_and_goes_on(teacher):
    name = teacher.workers()[0]["name"]
    assert teacher.post(f"/teacher/workers/{name}/pause").status_code == 202
    until(lambda: teacher.workers()[0]["paused"], 5, "the pause")
    assert teacher.post(f"/teacher/workers/{name}/run").status_code == 202
    assert teacher.ended(teacher.submit())["result"] == 20
    assert teacher.post(f"/teacher/workers/{name}/dance").status_code == 422
    assert teacher.post("/teacher/workers/nobody@lab/pause").status_code == 404


def test_the_token_is_printed_for_the_teacher_alone(teacher):
    said = "".join(teacher.get(path).text for path in ("/", "/workers", "/healthz", "/openapi.json"))
    assert (
        Credentials(teacher.cluster.folder).token not in said and Credentials(teacher.cluster.folder).code not in said
    )
    done = subprocess.run([ROOT / "lab", "token"], env=teacher.cluster.env | {"LAB_DIR": "/nonexistent"},
                          capture_output=True, text=True, timeout=30)  # fmt: skip
    assert done.returncode == 1 and "No cluster is running" in done.stderr


def test_every_answer_has_the_security_headers(api):
    for path in ("/", "/page/main.js", "/status/x", "/workers", "/live", "/openapi.json", "/nothing"):
        headers = api.get(path, headers={"Accept": "text/html"}).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in str(headers)
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
