"""Makes the student's copy of this project: a repository of its own, with nothing of the teacher's in it."""

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

import click

from classroom.check.exercise import OF_THE_TEACHER
from classroom.local.cluster import ROOT

WHO = ["-c", "user.name=Classroom", "-c", "user.email=classroom@example.org"]
WITHOUT_SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}  # no hook, no signature, no ignored file


def release(target):
    """Make the copy in the folder `target`; returns how many files it has, and how many of the teacher's it has not.

    What git knows as HEAD is copied, without what .gitattributes leaves out. Where that cannot be done, or the
    copy is not proven to be clean, nothing is put into `target`.
    """
    target = target.resolve()
    expect_free(target)
    expect_committed()
    head = files(ROOT)
    secret = {path: content for path, content in head.items() if is_the_teachers(path)}
    if not secret:
        raise click.ClickException("There is no solution in HEAD to leave out: this is a student's copy already.")
    with tempfile.TemporaryDirectory(prefix="lab-release-") as folder:
        copy = Path(folder)
        with tarfile.open(fileobj=io.BytesIO(git(ROOT, "archive", "HEAD"))) as packed:
            packed.extractall(copy)
        commit(copy)
        if found := list(faults(copy, head, secret)):
            raise click.ClickException(
                "\n  ".join(["The copy was not made, as it would have held:", *found]) + "\n"
                "What students must not get is named in .gitattributes, with export-ignore, and in no other file."
            )
        try:
            target.mkdir(parents=True, exist_ok=True)
            for one in copy.iterdir():
                shutil.move(one, target)
        except OSError as error:
            raise click.ClickException(f"{target} cannot be written: {error.strerror or error}.") from None
    return len(files(target)), len(secret)


def expect_free(target):
    """End the command unless the folder is empty or not there, and outside of the project."""
    if target.is_relative_to(ROOT):
        raise click.ClickException(f"{target} lies in the project itself. Name a folder outside, as in ../students.")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise click.ClickException(f"{target} is there, and not an empty folder. Name another, or remove it.")


def expect_committed():
    """End the command where a file that git knows is not as it is in HEAD: it would not be what students get."""
    changed = git(ROOT, "status", "--porcelain", "--untracked-files=no", "--", ".").decode()
    if changed:
        raise click.ClickException(
            f"These files have changes that are not committed, and what is committed is released:\n{changed.rstrip()}\n"
            "Commit them, or put them away with git stash."
        )


def commit(copy):
    """Make the folder a repository with one commit, to which ./lab reset goes back."""
    version = git(ROOT, "rev-parse", "--short", "HEAD").decode().strip()
    git(copy, "init", "--quiet", "--template=", "--initial-branch=main")
    git(copy, "add", "--all", "--force")
    git(copy, *WHO, "commit", "--quiet", "-m", f"The exercises as they are handed out (version {version})")


def is_the_teachers(path):
    """Whether a path, or a folder on its way, has a name that is the teacher's."""
    return not set(OF_THE_TEACHER).isdisjoint(PurePosixPath(path).parts)


def files(folder):
    """The files in HEAD of a repository: path -> the hash of its content."""
    lines = git(folder, "ls-tree", "-r", "-z", "HEAD").decode().rstrip("\0").split("\0")
    return {path: about.split()[2] for about, path in (line.split("\t", 1) for line in lines)}


def faults(copy, head, secret):
    """What should not be in the copy: a teacher's file, its content in any object, or what is not as it is in HEAD."""
    made = files(copy)
    there = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.relative_to(copy).parts[0] != ".git"}
    yield from sorted(path for path in made.keys() | there if is_the_teachers(path))
    objects = set(git(copy, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split())
    for path, content in secret.items():
        if path not in made and content in objects:
            same = ", ".join(one for one in made if made[one] == content) or "its repository"
            yield f"the content of {path}, in {same}"
    for path, content in made.items():
        if head.get(path) != content:
            yield f"{path}, which is not as it is in HEAD"


def unknown_to_git():
    """Files of the exercises that git does not know, so that they are not released."""
    return (
        git(ROOT, "ls-files", "--others", "--exclude-standard", "--directory", "--", "exercises")
        .decode()
        .split("\n")[:-1]
    )


def git(folder, *command):
    """What git prints; in the copy it goes by no setting of this machine."""
    env = dict(os.environ)
    if folder != ROOT:
        env = {name: value for name, value in env.items() if not name.startswith("GIT_")} | WITHOUT_SETTINGS
    try:
        return subprocess.run(["git", *command], cwd=folder, env=env, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise click.ClickException("git is not installed, and it makes the copy: sudo apt install git") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise click.ClickException(
            f"git {command[0]} does not work in {folder}: {said}\n"
            "What is committed is released, so the project should be a git repository with a commit."
        ) from None
