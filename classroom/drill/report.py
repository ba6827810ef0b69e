"""Runs the drill's faults one after the other and prints each verdict."""

import json
import random
import statistics
import sys

from classroom.drill.faults import FAULTS
from classroom.drill.run import run


def drill(faults, everything, rounds, seed, file):
    """Run the faults; returns exit code 0 when nothing was lost and no keyed effect happened twice, else 1."""
    faults = list(FAULTS) if everything else list(faults) or ["kill-worker"]
    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown:
        print(f"No such fault: {', '.join(unknown)}. There are: {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    seed = random.randrange(10**6) if seed is None else seed
    verdicts = []
    for fault in faults:
        print(f"{fault}: {FAULTS[fault].__doc__}", flush=True)
        verdicts.append(run(fault, rounds, seed))
        print(words(verdicts[-1]), flush=True)
    if file:
        with open(file, "w") as out:
            json.dump(verdicts, out, indent=2)
    return 1 if any(verdict["lost"] or verdict["keyed_effects_twice"] for verdict in verdicts) else 0


def words(verdict):
    """A verdict in a few lines."""
    bars, marks = verdict["timeline"]
    times = verdict["recovery"]
    return f"""
  {bars}   tasks finished each second
  {marks}
  {verdict["accepted"]} accepted, {verdict["refused"]} refused, {verdict["finished"]} finished, {verdict["lost"]} lost
  {verdict["run_more_than_once"]} run more than once, {verdict["keyed_effects_twice"]} keyed effects applied twice
  from fault to running again {statistics.median(times):.1f} s, at worst {max(times):.1f} s; \
worst answer {verdict["worst_answer"]:.2f} s; {verdict["exits"]} processes ended
  seed {verdict["seed"]}
"""
