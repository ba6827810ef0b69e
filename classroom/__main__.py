"""The command ./lab."""

import json
import os
import re
import sys
import time
import urllib.parse
from importlib.util import find_spec
from pathlib import Path

import click
import redis

from classroom import client
from classroom.address import LAB, LOCALHOST, broker_url, hidden, no_answer, result_backend, running
from classroom.check import author
from classroom.check import commands as check
from classroom.local.cluster import ROOT
from ledger import CLOCKS_APART, ORDERS, TERMINAL, Ledger

EXAMPLES = """
\b
Examples:
  ./lab up                      start a cluster here: broker, 2 workers, web server
  ./lab up --workers 4          the same with 4 workers
  ./lab submit 10 --wait        send a task and watch it, in a second terminal
  ./lab worker                  start one more worker, in a third
  ./lab monitor                 see what they tell the broker
  ./lab check 01                check the first exercise, on real workers
  ./lab hint 01                 get a hint for the first promise that it breaks
  ./lab report                  write what ran, where and when, into one file
  ./lab scale                   measure how much faster more workers are
  ./lab drill kill-worker       kill a worker under load, and see that nothing is lost
  ./lab test                    check that everything works
"""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class InOrder(click.Group):
    """A group of commands that lists them as they are written here."""

    def list_commands(self, context):
        """The names of the commands, in the order of their definition."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings=CONTEXT, epilog=EXAMPLES)
def lab():
    """The classroom cluster: a broker, workers and a web server, on this machine and on others."""


@lab.command(short_help="Start the cluster in this folder; Ctrl-C stops it.")
@click.option("--workers", type=click.IntRange(0, 64), default=2, show_default=True, help="How many workers.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Tasks at a time, each.")
@click.option("--port", type=click.IntRange(1, 65535), help="The web server's port; else the first free from 5000 on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address the web server listens on.")
@click.option("--quiet", is_flag=True, help="Do not show what the processes log.")
@click.option("--class", "for_class", is_flag=True, help="Let other machines join, with the line that is printed.")
@click.option("--address", help="This machine's address on the class network, where it has several.")
@click.option("--new-code", is_flag=True, help="Make a new class code: who joined with the old one is out.")
@click.option("--flower", is_flag=True, help="Also start Flower, Celery's monitor, for this machine alone.")
def up(**options):
    """Start the cluster in this folder, and stop it with Ctrl-C.

    Its data lives in .lab/: queued tasks and results are there again the next time. With BROKER_URL
    in the environment the cluster uses that broker and starts none.
    """
    from classroom.local.up import up

    sys.exit(up(**options))


@lab.command(short_help="Start one more worker.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Tasks at a time.")
@click.option("--name", help="The worker's name, the part before the @; else one of its own.")
@click.option("--join", metavar="ADDRESS", help="Join the class at this address of the teacher's machine.")
@click.option("--code", help="The class code, with --join.")
def worker(concurrency, name, join, code):
    """Start one more worker for the cluster that runs in this folder, that BROKER_URL names, or that it joins."""
    if join or code:
        if not (join and code):
            raise click.UsageError("--join needs --code, and --code needs --join: the teacher's join line has both.")
        client.join(join, code, ["--concurrency", str(concurrency), *(["--name", name] if name else [])])
    warn_of_localhost()
    cluster = running()
    if broker_url() == cluster.get("broker_url"):
        os.environ["LAB_FLOWER"] = str(int(cluster.get("flower", False)))
        if cluster.get("worker_url"):
            os.environ["CELERY_BROKER_URL"] = cluster["worker_url"]  # with a worker's rights
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--loglevel", "INFO"]
    command += ["--concurrency", str(concurrency), *(["-n", f"{name}@%h"] if name else [])]
    os.chdir(ROOT)
    os.execv(sys.executable, command)


@lab.command(short_help="Print the line that lets a machine join.")
def join_line():
    """Print the line that lets a machine join the class, once more."""
    if not running():
        raise click.ClickException("No cluster is running in this folder. Start one with ./lab up --class")
    if not running().get("join"):
        raise click.ClickException("The cluster in this folder is not for a class. Start it with ./lab up --class")
    click.echo(running()["join"])


@lab.command(short_help="Print the teacher's token.")
def token():
    """Print the token that the teacher's actions over HTTP need: keep it off the projector."""
    from classroom.local.credentials import Credentials

    if not running():
        raise click.ClickException("No cluster is running in this folder. Start one with ./lab up")
    click.echo(Credentials(LAB).token)


@lab.command(short_help="Tell how a task goes, or who works.")
@click.argument("task_id", metavar="[ID]", required=False)
def status(task_id):
    """Tell how a task goes, or without ID who works."""
    if task_id:
        click.echo(told(client.call(path("/status/", task_id))))
        return
    workers = client.call("/workers")["workers"]
    click.echo(f"{client.address()}: {len(workers)} worker{'' if len(workers) == 1 else 's'}")
    for one in workers:
        click.echo(f"  {one['name']}  {', '.join(notes(one))}")


