"""Whether web server and broker answer from here: or refuse, or say nothing."""

import http.client
import json
import socket
import threading
from contextlib import suppress
from urllib.error import HTTPError
from urllib.parse import urlsplit

from classroom import client
from classroom.doctor.findings import bad, ok
from classroom.local.cluster import NO_PROXY

PATIENCE = 2  # seconds
OUR_PORT, REDIS_PORT = 6399, 6379
GREETINGS = {"redis": b"PING\r\n", "amqp": b"AMQP\0\0\x09\x01"}  # what makes such a broker say something
PORTS = {"redis": REDIS_PORT, "rediss": REDIS_PORT, "amqp": 5672, "pyamqp": 5672, "amqps": 5671}
REFUSED = "Is it the right address, does ./lab up run there, and is this machine on the same network?"
SILENT = "Are both on the same network, and does the firewall there let the port in? Some Wi-Fi keeps devices apart."
STRANGER = "Name the right port: the first lines of ./lab up say it."


def get(url):
    """The JSON answer to a GET, and its headers; raises OSError, ValueError or HTTPException."""
    with NO_PROXY.open(url, timeout=PATIENCE) as answer:
        return json.load(answer), answer.headers


def resolved(host, patience=PATIENCE):
    """The address that a name stands for; None where nobody says it in time."""
    found = []

    def ask():
        with suppress(OSError, UnicodeError):
            found.append(sorted(socket.getaddrinfo(host, None))[0][4][0])  # IPv4 first: the cluster listens on that

    asking = threading.Thread(target=ask, daemon=True)  # the system's own patience would be up to 30 s
    asking.start()
    asking.join(patience)
    return found[0] if found else None


def unknown(check, host):
    """Nobody could say which address a name stands for."""
    return bad(check, f"Nobody here knows the name {host}.", "Use the address instead, such as 192.168.1.5")


def failure(error):
    """How a connection failed in words, and what may help."""
    error = getattr(error, "reason", error)  # urllib wraps it
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections", REFUSED
    if isinstance(error, TimeoutError):
        return f"does not answer within {PATIENCE} s", SILENT
    return f"cannot be reached ({error})", REFUSED


def web(url):
    """Whether a web server of ours answers from here."""
    if not resolved(urlsplit(url).hostname):
        return unknown("web", urlsplit(url).hostname)
    try:
        said, _ = get(f"{url}/healthz")
    except HTTPError as error:
        with error:
            if error.code == 503:
                return bad("web", f"{url} answers, but: {client.words(error)}", "Cure the broker: ./lab doctor there.")
        return bad("web", f"Another program answers at {url}: {error.code} {error.reason}.", STRANGER)
    except (ValueError, http.client.HTTPException):
        return bad("web", f"Another program answers at {url}.", STRANGER)
    except OSError as error:
        how, cure = failure(error)
        return bad("web", f"{url} {how}.", cure)
    if not isinstance(said, dict) or "broker" not in said:
        return bad("web", f"Another program answers at {url}.", STRANGER)
    return ok("web", f"{url} answers")


def broker(urls):
    """Whether a broker answers from here at one of these addresses; the first that does."""
    findings = []
    for url in urls:
        findings.append(broker_at(url))
        if findings[-1].outcome == "ok":
            return findings[-1]
    if len(findings) == 1:
        return findings[0]
    # A broker that says what is wrong with it tells more than a port where nothing is.
    said = [finding for finding in findings if finding.cure not in (REFUSED, SILENT)]
    if said:
        return said[0]
    cure = "./lab up --class there lets others in; its first line names the port: --broker-port PORT here."
    return bad("broker", " ".join(finding.detail for finding in findings), cure)


def broker_at(url):
    """Whether the broker at this address answers, and what it says."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        parts = port = None
    if not port or not parts.hostname:
        cure = "One would be BROKER_URL=redis://192.168.1.5:6379/0"
        return bad("broker", "BROKER_URL is no address of a Redis or RabbitMQ.", cure)
    where = f"{parts.hostname}:{port}"
    address = resolved(parts.hostname)
    if not address:
        return unknown("broker", parts.hostname)
    try:
        said = ask(address, port, GREETINGS.get(parts.scheme))
    except OSError as error:
        how, cure = failure(error)
        return bad("broker", f"{where} {how}.", cure)
    return understood(where, parts.scheme, said)


def understood(where, scheme, said):
    """What a broker's first words mean."""
    if said.startswith("-DENIED"):
        cure = "Give it a password (requirepass in redis.conf), or use ./lab up --class, which needs no such settings."
        return bad("broker", f"{where} lets in only its own machine: it runs in protected mode.", cure)
    if said.startswith("-LOADING"):
        return bad("broker", f"{where} is still loading its data.", "Wait, and look again.")
    if scheme == "redis" and not said.startswith(("+PONG", "-NOAUTH", "-NOPERM")):
        return bad("broker", f"What answers at {where} is no Redis.", STRANGER)
    return ok("broker", f"{where} answers")


def ask(address, port, words):
    """The first line that a server answers to these words, if any are given; raises OSError."""
    with socket.create_connection((address, port), PATIENCE) as line:
        if not words:
            return ""
        line.sendall(words)
        return (line.recv(200).decode(errors="replace").splitlines() or [""])[0]


def for_others(address, web_port, broker_port):
    """Whether both answer at the address that is told to the class, and not on loopback alone."""
    for what, port, words in (("broker", broker_port, GREETINGS["redis"]), ("web server", web_port, None)):
        try:
            ask(address, port, words)
        except ConnectionRefusedError:
            cure = "Stop the cluster and start it again: ./lab up --class"
            return bad("class", f"The {what} listens on loopback alone: {address}:{port} refuses connections.", cure)
        except OSError as error:
            how, cure = failure(error)
            return bad("class", f"The {what} at {address}:{port} {how}.", cure)
    return ok("class", f"web server and broker answer at {address}, as the join line says")
