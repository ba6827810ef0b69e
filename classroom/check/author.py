"""The commands of an author: new-exercise, release."""

from pathlib import Path

import click

from classroom.check.exercise import shown


@click.command(short_help="For authors: make a new exercise from a template.")
@click.argument("name")
def new_exercise(name):
    """Make the exercise NAME, such as 08-primes: small, but whole, and proven by its own checks."""
    from classroom.check.new import new_exercise

    folder = new_exercise(name)
    click.echo(f"{shown(folder)}/ is a whole exercise: a worker doubles a number. Change it into yours.")
    click.echo(f"Does it prove itself?       ./lab check --course {name}")
    click.echo("What each of its files is:  docs/exercises.md")


@click.command(short_help="For teachers: make the students' copy, without solutions.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def release(folder):
    """Make the students' copy of this project in DIR, which should be empty or not there.

    It is a git repository with one commit: what is committed here, without solutions, wrong answers and
    teacher's checks. That nothing of them is in it, nor in any object of git, is looked at before it is there.
    """
    from classroom.check.release import release, unknown_to_git

    count, left_out = release(folder)
    click.echo(f"{shown(folder.resolve())}: {count} files in one commit.")
    click.echo(f"None of the teacher's {left_out} files is in it, neither by its name nor by its content.")
    if unknown := unknown_to_git():
        click.echo(f"Not in it either, as git does not know it: {', '.join(unknown)}", err=True)


COMMANDS = new_exercise, release
