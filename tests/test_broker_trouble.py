"""The broker is refused, hung or black-holed: everyone is told within bounds, and nothing needs a human after."""

import socket
import time
from contextlib import contextmanager

import pytest
from parts import Api, put_all_first, until

from classroom.local import ports
from classroom.local.broker import answers


@contextmanager
def refused(cluster):
    """The broker is killed: its port refuses."""
    cluster.broker.kill()
    yield
    cluster.broker.start()
    cluster.broker.wait_ready(lambda: answers(cluster.broker_url))


@contextmanager
def hung(cluster):
    """The broker is frozen: it takes connections and never answers."""
    cluster.broker.freeze()
    yield
    cluster.broker.thaw()


@pytest.mark.parametrize("trouble", [refused, hung])
def test_every_request_is_answered_within_1_s_while_the_broker_is_away(start, trouble):
    cluster = start(workers=1)
    put_all_first(cluster)
    with Api(cluster.url) as api:
        known = api.submit()
        api.ended(known)
        with trouble(cluster):
            for method, path in [*REQUESTS, ("GET", f"/status/{known}?wait=20")]:
                refusal(api, method, path)
            # Nothing of the page needs the broker
            assert api.get("/").status_code == 200
        # When it is back, I expect the web server and the worker to find it by themselves
        task_id = until(lambda: accepted(api), 10, "a task to be accepted again")
        assert api.ended(task_id)["result"] == 20


def test_every_request_is_answered_within_1_s_when_the_broker_is_a_black_hole(start):
    # Given a port whose listener takes no more connections: packets to it vanish, nothing answers
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
            fillers.append(filler)
        url = f"redis://127.0.0.1:{hole.getsockname()[1]}/0"
        put_all_first(cluster := start(workers=0, broker_url=url))
        with Api(cluster.url) as api:
            for method, path in REQUESTS:
                refusal(api, method, path)
        for filler in fillers:
            filler.close()


REQUESTS = [
    ("POST", "/longtask"),
    ("GET", "/status/123"),
    ("GET", "/status/123?wait=20"),
    ("POST", "/cancel/123"),
    ("GET", "/workers"),
    ("GET", "/healthz"),
]


def refusal(api, method, path):
    """The answer is a 503 that says what is wrong and when to try again, and comes in time."""
    before = time.monotonic()
    answer = api.request(method, path)
    seconds = time.monotonic() - before
    assert answer.status_code == 503, (path, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.headers["Retry-After"] == "2"
    assert "broker" in answer.json()["detail"] and "@" not in answer.json()["detail"]
    assert seconds < 1, f"{method} {path} took {seconds:.1f} s"


def accepted(api):
    """The id of a task that is sent now, or None when it is refused."""
    answer = api.post("/longtask", json={"x": 10, "seconds": 0})
    return answer.json().get("task_id")


def test_web_and_worker_start_before_the_broker_and_find_it(start, tmp_path):
    # Given a broker that is only planned, and a web server and a worker that start now
    later = start(workers=0)
    later.stop()
    cluster = start(workers=0, broker_url=later.broker_url)
    worker = cluster.make_worker("early").start()
    cluster.workers.append(worker)
    with Api(cluster.url) as api:
        assert api.get("/healthz").status_code == 503
        until(lambda: worker.log.read_text().count("Trying again") > 5, what="the worker to look for it in vain")
        # When the broker comes
        put_all_first(cluster)
        later.start_broker()
        put_all_first(later)
        # I expect both to find it
        began = time.monotonic()
        task_id = until(lambda: accepted(api), 5, "a task to be accepted")
        assert api.ended(task_id)["worker"].startswith("early@")
        print(f"the first task ended {time.monotonic() - began:.1f} s after the broker came")
        assert time.monotonic() - began < 4, "the longer a broker is away, the later Celery's own worker is back"


def test_a_full_queue_answers_429(start):
    with Api(start(workers=0, env={"MAX_WAITING": "3"}).url) as api:
        waiting = [api.submit() for _ in range(3)]
        answer = api.post("/longtask", json={})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
        assert "3 tasks are waiting already" in answer.json()["detail"]
        # and when one leaves the queue there is room again
        assert api.post(f"/cancel/{waiting[0]}").status_code == 202
        api.submit()


def test_a_result_is_stored_when_the_broker_is_back(start):
    # Given a task that ends while the broker is away
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=2)
        until(lambda: api.status(task_id)["progress"], what="the task to run")
        cluster.broker.kill()
        time.sleep(3)  # the task's end falls into this time
        cluster.broker.start()
        until(lambda: api.get("/healthz").status_code == 200, what="the broker to be back")
        # I expect its result, not a failure
        assert api.ended(task_id)["result"] == 20


def test_a_request_that_timed_out_is_one_task_when_it_is_sent_again_with_its_key(start):
    cluster = start(workers=1)
    body = {"json": {"x": 21, "seconds": 0}, "headers": {"Idempotency-Key": "mine"}}
    with Api(cluster.url) as api:
        # Given requests that got no answer in time
        cluster.broker.freeze()
        assert {api.post("/longtask", **body).status_code for _ in range(3)} == {503}
        cluster.broker.thaw()
        # When they are sent again, I expect one task
        until(lambda: api.get("/healthz").status_code == 200, what="the broker to be back")
        ids = {api.post("/longtask", **body).json()["task_id"] for _ in range(3)}
        assert [api.ended(task_id)["result"] for task_id in ids] == [42]
        ran = [step for _, step in cluster.ledger.redis.xrange("lab:steps") if step["step"] == "started"]
        assert len(ran) == 1


def test_a_port_that_is_free_is_found():
    port = ports.any_free()
    with socket.create_server(("127.0.0.1", port)):
        assert not ports.is_free(port)
        assert ports.first_free(port) > port


def test_what_is_recorded_is_accepted_though_it_could_not_be_sent(start):
    # Given a broker beside the ledger's Redis, and the broker dies
    broker = start(workers=0)
    ledger = start(workers=0)
    cluster = start(workers=1, broker_url=broker.broker_url, results=ledger.broker_url)
    with Api(cluster.url) as api:
        assert api.ended(api.submit())["result"] == 20
        broker.broker.kill()
        before = time.monotonic()
        task_id = api.submit(x=4)
        print(f"accepted after {time.monotonic() - before:.2f} s")
        assert api.status(task_id)["state"] == "PENDING"
        # When the broker is back, I expect the task to be sent and run
        broker.broker.start()
        ended = until(lambda: (seen := api.status(task_id))["finished_at"] and seen, 40, "the task to end")
        assert ended["result"] == 8
