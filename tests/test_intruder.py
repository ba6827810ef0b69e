"""A host on the class network that nobody gave a code or a password gets nowhere."""

import json
import pickle
import subprocess

import pytest
import redis
from kombu import Connection
from parts import Api, need, need_root, until
from test_join import Lab

from classroom.local.cluster import LocalCluster
from classroom.local.hosts import Network


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A class with one worker of the head's own, and a network that an intruder is on."""
    need_root()
    need("ip", "iproute2")
    need("curl", "curl")
    with Network() as network:
        where = {"network": network, "address": network.address}
        with LocalCluster(tmp_path_factory.mktemp("class") / "cluster", workers=1, **where) as cluster:
            lab = Lab(cluster, network)
            lab.intruder = network.add("intruder")
            yield lab


def tries(lab, *argv):
    """What a command printed on the intruder's machine, errors too."""
    argv = [word.replace("HEAD", lab.address) for word in argv]
    done = subprocess.run(lab.intruder.command(argv), capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


SAY = """
import socket, sys
line = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
line.settimeout(3)
line.sendall(sys.argv[3].encode() + b"\\r\\n")
print(line.recv(200))
"""
REDIS = [
    *("PING", "INFO", "KEYS *", "GET lab:steps", "FLUSHALL", "CONFIG GET *", "MONITOR", "LPUSH celery x"),
    *("AUTH worker worker", "AUTH default x", "EVAL return(1) 0", "SUBSCRIBE celery", "SHUTDOWN", "DEBUG SLEEP 5"),
]


@pytest.mark.parametrize("command", REDIS)
def test_redis_answers_nothing_but_no(lab, command):
    said = tries(lab, "python3", "-c", SAY, lab.network.address, str(lab.cluster.broker_port), command)
    assert "NOAUTH" in said or "WRONGPASS" in said or "-ERR" in said, said
    assert lab.cluster.ledger.redis.ping()


PATHS = [
    ("/join/AAA-AAA", "403"),
    ("/join/%00", "403"),
    ("/join/AAA-AAA/bundle.tar.gz", "403"),
    ("/join/AAA-AAA/wheels/", "403"),
    ("/join/", "404"),
    ("/join", "404"),
    ("/join/../class.json", "404"),
    ("/.lab/credentials.json", "404"),
    ("/credentials.json", "404"),
    ("/join/AAA-AAA/wheels/..%2f..%2f..%2f.lab%2fcredentials.json", "404"),
]


@pytest.mark.parametrize(("path", "code"), PATHS)
def test_without_the_class_code_nothing_is_served(lab, path, code):
    lab.cluster.ledger.redis.delete(f"lab:guesses:{lab.intruder.address}")
    said = tries(lab, "curl", "-sS", "--path-as-is", "-w", "\n%{http_code}", f"HEAD{path}")
    assert said.splitlines()[-1] == code, said
    for secret in (lab.code, lab.cluster.redis_urls["worker"].split(":")[2].split("@")[0]):
        assert secret not in said


@pytest.mark.parametrize(
    "name", ["../../../.lab/credentials.json", "..%2f..%2fclass.json", "%2fetc%2fpasswd", "app.py"]
)
def test_with_the_code_only_packages_are_served_whatever_the_path(lab, name):
    said = tries(lab, "curl", "-sS", "--path-as-is", "-w", "\n%{http_code}", f"HEAD/join/{lab.code}/wheels/{name}")
    assert said.splitlines()[-1] == "404", said


def test_neither_code_nor_token_nor_password_is_in_any_answer(lab):
    paths = ["/", "/workers", "/healthz", "/openapi.json", "/status/x", "/nothing", "/join/x", "/teacher/cancel"]
    kinds = [["-H", f"Accept: {kind}"] for kind in ("*/*", "text/html")]
    said = "".join(tries(lab, "curl", "-sSi", *kind, f"HEAD{path}") for path in paths for kind in kinds)
    assert "HTTP/1.1 200" in said
    secrets = json.loads((lab.cluster.folder / "credentials.json").read_text())
    assert not [name for name, secret in secrets.items() if secret in said]


@pytest.mark.parametrize("path", ["/teacher/cancel", "/teacher/purge", "/teacher/workers/worker1@worker1/stop"])
def test_the_teachers_actions_are_refused(lab, path):
    assert '"status":401' in tries(lab, "curl", "-sS", "-X", "POST", f"HEAD{path}")


@pytest.mark.parametrize("content", ["application/x-python-serialize", "pickle", "application/json", "text/plain"])
def test_a_pickled_message_is_refused_and_the_worker_lives_on(lab, content, tmp_path):
    # Given somebody who has joined, and so may write to the queue
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    pid = lab.cluster.workers[0].pid
    with Connection(lab.cluster.redis_urls["worker"]) as connection:
        as_what = {"content_type": content, "content_encoding": "binary"}
        headers = {"id": "bomb", "task": "longtask", "lang": "py"}
        connection.Producer().publish(pickle.dumps(Bomb()), routing_key="celery", headers=headers, **as_what)
    lives_on(lab, pid)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("rubbish", ["no message at all", "{}", "[1]", '{"body": 1, "headers": 2, "properties": 3}'])
def test_what_is_no_message_does_not_end_a_worker(lab, rubbish):
    pid = lab.cluster.workers[0].pid
    redis.Redis.from_url(lab.cluster.redis_urls["worker"]).lpush("celery", rubbish)
    lives_on(lab, pid)


def lives_on(lab, pid):
    """The worker is the same process, and has emptied the queue."""
    with Api(lab.cluster.url) as api:
        assert [api.ended(api.submit())["result"] for _ in range(2)] == [20, 20]
    until(lambda: lab.cluster.ledger.redis.llen("celery") == 0, what="the queue to be empty")
    assert lab.cluster.workers[0].alive and lab.cluster.workers[0].pid == pid
