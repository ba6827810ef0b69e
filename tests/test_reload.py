"""A file that is saved is used at once, on this machine and on those that joined, and what runs is finished."""

import shutil
import time

from browser import chromium, visit
from parts import Api, put_first, until, waiting_for
from playwright.sync_api import expect

from classroom.local.process import Process

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__")
FACTORIAL = "exercises/01-factorial/exercise.py"
NO_BP = "name 'bp' is not defined"


class FreshApi(Api):
    """A client that opens a connection for each request: a web server that reloads closes those it has."""

    def __init__(self, url):
        super().__init__(url)
        self.headers["Connection"] = "close"


def result(api):
    """What 10 + 10 is now."""
    return api.ended(api.submit(x=10))["result"]


def test_what_is_saved_is_used_by_web_and_workers_and_what_runs_is_finished(copy):
    copy.up("--workers", "2")
    copy.put_first()
    with FreshApi(copy.url) as api:
        assert result(api) == 20
        old = {one["code"] for one in api.workers()}
        running = api.running(x=1, seconds=5)
        # When the task is changed, I expect the new one within seconds, and the running one to finish as it began
        copy.change("tasks.py", "    return x + x", "    return x + x + 1")
        until(lambda: "tasks.py changed: the web server and the workers take it over" in copy.said(), what="a word")
        assert (api.ended(running)["result"], api.status(running)["attempt"]) == (2, 1)

        def all_new():
            workers = api.workers()
            return len(workers) == 2 and not {one["code"] for one in workers} & old

        until(all_new, 20, "both workers to run the new code")
        assert [result(api) for _ in range(4)] == [21] * 4
        # and an endpoint too
        copy.change("app.py", '@app.get("/healthz")', '@app.get("/health")\n@app.get("/healthz")')
        until(lambda: api.get("/health").status_code == 200, what="the new endpoint")


def test_what_cannot_be_used_is_said_and_everything_goes_on(copy):
    copy.up("--workers", "1")
    copy.put_first()
    with FreshApi(copy.url) as api:
        copy.change("tasks.py", "def longtask(", "def longtask(((")
        until(lambda: "Everything goes on as before." in copy.said(), what="a word")
        assert "tasks.py changed, but cannot be used:" in copy.said() and "SyntaxError" in copy.said()
        assert result(api) == 20
        # and when it is mended, it is used
        copy.change("tasks.py", "def longtask(((", "def longtask(")
        copy.change("tasks.py", "    return x + x", "    return x - x")
        until(lambda: result(api) == 0, 20, "the new code")
        until(lambda: [one["old_code"] for one in api.workers()] == [False], what="the worker to be heard with it")
        # An exercise that is broken is not used either, nor what is saved beside it, until both can be
        copy.change(FACTORIAL, "bp = ", "bp == ")
        until(lambda: copy.said().count("Everything goes on as before.") == 2, what="a second word")
        assert copy.said().count(f"{FACTORIAL}, line 8: NameError: ") == 1  # where it is, once
        copy.change("tasks.py", "    return x - x", "    return x - x + 1")
        until(lambda: copy.said().count("Everything goes on as before.") == 3, what="a third word")
        assert f"{FACTORIAL}, tasks.py changed, but cannot be used:" in copy.said()
        assert result(api) == 0 and api.post("/factorial", json={"number": 5}).status_code == 202
        # nor one that does not come to an end, or ends Python
        copy.put_first()  # it has so many seconds of the processor
        copy.change(FACTORIAL, "bp == ", "while True: pass\nbp = ")
        until(lambda: "is there a loop outside of every function?" in copy.said(), 40, what="a fourth word")
        assert "does not come to an end within 10 s of the processor's time" in copy.said()
        copy.change(FACTORIAL, "while True: pass\n", "__import__('os')._exit(3)\n")
        until(lambda: "importing it ends Python, with exit code 3" in copy.said(), what="a fifth word")
        assert result(api) == 0
        # When Python merely warns, it is used
        copy.change(FACTORIAL, "__import__('os')._exit(3)\n", "print(5 is 5)\n")
        until(lambda: result(api) == 1, 20, "the new code")


def test_a_worker_that_has_yet_to_load_what_was_good_is_named_when_what_follows_is_not(copy):
    copy.up("--workers", "2")
    copy.put_first()
    with FreshApi(copy.url) as api:
        running = api.running(seconds=60)
        name = api.status(running)["worker"].split("@")[0]
        copy.change("tasks.py", "    return x + x", "    return x + x + 1")
        until(lambda: "take it over" in copy.said(), what="the first")
        until(lambda: sorted(one["old_code"] for one in api.workers()) == [False, True], what="the other to load it")
        copy.change(FACTORIAL, "bp = ", "bp == ")
        until(lambda: f"\n{name} may load it when done with a task" in copy.said(), 40, "its name")
        assert "Everything goes on as before." not in copy.said()
        api.post(f"/cancel/{running}")


