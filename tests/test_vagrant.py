"""The virtual machines, as far as can be told without starting them."""

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from parts import need

from classroom.local.credentials import CODE_LETTERS

PROJECT = Path(__file__).parent.parent
SCRIPTS = sorted([*PROJECT.glob("provision/*.sh"), PROJECT / "classroom/join/join.sh"])
UNITS = sorted(PROJECT.glob("provision/*.service"))


def run(*command, **env):
    """Run a command in the project's folder and return what came of it."""
    return subprocess.run(command, cwd=PROJECT, env=os.environ | env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def vagrant(tmp_path):
    """The vagrant command on a computer that has VirtualBox, writing nothing outside of tmp_path."""
    need("vagrant", "vagrant")
    virtualbox = tmp_path / "bin" / "VBoxManage"
    virtualbox.parent.mkdir()
    virtualbox.write_text("#!/bin/sh\necho 7.0.20r163906\n")
    virtualbox.chmod(0o755)
    home = {
        "PATH": f"{virtualbox.parent}:{os.environ['PATH']}",
        "VAGRANT_HOME": str(tmp_path / "home"),
        "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot"),
        "VAGRANT_DEFAULT_PROVIDER": "virtualbox",
        "VAGRANT_NO_PLUGINS": "1",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    return lambda *args, **env: run("vagrant", *args, **(home | env))


@pytest.fixture
def machine(tmp_path):
    """A root folder that holds what the units need: systemd's own, our settings, the programs they start."""
    need("systemd-analyze", "systemd")
    units = tmp_path / "etc/systemd/system"
    (units / "classroom-.service.d").mkdir(parents=True)
    shutil.copy(PROJECT / "provision/hardening.conf", units / "classroom-.service.d")
    for unit in UNITS:
        shutil.copy(unit, units)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for program in "opt/classroom/.venv/bin/gunicorn", "bin/sh":
        (tmp_path / program).parent.mkdir(parents=True)
        (tmp_path / program).touch(mode=0o755)
    return tmp_path


def test_the_vagrantfile_is_ruby():
    need("ruby", "ruby")
    assert run("ruby", "-c", "Vagrantfile").stdout == "Syntax OK\n"


def test_vagrant_accepts_the_vagrantfile(vagrant):
    done = vagrant("validate")
    assert done.returncode == 0, done.stdout + done.stderr


RECORD = """
require "json"
class Recorder
  def initialize(path, calls) = (@path, @calls = path, calls)
  def respond_to_missing?(*) = true
  def method_missing(name, *given, **options)
    @calls << ["#{@path}.#{name}", given, options]
    inner = Recorder.new(name == :define ? given[0] : "#{@path}.#{name}", @calls)
    block_given? ? yield(inner) : inner
  end
end
module Vagrant
  def self.configure(_) = yield(Recorder.new("config", $calls = []))
end
load "Vagrantfile"
puts JSON.dump($calls)
"""


def test_the_vagrantfile_asks_for_these_machines(tmp_path):
    need("ruby", "ruby")
    given = {"VAGRANT_DOTFILE_PATH": str(tmp_path), "BOX": "some/box", "http_proxy": "http://192.0.2.1:3128"}
    calls = json.loads(run("ruby", "-e", RECORD, **given).stdout)

    def asked(path):
        return [(*given, options) for name, given, options in calls if name == path]

    assert asked("config.vm.box=") == [("some/box", {})]
    assert [one[0] for one in asked("config.vm.define")] == ["broker", "worker1", "worker2"]
    for number, name in ((10, "broker"), (11, "worker1"), (12, "worker2")):
        assert asked(f"{name}.vm.network")[0] == ("private_network", {"ip": f"192.168.56.{number}"})
        for provider in asked(f"{name}.vm.provider"):
            assert provider[0] in ("virtualbox", "libvirt")
        assert all(memory <= 768 for memory, _ in asked(f"{name}.vm.provider.memory="))
        assert asked(f"{name}.vm.provider.cpus=") == [(1, {})] * 2
        scripts = [options for _, options in asked(f"{name}.vm.provision")]
        assert [one["path"] for one in scripts] == ["provision/common.sh", f"provision/{name.rstrip('12')}.sh"]
        code = (tmp_path / "class-code").read_text()
        env = {"BROKER_IP": "192.168.56.10", "CLASS_CODE": code, "http_proxy": "http://192.0.2.1:3128"}
        assert [one["env"] | env == one["env"] for one in scripts] == [True, True]
    # The web is forwarded to this machine alone; workers get no folder, the broker gets none of ours that is large
    forwarded = {"guest": 5000, "host": 5000, "host_ip": "127.0.0.1", "auto_correct": True}
    assert asked("broker.vm.network")[1:] == [("forwarded_port", forwarded)]
    [(_, _, folder)] = asked("broker.vm.synced_folder")
    assert (folder["type"], folder["disabled"]) == ("rsync", False)
    assert {".venv", ".lab", ".git"} <= set(folder["rsync__exclude"])
    assert all(asked(f"worker{n}.vm.synced_folder")[0][2]["disabled"] for n in (1, 2))


def test_there_are_as_many_workers_as_asked_for(vagrant):
    rows = [line.split() for line in vagrant("status", WORKERS="5").stdout.splitlines() if "not created" in line]
    assert [row[0] for row in rows] == ["broker", "worker1", "worker2", "worker3", "worker4", "worker5"]


def test_the_number_of_workers_is_kept(vagrant):
    vagrant("status", WORKERS="4")
    assert vagrant("status").stdout.count("not created") == 5


@pytest.mark.parametrize("workers", ["abc", "0", "-1"])
def test_a_wrong_number_of_workers_stops_with_a_sentence(vagrant, workers):
    done = vagrant("status", WORKERS=workers)
    assert done.returncode != 0
    assert done.stderr == f'WORKERS is the number of worker VMs, from 1 to 99, and cannot be "{workers}".\n'


def test_the_class_code_is_made_once_and_only_its_owner_can_read_it(vagrant, tmp_path):
    file = tmp_path / "dot" / "class-code"
    vagrant("status")
    first = file.read_text()
    vagrant("status")
    assert file.read_text() == first
    assert re.fullmatch(f"[{CODE_LETTERS}]{{3}}-[{CODE_LETTERS}]{{3}}", first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    need("shellcheck", "shellcheck")
    done = run("shellcheck", script)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_the_unit(machine, unit):
    done = run("systemd-analyze", "verify", "--man=no", f"--root={machine}", unit.name)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_service_is_exposed_little(machine, unit):
    # systemd scores from 0 (shut in) to 10 (may do anything); ours have 1.7, times ten on its command line.
    done = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", f"--root={machine}", unit.name)
    assert done.returncode == 0, done.stdout
