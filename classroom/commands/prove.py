"""The commands that show what the cluster can do: under faults, with more workers, in tests."""

import sys

import click


@click.command(short_help="Break a private cluster, and see what is lost.")
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


@click.command(short_help="Measure how much faster more workers are.")
@click.option("--work", type=click.Choice(["sleep", "cpu"]), default="sleep", show_default=True, help="What they do.")
@click.option(
    "--tasks", type=click.IntRange(1, 1000), help="How many tasks of a second; else 8, or what all can share."
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, writable=True), help="The drawing, an SVG file; else .lab/scale.svg."
)
def scale(work, tasks, plot):
    """Run the same tasks on 1, 2, 4 … workers of the cluster, and tell how much faster more of them are.

    The workers that are not needed are paused meanwhile, and let back at the end, also after Ctrl-C. The
    queue has to be empty. Prints what is measured beside what would be ideal, and draws it.
    """
    from classroom.scale.report import scale

    sys.exit(scale(work, tasks, plot))


@click.command(short_help="Check that everything works.", context_settings={"ignore_unknown_options": True})
@click.option("--all", "everything", is_flag=True, help="Also what is slow.")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def test(everything, pytest_arguments):
    """Check that everything works, on real brokers, workers and servers."""
    from classroom.testing import run

    sys.exit(run(everything, pytest_arguments))
