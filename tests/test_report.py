"""./lab report: one file with the lanes, which needs no network."""

import json
import re

import psutil
import pytest
from browser import chromium, picture, visit
from parts import Api, given, until

from classroom.history import Attempt
from classroom.report.lanes import drawing
from classroom.report.report import report

NASTY = "</script><img src=x onerror=window.hacked=1>"


def test_the_report_shows_what_ran_where_and_when_and_needs_nothing_else(terminal):
    # Given a cluster in which tasks succeeded, failed, and were lost with a worker
    terminal.up("--workers", "2", **given("failing"))
    with Api(terminal.url) as api:
        good = api.submit(seconds=0.2, label="ana")
        nasty = api.submit(seconds=0.2, label=NASTY[:60])
        failed = api.post("/run/failing").json()["task_id"]
        lost = api.submit(seconds=3, label="bob")
        name = until(lambda: api.status(lost)["worker"], what="a worker to take it")
        kill(terminal, name.split("@")[0])
        assert api.ended(lost)["attempt"] == 2
        for id in (good, nasty, failed):
            api.ended(id)
    terminal.run("scale", "--tasks", "2")
    # and an exercise was checked as it was handed out
    assert "failed: 2" in terminal.run("check", "01", check=False, LAB_LANG="en")
    # When the report is written
    assert "has 1 to 60 characters" in terminal.run("report", "--as", "\t", check=False, LAB_LANG="en")
    assert "report.html: open it in a browser" in terminal.run("report", "--as", "Zoë <Ana>")
    file = terminal.folder / "report.html"
    # I expect a browser to show it from the file alone, with every attempt in a lane
    with chromium() as browser, visit(browser, file.as_uri(), viewport={"width": 794, "height": 1123}) as page:

        def states(id):
            found = page.locator(f'.bar[data-task-id="{id}"]')
            return [one.get_attribute("data-state") for one in found.all()]

        assert [states(id) for id in (good, nasty, failed, lost)] == [
            ["SUCCESS"],
            ["SUCCESS"],
            ["FAILURE"],
            ["lost", "SUCCESS"],
        ]
        assert "Handed in by Zoë <Ana>." in page.locator("p").first.text_content()
        assert page.locator(".link").count() == 1
        assert page.locator(".plot svg polyline").count() > 2
        assert "2 tasks to sleep for a second each" in page.content()
        assert page.locator("td", has_text=NASTY[:60]).count() == 1
        assert page.evaluate("window.hacked") is None
        assert "expected: 422 for the body" in page.locator("tr", has_text=":(").first.text_content()
        assert page.locator("td", has_text="worker1@").count() > 0
        # and nothing to be cut off on a sheet of A4
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert len(page.pdf(format="A4")) > 5000
        picture(page, "report")
    assert not re.search("<(link|script|img|iframe|object)", file.read_text())


def kill(terminal, name):
    """Kill a worker of ./lab up by its number in the cluster's notes."""
    processes = json.loads((terminal.lab / "cluster.json").read_text())["processes"]
    pid = next(pid for process, pid, _ in processes if process == name)
    for process in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
        process.kill()


def test_what_began_before_the_time_that_is_asked_for_is_drawn_from_then_on():
    def attempt(id, started_at, ended_at):
        return Attempt(id, 1, "worker1@lab", 0, None, started_at, "longtask", "()", "", (0, 0), ended_at, "SUCCESS")

    # Given a task that was cut off in the night, and one of this hour
    drawn = drawing([attempt("old", 1_000, 90_100), attempt("new", 90_200, 90_300)], 90_000, 90_400)
    old, new = drawn["bars"]
    # I expect the drawing to begin where the report does, 300 s before the last end
    assert drawn["marks"][0] == (drawn["names"], 90_000)
    assert old["x"] == drawn["names"] and old["width"] == new["width"] == pytest.approx(new["x"] - old["end"], abs=0.1)
    assert new["end"] == drawn["width"]


def test_thirty_machines_are_in_the_order_that_people_expect_and_fit_on_one_sheet(start, tmp_path):
    # Given a task on each of thirty machines with two workers
    ledger = start(workers=0).ledger
    for number in range(60):
        one = {"id": number, "attempt": 1, "worker": f"worker{number + 1}@pc{number // 2}"}
        ledger.redis.xadd("lab:steps", {"step": "started", "slot": 0} | one)
        ledger.redis.xadd("lab:steps", {"step": "SUCCESS"} | one)
    file = tmp_path / "report.html"
    file.write_text(report(ledger, 60))
    # I expect worker9 before worker10, and the lanes not to be cut where the sheet ends
    with chromium() as browser, visit(browser, file.as_uri(), viewport={"width": 688, "height": 1017}) as page:
        names = [one.text_content() for one in page.locator("svg text").all()]
        assert names.index("worker9 · 1") < names.index("worker10 · 1")
        assert [name for name in names if name.startswith("pc")] == [f"pc{number}" for number in range(30)]
        page.emulate_media(media="print")
        assert page.locator("svg").first.bounding_box()["height"] < 1017  # A4 between its margins


def test_an_empty_cluster_and_what_cannot_be_done_are_sentences(terminal):
    terminal.up("--workers", "0")
    assert "report.html" in terminal.run("report", "--since", "90s")
    assert "Nothing ran." in (terminal.folder / "report.html").read_text()
    assert "should be a number with s, m or h" in terminal.run("report", "--since", "yesterday", check=False)
    assert "cannot be written" in terminal.run("report", "--out", "/nonexistent/report.html", check=False)
