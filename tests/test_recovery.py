"""Nothing accepted is lost: what a dead, frozen or forgetful part held runs again within seconds, by itself."""

import json
import time

import pytest
from parts import Api, given, put_all_first, until

from classroom.local.cluster import ROOT
from ledger import LEASE


def running_on(cluster, api, task_id):
    """The worker process that runs the task, once it does."""
    name = until(lambda: api.status(task_id)["progress"] and api.status(task_id)["worker"], what="the task to run")
    return next(worker for worker in cluster.workers if worker.name == name.split("@")[0])


@pytest.mark.parametrize("ending", ["kill", "freeze"])
def test_the_task_of_a_dead_or_frozen_worker_runs_again_within_10_s(start, ending):
    # Given two workers, one of which runs a task
    cluster = start(workers=2)
    put_all_first(cluster)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=6)
        first = running_on(cluster, api, task_id)
        # When that worker dies, or freezes
        getattr(first, ending)()
        began = time.monotonic()
        # I expect the other one to run it again within 10 s
        again = until(lambda: (seen := api.status(task_id))["attempt"] == 2 and seen, 10, "the second attempt")
        print(f"{ending}: ran again after {time.monotonic() - began:.1f} s")
        assert again["worker"].split("@")[0] != first.name
        # and a worker that comes back late to do no damage
        if ending == "freeze":
            first.thaw()
        status = api.ended(task_id)
        assert (status["state"], status["result"], status["attempt"]) == ("SUCCESS", 20, 2)
        assert status["worker"] == again["worker"]
        # and nothing to pile up in the broker's own books
        until(lambda: cluster.ledger.redis.hlen("unacked") == 0, 10, "the old message to be forgotten")


@pytest.mark.parametrize("who", ["worker", "process"])
def test_what_was_interrupted_runs_before_what_came_later(start, who):
    # Given two workers, each with a task, and a long queue
    cluster = start(workers=2)
    put_all_first(cluster)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=20)
        waiting = [api.submit(seconds=2) for _ in range(20)]
        first = running_on(cluster, api, task_id)
        # When the worker of the first dies, or its process that ran it
        for process in [first] if who == "worker" else first.process.children():
            process.kill()
        # I expect it to run again as soon as a worker is free
        until(lambda: api.status(task_id)["attempt"] == 2, 10, "the second attempt")
        assert cluster.ledger.task(waiting[-1])["ahead"] > 10


def test_the_only_worker_dies_and_the_status_tells_until_another_comes(start):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=5)
        worker = running_on(cluster, api, task_id)
        worker.kill()
        until(lambda: "stopped answering" in api.status(task_id)["status"], 10, "the loss to show")
        cluster.add_worker()
        assert api.ended(task_id)["attempt"] == 2


def test_a_message_that_the_broker_forgot_is_sent_again(start):
    # Given tasks in a queue, which is wiped out
    cluster = start(workers=0)
    with Api(cluster.url) as api:
        tasks = [api.submit(x=x) for x in range(5)]
        assert cluster.ledger.redis.delete("celery") == 1
        # When a worker comes
        cluster.add_worker()
        # I expect all of them to run, once each
        ended = [api.ended(task_id) for task_id in tasks]
        assert [(status["result"], status["attempt"]) for status in ended] == [(2 * x, 1) for x in range(5)]


def test_a_message_lost_between_queue_and_worker_is_sent_again(start):
    # Given a busy worker, and a task that disappears from the middle of the queue
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        tasks = [api.submit(x=0, seconds=5), *(api.submit(x=x, seconds=1) for x in range(1, 4))]
        messages = cluster.ledger.redis.lrange("celery", 0, -1)
        (lost,) = [message for message in messages if json.loads(message)["headers"]["id"] == tasks[2]]
        assert cluster.ledger.redis.lrem("celery", 1, lost) == 1
        assert [api.ended(task_id)["result"] for task_id in tasks] == [0, 2, 4, 6]


