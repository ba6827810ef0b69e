"""./lab up: starts the cluster of this folder, shows what it does, and stops it."""

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from importlib.util import find_spec

import psutil
from kombu import Connection

from classroom.address import LAB, hidden, named, result_backend, running
from classroom.local import broker, class_ports, ports
from classroom.local.addresses import ask_on_terminal, choose
from classroom.local.cluster import NO_PROXY, ROOT, STOP, STOP_BROKER, LocalCluster
from classroom.local.credentials import Credentials
from classroom.local.follow import Follower
from classroom.local.private import write
from classroom.local.process import NotReady, stop_all
from classroom.local.reload import Reloader
from classroom.local.stop import Stop, heed_signals, ignore_signals, stop_if_asked
from classroom.local.supervise import Supervisor

TRY = "curl -X POST {url}/longtask -H 'Content-Type: application/json' -d '{{\"x\": 10}}'"


def up(workers, concurrency, host, port, quiet, for_class=False, address=None, new_code=False, flower=False):
    """Run the cluster until it is asked to stop; returns the exit code."""
    cluster = lock = None
    try:
        heed_signals()
        LAB.mkdir(mode=0o700, parents=True, exist_ok=True)
        LAB.chmod(0o700)
        lock = take_lock()
        if lock is None:
            where = running().get("url") or "its address is not known yet"
            return fail(f"A cluster is already running in this folder ({where}). Stop it there with Ctrl-C.")
        if flower:
            check_flower(for_class)
        address = choose(address, ask_on_terminal) if for_class else None
        sweep()
        if new_code:
            Credentials(LAB).renew()
        cluster = plan(workers, concurrency, host, port, address, flower)
        note(cluster)
        reloader = Reloader(cluster)  # what is saved while it starts is noticed, too
        start(cluster)
        watch(cluster, reloader, quiet)
    except (NotReady, broker.NoServer, OSError, ValueError) as error:
        return fail(str(error))
    except Stop:
        say("\nStopping ...")
        return 0
    finally:
        ignore_signals()
        if cluster:
            cluster.stop()
            (LAB / "cluster.json").unlink(missing_ok=True)
        if lock:
            lock.close()


def take_lock():
    """The open lock file of this folder, held until this process ends; None when another holds it."""
    lock = open(LAB / "lock", "a")  # noqa: SIM115 - open as long as the cluster runs
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            time.sleep(0.1)  # a command that merely asks whether we run holds it for a moment
    lock.close()
    return None


def sweep():
    """Stop what an earlier `up` left running when it was killed."""
    try:
        left = json.loads((LAB / "cluster.json").read_text())["processes"]
    except (OSError, ValueError, KeyError):
        return
    found = {STOP: [], STOP_BROKER: []}
    for name, pid, created in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if abs(process.create_time() - created) < 1:
                found[STOP_BROKER if name == "broker" else STOP].append(process)
    for steps, processes in found.items():
        stop_all(processes, steps)
    count = sum(map(len, found.values()))
    if count:
        say(f"Stopped {count} processes that an earlier ./lab up had left running.\n")
    (LAB / "cluster.json").unlink()


def check_flower(for_class):
    """Raise OSError where Flower is not to be had."""
    if for_class:
        raise OSError("With Flower everybody in a class could steer the workers: leave --flower or --class out.")
    if not find_spec("flower"):
        raise OSError("Flower is not installed: .venv/bin/python -m pip install 'flower>=2.2,<3'")


def plan(workers, concurrency, host, port, address=None, flower=False):
    """The cluster to start; raises OSError with a sentence where a port or the broker is not to be had."""
    url = named("CELERY_BROKER_URL", "BROKER_URL")
    if url and address:
        raise OSError("A class needs this machine's own broker: unset BROKER_URL, or leave --class out.")
    if url:
        check_broker(url)
    try:
        socket.getaddrinfo(host, 0, socket.AF_INET)
    except OSError:
        raise OSError(f"--host {host} is no IPv4 address or name: try 127.0.0.1, or 0.0.0.0 for all.") from None
    if port and not ports.is_free(port, host):
        raise OSError(f"Port {port} is taken by another program. Choose another with --port, or leave --port out.")
    return LocalCluster(
        LAB,
        workers=workers,
        concurrency=concurrency,
        host=host,
        port=port,
        ports_from=class_ports.last(LAB) if address else class_ports.FIRST,
        address=address,
        broker_url=url,
        results=url and result_backend(),
        flower=flower,
    )


