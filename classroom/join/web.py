"""The addresses below /join: the script that lets a machine join, the code and the packages that it fetches."""

import shlex
from functools import cache
from pathlib import Path
from secrets import compare_digest
from string import Template
from urllib.parse import urlsplit

from flask import Blueprint, Response, request
from redis import RedisError

from classroom import code
from classroom.join import bundle
from classroom.local.credentials import class_of
from classroom.web.problems import Problem
from tasks import celery

bp = Blueprint("join", __name__, url_prefix="/join")
GUESSES, PER = 10, 60  # wrong codes that one address may try, in so many seconds


def install(app):
    """Serve these addresses, and keep the code that is here now for those who join."""
    app.register_blueprint(bp)
    if class_of().get("worker_url"):
        packed_code()


def admit(given):
    """Return where the code is the class's; else answer 403, after some guesses 429, and 404 without a class."""
    if not class_of().get("worker_url"):
        raise Problem(404, "This cluster is not for a class: the teacher starts one with ./lab up --class")
    key = f"lab:guesses:{request.remote_addr}"
    redis = celery.ledger.redis
    if int(redis.get(key) or 0) >= GUESSES:
        raise Problem(429, "Too many wrong class codes came from this address: wait a minute.", PER)
    if compare_digest(given.upper().encode(), class_of()["code"].encode()):
        return
    with redis.pipeline() as pipe:
        pipe.incr(key).expire(key, PER, nx=True).execute()
    words = "ask for the line that joins again (the teacher sees it with ./lab join-line)."
    raise Problem(403, f"This is not the class code: {words}")


@bp.get("/<given>")
def script(given):
    """Give the script that checks this machine, fetches code and packages, and starts a worker."""
    try:
        admit(given)
    except Problem as problem:
        return refusal(problem.description, problem.code)
    except RedisError:
        return refusal("The broker does not answer at the moment: type the line again.", 503)
    broker = urlsplit(class_of()["worker_url"])
    words = {
        "head": request.url_root.rstrip("/"),
        "code": class_of()["code"],
        "broker_host": broker.hostname,
        "broker_port": str(broker.port),
    }
    text = AtTemplate(Path(__file__).with_name("join.sh").read_text())
    filled = text.substitute({key: shlex.quote(word) for key, word in words.items()})
    return Response(filled, mimetype="text/plain")


def refusal(sentence, status):
    """A script that says why nobody joins."""
    return Response(f"echo {shlex.quote(sentence)} >&2\nexit 1\n", status, mimetype="text/plain")


class AtTemplate(Template):
    """A text with @name@ in the places to fill: $ belongs to the shell."""

    pattern = r"@(?:(?P<named>[a-z_]+)@|(?P<braced>(?!))|(?P<escaped>(?!))|(?P<invalid>(?!)))"


@bp.get("/<given>/bundle.tar.gz")
def give_bundle(given):
    """Give the code, and the broker's address with the worker's password."""
    admit(given)
    return Response(packed_code(), mimetype="application/gzip")


@cache
def packed_code():
    """The code as this process found it at its start: what is saved later may be broken."""
    extra = {
        "broker-url": class_of()["worker_url"] + "\n",
        "fingerprint": code.fingerprint() + "\n",
        "requirements.txt": bundle.requirements(),
    }
    return bundle.bundle(extra)


@bp.get("/<given>/wheels/")
def list_wheels(given):
    """List the packages, in the way that pip reads."""
    admit(given)
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in wheels())
    return Response(f"<!DOCTYPE html>\n<title>Packages</title>\n{links}", mimetype="text/html")


@bp.get("/<given>/wheels/<name>")
def give_wheel(given, name):
    """Give one package; the name pip.whl means whatever version of pip is here."""
    admit(given)
    if name == "pip.whl":
        name = next(name for name in wheels() if name.startswith("pip-"))
    if name not in wheels():
        raise Problem(404, "There is no such package here: /join/CODE/wheels/ lists what there is.")
    return Response(packed(name), mimetype="application/zip")


wheels = cache(bundle.wheels)


@cache
def packed(name):
    """The bytes of a wheel, made once."""
    return wheels()[name]()
