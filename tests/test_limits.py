"""Cancel by force, and time limits: a task that does not stop by itself is stopped, and its slot is free."""

import pytest
from parts import Api, given, until

from classroom.local.cluster import LocalCluster


@pytest.fixture(scope="module")
def stubborn(tmp_path_factory):
    """A cluster of one worker with tasks that never look up."""
    folder = tmp_path_factory.mktemp("stubborn")
    with LocalCluster(folder, workers=1, env=given("stubborn")) as cluster, Api(cluster.url) as api:
        yield api


def test_a_cancelled_task_that_does_not_stop_is_stopped_by_force(stubborn):
    task_id = stubborn.post("/run/deaf").json()["task_id"]
    until(lambda: stubborn.status(task_id)["state"] == "STARTED", what="the task to run")
    assert "about to stop" in stubborn.post(f"/cancel/{task_id}").json()["status"]
    status = until(lambda: (seen := stubborn.status(task_id))["finished_at"] and seen, 15, "it to be stopped")
    assert (status["state"], status["attempt"]) == ("REVOKED", 1)
    # and its slot free, and nothing run again
    assert stubborn.ended(stubborn.submit())["result"] == 20
    assert stubborn.status(task_id)["state"] == "REVOKED"


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [("slow", "TimeLimitExceeded", "time limit of 2 s"), ("soft", "SoftTimeLimitExceeded", "soft time limit of 1 s")],
)
def test_a_time_limit_ends_a_task_as_a_failure_that_names_it(stubborn, name, kind, words):
    answer = stubborn.post(f"/run/{name}")
    assert answer.status_code == 202, answer.text
    task_id = answer.json()["task_id"]
    status = stubborn.ended(task_id)
    assert (status["state"], status["error"]["type"], status["attempt"]) == ("FAILURE", kind, 1)
    assert words in status["status"]
    assert stubborn.ended(stubborn.submit())["result"] == 20
