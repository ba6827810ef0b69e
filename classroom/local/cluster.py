"""A cluster on this machine: a broker, workers and a web server, each a real process."""

import http.client
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

from classroom.local import broker, ports
from classroom.local.credentials import ROLES, Credentials, join_line
from classroom.local.process import NotReady, Process, stop_all
from classroom.local.rabbitmq import RabbitMQ
from classroom.local.refused import NAME as REFUSED
from ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL", "RESULT_BACKEND")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the cluster is in this room
FLOWER_PORT = 5555  # or the next free one

# How a process is asked to stop: signals, and the seconds that each has.
STOP = ((signal.SIGTERM, 3), (signal.SIGQUIT, 2))
STOP_BROKER = ((signal.SIGTERM, 2),)


class LocalCluster:
    """Starts and stops a cluster on this machine, and lets each of its processes be killed or frozen.

        with LocalCluster(folder, workers=2) as cluster:
            cluster.url, cluster.ledger, cluster.workers[0].kill()

    `folder` keeps its data and logs. Without a `port` any free one is taken, or the first free one of
    `ports_from`, for the web server and the broker. A `broker_url` names a broker that runs elsewhere;
    then none is started. On a `network` (classroom.local.hosts) each worker has a host of its own, and
    this machine is the head. With an `address` others may join there, as a class. With `rabbitmq` the
    broker is RabbitMQ, and Redis keeps results. With `flower` Celery's monitor Flower runs beside it,
    for this machine alone. `before` is a command that starts what runs others' code: workers, web server.
    Without `keeps` the broker writes nothing to the disk, and forgets all when it ends.

    Raises NotReady when a process does not come up.
    """

    def __init__(
        self,
        folder,
        workers=2,
        concurrency=1,
        host="127.0.0.1",
        port=None,
        ports_from=(None, None),
        broker_url=None,
        results=None,
        server=None,
        env=None,
        network=None,
        rabbitmq=False,
        address=None,
        flower=False,
        before=(),
        keeps=True,
    ):
        self.folder = Path(folder)
        self.network, self.address = network, address
        self.worker_url = None  # the broker's address that others join with
        self.host, self.port = network.address if network else host, port
        self.broker_port = None
        self.web_ports_from, self.broker_ports_from = ports_from
        self.concurrency, self.before, self.keeps = concurrency, before, keeps
        self.env = {key: value for key, value in os.environ.items() if key not in NAMES} | (env or {})
        self.env["LAB_FLOWER"] = str(int(flower))
        self.web_env, self.worker_env = self.env.copy(), self.env.copy()
        self.refused = self.folder / "refused.txt"  # what is wrong with saved files
        self.web_env[REFUSED] = str(self.refused)
        self.server = server
        self.broker = None
        self.broker_url, self.redis_urls = broker_url, {}
        self.results = results or broker_url
        self.starts_broker = not broker_url
        self.rabbitmq, self.redis = rabbitmq, None
        self.workers = [self.make_worker(f"worker{n + 1}") for n in range(workers)]
        self.web = self.make("web", [], self.web_env)
        self.flower, self.flower_url = self.make("flower", [], self.env) if flower else None, None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        """The web server's address."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        return f"http://{host}:{self.port}"

    @property
    def join_line(self):
        """What a student types to join; None where nobody may."""
        if not self.address:
            return None
        return join_line(self.address, self.port, Credentials(self.folder).code)

    @property
    def ledger(self):
        """The cluster's ledger."""
        return Ledger(self.results, within=5)

    @property
    def processes(self):
        """All processes, in the order in which they start."""
        return [*self.brokers, *self.workers, *self.servers]

    @property
    def brokers(self):
        """The broker that was started, and with RabbitMQ the Redis beside it."""
        return [process for process in (self.redis, self.broker) if process]

    @property
    def servers(self):
        """The web server, and Flower where it is wanted."""
        return [process for process in (self.web, self.flower) if process]

    def start(self):
        """Start everything and wait until all is ready."""
        self.start_broker()
        self.start_workers()
        self.start_web()
        for worker in self.workers:
            self.wait_worker(worker)
        self.wait_web()
        if self.flower:
            self.start_flower()
        return self

    def start_broker(self):
        """Start the broker, unless one runs elsewhere, and wait until it answers."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.starts_broker:
            self.start_on_a_free_port(self.start_broker_on, self.broker_port, self.broker_ports_from)
        self.refused.unlink(missing_ok=True)
        self.web_env["LAB_CLASS"] = Credentials(self.folder).write_class(self.worker_url)
        if self.rabbitmq:
            self.redis, self.broker = self.broker, RabbitMQ(self.folder / "rabbitmq").serve()
            self.broker_url = self.broker.url
        for role, env in (("admin", self.env), ("web", self.web_env), ("worker", self.worker_env)):
            results = self.redis_urls.get(role, self.results)
            env["CELERY_RESULT_BACKEND"] = results
            env["CELERY_BROKER_URL"] = results if self.starts_broker and not self.rabbitmq else self.broker_url

    def start_broker_on(self, port):
        """Start the broker on this port; False when another program has it."""
        head = self.network.address if self.network else "127.0.0.1"
        who = Credentials(self.folder)
        hosts = dict.fromkeys([head, *([self.address] if self.address else [])])
        config = broker.write_config(self.folder, hosts, port, who.users(flower=bool(self.flower)), self.keeps)
        self.worker_url = who.url("worker", self.address, port) if self.address else None
        self.broker_port = port
        self.redis_urls = {role: who.url(role, head, port) for role in ROLES}
        self.broker_url = self.redis_urls["admin"]
        self.results = self.broker_url
        self.broker = self.make("broker", [self.server or broker.find_server(), str(config)], self.env)
        self.broker.start()
        return self.broker.wait_ready(self.broker_answers, unless="Address already in use")

    def broker_answers(self):
        """Whether the broker is there, and has loaded its data."""
        return self.broker.ready() if self.redis else broker.answers(self.broker_url)

    def start_workers(self):
        """Start the workers and return at once."""
        for worker in self.workers:
            worker.start()

    def start_web(self):
        """Start the web server and return when it has its port."""
        self.start_on_a_free_port(self.start_web_on, self.port, self.web_ports_from)

    def start_web_on(self, port):
        """Start the web server on this port; False when another program has it."""
        self.port = port
        gunicorn = [*self.before, sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
        hosts = dict.fromkeys([self.host, *([self.address] if self.address and self.host != "0.0.0.0" else [])])
        self.web.argv = [*gunicorn, *(word for host in hosts for word in ("-b", f"{host}:{port}")), "app:app"]
        self.web.start()
        return self.web.wait_ready(lambda: self.web.said("Listening at"), unless="Connection in use")

    def start_flower(self):
        """Start Flower and return when it has its port."""
        self.start_on_a_free_port(self.start_flower_on, None, FLOWER_PORT)

    def start_flower_on(self, port):
        """Start Flower on this port; False when another program has it."""
        self.flower_url = f"http://127.0.0.1:{port}"
        self.flower.argv = [
            sys.executable, "-m", "celery", "-A", "tasks", "flower", "--address=127.0.0.1", f"--port={port}",
            "--read_only=True", "--persistent=False",
        ]  # fmt: skip
        self.flower.start()
        return self.flower.wait_ready(lambda: self.flower.said("Visit me at"), unless="Address already in use")

    def start_on_a_free_port(self, start, given, first):
        """Start a server on the given port, else on the first free one from `first` on, else on any."""
        for port in [given] if given else free_ports(first):
            if start(port):
                return
        raise NotReady(f"Port {port} is taken by another program.")

    def add_worker(self, name=None):
        """Start one more worker and wait until it is ready."""
        worker = self.make_worker(name or f"worker{len(self.workers) + 1}")
        self.workers.append(worker)
        self.wait_worker(worker.start())
        return worker

    def wait_worker(self, worker):
        """Wait until a worker takes tasks."""
        worker.wait_ready(lambda: worker.said(" ready."))

    def wait_web(self):
        """Wait until all processes of the web server answer."""
        self.web.wait_ready(
            lambda: (
                self.web.said("Ready to answer", times=len(self.web.process.children()))
                and self.get("/healthz") is not None
            )
        )

    def get(self, path):
        """The JSON answer to a GET, also to one that is an error; None where nothing answers."""
        return self.ask(path)

    def post(self, path, body):
        """The JSON answer to a POST of this body, also to one that is an error; None where nothing answers."""
        headers = {"Content-Type": "application/json"}
        return self.ask(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))

    def ask(self, request):
        """The JSON answer to a request, or to a GET of a path."""
        try:
            try:
                with NO_PROXY.open(self.url + request if isinstance(request, str) else request, timeout=5) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return json.load(error)
        except (OSError, ValueError, http.client.HTTPException):  # also of an error's body that was cut off
            return None

    def stop(self):
        """Stop the servers and workers, then the broker; what runs finishes or goes back to the queue."""
        for processes, steps in ([*self.servers, *self.workers], STOP), (self.brokers, STOP_BROKER):
            stop_all([process.process for process in processes if process.process and not process.is_over], steps)
        if isinstance(self.broker, RabbitMQ):
            self.broker.end()

    def make_worker(self, name):
        """A worker process, not started yet."""
        return self.make(name, [
            *self.before, sys.executable, "-m", "celery", "-A", "tasks", "-q", "worker", "-n", f"{name}@%h",
            "--concurrency", str(self.concurrency), "--loglevel", "INFO",
        ], self.worker_env, self.network and self.network.add(name))  # fmt: skip

    def make(self, name, argv, env, host=None):
        """A process of this cluster, not started yet; those of a role share one environment."""
        return Process(name, argv, self.folder / "log" / f"{name}.log", env, ROOT, host)


def free_ports(start, tries=5):
    """Free ports to try in turn: another program may take one between the look and the use."""
    for _ in range(tries):
        start = start and ports.first_free(start)
        yield start or ports.any_free()
        start = start and start + 1