def notes(worker):
    """What there is to say of a worker, in a few words."""
    yield f"running {', '.join(worker['running'])}" if worker["running"] else "idle"
    if worker["paused"]:
        yield "paused"
    if worker["old_code"]:
        yield f"on old code: ./lab tell {worker['name'].split('@')[0]} reload"
    if abs(worker["clock_ahead_s"]) > CLOCKS_APART:
        yield f"its clock is {worker['clock_ahead_s']:+.0f} s off"


@lab.command(short_help="Send a task that returns X + X.", context_settings={"ignore_unknown_options": True})
@click.argument("x", type=int)
@click.option("--seconds", type=float, help="How long the task works; else 5.")
@click.option("--label", help="A name for it, shown in its status.")
@click.option("--wait", is_flag=True, help="Stay until it has ended, with a progress bar.")
def submit(x, seconds, label, wait):
    """Send the task `longtask`, which takes some seconds to return X + X."""
    given = {"x": x, "seconds": seconds, "label": label}
    job = client.call("/longtask", "POST", {key: value for key, value in given.items() if value is not None})
    click.echo(job["task_id"])
    if wait:
        try:
            sys.exit(watch(job["task_id"]))
        except KeyboardInterrupt:
            click.echo(f"\nThe task goes on: ./lab status {job['task_id']}   (./lab cancel stops it)")
            sys.exit(130)


def watch(task_id):
    """Show a task's progress until it ends; returns exit code 0 for SUCCESS, else 1."""
    patience = time.monotonic() + 15  # the broker may be away for a while
    with click.progressbar(length=100, show_eta=False, item_show_func=lambda words: words) as bar:
        while True:
            try:
                task = client.call(path("/status/", task_id))
            except click.ClickException:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.5)
                continue
            patience = time.monotonic() + 15
            ended = task["state"] in TERMINAL
            percent = 100 if task["state"] == "SUCCESS" else (task["progress"] or {"percent": 0})["percent"]
            bar.update(percent - bar.pos, f"on {task['worker']}" if task["worker"] and not ended else task["state"])
            if ended:
                break
            time.sleep(0.2)
    click.echo(told(task))
    return 0 if task["state"] == "SUCCESS" else 1


@lab.command(short_help="Cancel a task.")
@click.argument("task_id", metavar="ID")
def cancel(task_id):
    """Cancel a task: at once while it waits, at its next step while it runs."""
    click.echo(told(client.call(path("/cancel/", task_id), "POST")))


@lab.command(short_help="Tell a worker to pause, run, reload or stop.")
@click.argument("worker", metavar="WORKER")
@click.argument("order", type=click.Choice(ORDERS))
def tell(worker, order):
    """Tell a worker, by its name in ./lab status, to do one of these within two seconds.

    \b
    pause    take no more tasks
    run      take tasks again
    reload   finish what runs, then start again with the code that is there now
    stop     finish what runs, then end
    """
    names = [one["name"] for one in client.call("/workers")["workers"]]
    full = next((name for name in names if worker in (name, name.split("@")[0])), None)
    try:
        if full is None or not Ledger(result_backend()).step("told", full, order):
            raise click.ClickException(f"There is no worker {worker}; there are: {', '.join(names) or 'none'}.")
    except redis.RedisError as error:
        raise click.ClickException(f"{hidden(result_backend())} does not answer: {error}") from None
    click.echo(f"{full} is told to {order}.")


@lab.command(short_help="Show the broker's commands as they happen.")
@click.option("--all", "everything", is_flag=True, help="Also the workers' heartbeats.")
def monitor(everything):
    """Show the broker's commands as they happen, until Ctrl-C."""
    url = result_backend()
    warn_of_localhost()
    heartbeat = False
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=None).monitor() as commands:
            click.echo(f"What {hidden(url)} is asked to do (Ctrl-C to stop):", err=True)
            for said in commands.listen():
                if not said["command"].startswith("EVALSHA"):
                    heartbeat = heartbeat and said["client_type"] == "lua"
                else:
                    heartbeat = not everything and said["command"].split()[3] in ("alive", "queues", "overdue")
                if heartbeat:
                    continue
                click.echo(
                    f"{said['time']:.3f} {said['client_address']}:{said['client_port']}  {short(said['command'])}"
                )
    except redis.RedisError as error:
        raise click.ClickException(f"{hidden(url)} does not answer: {error}") from None
    except KeyboardInterrupt:
        pass


class Since(click.ParamType):
    """A time span such as 90s, 10m or 2h; in Python the number of seconds."""

    name = "SPAN"

    def convert(self, value, param, context):
        """The seconds that the words mean."""
        found = re.fullmatch(r"(\d{1,6})([smh])", str(value))
        if not found:
            self.fail(f"{value} should be a number with s, m or h, such as 90s, 10m or 2h.", param, context)
        return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


