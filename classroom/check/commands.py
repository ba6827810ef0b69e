"""The commands of a student: check, hint, list, reset."""

import sys
from pathlib import Path

import click

from classroom.check import exercise as exercises
from classroom.check import results, share, show
from classroom.check.exercise import NoSuchExercise
from classroom.check.handed_out import put_back
from classroom.check.hints import hint as one_hint
from classroom.check.hints import hints
from classroom.check.run import EXITS, Run
from classroom.check.verdict import FAILED, PASSED, UNDECIDED
from classroom.check.watch import watch as keep_watch
from classroom.local.stop import Stop, heed_signals
from classroom.words import _, use


def find(word):
    """The exercise of this name; ends the command where there is none."""
    try:
        exercise = exercises.find(word)
    except NoSuchExercise as error:
        raise click.ClickException(str(error)) from None
    use(exercise.folder)
    return exercise


@click.command(short_help="Check an exercise on real workers; without EXERCISE all of them.")
@click.argument("exercise", required=False)
@click.option("--file", type=click.Path(exists=True, dir_okay=False), help="Check this file in place of exercise.py.")
@click.option("--json", "out", type=click.Path(dir_okay=False, writable=True), help="Also write the result, as JSON.")
@click.option("--watch", is_flag=True, help="Check it whenever it is saved; without EXERCISE the first not done.")
@click.option("--share", "shares", is_flag=True, help="Tell the teacher how it ended; without it nothing is sent.")
@click.option("--as", "label", metavar="NAME", help="With --share: who you are; kept, and without it asked for once.")
@click.option("--course", is_flag=True, help="For authors: let every exercise prove itself.")
def check(exercise, file, out, watch, shares, label, course):
    """Check EXERCISE: its name, number or folder. Your file is copied, and run on a private broker and real workers.

    The exit code is 0 when all checks passed, 1 when one failed, 2 when it could not be decided or checked. With
    --watch it is 0, and the file is looked at every 0.3 s, which works on every file system, also in WSL and in
    folders shared with a VM. With --course it is 1 when anything is not as the course says.

    With --share the class's web server, LAB_URL=http://ADDRESS:5000, is told your name, which exercise it was and
    whether each check passed, and nothing of your file; without EXERCISE this of all that passed, and the first
    that did not.
    """
    heed_signals()
    if (file or course) if shares else label is not None:
        raise click.UsageError(_("--as goes with --share, and --share does not go with --file or --course."))
    try:
        teller = share.prepare(label) if shares else None
        do = watched if watch else checked
        sys.exit(do(exercise, file, out, course, teller))
    except BrokenPipeError:  # nobody reads on
        raise
    except OSError as error:
        raise undecided(click.ClickException(_("It could not be checked: {why}", why=error))) from None
    except click.ClickException as error:
        raise undecided(error) from None
    except Stop:
        click.echo(_("\nInterrupted: nothing of it is left running."), err=True)
        sys.exit(130)


def undecided(error):
    """The error, with an exit code that is not the 1 of a check that failed."""
    error.exit_code = EXITS[UNDECIDED]
    return error


def watched(exercise, file, out, course, teller=None):
    """Check an exercise whenever it is saved; returns the exit code."""
    if file or out or course:
        raise click.UsageError(_("--watch does not go with --file, --json or --course."))
    return keep_watch(find(exercise) if exercise else None, teller)


def checked(exercise, file, out, course, teller=None):
    """Do what was asked for; returns the exit code."""
    if course:
        from classroom.check.course import prove

        return prove([find(exercise)] if exercise else exercises.every())
    if not exercise and (file or out):
        raise click.UsageError(_("--file and --json need the name of an exercise."))
    return check_one(find(exercise), file, out, teller) if exercise else check_all(teller)


def check_one(exercise, file=None, out=None, teller=None):
    """Check one exercise, and say each verdict; returns the exit code."""
    run = Run(exercise, file)
    if not run.file.is_file():
        raise click.ClickException(missing(exercise))
    click.echo(show.heading(run))
    for one in run.lines():
        click.echo(show.verdict(one))
    document = run.document
    click.echo(show.summary(document))
    if not file:
        results.keep(document)
    if out:
        results.write(Path(out).absolute(), document)
    if keys := results.failed(document):
        click.echo(_("A hint: {command}", command=f"./lab hint {exercise.name} {keys[0]}"))
    if teller:
        click.echo(teller.tell(document))
    return EXITS[run.verdict]


def missing(exercise):
    """What to say where the student's file is not there."""
    command = f"./lab reset {exercise.name}"
    return _(
        "There is no {file}. As it was handed out: {command}", file=exercises.shown(exercise.file), command=command
    )


def check_all(teller=None):
    """Check every exercise that has changed since it passed, a line each; returns the exit code."""
    every, codes, documents = exercises.every(), [], []
    for exercise in every:
        if not exercise.file.is_file():
            click.echo(f":| {missing(exercise)}")
            codes.append(EXITS[UNDECIDED])
            continue
        document = results.last(exercise)
        if not document or document["verdict"] != PASSED:
            use(exercise.folder)
            click.echo(_("Checking {name} …", name=exercise.name), err=True)
            run = Run(exercise)
            list(run.lines())
            document = run.document
            results.keep(document)
        click.echo(show.row(exercise.name, document, exercise.title))
        codes.append(EXITS[document["verdict"]])
        documents.append(document)
    click.echo(show.progress(codes.count(0), len(every)))
    if teller and documents:
        click.echo(teller.tell(*share.worth_telling(documents)))
    return EXITS[FAILED] if EXITS[FAILED] in codes else max(codes, default=EXITS[UNDECIDED])


@click.command(short_help="Show the next hint for a check that failed.")
@click.argument("exercise")
@click.argument("check", required=False)
def hint(exercise, check):
    """Show the next of three hints for CHECK of EXERCISE; without CHECK for the first that failed."""
    exercise = find(exercise)
    known = hints(exercise)
    if not check:
        keys = results.failed(results.last(exercise) or {"checks": []})
        if not keys:
            raise click.ClickException(
                _("No check of it has failed. First: {command}", command=f"./lab check {exercise.name}")
            )
        check = keys[0]
    if check not in known:
        raise click.ClickException(
            _("There is no check {check}. There are: {keys}", check=check, keys=", ".join(known))
        )
    click.echo(one_hint(exercise, check, results.shown(exercise, check) + 1))
    results.show_one_more(exercise, check)


@click.command("list", short_help="List the exercises, and how far you are.")
def list_():
    """List the exercises, with the last result of each whose file has not changed since."""
    for row in show.rows():
        click.echo(row)
    click.echo(show.so_far())


@click.command(short_help="Put exercise.py back as it was handed out.")
@click.argument("exercise")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(exercise, yes):
    """Undo all changes to exercise.py of EXERCISE; what was there is kept beside it, as exercise.py.mine."""
    click.echo(put_back(find(exercise), lambda question: yes or click.confirm(question)))


COMMANDS = check, hint, list_, reset
