"""The virtual machines' scripts, run on fresh Debian machines: a broker and two workers, with systemd and all."""

import re
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from debian import Machine, fresh_root, proxy, run
from parts import Api, until

from classroom.local.cluster import ROOT
from classroom.local.hosts import Network

PACKAGES = [words.split() for words in re.findall(r"%w\[(.*?)\]", (ROOT / "Vagrantfile").read_text())]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__")
CODE = "7K3-QF9"


@pytest.fixture
def vms(tmp_path):
    """What `vagrant up` makes: the machines broker, worker1 and worker2."""
    base = fresh_root(tmp_path / "base")
    wheels = "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version=3.11", "-d", base / "wheels"
    run(sys.executable, *wheels, "-r", ROOT / "requirements.txt", timeout=300)
    (base / "etc/pip.conf").write_text("[global]\nno-index = yes\nfind-links = /wheels\n")
    with Network() as network, proxy(network.address) as way_out:
        vms = Vms(tmp_path, network, way_out)
        try:
            vms.up()
            yield vms
        finally:
            vms.halt()


class Vms:
    """The machines, and what the Vagrantfile gives their scripts."""

    def __init__(self, folder, network, way_out):
        self.machines = {}
        for number, name in enumerate(["broker", "worker1", "worker2"]):
            run("cp", "-a", folder / "base", folder / name)
            self.machines[name] = Machine(folder / name, network.add(name, f"{network.prefix}.{10 + number}"))
        self.broker, *self.workers = self.machines.values()
        self.settings = {"http_proxy": way_out, "BROKER_IP": self.broker.host.address, "CLASS_CODE": CODE}
        self.url = f"http://{self.broker.host.address}:5000"

    def up(self):
        """Boot and provision all at once, as libvirt does: the workers wait for the broker."""
        shutil.copytree(ROOT, self.broker.root / "vagrant", ignore=NOT_COPIED)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Machine.boot, self.machines.values()))
            provisioned = [pool.submit(self.provision, machine) for machine in self.machines.values()]
            try:
                self.said = [one.result() for one in provisioned]
            except BaseException:
                self.halt()  # or those that wait for the broker would go on
                raise

    def halt(self):
        """Pull the plug of all machines."""
        for machine in self.machines.values():
            machine.halt()

    def provision(self, machine, **settings):
        """Run the scripts of a machine, as `vagrant provision` does; returns what they printed."""
        role = "broker" if machine is self.broker else "worker"
        settings = self.settings | settings
        said = machine.provision(ROOT / "provision/common.sh", *PACKAGES[role == "worker"], **settings)
        return said + machine.provision(ROOT / f"provision/{role}.sh", **settings)

    def working(self, *names):
        """Wait until exactly these workers are in the cluster."""
        with Api(self.url) as api:

            def names_now():
                return sorted(one["name"] for one in api.workers())

            until(lambda: names_now() == sorted(names), 60, f"the workers {names}")


def started(machine, *units):
    """When each service was started."""
    return [machine.run("systemctl", "show", "--property=ExecMainStartTimestamp", unit) for unit in units]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_scripts_make_a_cluster_that_lives_through_what_machines_do(vms):
    for step in (
        after_vagrant_up_tasks_run_on_every_worker,
        the_join_line_and_the_token_that_it_prints_are_true,
        to_provision_again_changes_nothing,
        a_service_that_is_killed_starts_again,
        a_halted_worker_loses_no_task_and_joins_again_by_itself,
        the_broker_comes_back_with_what_it_had,
        new_code_on_the_broker_reaches_the_workers,
        a_wrong_code_stops_with_a_sentence,
        another_name_is_taken_over,
        a_new_class_code_reaches_those_who_are_provisioned,
        a_broker_with_new_passwords_has_its_workers_again,
    ):
        step(vms)


def after_vagrant_up_tasks_run_on_every_worker(vms):
    print("".join(vms.said))
    vms.working("worker@worker1", "worker@worker2")
    with Api(vms.url) as api:
        ended = [api.ended(id) for id in [api.submit(x=n, seconds=0.5) for n in range(8)]]
        assert [status["result"] for status in ended] == [2 * n for n in range(8)]
        assert {status["worker"] for status in ended} == {"worker@worker1", "worker@worker2"}
    # and as nobody who may do harm: services have users of their own, and the web's reads what it needs
    user = "ps -o user:20= -p $(systemctl show --property=MainPID --value {})".format
    assert vms.broker.run("sh", "-c", user("classroom-web")).strip() == "classroom-web"
    assert vms.workers[0].run("sh", "-c", user("classroom-worker")).strip() == "classroom-worker"
    look = "for file in /etc/classroom/* /etc/redis/*; do ! [ -r $file ] || echo $file; done"
    assert vms.broker.run("runuser", "-u", "classroom-web", "--", "sh", "-c", look).split() == [
        "/etc/classroom/class.json"
    ]
    asked = "import redis; redis.Redis('127.0.0.1').ping()"
    assert "AuthenticationError" in vms.broker.run("/opt/classroom/.venv/bin/python", "-c", asked, check=False)


