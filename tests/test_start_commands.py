"""The commands of the course's notes start with no flags; workers have names of their own."""

import os
import subprocess
import sys

import pytest
from parts import Api, alone, need, until

from classroom.local import ports
from classroom.local.cluster import NAMES, ROOT
from classroom.local.process import Process

BIN = os.path.dirname(sys.executable)


@pytest.fixture
def run(tmp_path):
    """Start one command as a student would, in the project's folder; ended with the test."""
    started = []

    def run(*command, **env):
        clean = {key: value for key, value in os.environ.items() if key not in NAMES}
        program = [os.path.join(BIN, command[0]), *command[1:]]
        process = Process(f"run{len(started)}", program, tmp_path / f"{len(started)}.log", clean | env, ROOT)
        started.append(process.start())
        return process

    yield run
    for process in started:
        process.kill()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker alone."""
    from classroom.local.cluster import LocalCluster

    cluster = LocalCluster(tmp_path_factory.mktemp("broker"), workers=0)
    cluster.start_broker()
    yield cluster
    cluster.stop()


@pytest.mark.parametrize(
    "command",
    ["python app.py", "flask run", "gunicorn app:app"],
)
@pytest.mark.parametrize("worker", ["celery -A app.celery worker --loglevel=info", "celery -A tasks worker"])
@pytest.mark.parametrize("variable", ["BROKER_URL", pytest.param("CELERY_BROKER_URL", marks=pytest.mark.slow)])
def test_the_web_server_and_the_worker_start_with_no_flags(run, broker, command, worker, variable):
    port = ports.any_free()
    env = {variable: broker.broker_url, "PORT": str(port), "FLASK_RUN_PORT": str(port)}
    if command.startswith("gunicorn"):
        env["GUNICORN_CMD_ARGS"] = f"-b 127.0.0.1:{port}"
    run(*worker.split(), **env)
    run(*command.split(), **env)
    with Api(f"http://127.0.0.1:{port}") as api:
        task_id = until(lambda: listening(api) and api.submit(), 20, "the web server to answer")
        status = api.ended(task_id)
        assert status["result"] == 20 and status["worker"].startswith("worker-")


def listening(api):
    """Whether the web server answers."""
    try:
        return api.get("/healthz").status_code == 200
    except OSError:
        return False


@pytest.fixture
def default_port():
    """The port where everybody looks who names none, for this test alone."""
    with alone("localhost:6379"):
        yield


@pytest.mark.slow
def test_localhost_6379_is_the_default(default_port, run, tmp_path):
    # Given Debian's Redis on its own port, and nothing in the environment
    if not ports.is_free(6379):
        pytest.skip("port 6379 is taken on this machine")
    run(need("redis-server", "redis-server"), "--port", "6379", "--save", "", "--dir", str(tmp_path))
    nothing = {"LAB_DIR": str(tmp_path / "none")}
    run("celery", "-A", "app.celery", "worker", "--loglevel=info", **nothing)
    run("flask", "run", "--port", str(port := ports.any_free()), **nothing)
    with Api(f"http://127.0.0.1:{port}") as api:
        until(lambda: listening(api), 20, "the web server to answer")
        assert api.ended(api.submit())["result"] == 20


def test_workers_have_unique_names_and_a_name_given_by_hand_wins(run, broker):
    env = {"BROKER_URL": broker.broker_url}
    each = ([], [], ["-n", "celery@%h"], ["--hostname=ana@lab-03"])
    workers = [run("celery", "-A", "tasks", "worker", "-l", "info", *options, **env) for options in each]

    def ready(worker):
        words = worker.log.read_text().split()
        return "ready." in words and words[words.index("ready.") - 1]

    names = [until(lambda worker=worker: ready(worker), 20, "the worker to be ready") for worker in workers]
    assert names[0] != names[1] and names[0].startswith("worker-") and names[1].startswith("worker-")
    assert names[2].startswith("celery@") and names[3] == "ana@lab-03"
    listed = until(lambda: (seen := {w["name"] for w in broker.ledger.workers()}) >= set(names) and seen, 5, "all four")
    assert len(listed) >= 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("worker --without-heartbeat", "without --without-heartbeat"),
        ("worker --pool=solo", "--pool=prefork"),
    ],
)
def test_a_worker_that_cannot_tell_its_life_stops_with_a_sentence(run, broker, options, words):
    worker = run("celery", "-A", "tasks", *options.split(), BROKER_URL=broker.broker_url)
    until(lambda: not worker.alive, 20, "the worker to stop")
    assert worker.process.poll() == 1
    assert words in worker.last_words(1) and "Traceback" not in worker.last_words(50)


@pytest.mark.parametrize("command", ["celery -A tasks worker", "gunicorn app:app", "python app.py"])
def test_another_broker_without_a_redis_for_results_is_refused_with_a_sentence(run, command):
    process = run(*command.split(), BROKER_URL="amqp://guest:secret@127.0.0.1:1//")
    until(lambda: not process.alive, 20, "the command to stop")
    assert process.process.poll() == 1
    said = process.last_words(50)
    assert "RESULT_BACKEND=redis://" in said and "secret" not in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("command", "name"),
    [("python app.py", "PORT"), ("celery -A tasks worker", "MAX_WAITING"), ("gunicorn app:app", "WEB_THREADS")],
)
def test_a_setting_that_is_no_number_is_refused_with_a_sentence(run, broker, command, name):
    process = run(*command.split(), **{"BROKER_URL": broker.broker_url, name: "many"})
    until(lambda: not process.alive, 20, "the command to stop")
    said = process.last_words(50)
    assert process.process.poll() == 1
    assert f"{name} should be a whole number" in said and "'many'" in said and "Traceback" not in said


def test_celerys_own_variables_win(run, broker):
    env = {"BROKER_URL": "redis://127.0.0.1:1/0", "CELERY_BROKER_URL": broker.broker_url}
    env |= {"RESULT_BACKEND": "redis://127.0.0.1:1/0", "CELERY_RESULT_BACKEND": broker.broker_url}
    run("celery", "-A", "tasks", "worker", "-n", "wins@%h", **env)
    until(lambda: any(w["name"].startswith("wins@") for w in broker.ledger.workers()), 20, "the worker to be listed")


def test_importing_the_app_leaves_the_environment_alone():
    # or what it starts would look for the broker where this process does
    words = "import os; before = dict(os.environ); import app; assert os.environ == before"
    subprocess.run([sys.executable, "-c", words], cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("pool", ["threads"])
def test_the_threads_pool_works_too(run, broker, pool):
    port = ports.any_free()
    env = {"BROKER_URL": broker.broker_url, "PORT": str(port)}
    run("celery", "-A", "tasks", "worker", "--pool", pool, "-n", "threads@%h", **env)
    run("python", "app.py", **env)
    with Api(f"http://127.0.0.1:{port}") as api:
        until(lambda: listening(api), 20, "the web server to answer")
        assert api.ended(api.submit(seconds=1))["state"] == "SUCCESS"
