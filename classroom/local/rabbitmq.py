"""A RabbitMQ server of its own, from Debian's package, beside whatever else runs on this machine."""

import os
from contextlib import suppress

import psutil

from classroom.local import ports
from classroom.local.process import NotReady, Process

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # what is on PATH insists on the system's own user
ATTEMPTS = 5  # at finding ports that nobody else takes first


class RabbitMQ(Process):
    """The server on free ports, with its data in `folder`; `url` is its address. Raises NotReady where it lacks."""

    def __init__(self, folder):
        if not os.path.exists(SERVER):
            raise NotReady("RabbitMQ is not installed: sudo apt install rabbitmq-server")
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("rabbitmq", [SERVER], folder / "rabbitmq.log", None, folder)

    def serve(self):
        """Start the server on ports of its own choice, and return it when it takes connections."""
        for left in reversed(range(ATTEMPTS)):
            self.choose_ports()
            try:
                self.start().wait_ready(self.ready)
                return self
            except BaseException as error:
                self.end()
                # It needs seconds to take its ports: others may be faster.
                if not (left and isinstance(error, NotReady) and any(not ports.is_free(one) for one in self.ports)):
                    raise

    def choose_ports(self):
        """Choose ports that are free now: for clients, for other servers, and for Erlang's name server."""
        self.ports = port, distribution, self.epmd = [ports.any_free() for _ in range(3)]
        folder, self.url = self.cwd, f"amqp://guest:guest@127.0.0.1:{port}//"
        self.env = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"lab{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(self.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_LOGS": "-",
        }

    def ready(self):
        """Whether the server takes connections since its last start."""
        return self.alive and self.said("Server startup complete")

    def end(self):
        """End the server, and Erlang's name server, which has left its parent."""
        if self.process:
            self.kill()
        for line in psutil.net_connections("tcp"):
            if line.status == psutil.CONN_LISTEN and line.laddr.port == self.epmd and line.pid:
                with suppress(psutil.NoSuchProcess):
                    found = psutil.Process(line.pid)
                    if found.name() == "epmd":  # and not somebody who was faster
                        found.kill()