@pytest.mark.slow
def test_a_task_that_kills_its_worker_again_and_again_is_given_up(start):
    # Given a task that kills what runs it, and workers that are started again
    cluster = start(workers=2, env=given("poison"))
    with Api(cluster.url) as api:
        for victim in ("process", "worker"):
            task_id = api.post(f"/poison/{victim}").json()["task_id"]

            def given_up(task_id=task_id):
                for worker in cluster.workers:
                    if not worker.alive:
                        worker.start()
                return api.status(task_id)["finished_at"]

            until(given_up, 60, "the task to be given up")
            status = api.status(task_id)
            assert (status["state"], status["attempt"]) == ("FAILURE", 3)
            assert "given up after 3 workers died while running it" in status["status"]
        # and its neighbours to be none the worse
        assert api.ended(api.submit())["result"] == 20


def test_two_that_recover_at_once_do_no_harm(start):
    # Given tasks whose worker died, and their lease over
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=30)
        running_on(cluster, api, task_id).kill()
        until(lambda: "stopped answering" in api.status(task_id)["status"], 10, "the loss to show")
    # When two processes look after them, while another worker is heard, each task is handed out once
    step = cluster.ledger.step

    def overdue():
        step("alive", "other@lab", "{}", "")
        return step("overdue", "celery"), step("overdue", "celery")

    first, second = until(lambda: any(found := overdue()) and found, 10, "the task to be handed out")
    assert (len(first), second) == (1, [])
    # and the one that got it dies before it queues it: the next one finds it in no queue
    again, _ = until(lambda: any(found := overdue()) and found, 10, "the task to be handed out again")
    assert json.loads(again[0])[0]["id"] == task_id


def test_a_lost_task_whose_message_nobody_recorded_keeps_no_other_from_being_found(start):
    # Given two lost tasks, the first of which somebody else put into the queue
    step = start(workers=0).ledger.step
    step("submitted", "known", "noop", "", "", 1000, 0, "celery", "", "the message")
    assert [step("started", id, "noop", "worker@lab", 0, "tag", "once") for id in ("foreign", "known")] == [1, 1]

    def found():
        step("alive", "other@lab", "{}", "")
        return step("overdue")

    # When their leases run out, I expect the message of the other to be handed out, and nothing beside it
    assert until(found, 20, "the lost tasks to be found") == ["the message"]


def test_a_lost_message_is_found_behind_many_that_wait_elsewhere(start):
    # Given many tasks in a queue that nobody listens to, and one in ours whose message is lost
    cluster = start(workers=0)
    step = cluster.ledger.step
    for number in range(160):
        step("submitted", f"other{number}", "noop", "", "", 1000, 0, "celery-other", "", f"message {number}")
    step("submitted", "lost", "noop", "", "", 1000, 0, "celery", "", "the lost message")

    def found():
        step("alive", "other@lab", "{}", "")
        queues = step("queues")
        return "the lost message" in step("overdue", *(["celery"] if "celery" in queues else []))

    until(found, 30, "the lost message to be found")


@pytest.mark.parametrize("before", [0, 1.4])
def test_after_an_outage_everybody_gets_time_to_be_heard(start, before):
    # Given a task whose lease ran out while nobody was heard, as when the broker was away
    step = start(workers=0).ledger.step
    step("alive", "worker@lab", "{}", "")
    step("submitted", "long", "noop", "", "", 1000, 0, "celery", "", "the message")
    assert step("started", "long", "noop", "worker@lab", 0, "tag", "once") == 1
    time.sleep(before)  # seconds by which this worker was heard before another
    step("alive", "other@lab", "{}", "")
    time.sleep(LEASE + 0.1 - before)
    # When the other worker is back first, I expect it to find nothing overdue
    step("alive", "other@lab", "{}", "")
    assert step("overdue") == []
    # and the first one to have kept its task
    step("alive", "worker@lab", "{}", "", "long")
    for _ in range(int(LEASE / 0.5) + 2):
        step("alive", "worker@lab", "{}", "", "long")
        time.sleep(0.5)
        assert step("overdue") == []


