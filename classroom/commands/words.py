"""What several commands print."""

import click

from classroom.address import LOCALHOST, broker_url


def warn_of_localhost():
    """Say so where no cluster is named, and the last resort is tried."""
    if broker_url() == LOCALHOST:
        click.echo(f"No cluster runs in this folder and BROKER_URL is not set: trying {LOCALHOST}", err=True)


def short(text, most=300):
    """A text, cut in the middle when it is very long."""
    return text if len(text) <= most else f"{text[: most - 60]} … {len(text) - most} more … {text[-40:]}"
