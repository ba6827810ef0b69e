"""The READMEs are true: their commands run and answer as shown, their file map is complete, both say the same."""

import re
import subprocess
from pathlib import Path

import pytest
from parts import Api, until

from classroom.local.cluster import ROOT

READMES = ["README.md", "README.pt-BR.md"]
DOCS = ("how-it-works", "http-api", "reliability", "security")
KEPT_OUT = {"README.md", "README.pt-BR.md", "pyproject.toml"}  # shown by being there


def text(name):
    return (ROOT / name).read_text()


def blocks(name, language):
    """The contents of the page's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)


def commands(name):
    """The page's commands, each with the output that it shows."""
    for block in blocks(name, "console"):
        for part in block.removeprefix("$ ").split("\n$ "):
            command, _, output = part.partition("\n")
            yield command, output


def matches(shown, seen):
    """Whether the output is what the page shows, where … stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, shown.strip().split("…"))), seen.strip(), re.DOTALL)


def test_the_commands_of_the_readme_answer_as_it_shows(terminal):
    task_id = None
    for command, shown in commands("README.md"):
        if command == "./lab up":
            terminal.up()
            terminal.put_first()
            real = r"on 127\.0\.0\.1:\d+, data in .*/", "on 127.0.0.1:6399, data in .lab/"
            seen = re.sub(*real, terminal.said()).replace(terminal.url, "http://127.0.0.1:5000")
        else:
            typed = command.replace("http://127.0.0.1:5000", terminal.url).replace("ID", str(task_id))
            env = terminal.env | {"NO_PROXY": "*"}
            done = subprocess.run(typed, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
            seen = done.stdout.replace(terminal.url, "http://127.0.0.1:5000")
            if found := re.search(r'"task_id":"([^"]+)"', seen):
                task_id = found[1]
        assert matches(shown, seen), f"$ {command}\nshown:\n{shown}\nseen:\n{seen}"


def test_the_class_assignment_by_hand_works_in_ten_lines(copy):
    # Given the two pieces of code in the README, at most ten lines
    task, endpoint = blocks("README.md", "python")
    assert len((task + endpoint).strip().splitlines()) <= 10
    # When they are put where it says, into a copy of the project
    copy.change("tasks.py", "\nexercises.load()\n", f"\nexercises.load()\n\n{task}")
    copy.change("app.py", '\nif __name__ == "__main__":', f'{endpoint}\nif __name__ == "__main__":')
    # I expect the new endpoint to answer, and the status to be true, also of what fails
    copy.up()
    with Api(copy.url) as api:
        right, wrong = (api.post(f"/fact/{number}").json()["task_id"] for number in (5, 2000))
        assert api.ended(right)["result"] == "120"
        assert "4300 digits" in api.ended(wrong)["status"]


@pytest.mark.parametrize("name", READMES)
def test_the_first_command_is_in_sight_and_the_file_map_complete(name):
    assert text(name).splitlines().index("$ ./lab up") < 12
    table = text(name).split("\n|---|---|\n")[1].split("\n\n")[0]
    named = set(re.findall(r"`([^`]+)`", " ".join(line.split("|")[1] for line in table.splitlines())))
    tracked = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True).split("\n")
    top = {path.split("/")[0] + ("/" if "/" in path else "") for path in tracked if path and not path.startswith(".")}
    assert named == top - KEPT_OUT


def test_both_readmes_say_the_same():
    english, portuguese = READMES
    assert blocks(english, "console") == blocks(portuguese, "console")
    assert blocks(english, "python") == blocks(portuguese, "python")
    for pattern in (r"^#+ ", r"^- \*\*", r"^\| `[^|]+` \|", r"\]\((?!README)[^)]+\)"):
        found = [re.findall(pattern, text(name).replace(".pt-BR.md", ".md"), re.MULTILINE) for name in READMES]
        assert found[0] == found[1], pattern


@pytest.mark.parametrize(
    "name",
    [
        *READMES,
        "docs/exercises.md",
        "docs/how-it-works.md",
        "docs/http-api.md",
        "docs/reliability.md",
        "docs/teaching.md",
        *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("exercises/*/README*.md"))),
    ],
)
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)#]+)\)", text(name)):
        assert (ROOT / Path(name).parent / link).exists(), link


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("app.py", 155),
        ("tasks.py", 105),
        ("ledger.py", 100),
        ("ledger.lua", 190),
        ("recovery.lua", 145),
        ("questions.lua", 50),
    ],
)
def test_what_is_read_aloud_stays_short(name, most):
    assert len(text(name).splitlines()) <= most


def test_the_steps_in_how_it_works_are_what_the_monitor_shows(terminal):
    terminal.up("--workers", "1")
    seen = terminal.folder / "monitor.log"
    with open(seen, "wb") as log:
        monitor = subprocess.Popen([ROOT / "lab", "monitor", "--all"], env=terminal.env, stdout=log, stderr=log)
    try:
        until(lambda: "Ctrl-C to stop" in seen.read_text(), what="the monitor to start")
        task_id = terminal.run("submit", "10", "--seconds", "3", "--wait").split()[0]
        until(lambda: "HDEL unacked" in seen.read_text(), what="the acknowledgement")
        for block in blocks("docs/how-it-works.md", "monitor"):
            for line in block.strip().splitlines():
                pattern = ".*".join(map(re.escape, line.replace("<id>", task_id).split("…")))
                pattern = pattern.replace("lua:\\ ", "lua: +")
                until(lambda pattern=pattern: re.search(pattern, seen.read_text()), 5, f"the monitor to show: {line}")
    finally:
        monitor.terminate()
        monitor.wait(10)