def test_what_is_saved_while_the_cluster_starts_is_judged_and_used_too(copy):
    goes_on = copy.folder / "goes on"
    copy.change("app.py", "import hashlib", f"{waiting_for(goes_on)}import hashlib")
    copy.up("--workers", "1", ready=False)
    until(lambda: "broker" in copy.said(), 60, what="the start")
    # When files are saved before the web server has loaded, and one cannot be used
    copy.change("tasks.py", "    return x + x", "    return x + x + 1")
    copy.change(FACTORIAL, "bp = ", "bp == ")
    goes_on.touch()
    # I expect that to be said once all is ready, without a claim about what is in use
    until(lambda: "but cannot be used" in copy.said(), 60, what="what is wrong")
    until(lambda: "It was saved while the web server was loading" in copy.said(), what="a word")
    assert copy.said().index("Stop it:") < copy.said().index(f"{FACTORIAL}, tasks.py changed, but cannot be used:")
    assert "Everything goes on as before." not in copy.said()
    # and both to be used once they can be
    copy.change(FACTORIAL, "bp == ", "bp = ")
    until(lambda: "changed: the web server and the workers take it over." in copy.said(), 40, what="the rest")
    with FreshApi(copy.url) as api:
        until(lambda: api.post("/factorial", json={"number": 5}).status_code == 202, 40, "the exercise")
        until(lambda: result(api) == 21, 20, "the new code")


def test_the_page_says_what_cannot_be_used_until_it_is_mended(copy, tmp_path):
    kept = {name: shutil.copy2(copy.project / name, tmp_path) for name in (FACTORIAL, "tasks.py")}
    copy.up("--workers", "1")
    copy.put_first()
    with chromium() as browser, visit(browser, copy.url) as page:
        note = page.locator("#note")
        copy.change(FACTORIAL, "bp = ", "bp == ")
        expect(note).to_have_text(f"What was saved last cannot be used: {FACTORIAL}, line 8: NameError: {NO_BP}")
        copy.change("tasks.py", "def longtask(", "def longtask(((")
        expect(note).to_contain_text(f"What was saved last cannot be used: {FACTORIAL}, tasks.py: SyntaxError: ")
        # also when the files of before are put back, with their times
        for name, file in kept.items():
            shutil.copy2(file, copy.project / name)
        expect(note).to_be_hidden()


def test_what_is_saved_while_the_web_server_loads_is_not_said_to_be_unused(copy, tmp_path):
    kept = shutil.copy2(copy.project / FACTORIAL, tmp_path)
    copy.change("app.py", "import hashlib", "import hashlib, time; time.sleep(3)")
    copy.up("--workers", "1")
    copy.put_first()
    with FreshApi(copy.url) as api:
        # When a second change, which cannot be used, is saved while the first is being loaded
        copy.change("tasks.py", "    return x + x", "    return x + x + 1")
        until(lambda: "take it over" in copy.said(), what="the first")
        copy.change(FACTORIAL, "bp = ", "bp == ")
        # I expect nobody to say that it is not in use
        until(lambda: "but cannot be used" in copy.said(), 40, what="the second")
        until(
            lambda: "It was saved while the web server was loading, which may run, or fail, with it." in copy.said(),
            what="a word",
        )
        assert "Everything goes on as before." not in copy.said()
        # and all to be well when the file of before is back
        shutil.copy2(kept, copy.project / FACTORIAL)
        until(lambda: api.post("/factorial", json={"number": 5}).status_code == 202, 40, "the exercise")
        until(lambda: api.live()["broken"] == {}, what="nothing to be left out")


def test_an_exercise_that_is_broken_from_the_start_is_named_first_of_all(copy):
    copy.change(FACTORIAL, "bp = ", "bp == ")
    copy.up("--workers", "1", "--quiet")
    copy.put_first()
    why = f"{copy.project}/{FACTORIAL}, line 8: NameError: {NO_BP}"
    assert f"  left out  01-factorial: {why}\n" in copy.said()
    with FreshApi(copy.url) as api:
        assert api.live()["broken"] == {"01-factorial": why}
        assert result(api) == 20 and api.post("/factorial", json={"number": 5}).status_code == 404
        # When it is mended, it is there
        copy.change(FACTORIAL, "bp == ", "bp = ")
        until(lambda: api.post("/factorial", json={"number": 5}).status_code == 202, 20, "the exercise")


def test_joined_machines_run_the_new_code_within_10_s_of_being_idle(copy, network, tmp_path):
    # Given a class, and a machine that joined
    copy.up("--class", "--address", network.address, "--workers", "0")
    copy.put_first()
    line = next(line for line in copy.said().splitlines() if "Join it:" in line).split(":", 1)[1].strip()
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)}
    pc = Process("pc1", ["sh", "-c", line], tmp_path / "pc1.log", env, tmp_path, network.add("pc1")).start()
    try:
        put_first(pc.pid)
        pc.wait_ready(lambda: pc.said(" ready."), timeout=120)
        with FreshApi(copy.url) as api:
            running = api.running(x=1, seconds=6)
            copy.change("tasks.py", "    return x + x", "    return x + x + 1")
            until(lambda: any(one["old_code"] for one in api.workers()), what="old code")
            assert (api.ended(running)["result"], api.status(running)["attempt"]) == (2, 1)
            until(lambda: new(api), 10, "the new code on the joined machine")
            assert result(api) == 21
            # When the new code does not run on that machine, I expect it to go on with the old
            copy.change("tasks.py", "import math", "import math\nimport psutil")
            until(lambda: "going on with that of last time" in pc.log.read_text(), 40, "the refusal")
            assert result(api) == 21
            time.sleep(4)  # in which it might start again and again
            assert pc.log.read_text().count("going on with that of last time") == 1
    finally:
        pc.kill()
        print(pc.log.read_text())


def new(api):
    """Whether there are workers, and all of them run the head's code."""
    workers = api.workers()
    return workers and not any(one["old_code"] for one in workers)
