"""The HTTP API on a running cluster: what is accepted, what is answered."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from parts import until

from classroom.code import versions


def test_a_task_is_accepted_at_once_and_its_result_follows(api):
    # When I send a task
    before = time.monotonic()
    answer = api.post("/longtask", json={"x": 10, "seconds": 1, "label": "Ana"})
    # I expect its id before it is done
    assert answer.status_code == 202
    assert time.monotonic() - before < 0.9
    said = answer.json()
    assert said["state"] == "PENDING"
    assert answer.headers["Location"] == said["status_url"] == f"/status/{said['task_id']}"
    # and later its result, with who did it and when
    status = api.ended(said["task_id"])
    assert (status["state"], status["result"], status["label"]) == ("SUCCESS", 20, "Ana")
    assert status["progress"] == {"current": 2, "total": 2, "percent": 100}
    assert status["worker"].split("@")[0] in ("worker1", "worker2")
    assert status["submitted_at"] <= status["started_at"] <= status["finished_at"]
    assert status["finished_at"].endswith("Z")


def test_defaults_fill_what_is_missing(api):
    for options in ({}, {"data": b""}, {"data": b"", "headers": {"Content-Type": "text/plain"}}, {"json": {}}):
        answer = api.post("/longtask", **options)
        assert answer.status_code == 202, (options, answer.text)
        api.post(f"/cancel/{answer.json()['task_id']}")


def test_whole_numbers_are_accepted_however_they_are_written(api):
    for words, result in (("10.0", 20), ("1e2", 200), ("-3", -6), ("1000000000", 2_000_000_000), ("0", 0)):
        answer = api.post(
            "/longtask", data=f'{{"x": {words}, "seconds": 0}}', headers={"Content-Type": "application/json"}
        )
        assert api.ended(answer.json()["task_id"])["result"] == result


def test_an_idempotency_key_makes_two_requests_one_task(api):
    headers = {"Idempotency-Key": f"key {uuid.uuid4()}"}
    # When the same request comes twice with one key, and from many at once
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: api.post("/longtask", json={"x": 1, "seconds": 0}, headers=headers), range(8))
        )
    # I expect one task
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert api.ended(answers[0].json()["task_id"])["attempt"] == 1
    # and another body under the same key refused
    other = api.post("/longtask", json={"x": 2}, headers=headers)
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    for wrong in ("", "k" * 201, "a\tb", "é"):
        assert api.post("/longtask", json={}, headers={"Idempotency-Key": wrong}).status_code == 422


def test_wait_holds_the_answer_until_the_task_ends(api):
    task_id = api.submit(seconds=2)
    assert api.status(task_id, wait=20)["state"] == "SUCCESS"
    # and gives up when time is up
    task_id = api.submit(seconds=20)
    before = time.monotonic()
    assert api.status(task_id, wait=1)["finished_at"] is None
    assert 0.9 < time.monotonic() - before < 5
    api.post(f"/cancel/{task_id}")
    for wrong in ("-1", "31", "soon", "nan", "1e999", "1_0", "٣", ""):
        answer = api.get(f"/status/{task_id}?wait={wrong}")
        assert (answer.status_code, answer.json()["field"]) == (422, "wait")


def test_a_hundred_held_waits_leave_the_server_answering(api):
    task_id = api.submit(seconds=8)
    with ThreadPoolExecutor(100) as pool:
        held = [pool.submit(api.get, f"/status/{task_id}?wait=5") for _ in range(100)]
        until(lambda: sum(answer.done() for answer in held) > 80, what="the answers that are not held")
        before = time.monotonic()
        assert api.get("/healthz").status_code == 200
        assert time.monotonic() - before < 0.5
        assert {answer.result().status_code for answer in held} == {200}
    api.post(f"/cancel/{task_id}")


def test_a_running_task_is_cancelled_at_its_next_step(api):
    task_id = api.submit(seconds=60)
    until(lambda: api.status(task_id)["state"] == "PROGRESS", what="the task to run")
    assert api.post(f"/cancel/{task_id}").status_code == 202
    status = until(lambda: (seen := api.status(task_id))["state"] == "REVOKED" and seen, 3, "the task to stop")
    assert status["status"].startswith("Cancelled at 20")
    # and a second time it has ended already
    again = api.post(f"/cancel/{task_id}")
    assert (again.status_code, again.headers["Content-Type"]) == (409, "application/problem+json")


def test_cancelling_what_never_was_is_404(api):
    assert api.post(f"/cancel/{uuid.uuid4()}").status_code == 404


def test_workers_are_listed_in_milliseconds(api):
    task_id = api.submit(seconds=3)
    busy = until(lambda: [w for w in api.workers() if task_id in w["running"]], 5, "it to run")
    assert len(busy) == 1
    before = time.monotonic()
    workers = api.workers()
    assert time.monotonic() - before < 0.3
    assert sorted(worker["name"].split("@")[0] for worker in workers) == ["worker1", "worker2"]
    for worker in workers:
        assert worker["name"].endswith("@" + worker["host"])
        assert (worker["concurrency"], worker["old_code"]) == (1, False)
        assert 0 <= worker["last_seen_s"] < 6
        assert len(worker["code"]) == 8


def test_health(api):
    assert api.get("/healthz").json() == {"status": "ok", "broker": "up", "workers": 2, "versions": versions()}


def test_the_root_greets_curl_with_text_and_a_browser_with_a_page(api):
    text = api.get("/", headers={"Accept": "*/*"})
    assert text.headers["Content-Type"].startswith("text/plain")
    assert f"curl -X POST {api.url}/longtask" in text.text
    page = api.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<title>Classroom cluster</title>" in page.text
    assert "//" not in page.text.replace("// ", "").replace("${location.origin}", "").split("<script>")[0]


def test_openapi_document_is_served(api):
    assert json.loads(api.get("/openapi.json").text)["openapi"].startswith("3.")
