"""Chooses the checks, and prints what they find."""

import json
import os
from urllib.parse import urlsplit

import click

from classroom.address import LAB, broker_url, named, result_backend, running, starting
from classroom.doctor import addresses, cluster, here, reach
from classroom.doctor.findings import bad, note, ok

NAME_ONE = "Name one beside the broker: RESULT_BACKEND=redis://localhost:6379/0"


def doctor(address, broker_port, as_json):
    """Print what each check finds; returns exit code 0 when nothing is bad, else 1."""
    findings, head = [], read(address) if address else None
    for finding in filter(None, checks(head, broker_port)):
        findings.append(finding)
        if not as_json:
            click.echo(finding)
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    return 1 if any(finding.outcome == "bad" for finding in findings) else 0


def checks(head, broker_port):
    """All findings, each as soon as it is there; None for what does not apply."""
    yield from here.checks()
    yield addresses.host_only(addresses.interfaces())
    yield from (elsewhere(*head, broker_port) if head else this_folder())


def read(address):
    """The host and the web server's address that were meant; raises click.UsageError."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or (443 if parts.scheme == "https" else 5000)
    except ValueError:
        parts = port = None
    if not port or not parts.hostname or parts.scheme not in ("http", "https"):
        raise click.UsageError(f"{address} is no address: 192.168.1.5, 192.168.1.5:5000 or http://192.168.1.5:5000")
    return parts.hostname, f"{parts.scheme}://{parts.hostname}:{port}"


def elsewhere(host, url, broker_port):
    """A head on another machine, as it can be seen from here without a password."""
    found = reach.resolved(host)
    if not found:
        yield reach.unknown("address", host)
        return
    yield addresses.nat(found)
    web = reach.web(url)
    yield web
    ports = [broker_port] if broker_port else [reach.OUR_PORT, reach.REDIS_PORT]
    yield reach.broker([f"redis://{found}:{port}" for port in ports])
    if web.outcome == "ok":
        yield cluster.clock_of_web(url)
        yield from cluster.workers(url)
        yield cluster.versions(url, from_elsewhere=True)


def this_folder():
    """The cluster that runs in this folder, or the one that the environment names."""
    up, broker = running(), named("CELERY_BROKER_URL", "BROKER_URL")
    url = (os.environ.get("LAB_URL") or up.get("url") or "").rstrip("/")
    answers = web_answers = results = None
    yield whereabouts(up, broker)
    if starting(up):
        return
    if up or broker:
        finding = reach.broker([broker_url()])
        yield finding
        answers = finding.outcome == "ok"
    else:
        yield here.free_ports()
    if url:
        finding = reach.web(url)
        yield finding
        web_answers = finding.outcome == "ok"
    if up.get("join"):
        yield from the_class(up, answers)
    if answers:
        results = where_results_are(up, broker)
        yield cluster.clock(results) if results else bad("results", "No Redis is named for the results.", NAME_ONE)
    if web_answers:
        yield from cluster.workers(url)
        yield cluster.versions(url)
    if results:
        yield cluster.queue(results)


def whereabouts(up, broker):
    """Which cluster is meant."""
    if starting(up):
        return note("cluster", "The one in this folder is just being started.", "Wait for its lines, and look again.")
    if broker:
        return ok("cluster", "the environment names the broker")
    if up:
        return ok("cluster", f"{up['url']} runs in this folder")
    if (LAB / "cluster.json").exists():
        cure = "./lab up tidies up and starts."
        return note("cluster", "./lab up was killed in this folder, and what it started may still run.", cure)
    return note("cluster", "None runs in this folder.", "Start one: ./lab up")


def the_class(up, broker_answers):
    """Whether others can join at the address that the join line names."""
    line = urlsplit(next(word for word in up["join"].split() if "://" in word))
    address = addresses.advertised(line.hostname, addresses.interfaces())
    yield address
    if address.outcome == "ok" and broker_answers:
        yield reach.for_others(line.hostname, line.port, urlsplit(up["broker_url"]).port)


def where_results_are(up, broker):
    """The address of the Redis that keeps results and the ledger; None where the environment names none."""
    if not broker:
        return up["results"]
    try:
        return result_backend()
    except SystemExit:
        return None
