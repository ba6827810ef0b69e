"""What the ledger costs: CPU time for each task, of who submits and of the worker, with it and without.

Run it with:  .venv/bin/python bench/ledger_cost.py
Starts a broker of its own. Rounds take turns, so that a busy machine slows both alike; the ratio is what counts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from classroom.local.cluster import LocalCluster  # noqa: E402

TASKS, ROUNDS = 1000, 5
SUBMIT = f"""
import sys, time
from {{module}} import noop
noop.delay(0)
began = time.process_time()
for number in range({TASKS}):
    noop.delay(number)
print((time.process_time() - began) / {TASKS} * 1000)
"""


def main():
    """Measure both, round after round, and print the medians in milliseconds of CPU."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        cluster = LocalCluster(Path(folder) / "cluster", workers=0)
        try:
            cluster.start_broker()
            env = cluster.env | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bench'}"}
            cost = {"plain": [], "recorded": []}
            for _ in range(ROUNDS):
                for module, found in cost.items():
                    found.append((submit(module, env), work(module, env, cluster.ledger.redis)))
        finally:
            cluster.stop()
    print(f"{'ms of CPU for a task':<24}{'submit':>10}{'worker':>10}")
    medians = {name: [statistics.median(column) for column in zip(*found, strict=True)] for name, found in cost.items()}
    for name, (submitting, working) in medians.items():
        print(f"{name:<24}{submitting:>10.2f}{working:>10.2f}")
    ratios = [ours / plain for plain, ours in zip(*medians.values(), strict=True)]
    print(f"{'ratio':<24}{ratios[0]:>10.2f}{ratios[1]:>10.2f}")


def submit(module, env):
    """Submit the tasks from a process of their own; milliseconds of CPU for each."""
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT.format(module=module)], env=env, capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout)


def work(module, env, redis, patience=180):
    """Let one worker empty the queue; milliseconds of CPU for each task, start and stop not counted."""
    argv = [sys.executable, "-m", "celery", "-A", module, "worker", "-c", "1", "-n", f"{module}@%h", "-l", "ERROR"]
    waiting, deadline = redis.llen("celery"), time.monotonic() + patience
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        worker = psutil.Process(process.pid)
        while redis.llen("celery") > waiting - 50 and time.monotonic() < deadline:
            time.sleep(0.02)
        first, before = redis.llen("celery"), cpu(worker)
        while redis.llen("celery") and time.monotonic() < deadline:
            time.sleep(0.02)
        used = cpu(worker) - before
        process.terminate()
        process.wait(30)
    return used / first * 1000


def cpu(worker):
    """Seconds of CPU that a process and its children have used."""
    return sum(sum(process.cpu_times()[:2]) for process in (worker, *worker.children()))


if __name__ == "__main__":
    main()
