"""./lab check --watch: save, see. One file is looked at, and checked again whenever it was saved."""

import sys
import threading

import click

from classroom.check import exercise as exercises
from classroom.check import results, show
from classroom.check.handed_out import put_back
from classroom.check.hints import STEPS, hint, hints
from classroom.check.run import Run
from classroom.check.screen import Screen
from classroom.check.verdict import PASSED
from classroom.check.workers import Workers
from classroom.words import _, use

LOOK = 0.3  # seconds between two looks at the file: looking works on every file system, being told does not
SOON = 0.1  # seconds between two looks at a check that is being made


class Quit(Exception):
    """The student has seen enough."""


def watch(exercise=None, teller=None):
    """Check this exercise, or the first not done, whenever its file is saved, until q; returns the exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.ClickException(_("--watch needs a terminal. Without one: {command}", command="./lab check"))
    exercise = exercise or next(not_done(), None)
    if not exercise:
        click.echo(_("All exercises are done. One of them again: {command}", command="./lab check --watch 01"))
        return 0
    with Screen() as screen:
        watching = Watch(screen, exercise, teller)
        try:
            watching.loop()
        except (Quit, EOFError):
            return 0
        finally:
            watching.end()


def not_done(after=""):
    """The exercises that are not done: first those after the one of this name, then those before."""
    every = exercises.every()
    for exercise in sorted(every, key=lambda one: (one.name <= after, one.name)):
        if not results.is_done(exercise):
            yield exercise


def stamp(file):
    """When the file was saved, and its size; None where there is none."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


class Checking(threading.Thread):
    """A check that is made while keys and files are looked at."""

    def __init__(self, exercise):
        super().__init__(daemon=True)
        self.exercise, self.stamp = exercise, stamp(exercise.file)
        self.checks, self.trouble = Run(exercise), None
        self.start()

    def run(self):
        """Make the checks, which go into a list one by one."""
        try:
            list(self.checks.lines())
        except OSError as error:
            self.trouble = error

    @property
    def is_made(self):
        """Whether all verdicts are there; what they ran on may take a moment longer to end."""
        return not self.is_alive() or 0 < len(self.checks.titles) == len(self.checks.verdicts)

    def end(self):
        """End it, and all that it started, made or not."""
        self.checks.limit = 0  # seconds
        self.join()

    def document(self):
        """The result, which is kept; None where the file is another by now."""
        if stamp(self.exercise.file) != self.stamp:
            return None
        document = self.checks.document
        results.keep(document)
        return document


