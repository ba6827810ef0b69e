"""What breaks clusters: each fault does its harm to a running cluster and ends it again."""

import os
import subprocess
import sys
import time
from pathlib import Path

from classroom.local.process import NotReady


def kill_child(cluster, dice):
    """Kill a worker's process that runs tasks; the worker lives on."""
    children = dice.choice(alive(cluster.workers)).process.children()
    if children:
        dice.choice(children).kill()


def kill_worker(cluster, dice):
    """Kill a whole worker, as a power cut would."""
    dice.choice(alive(cluster.workers)).kill()


def freeze_worker(cluster, dice):
    """Stop the clock for a worker, longer than its lease, and let it come back late."""
    worker = dice.choice(alive(cluster.workers))
    worker.freeze()
    time.sleep(9)
    worker.thaw()


def term_worker(cluster, dice):
    """Ask a worker to stop, as an administrator would."""
    dice.choice(alive(cluster.workers)).process.terminate()


def kill_broker(cluster, dice):
    """Kill the broker; it comes back with what it had written down."""
    cluster.broker.kill()
    wait_for_broker(cluster)


def freeze_broker(cluster, dice):
    """Let the broker hang for 4 s: it takes connections and answers nothing."""
    cluster.broker.freeze()
    time.sleep(4)
    cluster.broker.thaw()


def kill_web(cluster, dice):
    """Kill a process of the web server, in the middle of its requests."""
    dice.choice(cluster.web.process.children()).kill()


def poison(cluster, dice):
    """Send a task that kills every process that runs it; returns its id."""
    answer = cluster.post("/drill", {"poison": True}) or {}
    if "task_id" not in answer:
        raise NotReady("the web server did not accept the poison")
    return answer["task_id"]


def broker_full(cluster, dice):
    """Let the broker's memory be full for 8 s, longer than a lease."""
    redis = cluster.ledger.redis
    limit = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", redis.info("memory")["used_memory"])
    time.sleep(8)
    redis.config_set("maxmemory", limit)


def wrong_clock(cluster, dice):
    """Start a worker again on a machine whose clock is wrong by two hours or two minutes."""
    worker = dice.choice(alive(cluster.workers))
    worker.held = True  # or the supervisor might start it, too
    worker.kill()
    set_clock(worker, dice.choice((7200, -7200, 120, -120)))
    worker.start()
    worker.held = False


def set_clock(process, seconds):
    """Let a process that is not started yet believe that it is so many seconds later."""
    process.env = process.env | clock_off(seconds) | {"PYTHONPATH": str(Path(__file__).with_name("clock"))}


def clock_off(seconds):
    """The environment in which a program believes that it is so many seconds later."""
    # The command faketime would not start where a killed one with its process id left a semaphore behind.
    library = "/usr/$LIB/faketime/libfaketime.so.1"  # the loader knows what $LIB is on this machine
    return {"LD_PRELOAD": library, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def clock_can_be_wrong():
    """Whether a program on this machine can be made to believe another time."""
    ask = [sys.executable, "-c", "import time; print(time.time())"]
    try:
        said = subprocess.run(ask, env=os.environ | clock_off(7200), capture_output=True, timeout=20).stdout
        return float(said) > time.time() + 3600
    except (subprocess.TimeoutExpired, ValueError):
        return False


def late_broker(cluster, dice):
    """Kill the broker and all workers, and start the broker 6 s after the workers."""
    broker = cluster.broker
    broker.held = True
    for process in (broker, *cluster.workers):
        process.kill()
    time.sleep(6)
    broker.held = False
    wait_for_broker(cluster)


def cut_link(cluster, dice):
    """Pull a worker's network cable for 3 to 20 s."""
    host = dice.choice(cluster.workers).host
    host.cut()
    time.sleep(dice.uniform(3, 20))
    host.restore()


def old_code(cluster, dice):
    """Start a worker again with code that does not know the task, for 5 s."""
    worker = dice.choice(alive(cluster.workers))
    env, worker.held = worker.env, True
    worker.env = {key: value for key, value in env.items() if key != "EXERCISE_FILE"}
    worker.restart()
    time.sleep(5)
    worker.env = env
    worker.restart()
    worker.held = False


def wait_for_broker(cluster, patience=60):
    """Wait until the supervisor has started the broker again, and it answers."""
    deadline = time.monotonic() + patience
    while not (cluster.broker.alive and cluster.broker_answers()):
        if time.monotonic() > deadline:
            raise NotReady(f"the broker was not back {patience} s after it was killed")
        time.sleep(0.05)


def alive(processes):
    """Those of the processes that run."""
    return [process for process in processes if process.alive]


def lacking(fault, rabbitmq):
    """What this machine lacks for a fault, in words; empty where nothing."""
    if fault == "wrong-clock" and not clock_can_be_wrong():
        return "it needs faketime, on Linux: sudo apt install faketime"
    if fault == "cut-link" and (not sys.platform.startswith("linux") or os.geteuid() != 0):
        return "it needs root on Linux, to make hosts of network namespaces: sudo ./lab drill cut-link"
    if fault == "cut-link" and rabbitmq:
        return "RabbitMQ lets its guest in from its own machine alone"
    return ""


BROKER_AWAY = ("kill-broker", "freeze-broker", "broker-full", "late-broker")  # until the fault is over

FAULTS = {
    function.__name__.replace("_", "-"): function
    for function in (
        kill_child,
        kill_worker,
        freeze_worker,
        term_worker,
        kill_broker,
        freeze_broker,
        kill_web,
        poison,
        broker_full,
        late_broker,
        wrong_clock,
        cut_link,
        old_code,
    )
}