def check_broker(url):
    """Raise OSError where the broker that the environment names does not answer."""
    try:
        with Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception as error:
        raise OSError(f"The broker {hidden(url)} that the environment names does not answer: {error}") from None


def start(cluster):
    """Start the processes in order, with a line for each that is ready."""
    cluster.start_broker()
    note(cluster)
    if cluster.broker:
        version = broker.version(cluster.broker_url)
        data = ".lab" if LAB == ROOT / ".lab" else LAB
        say(f"  broker    {version} on 127.0.0.1:{cluster.broker_port}, data in {data}/")
    else:
        say(f"  broker    {hidden(cluster.broker_url)}, named by the environment")
    cluster.start_workers()
    note(cluster)
    cluster.start_web()
    note(cluster)
    each = "1 task" if cluster.concurrency == 1 else f"{cluster.concurrency} tasks"
    for worker in cluster.workers:
        cluster.wait_worker(worker)
        say(f"  {worker.name:<9} ready, {each} at a time")
    cluster.wait_web()
    say(f"  web       {cluster.url}")
    if cluster.flower:
        cluster.start_flower()
        note(cluster)
        say(f"  flower    {cluster.flower_url}")
    for name, why in left_out(cluster).items():
        say(f"  left out  {name}: {why}")


def left_out(cluster, tries=10):
    """The exercises that the web server had to leave out, and why."""
    for _ in range(tries):
        live = cluster.get("/live") or {}
        if "broken" in live:
            return live["broken"]
        time.sleep(0.5)  # the broker is slow for a moment
    return {}


def invite(cluster):
    """Say how the cluster is used, watched, joined and stopped."""
    say(f"\n  Try it:   {TRY.format(url=cluster.url)}")
    say(f"  Watch it: {cluster.url}/")
    if cluster.address:
        check_from_the_network(cluster)
        say(f"  Join it:  {cluster.join_line}")
        if class_ports.moves(LAB, cluster.address, cluster.port, cluster.broker_port):
            say("            Another address or port than the last time: machines that joined then have to join again.")
    say("  Stop it:  Ctrl-C\n")


def check_from_the_network(cluster):
    """Raise NotReady where web server and broker do not answer at the address that is told to the class."""
    web = f"http://{cluster.address}:{cluster.port}/healthz"
    try:
        NO_PROXY.open(web, timeout=5).close()
        socket.create_connection((cluster.address, cluster.broker_port), 5).close()
    except OSError as error:
        raise NotReady(f"{web} or the broker there does not answer ({error}): is a firewall in the way?") from None


def note(cluster):
    """Write down what runs, for the commands in other terminals and for the next `up`."""
    started = [process for process in cluster.processes if process.process]
    words = {
        "url": cluster.port and cluster.url,  # not known until the web server has found one
        "broker_url": cluster.broker_url,
        "results": cluster.results,
        "worker_url": cluster.redis_urls.get("worker"),
        "join": cluster.port and cluster.join_line,
        "flower": bool(cluster.flower),
        "processes": [(process.name, process.pid, process.process.create_time()) for process in started],
    }
    write(LAB / "cluster.json", json.dumps(words))


def watch(cluster, reloader, quiet):
    """Say that all is ready; then show each log's lines, and start again what died, until somebody says stop."""
    followers = {process.name: Follower(process.log) for process in cluster.processes}
    supervisor = Supervisor(cluster)
    reloader.look()  # all has loaded: what is saved from here on is not in use
    invite(cluster)
    while True:
        stop_if_asked()
        for name, follower in followers.items():
            for line in follower.lines():
                if not quiet:
                    say(f"{name:<9} | {line}")
        for sentence in supervisor.look():
            note(cluster)
            say(sentence)
        for sentence in reloader.look():
            say(sentence)
        time.sleep(0.1)


def say(line):
    """Print a line, also when the terminal is gone."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nobody reads on


def fail(sentence):
    """Print what is wrong; returns exit code 1."""
    print(sentence, file=sys.stderr)
    return 1
