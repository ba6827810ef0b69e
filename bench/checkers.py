"""Whether checks flake: each solution and each wrong answer is checked 20 times while all cores are busy.

    .venv/bin/python bench/checkers.py [EXERCISE …] [--kind solution|wrong] [--times 20] [--jobs 3] [--busy N]

Prints a line for each file as it is done: how often it ended as the course says, and how busy the machine was. Three
runs at a time, beside a busy loop on each core (or N of them); takes about two hours for all exercises.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from classroom.check.course import claims
from classroom.check.exercise import every, find
from classroom.check.run import Run


def burn(parent):
    """Keep a core busy until the process with this id, the parent, has ended, however it did."""
    while os.getppid() == parent:
        sum(range(1_000_000))


def ended(claim):
    """How one run ended: as it should, undecided, or otherwise; and its seconds."""
    began, run = time.monotonic(), Run(claim.exercise, claim.file)
    list(run.lines(stop_at_first=claim.kind == "wrong"))
    faults = list(claim.contradictions(run))
    how = "right" if not faults else "undecided" if run.verdict == "undecided" else "otherwise"
    return how, time.monotonic() - began, faults


def main():
    """Measure, and print."""
    options = argparse.ArgumentParser()
    options.add_argument("exercises", nargs="*")
    options.add_argument("--kind", choices=["solution", "wrong"])
    options.add_argument("--times", type=int, default=20)
    options.add_argument("--jobs", type=int, default=3)
    options.add_argument("--busy", type=int, default=os.cpu_count())
    options = options.parse_args()
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=burn, args=(os.getpid(),), daemon=True) for _ in range(options.busy)]
    for one in busy:
        one.start()
    with ThreadPoolExecutor(options.jobs) as pool:
        chosen = [find(word) for word in options.exercises] or every()
        kinds = [options.kind] if options.kind else ["solution", "wrong"]
        made = [claim for exercise in chosen for claim in claims(exercise) if claim.kind in kinds]
        made.sort(key=lambda claim: claim.kind)  # solutions first
        results = [(claim, [pool.submit(ended, claim) for _ in range(options.times)]) for claim in made]
        for claim, runs in results:
            runs = [one.result() for one in runs]
            counts, slowest = Counter(how for how, _, _ in runs), max(seconds for _, seconds, _ in runs)
            rest = "".join(f", {number} {how}" for how, number in counts.items() if how != "right")
            name = f"{claim.exercise.name}/{claim.file.relative_to(claim.exercise.folder)}"
            load = os.getloadavg()[1]
            ends = f"{counts['right']}/{options.times}{rest}"
            print(f"{name:60} {ends}, slowest {slowest:.0f} s, load {load:.0f}", flush=True)
            for faults in {str(faults) for _, _, faults in runs if faults}:
                print(f"     {faults[:1000]}", flush=True)
    for one in busy:
        one.terminate()


if __name__ == "__main__":
    main()
