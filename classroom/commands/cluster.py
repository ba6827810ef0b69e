"""The commands that start a cluster or a worker, and steer them."""

import os
import sys

import click
import redis

from classroom import client
from classroom.address import LAB, broker_url, hidden, result_backend, running
from classroom.commands.words import warn_of_localhost
from classroom.local.cluster import ROOT
from ledger import ORDERS, Ledger


@click.command(short_help="Start the cluster in this folder; Ctrl-C stops it.")
@click.option("--workers", type=click.IntRange(0, 64), default=2, show_default=True, help="How many workers.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Tasks at a time, each.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The web server's port; else the first free from 5000 on, or a class's last.",
)
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


@click.command(short_help="Start one more worker.")
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


@click.command(short_help="Print the line that lets a machine join.")
def join_line():
    """Print the line that lets a machine join the class, once more."""
    cluster = client.started()
    if not cluster:
        raise click.ClickException("No cluster is running in this folder. Start one with ./lab up --class")
    if not cluster.get("join"):
        raise click.ClickException("The cluster in this folder is not for a class. Start it with ./lab up --class")
    click.echo(cluster["join"])


@click.command(short_help="Print the teacher's token.")
def token():
    """Print the token that the teacher's actions over HTTP need: keep it off the projector."""
    from classroom.local.credentials import Credentials

    if not running():
        raise click.ClickException("No cluster is running in this folder. Start one with ./lab up")
    click.echo(Credentials(LAB).token)


@click.command(short_help="Tell a worker to pause, run, reload or stop.")
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
