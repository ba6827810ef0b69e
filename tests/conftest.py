"""What all tests share: a cluster of real processes, and what to say of missing parts."""

import signal
import sys
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("parts")

import parts  # noqa: E402
from parts import Api  # noqa: E402
from terminal import Copy, Terminal  # noqa: E402

from classroom.local.cluster import LocalCluster  # noqa: E402
from classroom.local.hosts import Network  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a script runs in the background ignores it: not here
OTHER_BROKERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("redis-server", "rabbitmq-server")]


@pytest.fixture(scope="session", params=["valkey", *OTHER_BROKERS])
def cluster(request, tmp_path_factory):
    """A running cluster with two workers, for tests that leave its processes alone; also on Debian's brokers."""
    server = None if request.param == "valkey" else parts.need(request.param, request.param)
    broker = {"rabbitmq": True} if request.param == "rabbitmq-server" else {"server": server}
    folder = tmp_path_factory.mktemp("cluster")
    with parts.in_memory(folder), LocalCluster(folder, workers=2, **broker) as cluster:
        parts.put_all_first(cluster)
        yield cluster


@pytest.fixture
def api(cluster):
    """A client of the shared cluster."""
    with Api(cluster.url) as api:
        yield api


@pytest.fixture
def start(tmp_path):
    """Start clusters of the test's own, stopped at its end; their logs are shown when it fails."""
    started = []

    def start(**options):
        cluster = LocalCluster(tmp_path / f"cluster{len(started)}", **options)
        started.append(cluster)
        memory.enter_context(parts.in_memory(cluster.folder))
        return cluster.start()

    with ExitStack() as memory:
        yield start
        for cluster in started:
            cluster.stop()
            for log in sorted(cluster.folder.glob("log/*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)


@pytest.fixture
def terminal(tmp_path):
    """A terminal in which ./lab up can be typed; what it started is stopped at the end."""
    terminal = Terminal(tmp_path)
    with terminal.memory:
        yield terminal
        terminal.stop()


@pytest.fixture
def copy(tmp_path):
    """A terminal in a copy of the project; what it started is stopped at the end, and what it said is shown."""
    copy = Copy(tmp_path)
    with copy.memory:
        yield copy
        copy.stop()
    if copy.started:
        print(copy.said())


@pytest.fixture
def network():
    """An empty network of the test's own, with this machine in it."""
    parts.need_root()
    parts.need("ip", "iproute2")
    with Network() as network:
        yield network


def pytest_terminal_summary(terminalreporter):
    """Name the one line that installs what skipped tests lacked."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    packages = {
        reason.split("sudo apt install ")[1].split("'")[0].strip(")") for reason in reasons if "sudo apt" in reason
    }
    if packages or parts.missing:
        names = " ".join(sorted({name for words in packages | parts.missing for name in words.split()}))
        terminalreporter.write_line(f"\nTo run what was skipped:  sudo apt install {names}")