class Watch:
    """One exercise after the other, as the student says; never another by itself."""

    def __init__(self, screen, exercise, teller=None):
        self.screen, self.exercise, self.teller = screen, exercise, teller
        self.stamp = self.document = self.checking = None
        self.workers = Workers()
        self.how = _("The file is looked at every {seconds} s, which works on every file system.", seconds=LOOK)

    def loop(self):
        """Check, and do what the keys say until the file is saved; again and again."""
        while True:
            self.check()
            while not self.is_saved():
                self.screen.show(self.footer(self.choices()))
                self.obey(self.screen.keys(LOOK)[:1])

    def end(self):
        """End what is being checked."""
        if self.checking:
            self.checking.end()

    def is_saved(self):
        """Whether the file is another than the one that was checked."""
        return stamp(self.exercise.file) != self.stamp

    # Checks

    def check(self):
        """Check the exercise, and say each verdict as it comes."""
        self.stamp, self.document = stamp(self.exercise.file), None
        use(self.exercise.folder)
        self.screen.show(self.footer("q"))
        self.screen.clear()
        if self.how:
            self.screen.say(self.how)
            self.how = ""
        if not self.stamp:
            self.screen.say(_("There is no {file}.", file=exercises.shown(self.exercise.file)))
            return
        self.screen.say(_("Checking the exercise {name}. Please wait …", name=self.exercise.name))
        self.document = self.checked(self.exercise, lambda verdict: self.screen.say(show.verdict(verdict)))
        if self.document:
            self.conclude()

    def checked(self, exercise, tell=lambda verdict: None):
        """The result of a check, which tells each verdict as it comes; None when the file was saved meanwhile."""
        told = 0
        checking = self.checking = Checking(exercise)
        try:
            while not self.is_saved():
                self.screen.show(self.footer("q"))
                is_made = checking.is_made
                for verdict in checking.checks.verdicts[told:]:
                    tell(verdict)
                    told += 1
                if is_made:
                    break
                if "q" in self.screen.keys(SOON):  # other keys are forgotten
                    raise Quit
            else:
                return None
        finally:
            checking.end()
        if checking.trouble:
            raise click.ClickException(_("It could not be checked: {why}", why=checking.trouble))
        return checking.document()

    def conclude(self):
        """Say what the verdicts come to, and the hints that were shown before."""
        self.screen.say(show.summary(self.document) + "\n")
        if self.is_done():
            self.screen.say(_("Exercise done"))
            if self.exercise.solution.exists():
                path = exercises.shown(self.exercise.solution)
                self.screen.say(_("Solution for comparison: {path}", path=path))
            if "n" in self.choices():
                self.screen.say(_("When done experimenting, enter n to move on"))
            else:
                self.screen.say(_("All exercises are done."))
        for number in range(1, self.hints_shown() + 1):
            self.screen.say(hint(self.exercise, self.failed(), number))
        if self.teller:
            self.screen.say(self.teller.tell(self.document))

    def is_done(self):
        """Whether the exercise passed, as it is now."""
        return bool(self.document) and self.document["verdict"] == PASSED

    def failed(self):
        """The first check that failed; None without one."""
        return next(iter(results.failed(self.document)), None) if self.document else None

    def hints_shown(self):
        """How many hints for that check were shown; 0 where none has failed."""
        return min(results.shown(self.exercise, self.failed()), STEPS) if self.failed() else 0

    # Keys

    def choices(self):
        """The keys that do something now."""
        move_on = "n" if self.is_done() and next(not_done(), None) else ""
        more_hints = "h" if self.failed() in hints(self.exercise) and self.hints_shown() < STEPS else ""
        return f"{move_on}{more_hints}lcxq"

    def footer(self, choices):
        """What stays below everything: how far one is, where, with which workers, and what the keys do."""
        names = {"n": _("next"), "h": _("hint"), "l": _("list"), "c": _("check all"), "x": _("reset"), "q": _("quit")}
        lines = [
            "",
            show.so_far(),
            _("Current exercise: {path}", path=exercises.shown(self.exercise.file)),
            *self.workers.lines(),
            "",
            " / ".join(f"{key}:{names[key]}" for key in choices) + " ? ",
        ]
        return "\n".join(lines)

    def obey(self, key):
        """Do what this key says, where it is one."""
        does = {"n": self.move_on, "h": self.show_hint, "l": self.show_list}
        does |= {"c": self.check_all, "x": self.reset, "q": self.quit}
        if key and key in self.choices():
            does[key]()

    def move_on(self):
        """Go on with the next exercise that is not done."""
        self.exercise = next(not_done(after=self.exercise.name))
        self.stamp = None  # so it is checked as one that was saved

    def show_hint(self):
        """Show one more hint for the check that failed first."""
        number = self.hints_shown() + 1
        results.show_one_more(self.exercise, self.failed())
        self.screen.say(hint(self.exercise, self.failed(), number))

    def show_list(self):
        """List all exercises."""
        self.screen.say("\n".join(show.rows()) + "\n")

    def check_all(self):
        """Check all exercises that are not done."""
        for exercise in list(not_done()):
            use(exercise.folder)
            self.screen.say(_("Checking the exercise {name}. Please wait …", name=exercise.name))
            document = self.checked(exercise)
            if self.is_saved():
                return
            if exercise == self.exercise:
                self.document = document
        self.show_list()

    def reset(self):
        """Undo all changes to the file, when the student agrees."""
        try:
            self.screen.say(put_back(self.exercise, self.agreed))
        except click.ClickException as error:
            self.screen.say(error.message)

    def agreed(self, question):
        """Whether the student answers this question with yes."""
        self.screen.show("\n" + _("{question} (y/n)", question=question) + " ")
        while not (typed := self.screen.keys(LOOK)):
            pass
        return typed[0] in ("y", _("y"))

    def quit(self):
        """End."""
        raise Quit