def the_join_line_and_the_token_that_it_prints_are_true(vms):
    said = vms.said[0]
    assert f"curl -sS {vms.url}/join/{CODE} | sh" in said
    command = re.search(r"vagrant ssh broker -c 'sudo (.*)'", said)[1]
    token = vms.broker.run(*command.split()).strip()
    with Api(vms.url) as api:
        answer = api.post("/teacher/purge", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()) == (202, {"cancelled": 0})


def to_provision_again_changes_nothing(vms):
    vms.working("worker@worker1", "worker@worker2")
    units = {vms.broker: ["redis-server", "classroom-web"], vms.workers[0]: ["classroom-worker"]}
    before = {machine: started(machine, *units[machine]) for machine in units}
    said = "".join(vms.provision(machine) for machine in units)
    assert "starts again" not in said
    assert {machine: started(machine, *units[machine]) for machine in units} == before


def a_service_that_is_killed_starts_again(vms):
    def pid(machine, unit):
        return machine.run("systemctl", "show", "--property=MainPID", "--value", unit).strip()

    worker, broker = vms.workers[0], vms.broker
    for machine, unit in (worker, "classroom-worker"), (broker, "classroom-web"), (broker, "redis-server"):
        killed = pid(machine, unit)
        machine.run("kill", "-KILL", killed)
        until(lambda at=(machine, unit), killed=killed: pid(*at) not in ("0", killed), 30, f"{unit} to start again")
    vms.working("worker@worker1", "worker@worker2")
    with Api(vms.url) as api:
        assert api.ended(api.submit(x=1, seconds=0))["state"] == "SUCCESS"


def a_halted_worker_loses_no_task_and_joins_again_by_itself(vms):
    vms.working("worker@worker1", "worker@worker2")
    with Api(vms.url) as api:
        id = api.submit(seconds=8)
        name = until(lambda: api.status(id)["worker"], what="a worker to take it").split("@")[1]
        vms.machines[name].halt()
        assert api.ended(id)["attempt"] == 2
    vms.working(*{"worker@worker1", "worker@worker2"} - {f"worker@{name}"})
    vms.machines[name].boot()
    vms.working("worker@worker1", "worker@worker2")


def the_broker_comes_back_with_what_it_had(vms):
    with Api(vms.url) as api:
        id = api.submit(x=21, seconds=0)
        assert api.ended(id)["result"] == 42
        time.sleep(1.5)  # everysec: what is older than a second is on the disk
    vms.broker.halt()
    vms.broker.boot()
    vms.working("worker@worker1", "worker@worker2")
    with Api(vms.url) as api:
        assert api.status(id)["result"] == 42
        assert api.ended(api.submit(x=1, seconds=0))["result"] == 2


def new_code_on_the_broker_reaches_the_workers(vms):
    tasks = vms.broker.root / "vagrant/tasks.py"
    tasks.write_text(tasks.read_text().replace("    return x + x", "    return x + x + 1"))
    assert "classroom-web starts again: /opt/classroom" in vms.provision(vms.broker)

    def all_new():
        with Api(vms.url) as api:
            workers = api.workers()
            return len(workers) == 2 and not any(one["old_code"] for one in workers)

    until(all_new, 60, "both workers to run the new code")
    with Api(vms.url) as api:
        assert [api.ended(id)["result"] for id in [api.submit(x=1, seconds=0) for _ in range(4)]] == [3] * 4


def a_wrong_code_stops_with_a_sentence(vms):
    before = started(vms.workers[0], "classroom-worker")
    with pytest.raises(AssertionError, match="ended with 1:\nThis is not the class code"):
        vms.provision(vms.workers[0], CLASS_CODE="AAA-AAA")
    assert started(vms.workers[0], "classroom-worker") == before


def another_name_is_taken_over(vms):
    line = f"curl -sS {vms.url}/join/{CODE} | sh -s -- --service --name"
    vms.workers[0].run("sh", "-c", f"{line} other")
    vms.working("other@worker1", "worker@worker2")
    vms.workers[0].run("sh", "-c", f"{line} worker")
    vms.working("worker@worker1", "worker@worker2")


def a_new_class_code_reaches_those_who_are_provisioned(vms):
    vms.settings["CLASS_CODE"] = "8L4-RG9"
    for machine in vms.machines.values():
        vms.provision(machine)
    vms.working("worker@worker1", "worker@worker2")


def a_broker_with_new_passwords_has_its_workers_again(vms):
    before = [started(worker, "classroom-worker") for worker in vms.workers]
    vms.broker.run("rm", "-r", "/etc/classroom")
    vms.provision(vms.broker)
    for worker, then in zip(vms.workers, before, strict=True):
        until(lambda worker=worker, then=then: started(worker, "classroom-worker") != then, 60, "a new start")
    vms.working("worker@worker1", "worker@worker2")
    with Api(vms.url) as api:
        assert api.ended(api.submit(x=1, seconds=0))["state"] == "SUCCESS"
