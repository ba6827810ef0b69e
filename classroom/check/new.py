"""Makes the folder of a new exercise from the template: small, but whole, and true in all that it says of itself."""

import re
from pathlib import Path

import click

from classroom.check.exercise import every
from classroom.exercises import FOLDER

TEMPLATE = Path(__file__).with_name("template")
NAME = re.compile(r"(\d\d)-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
LONGEST = 22  # characters of a name, as a list of exercises has room for them


def new_exercise(name):
    """Make the exercise of this name; returns its folder."""
    number, words = understood(name)
    if not TEMPLATE.is_dir():
        raise click.ClickException("This is a student's copy, which has no template: work in the teacher's repository.")
    try:
        for file in sorted(TEMPLATE.rglob("*.*")):
            made = FOLDER / name / file.relative_to(TEMPLATE)
            if file.suffix in (".py", ".md", ".po"):
                made.parent.mkdir(parents=True, exist_ok=True)
                text = file.read_text(encoding="utf-8").replace("WORDS", words).replace("NN", number)
                made.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}.") from None
    return FOLDER / name


def understood(name):
    """The number and the words in a name that is still free."""
    found = NAME.fullmatch(name)
    if not found or len(name) > LONGEST:
        raise click.ClickException(
            "NAME should be two digits and words in lower case, as in 08-primes,"
            f" of {LONGEST} characters at most, not {name!r}."
        )
    if (FOLDER / name).exists():
        raise click.ClickException(f"There is an exercise {name} already: choose another name, or remove its folder.")
    number, words = found.groups()
    known = [one.name.split("-", 1) for one in every() if "-" in one.name]
    for other in known:
        if number == other[0] or words == other[1]:
            free = next(n for n in range(1, 100) if f"{n:02}" not in dict(known))
            raise click.ClickException(
                f"{'-'.join(other)} has the same {'number' if number == other[0] else 'words'}, and each should be"
                f" there once. The first free number is {free:02}."
            )
    return number, words
