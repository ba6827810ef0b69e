"""Talks to the cluster's web server, for the commands status, submit and cancel."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

import click

from classroom.address import LAB, running, starting
from classroom.local.cluster import NO_PROXY


def call(path, method="GET", body=None, url=None):
    """The JSON answer of the cluster's web server, or the one at `url`; raises ClickException with an error's words."""
    url = url or address()
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with NO_PROXY.open(request, timeout=40) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise click.ClickException(words(error)) from None
    except (OSError, ValueError, HTTPException) as error:  # also an answer that breaks off
        raise click.ClickException(f"{url} does not answer ({error}). Is the cluster running? ./lab up") from None


def join(head, code, options):
    """Become a worker of the class at this address, by the script that it serves; raises ClickException."""
    head = head if "://" in head else f"http://{head if ':' in head else head + ':5000'}"
    try:
        with NO_PROXY.open(f"{head}/join/{urllib.parse.quote(code, safe='')}", timeout=10) as answer:
            script = answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            if error.headers.get_content_type() != "text/plain":
                raise click.ClickException(f"{head} answered {error.code} {error.reason}.") from None
            script = error.read().decode()  # which says why not
    except OSError as error:
        raise click.ClickException(f"{head} does not answer ({error}).") from None
    os.execvp("sh", ["sh", "-c", script, "join", *options])


def words(error):
    """What an error answer says."""
    try:
        return json.load(error)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}"


def started():
    """What running() says of the cluster in this folder; raises ClickException while it is just being started."""
    up = running()
    if starting(up):
        raise click.ClickException("The cluster in this folder is just being started: try again in a few seconds.")
    return up


def address():
    """Where the web server is: LAB_URL, else the cluster running in this folder."""
    url = os.environ.get("LAB_URL") or started().get("url")
    if not url and (LAB / "cluster.json").exists():
        raise click.ClickException(
            "./lab up was killed, and what it started may still run: ./lab up tidies up and starts."
        )
    if not url:
        raise click.ClickException(
            "No cluster is running in this folder. Start one with ./lab up, "
            "or name one: LAB_URL=http://ADDRESS:5000 ./lab status"
        )
    return url.rstrip("/")