def test_a_worker_that_gets_its_own_message_again_does_not_run_it_beside_itself(start):
    # Given a worker with two processes, one of which runs a task
    cluster = start(workers=1, concurrency=2, env={"EXERCISE_FILE": str(ROOT / "classroom/drill/exercise.py")})
    redis = cluster.ledger.redis
    with Api(cluster.url) as api:
        task_id = api.post("/drill", json={"seconds": 6}).json()["task_id"]
        until(lambda: redis.hget("lab:drill:runs", task_id), what="it to run")
        # When the worker's connections break, and the broker hands the message out again
        redis.client_kill_filter(_type="normal", skipme=True)
        assert api.ended(task_id)["attempt"] == 1
        assert redis.hget("lab:drill:runs", task_id) == "1"


def test_an_attempt_is_one_askings_own(start):
    step = start(workers=0).ledger.step
    step("submitted", "one", "noop", "", "", 1000, 0, "celery", "", "the message")
    # A lost answer is asked for again; the same message brought a second time is refused
    asked = [step("started", "one", "noop", "worker@lab", 0, "tag", once) for once in ("first", "first", "second")]
    assert asked == [1, 1, 0]


def test_the_minute_that_an_unknown_task_waits_begins_anew_with_each_attempt(start):
    cluster = start(workers=0)
    step = cluster.ledger.step
    step("submitted", "new", "noop", "", "", 1000, 0, "celery", "", "the message")
    assert float(step("unknown", "new", "")[0]) < 1
    cluster.ledger.redis.hset("lab:task:new", "unknown", 1)
    assert float(step("unknown", "new", "")[0]) > 60
    assert step("started", "new", "noop", "worker@lab", 0, "tag", "once") == 1
    assert float(step("unknown", "new", "")[0]) < 1


def test_a_worker_that_does_not_know_a_task_hears_of_newer_code(start):
    step = start(workers=0).ledger.step
    step("submitted", "new", "noop", "", "", 1000, 0, "celery", "", "the message")
    step("code", "0ld")
    assert step("unknown", "new", "0ld")[1] == ""
    step("code", "n3w")
    assert step("unknown", "new", "0ld")[1] == "n3w"


def test_a_task_for_later_is_not_sent_again_before_its_time(start):
    cluster = start(workers=1, env=given("later"))
    with Api(cluster.url) as api:
        later, again = (api.post(path).json()["task_id"] for path in ("/later", "/again"))
        retry = until(lambda: (seen := api.status(again))["state"] == "RETRY" and seen, what="the first retry")
        assert "not yet" in until(lambda: api.status(again)["error"], what="the reason")["message"], retry
        status = api.ended(again)
        assert (status["result"], status["attempt"]) == ("done", 3)
        status = api.ended(later)
        assert (status["result"], status["attempt"]) == ("late", 1)
    steps = [fields for _, fields in cluster.ledger.redis.xrange("lab:steps")]
    assert sum(step["id"] == later and step["step"] == "queued" for step in steps) == 1


def test_every_step_leaves_an_entry_in_the_stream(start):
    cluster = start(workers=1)
    with Api(cluster.url) as api:
        task_id = api.submit(seconds=1)
        api.ended(task_id)
        steps = [fields for _, fields in cluster.ledger.redis.xrange("lab:steps") if fields["id"] == task_id]
    assert [(step["step"], step["attempt"]) for step in steps] == [("queued", "0"), ("started", "1"), ("SUCCESS", "1")]
    assert steps[1]["worker"].startswith("worker1@")
    # and a task costs the ledger little, and for a day only
    bytes_of = cluster.ledger.redis.memory_usage
    assert bytes_of(f"lab:task:{task_id}") < 1200
    assert 0 < cluster.ledger.redis.ttl(f"lab:task:{task_id}") <= 24 * 3600
    assert cluster.ledger.redis.zcard("lab:waiting") == cluster.ledger.redis.zcard("lab:running") == 0
