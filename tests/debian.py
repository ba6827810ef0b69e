"""Fresh Debian machines without a hypervisor: a root folder and a host of a network each, systemd as process 1."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import build_opener

import psutil
from parts import lack, need, need_root, until

from classroom.local.process import Process

RELEASE = "bookworm"
LIKE_A_BOX = "ca-certificates,dbus,procps,systemd,systemd-sysv"  # what a box has that the smallest Debian has not
BOOT = """\
set -e
cd {root}
mount --bind . .
cd {root}
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . .
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c 'umount -l / && exec /lib/systemd/systemd'
"""


def fresh_root(folder):
    """Install the smallest Debian into a folder, with apt as this machine has it configured."""
    need_root()
    need("debootstrap", "debootstrap")
    said = run("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages").split("\n")
    mirror = next((line.split()[1] for line in said if line.startswith(f"{RELEASE} ")), "http://deb.debian.org/debian")
    run("debootstrap", "--variant=minbase", f"--include={LIKE_A_BOX}", RELEASE, folder, mirror, timeout=600)
    for settings in Path("/etc/apt/apt.conf.d").iterdir():  # those of this machine, not of a package
        if subprocess.run(["dpkg", "-S", settings], capture_output=True).returncode:
            shutil.copy(settings, folder / "etc/apt/apt.conf.d")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder / "etc/ssl/certs")
    (folder / "etc/resolv.conf").unlink(missing_ok=True)  # it knows no names: there is only the proxy
    return folder


class Machine:
    """A Debian machine: `root` is its disk, `host` its place in the network."""

    def __init__(self, root, host):
        self.root, self.host, self.process = root, host, None
        (root / "etc/hostname").write_text(f"{host.name}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n")
        (root / "etc/machine-id").write_text("")
        self.cgroup = cgroups() / f"lab{secrets.token_hex(4)}"

    def boot(self):
        """Start the machine; returns when systemd answers."""
        self.cgroup.mkdir(exist_ok=True)
        enter = f"echo $$ >{self.cgroup}/cgroup.procs; exec unshare --cgroup --pid --mount --ipc --fork --kill-child"
        argv = ["sh", "-c", f'{enter} sh -c "$0"', BOOT.format(root=self.root)]
        log = self.root.with_name(f"{self.host.name}.log")
        self.process = Process(self.host.name, argv, log, os.environ, "/", self.host).start()
        self.process.wait_ready(lambda: self.run("systemctl", "is-system-running", check=False).strip() in UP)
        return self

    def run(self, *command, check=True, timeout=300, **env):
        """Run a command as the machine's root; returns what it printed."""
        [pid1] = psutil.Process(self.process.pid).children() or [None]
        if not pid1:
            return ""
        inside = ["nsenter", "--target", str(pid1.pid), "--all"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *(f"{key}={value}" for key, value in env.items())]
        return run(*inside, *clean, *command, check=check, timeout=timeout)

    def provision(self, script, *args, check=True, **env):
        """Run a script as Vagrant's shell provisioner does; returns what it printed."""
        shutil.copy(script, self.root / "tmp/vagrant-shell")  # systemd's own /tmp is this one
        (self.root / "tmp/vagrant-shell").chmod(0o755)
        return self.run("/tmp/vagrant-shell", *args, check=check, timeout=600, **env)

    def halt(self):
        """Pull the plug."""
        if self.process:
            self.process.kill()
        until(self.gone, 10, f"the processes of {self.host.name} to be gone")

    def gone(self):
        """Remove the control groups; whether that could be done, as nothing is left in them."""
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not self.cgroup.exists()


UP = ("running", "degraded")


def cgroups():
    """Where this machine shows the control groups that systemd needs; skips the test where it does not."""
    for folder in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")):
        if (folder / "cgroup.procs").exists() and os.access(folder, os.W_OK):
            return folder
    lack("systemd needs control groups (cgroup2), which this machine does not show")


def run(*command, check=True, timeout=60):
    """Run a command to its end; returns what it printed, errors too."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout
    )
    assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


class Proxy(BaseHTTPRequestHandler):
    """A proxy for machines that have no other way out."""

    def do_GET(self):
        """Fetch a page for them."""
        try:
            with build_opener().open(self.path, timeout=60) as answer:
                code, body = answer.status, answer.read()
        except HTTPError as error:
            code, body = error.code, b""
        self.send_response(code)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        """Let them talk to a server themselves."""
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port)), 60) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
            back.start()
            pump(self.connection, there)
            back.join(60)
        self.close_connection = True

    def log_message(self, *_):
        """Say nothing."""


def pump(here, there):
    """Pass on bytes until one side has no more."""
    with contextlib.suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
        there.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxy(address):
    """Run a proxy at this address; gives its URL."""
    with ThreadingHTTPServer((address, 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{address}:{server.server_port}"
        server.shutdown()
