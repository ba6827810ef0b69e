"""The commands that send a task, ask for its status, and cancel it."""

import json
import sys
import time
import urllib.parse

import click

from classroom import client
from classroom.commands.words import short
from ledger import CLOCKS_APART, TERMINAL


@click.command(short_help="Tell how a task goes, or who works.")
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


@click.command(short_help="Send a task that returns X + X.", context_settings={"ignore_unknown_options": True})
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


@click.command(short_help="Cancel a task.")
@click.argument("task_id", metavar="ID")
def cancel(task_id):
    """Cancel a task: at once while it waits, at its next step while it runs."""
    click.echo(told(client.call(path("/cancel/", task_id), "POST")))


def path(start, task_id):
    """The path of a task, whatever characters the id has."""
    return start + urllib.parse.quote(task_id, safe="")


def told(task):
    """A task's status in one line, and its result."""
    result = f"\nresult: {short(json.dumps(task['result'], ensure_ascii=False))}" if task["result"] is not None else ""
    return f"{task['state']}  {task['status']}{result}"
