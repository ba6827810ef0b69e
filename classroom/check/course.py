"""The course proves itself: what is shipped fails as it says, solutions pass, and every wrong answer is caught."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from classroom.check.exercise import Exercise
from classroom.check.hints import STEPS, hints
from classroom.check.run import Run
from classroom.check.translations import untranslated, unused
from classroom.check.verdict import FAILED, PASSED
from classroom.words import PORTUGUESE, catalog, language, use

AT_ONCE = 2  # runs at the same time
TRIES = 2  # for a run that could not be decided
INTERNAL = re.compile(r"Traceback|classroom[./]|pytest|fixture|\btest_|/tmp/|lab-check|\bNone\b.*NoneType|stumbled")


@dataclass(frozen=True)
class Claim:
    """What is said of one file of an exercise: that it passes, or that checks fail."""

    exercise: Exercise
    file: Path
    kind: str  # shipped, solution or wrong
    fails: tuple = ()  # titles that fail as shipped, or the key of the check that catches a wrong answer

    def faults(self):
        """What is not as it is said; nothing where all is well."""
        for _ in range(TRIES):
            run = Run(self.exercise, self.file)
            list(run.lines(stop_at_first=self.kind == "wrong"))
            if run.verdict in (PASSED, FAILED):
                break
        return [*self.contradictions(run), *internals(run)]

    def contradictions(self, run):
        """How the verdicts differ from the claim."""
        failed = [one for one in run.verdicts if one["verdict"] == FAILED]
        if self.kind == "solution" and run.verdict != PASSED:
            yield f"should pass, but: {told(run)}"
        if self.kind == "shipped" and [one["title"] for one in failed] != list(self.fails):
            yield f"should fail as its README says, {list(self.fails)}, but: {told(run)}"
        if self.kind == "wrong" and [one["check"] for one in failed[:1]] != list(self.fails):
            yield f"should be caught by {self.fails}, but: {told(run)}"


def told(run):
    """What there is to say of a run that went otherwise than it should."""
    return [one for one in run.verdicts if one["verdict"] != PASSED] or "all passed"


def internals(run):
    """Messages that name what only the checker's author knows."""
    for one in run.verdicts:
        for name in ("expected", "actual", "because", "try", "repeat"):
            if INTERNAL.search(str(one.get(name, ""))):
                yield f"{one['check']} names an internal of the checker: {name} {one[name]}"


def claims(exercise):
    """All that an exercise says of itself."""
    use(exercise.folder)
    yield Claim(exercise, exercise.file, "shipped", tuple(lines_that_fail(exercise.readme)))
    if exercise.solution.exists():
        yield Claim(exercise, exercise.solution, "solution")
    for file in exercise.wrong:
        yield Claim(exercise, file, "wrong", caught_by(file))


def lines_that_fail(readme):
    """The promises that a README says are broken by the exercise as it is handed out."""
    return re.findall(r"^    :\( (.+)$", readme.read_text(encoding="utf-8"), re.MULTILINE)


def caught_by(file):
    """The check that must catch this wrong answer, as its first line says."""
    said = re.match(r'"""Caught by ([\w-]+): ', file.read_text(encoding="utf-8"))
    return (said[1],) if said else ()


def prove(exercises):
    """Check every claim, and say each; returns the exit code."""
    wrong = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = [claim for exercise in exercises for claim in claims(exercise)]
        for claim, faults in zip(made, pool.map(Claim.faults, made), strict=True):
            name = f"{claim.exercise.name}/{claim.file.relative_to(claim.exercise.folder)}"
            click.echo(f"{':(' if faults else ':)'} {name}")
            for fault in faults:
                click.echo(f"     {fault}")
            wrong += bool(faults)
    for exercise in exercises:
        for fault in lacks(exercise):
            click.echo(f":( {exercise.name}: {fault}")
            wrong += 1
    click.echo(f"The course proves itself, in {language()}." if not wrong else f"Not as it is said: {wrong}")
    return int(bool(wrong))


def lacks(exercise):
    """What an exercise has not, and should have."""
    if not exercise.solution.exists():
        yield "it has no solution.py"
    if len(exercise.wrong) < 6:
        yield f"it has {len(exercise.wrong)} wrong answers, not 6 or more"
    known = hints(exercise)
    for key in exercise.keys:
        if len(known.get(key, [])) != STEPS:
            yield f"{key} has {len(known.get(key, []))} hints, not {STEPS}"
    for text in untranslated(exercise.folder, exercise.checks):
        yield f"not translated in {PORTUGUESE}.po: {text!r}"
    for text in unused(exercise.folder, exercise.checks):
        yield f"{PORTUGUESE}.po has a text that no check has: {text!r}"
    for name in ("README", "hints"):
        if not (exercise.folder / f"{name}.{PORTUGUESE}.md").exists():
            yield f"there is no {name}.{PORTUGUESE}.md"
    for one in lines_that_fail(exercise.folder / "README.md"):
        if catalog(exercise.folder, PORTUGUESE).get(one) not in lines_that_fail(
            exercise.folder / f"README.{PORTUGUESE}.md"
        ):
            yield f"README.{PORTUGUESE}.md does not say that this fails: {one!r}"