@lab.command(short_help="Write what ran, where and when, into one file.")
@click.option("--since", type=Since(), default="1h", show_default=True, help="How far back: 90s, 10m, 2h.")
@click.option("--out", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="The file.")
def report(since, out):
    """Write what ran, where and when, into one HTML file to hand in: it needs no network, and prints on A4.

    It reaches back as far as the ledger keeps the steps of tasks, which is about 7,000 tasks.
    """
    from classroom.report.report import report as write

    try:
        text = write(Ledger(result_backend()), since)
    except redis.RedisError as error:
        raise click.ClickException(no_answer(error)) from None
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}.") from None
    click.echo(f"{out}: open it in a browser, print it, hand it in.")


@lab.command(short_help="Look for what is wrong, and say how to cure it.")
@click.argument("address", metavar="[ADDRESS]", required=False)
@click.option("--broker-port", type=click.IntRange(1, 65535), help="The broker's port there; else 6399, then 6379.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(address, broker_port, as_json):
    """Look for what is wrong, and say how to cure it; exit code 0 when nothing is bad.

    Checks this machine and the cluster of this folder; with ADDRESS, whether the teacher's machine
    at 192.168.1.5, 192.168.1.5:5000 or http://192.168.1.5:5000 can be reached from here.
    """
    from classroom.doctor.report import doctor

    sys.exit(doctor(address, broker_port, as_json))


@lab.command(short_help="Break a private cluster, and see what is lost.")
@click.argument("faults", nargs=-1, metavar="[FAULT ...]")
@click.option("--all", "everything", is_flag=True, help="Every fault, one after the other.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=1, show_default=True, help="How often each fault.")
@click.option("--seed", type=int, help="Makes the same random choices again; else a new one is drawn and printed.")
@click.option("--json", "file", type=click.Path(dir_okay=False), help="Also write the verdicts into this file.")
@click.option("--rabbitmq", is_flag=True, help="With RabbitMQ as the broker, and Redis for the rest.")
def drill(faults, everything, rounds, seed, file, rabbitmq):
    """Break a private cluster under load, and state what was lost.

    Starts a broker, four workers and a web server of its own, keeps sending tasks, injects each FAULT at
    random instants, and counts what became of every accepted task. Without FAULT: kill-worker.
    """
    from classroom.drill.report import drill

    sys.exit(drill(faults, everything, rounds, seed, file, rabbitmq))


@lab.command(short_help="Measure how much faster more workers are.")
@click.option("--work", type=click.Choice(["sleep", "cpu"]), default="sleep", show_default=True, help="What they do.")
@click.option(
    "--tasks", type=click.IntRange(1, 1000), help="How many tasks of a second; else 8, or what all can share."
)
@click.option("--plot", type=click.Path(dir_okay=False, writable=True), help="The drawing; else .lab/scale.svg.")
def scale(work, tasks, plot):
    """Run the same tasks on 1, 2, 4 … workers of the cluster, and tell how much faster more of them are.

    The workers that are not needed are paused meanwhile, and let back at the end, also after Ctrl-C. The
    queue has to be empty. Prints what is measured beside what would be ideal, and draws it.
    """
    from classroom.scale.report import scale

    sys.exit(scale(work, tasks, plot))


for command in (*check.COMMANDS, *author.COMMANDS):
    lab.add_command(command)

if find_spec("classroom.grade"):  # the students' copy has no grader
    from classroom.grade.command import grade

    lab.add_command(grade)


@lab.command(short_help="Check that everything works.", context_settings={"ignore_unknown_options": True})
@click.option("--all", "everything", is_flag=True, help="Also what is slow.")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def test(everything, pytest_arguments):
    """Check that everything works, on real brokers, workers and servers."""
    from classroom.testing import run

    sys.exit(run(everything, pytest_arguments))


def warn_of_localhost():
    """Say so where no cluster is named, and the last resort is tried."""
    if broker_url() == LOCALHOST:
        click.echo(f"No cluster runs in this folder and BROKER_URL is not set: trying {LOCALHOST}", err=True)


def path(start, task_id):
    """The path of a task, whatever characters the id has."""
    return start + urllib.parse.quote(task_id, safe="")


def told(task):
    """A task's status in one line, and its result."""
    result = f"\nresult: {short(json.dumps(task['result'], ensure_ascii=False))}" if task["result"] is not None else ""
    return f"{task['state']}  {task['status']}{result}"


def short(command, most=300):
    """A command, cut in the middle when it is very long."""
    return command if len(command) <= most else f"{command[: most - 60]} … {len(command) - most} more … {command[-40:]}"


if __name__ == "__main__":
    lab(prog_name="./lab")
