"""The supervisor's pauses: what dies again and again is started less and less often."""

import time
from types import SimpleNamespace

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
