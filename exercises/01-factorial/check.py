"""Checks the factorial: each docstring is a promise about your program."""

import math
import sys
import time

import pytest

sys.set_int_max_str_digits(50_000)


@pytest.mark.parametrize("number", [0, 1, 5, 20, 1559, 5000])
def test_right(api, number):
    """The factorial is right, as text, with its number of digits."""
    # Given a number, when a worker has worked it out
    result = finished(api, number)["result"]
    # I expect the same digits that Python's own factorial has
    expected = str(math.factorial(number))
    assert result == {"factorial": expected, "digits": len(expected)}


def test_answers_at_once(api):
    """POST /factorial answers 202 with an id before the work is done."""
    before = time.monotonic()
    answer = api.post("/factorial", json={"number": 10_000})
    assert answer.status_code == 202
    assert "task_id" in answer.json()
    assert time.monotonic() - before < 1


def test_done_by_a_worker(api):
    """The work is done by a worker, not by the web server."""
    status = finished(api, 5)
    workers = {worker["name"] for worker in api.get("/workers").json()["workers"]}
    assert status["worker"] in workers


@pytest.mark.parametrize("wrong", [-1, 2.5, "5", True, None, [5], 10_001])
def test_refuses(api, wrong):
    """What has no factorial here is refused with 422."""
    assert api.post("/factorial", json={"number": wrong}).status_code == 422


@pytest.mark.parametrize("body", [{}, [5], 5])
def test_refuses_absent(api, body):
    """A request without a number is refused with 422."""
    assert api.post("/factorial", json=body).status_code == 422


def finished(api, number):
    """The status of the factorial of this number, once it has succeeded."""
    answer = api.post("/factorial", json={"number": number})
    assert answer.status_code == 202, answer.text
    status = api.get(f"/status/{answer.json()['task_id']}?wait=20").json()
    assert status["state"] == "SUCCESS", status["status"]
    return status
