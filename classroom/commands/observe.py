"""The commands that tell what happens, what happened, and what is wrong."""

import re
import sys
from pathlib import Path

import click
import redis

from classroom.address import hidden, no_answer, result_backend
from classroom.commands.words import short, warn_of_localhost
from ledger import Ledger

# What is asked again and again, whether a task runs or not: the workers' heartbeats, and what the page shows.
USUAL = "alive", "queues", "overdue", "workers", "silent", "history", "waiting"


@click.command(short_help="Show the broker's commands as they happen.")
@click.option("--all", "everything", is_flag=True, help="Also the workers' heartbeats, and what the page asks.")
def monitor(everything):
    """Show the broker's commands as they happen, until Ctrl-C."""
    url = result_backend()
    warn_of_localhost()
    usual = False
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=None).monitor() as commands:
            click.echo(f"What {hidden(url)} is asked to do (Ctrl-C to stop):", err=True)
            for said in commands.listen():
                if not said["command"].startswith("EVALSHA"):
                    usual = usual and said["client_type"] == "lua"
                else:
                    usual = not everything and said["command"].split()[3] in USUAL
                if usual:
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


@click.command(short_help="Write what ran, where and when, into one file.")
@click.option("--since", type=Since(), default="1h", show_default=True, help="How far back: 90s, 10m, 2h.")
@click.option("--out", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="The file.")
@click.option("--as", "name", metavar="NAME", help="Who hands it in; else the name kept by ./lab check --share.")
def report(since, out, name):
    """Write what ran, where and when, into one HTML file to hand in: it needs no network, and prints on A4.

    It reaches back as far as the ledger keeps the steps of tasks, which is about 7,000 tasks. What a task was
    called is known for a day after its end.
    """
    from classroom.check.share import checked, kept
    from classroom.report.report import report as write

    name = kept() if name is None else checked(name)
    try:
        text = write(Ledger(result_backend()), since, name)
    except redis.RedisError as error:
        raise click.ClickException(no_answer(error)) from None
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}.") from None
    click.echo(f"{out}: open it in a browser, print it, hand it in.")


@click.command(short_help="Look for what is wrong, and say how to cure it.")
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
