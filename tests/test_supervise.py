"""The supervisor: what dies again and again is started less and less often, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
from parts import left, until

from classroom.local.cluster import ROOT
from classroom.local.process import Process
from classroom.local.supervise import Supervisor


def test_the_pause_before_a_new_start_grows_and_is_short_again_after_a_good_run():
    broker, web = (Process(name, [], None, None, None) for name in ("broker", "web"))
    supervisor = Supervisor(SimpleNamespace(brokers=[broker]))

    def pause(process, lived):
        process.started_at = time.monotonic() - lived
        return supervisor.pause(process)

    assert [pause(web, lived=0.5) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert pause(web, lived=60) == 1
    assert pause(web, lived=0.5) == 2
    assert [pause(broker, lived) for lived in (60, 0.5, 0.5)] == [0, 1, 1]


def test_what_a_process_leaves_behind_is_ended_before_it_is_started_again(tmp_path):
    # Given a process that is killed, but not what it started
    script = "sleep 600 & echo started; wait"
    process = Process("web", ["sh", "-c", script], tmp_path / "log", os.environ, tmp_path).start()
    until(lambda: process.said("started"), what="the start")
    family = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not process.alive, what="its end")
    assert len(left(family)) == 1
    # When that is noticed, I expect nothing to be left, and its number, which may be another's by now, to be left alone
    supervisor = Supervisor(SimpleNamespace(processes=[process], workers=[], brokers=[]))
    assert supervisor.look() == ["web ended (killed by SIGKILL)."]
    until(lambda: not left(family), 2, "the end of all")
    assert process.is_over
    until(lambda: "web is started again." in supervisor.look(), what="the next start")
    assert not process.is_over
    process.kill()


def test_a_signal_waits_until_what_is_being_started_is_known():
    script = """
import os, signal
from classroom.local.stop import Stop, heed_signals, stop_later
heed_signals()
try:
    with stop_later():
        os.kill(os.getpid(), signal.SIGTERM)
        print("known")
    print("never")
except Stop:
    print("stops")
"""
    assert said_by(script) == ["known", "stops"]


def test_a_signal_whose_effect_python_drops_stops_all_the_same():
    script = """
import os, signal, sys
from classroom.local.stop import Stop, heed_signals, stop_if_asked
class Client:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
sys.unraisablehook = lambda _: print("dropped")
heed_signals()
try:
    Client()
    print("goes on")
    stop_if_asked()
    print("never")
except Stop:
    print("stops")
"""
    assert said_by(script) == ["dropped", "goes on", "stops"]


def said_by(script):
    """The lines that a script of its own process prints."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
