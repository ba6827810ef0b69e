"""The command of a teacher at the end of a lesson: grade."""

import os
import sys
from contextlib import closing
from pathlib import Path

import click

from classroom.check.exercise import every, shown
from classroom.local.stop import Stop, heed_signals
from classroom.words import use

UNISOLATED = """\
Without a sandbox each submission runs as you do: it may read and change all that you may, your keys and the other
submissions among it, call others over the network, and stop what you run. Only where you trust who wrote them."""


@click.command(short_help="For teachers: grade what a class has handed in.")
@click.argument("submissions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default="grades", show_default=True, help="The results."
)
@click.option("--jobs", type=click.IntRange(1, 64), help="How many at a time; else as many as there are cores.")
@click.option("--unisolated", is_flag=True, help="Without sandboxes, at your own risk.")
def grade(submissions, out, jobs, unisolated):
    """Check what a class has handed in, each file in a sandbox of its own.

    That is SUBMISSIONS/STUDENT/EXERCISE.py, or SUBMISSIONS/STUDENT/EXERCISE/exercise.py, where EXERCISE is a name or
    number as in ./lab check. What is graded already is not graded again: the same command goes on where it stopped.

    \b
    grades.csv                          a row for each student and exercise
    students/STUDENT/feedback.html      what ./lab check would have said, for the student
    students/STUDENT/grades.json        the same for programs
    students/STUDENT/results.json       the same for Gradescope
    """
    from classroom.grade.batch import Batch
    from classroom.grade.gradebook import Gradebook
    from classroom.grade.sandbox import NoSandbox, prove
    from classroom.grade.submissions import collect

    if out.resolve().is_relative_to(submissions.resolve()):
        raise click.ClickException(f"{out} lies among the submissions. Name a folder outside: --out ../grades")
    use(Path(__file__).parent)
    heed_signals()
    try:
        found, notes = collect(submissions)
        batch = Batch(found, Gradebook(out), jobs or os.cpu_count() or 1, isolated=not unisolated)
        if unisolated:
            click.echo(UNISOLATED, err=True)
        elif batch.left:
            prove(every()[0])
        sys.exit(finish(batch, found, notes))
    except NoSandbox as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or out}: {error.strerror or error}.") from None
    except Stop:
        sys.exit(130)


def finish(batch, found, notes):
    """Check what is left, write the gradebook, and say what it came to; returns the exit code."""
    click.echo(f"{len(found)} submissions, {len(found) - len(batch.left)} of them graded before.")
    code = 0
    try:
        follow(batch)
    except Stop:
        click.echo("\nInterrupted: what is graded is kept, and the same command goes on from here.", err=True)
        code = 130
    rows = batch.book.write(found, notes)
    for _student, note in notes:
        click.echo(f"Left alone: {note}", err=True)
    verdicts = [one["verdict"] for one in rows]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(sorted(verdicts)))
    click.echo(f"{shown(batch.book.folder.resolve() / 'grades.csv')}: {len(rows)} rows. {counts or 'none'}")
    return code


def follow(batch):
    """Check what is left, with a progress bar, or where there is no terminal with a line for each."""
    with closing(batch.results()) as graded:
        if not sys.stdout.isatty():
            for submission, row in graded:
                click.echo(f"{named(submission)}: {row['verdict']}, {row['passed']} of {row['of']} passed")
        elif batch.left:
            with click.progressbar(length=len(batch.left), label="Grading", item_show_func=str, show_pos=True) as bar:
                bar.update(0, "")
                for submission, row in graded:
                    bar.update(1, f"{named(submission)}: {row['verdict']}")


def named(submission):
    """A submission's student and exercise, as they can be printed."""
    student = "".join(one if one.isprintable() else "?" for one in submission.student)
    return f"{student} {submission.exercise.name}"


COMMANDS = (grade,)
