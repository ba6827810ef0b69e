"""Runs the drill's faults one after the other and prints each verdict."""

import json
import random
import statistics
import sys
from pathlib import Path

from classroom.drill.faults import FAULTS, lacking
from classroom.drill.run import run
from classroom.local.stop import Stop, heed_signals


def drill(faults, everything, rounds, seed, file, rabbitmq=False):
    """Run the faults; returns exit code 0 when all that was accepted succeeded and had its effect once, else 1.

    What this machine lacks the parts for is left out of `everything`, and refused (2) when asked for by name.
    """
    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown:
        print(f"No such fault: {', '.join(unknown)}. There are: {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    faults = list(FAULTS) if everything else list(faults) or ["kill-worker"]
    for fault in list(faults):
        if why := lacking(fault, rabbitmq):
            print(f"{fault} cannot be done here: {why}", file=sys.stderr)
            if not everything:
                return 2
            faults.remove(fault)
    heed_signals()
    seed = random.randrange(10**6) if seed is None else seed
    verdicts = []
    try:
        for fault in faults:
            print(f"{fault}: {FAULTS[fault].__doc__}", flush=True)
            verdicts.append(run(fault, rounds, seed, rabbitmq=rabbitmq))
            print(words(verdicts[-1]), flush=True)
            if file:
                Path(file).write_text(json.dumps(verdicts, indent=2))
    except Stop:
        return 130
    if len(verdicts) > 1:
        print(table(verdicts))
    bad = "lost", "failed", "effects_missing", "keyed_effects_twice", "poison_at_large", "never_again"
    return 1 if any(verdict[key] for verdict in verdicts for key in bad) else 0


def words(verdict):
    """A verdict in a few lines."""
    bars, marks = verdict["timeline"]
    count = verdict.__getitem__
    return f"""
  {bars}   tasks finished each second
  {marks}
  {count("accepted")} accepted, {count("refused")} refused
  {count("finished")} finished, {count("lost")} lost, {count("failed")} failed
  {count("run_more_than_once")} run more than once
  {count("keyed_effects_twice")} keyed effects applied twice, {count("effects_missing")} not at all
  seconds until the next task finished: {seconds(verdict["first_finished"])}
  seconds until what was interrupted ran again: {seconds(verdict["recovery"])}; never: {count("never_again")}
  worst answer {verdict["worst_answer"]:.2f} s; {count("exits")} processes ended
  seed {verdict["seed"]}
"""


def table(verdicts):
    """The verdicts as a table, in Markdown."""
    lines = [
        "| Fault | Accepted | Refused | Lost | Failed | Twice run | Effect twice | First, s | Again, s | Answer, s |"
    ]
    lines += ["|---" + "|--:" * 9 + "|"]
    for one in verdicts:
        counts = "accepted", "refused", "lost", "failed", "run_more_than_once", "keyed_effects_twice"
        times = (seconds(one[key]).replace(", at worst", " /") for key in ("first_finished", "recovery"))
        cells = [one["fault"], *(f"{one[key]:,}" for key in counts), *times, f"{one['worst_answer']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def seconds(times):
    """The usual and the worst of several times."""
    return f"{statistics.median(times):.1f}, at worst {max(times):.1f}" if times else "not once"
