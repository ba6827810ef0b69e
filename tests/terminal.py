"""A terminal in which ./lab commands are typed."""

import contextlib
import json
import os
import re
import shutil
import subprocess

import psutil
import pytest
from parts import in_memory, put_first, until

from classroom.local.cluster import NAMES, ROOT


class Terminal:
    """A terminal in which the ./lab commands of a project are typed, with a .lab of its own."""

    def __init__(self, folder, project=ROOT):
        self.folder, self.project = folder, project
        self.lab = folder / "lab dir é"
        self.env = {key: value for key, value in os.environ.items() if key not in NAMES}
        self.env |= {"LAB_DIR": str(self.lab), "PYTHONUNBUFFERED": "1"}
        self.started, self.memory = [], contextlib.ExitStack()

    def up(self, *options, ready=True, host=None, **env):
        """Start ./lab up, on a host of a network where one is given; waits for the end of its banner."""
        if not self.started:
            self.memory.enter_context(in_memory(self.lab))
        self.output = self.folder / f"up{len(self.started)}.log"
        with open(self.output, "wb") as out:
            command = [self.project / "lab", "up", *options]
            command = host.command(command) if host else command
            streams = {"stdout": out, "stderr": out, "stdin": subprocess.DEVNULL}
            self.process = psutil.Popen(command, env=self.env | env, **streams, start_new_session=True)
        self.started.append(self.process)
        if ready:
            until(lambda: "Stop it:" in self.said() or self.process.poll() is not None, 60, "the banner")
            assert self.process.poll() is None, self.said()
        return self.process

    def put_first(self):
        """Let ./lab up and all that it started run before the tests beside it, which go on a little slower."""
        processes = json.loads((self.lab / "cluster.json").read_text())["processes"]
        for pid in (self.process.pid, *(pid for _, pid, _ in processes)):
            put_first(pid, nice=-5)

    def run(self, *command, check=True, **env):
        """Run one ./lab command to its end, within 60 s; returns what it printed."""
        done = subprocess.run(
            [self.project / "lab", *command],
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder,
            start_new_session=True,  # so Linux gives it as much as each of the others
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + ("" if check else done.stderr)

    def said(self):
        """What ./lab up has printed so far."""
        return self.output.read_text(errors="replace")

    @property
    def url(self):
        """The web server's address, as the banner says it."""
        return re.search(r"web +(http://\S+)", self.said())[1]

    def stop(self):
        """Stop what still runs of all that was started."""
        for process in self.started:
            if process.is_running() and process.poll() is None:
                process.terminate()
                process.wait(20)

    def exit_code(self, timeout):
        """How the last ./lab up ended."""
        with contextlib.suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            return self.process.wait(timeout)
        pytest.fail(f"./lab up did not end within {timeout} s:\n{self.said()[-2000:]}")


class Copy(Terminal):
    """A terminal in a copy of the project, whose files may be changed."""

    def __init__(self, folder):
        super().__init__(folder, folder / "project")
        shutil.copytree(ROOT, self.project, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests"))
        (self.project / ".venv").symlink_to(ROOT / ".venv")

    def change(self, file, old, new):
        """Save a file in which some words, which are there once, are replaced."""
        path = self.project / file
        before, after = path.read_text().split(old)
        saved = path.with_suffix(".new")
        saved.write_text(before + new + after)
        saved.replace(path)  # nobody sees half of it


class Desk(Copy):
    """A student's desk: a copy of the project with one exercise, as it was handed out."""

    def __init__(self, folder):
        super().__init__(folder)
        self.env["LAB_LANG"] = "en"
        for other in self.project.glob("exercises/0[2-9]*"):
            shutil.rmtree(other)
        self.exercise = self.project / "exercises" / "01-factorial"
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost", "-C", self.project]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "as handed out"]):
            subprocess.run([*git, *command], check=True, timeout=60)
