"""The live page in a real browser: which machine ran what, when."""

import json
import re
import time
from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import bar, chromium, load, picture, unlock, visit
from parts import Api, given, many_ended, need, until
from playwright.sync_api import expect

from classroom.drill.faults import set_clock
from classroom.local.cluster import LocalCluster
from classroom.local.credentials import Credentials

NASTY = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of these tests' own: one broker is enough for them."""
    with LocalCluster(tmp_path_factory.mktemp("cluster"), workers=2) as cluster:
        yield cluster


def test_a_bar_appears_within_a_second_of_the_start_and_ends_with_the_task(cluster, api, browser):
    with visit(browser, cluster.url) as page:
        delays = []
        for _ in range(3):
            # Given a page that is up to date, and the moment at which a bar appears on it
            page.evaluate("""() => { window.seen = {}; new MutationObserver(() => {
                for (const bar of document.querySelectorAll('.bar[data-state=running]'))
                    window.seen[bar.dataset.taskId] ??= Date.now() / 1000
            }).observe(document.getElementById('track'), { subtree: true, childList: true, attributes: true }) }""")
            # When a task starts
            id = api.submit(seconds=3)
            bar(page, id, state="running").wait_for()
            began = cluster.ledger.task(id)["started"]
            delays.append(page.evaluate("id => window.seen[id]", id) - float(began))
            # I expect its bar to end when it ends
            expect(bar(page, id, state="SUCCESS")).to_have_count(1)
        # and the bar to have been there within a second: of three, on a machine that does other things as well
        assert min(delays) < 1, delays


def test_a_killed_workers_bar_is_torn_and_linked_to_the_second_attempt(start, browser):
    cluster = start(workers=2)
    with Api(cluster.url) as api, visit(browser, cluster.url) as page:
        id = api.submit(seconds=8, label="ana")
        bar(page, id, state="running").wait_for()
        # When the worker that runs it is killed
        victim = api.status(id)["worker"].split("@")[0]
        next(worker for worker in cluster.workers if worker.name == victim).kill()
        # I expect its dot to tell, the bar to be torn, and a line to lead to the second attempt
        expect(page.locator("#names .lost .name")).to_have_text(victim)
        expect(page.locator("#names .lost .says")).to_contain_text("lost, ")
        expect(bar(page, id, 1, "lost")).to_be_visible()
        expect(bar(page, id, 2, "running")).to_be_visible()
        expect(page.locator(f'.link[data-from="{id}/1"][data-to="{id}/2"]')).to_have_count(1)
        picture(page, "lost")
        # and what became of the first to be said where it is pressed
        bar(page, id, 1).press("Enter")
        expect(page.locator("#task")).to_contain_text("cut off: its worker or process died; missed after")
        expect(bar(page, id, 2, "SUCCESS")).to_be_visible()


def test_20_tasks_on_4_workers_draw_4_full_lanes(start, browser):
    cluster = start(workers=4)
    with visit(browser, cluster.url) as page:
        expect(page.locator("#why")).to_contain_text("Nothing queued yet")
        picture(page, "empty")
        page.fill("[name=seconds]", "2")
        page.fill("[name=label]", "class 2B")
        # chromium itself would give up what waits for a connection while other tests make or remove networks
        page.route("**/longtask", lambda route: route.fulfill(response=route.fetch()))
        page.click("[value='20']")
        expect(page.locator("#sent")).to_contain_text("20 sent")
        expect(page.locator(".bar[data-state=queued]").first).to_be_visible()
        expect(page.locator("#names .more", has_text="more")).to_be_visible()
        picture(page, "busy")
        expect(page.locator(".bar[data-state=SUCCESS]")).to_have_count(20)
        drawn = page.evaluate("""() => [...document.querySelectorAll('.bar')].map(
            bar => [bar.dataset.row, bar.offsetLeft, bar.offsetLeft + bar.offsetWidth])""")
        lanes = [sorted(ends for lane, *ends in drawn if lane == row) for row in {row for row, *_ in drawn}]
        assert len(lanes) == 4 and all(len(lane) >= 3 for lane in lanes), lanes
        for lane in lanes:  # nothing overlaps, and little is empty
            assert all(end <= start + 2 for (_, end), (start, _) in pairwise(lane)), lane
            assert sum(end - start for start, end in lane) > 0.75 * (lane[-1][1] - lane[0][0]), lane


def test_it_says_why_nothing_is_to_be_seen_and_since_when_the_server_is_silent(start, browser):
    cluster = start(workers=0)
    with visit(browser, cluster.url, broken=True) as page:
        expect(page.locator("#why")).to_have_text("No worker is listening. Start one:")
        expect(page.locator("#cure")).to_have_text("./lab worker")
        expect(page.locator("#figure-waited_s")).to_have_text("—")
        # When the broker is away, and then back
        cluster.broker.kill()
        expect(page.get_by_role("alert")).to_contain_text("Nothing new since")
        expect(page.get_by_role("alert")).to_contain_text("broker")
        cluster.broker.start()
        expect(page.get_by_role("alert")).to_be_hidden()
        # and when the web server is
        cluster.web.freeze()
        expect(page.get_by_role("alert")).to_contain_text("The server has not answered since")
        cluster.web.thaw()
        expect(page.get_by_role("alert")).to_be_hidden()
        # and a task that waits for a worker is drawn
        with Api(cluster.url) as api:
            id = api.submit(seconds=0)
        expect(page.locator(f'.bar[data-task-id="{id}"][data-state=queued]')).to_be_visible()
        expect(page.locator("#figure-waiting")).to_have_text("1")


def test_what_students_write_is_text(cluster, api, browser):
    with visit(browser, cluster.url) as page:
        id = api.submit(seconds=3, label=NASTY)
        bar(page, id, state="SUCCESS").wait_for()
        page.keyboard.press("Space")  # or it would move on under the pointer
        expect(bar(page, id)).to_have_text(NASTY)
        bar(page, id).hover()
        expect(page.get_by_role("tooltip")).to_contain_text(NASTY)
        bar(page, id).click()
        expect(page.locator("#task")).to_contain_text(NASTY)
        assert page.evaluate("window.hacked") is None and page.locator("img").count() == 0


def test_a_click_shows_the_status_and_the_curls_and_ones_own_tasks_can_be_cancelled(cluster, api, browser):
    with visit(browser, cluster.url) as page:
        theirs = api.submit(x=7, seconds=60, label="it's")
        bar(page, theirs, state="running").wait_for()
        bar(page, theirs).press("Enter")
        expect(page.locator("#task")).to_have_text(f"longtask(7, 60) · it's · on {api.status(theirs)['worker']}")
        expect(page.locator("#sentence")).to_contain_text("Running on worker")
        expect(page.locator("#curls")).to_contain_text(f"curl {cluster.url}/status/{theirs}")
        expect(page.locator("#curls")).to_contain_text("""-d '{"x":7,"seconds":60,"label":"it'\\''s"}'""")
        expect(page.locator("#cancel")).to_be_hidden()
        api.post(f"/cancel/{theirs}")
        # and one that this browser sent
        page.fill("[name=seconds]", "60")
        page.click("[value='1']")
        expect(page.locator("#sent")).to_contain_text("1 sent")
        ours = page.evaluate("JSON.parse(localStorage.sent)[0]")
        bar(page, ours, state="running").wait_for()
        bar(page, ours).press("Enter")
        page.click("#cancel")
        expect(bar(page, ours, state="REVOKED")).to_have_count(1)
        expect(page.locator("#state")).to_have_text("REVOKED")
        # or another tab of it did
        tab = page.context.new_page()
        tab.goto(cluster.url)
        tab.fill("[name=seconds]", "60")
        tab.click("[value='1']")
        expect(tab.locator("#sent")).to_contain_text("1 sent")
        of_tab = tab.evaluate("JSON.parse(localStorage.sent)[1]")
        page.click("[value='1']")
        page.wait_for_function("JSON.parse(localStorage.sent).length === 3")
        _, second, third = page.evaluate("JSON.parse(localStorage.sent)")
        assert second == of_tab
        bar(page, of_tab, state="running").wait_for()
        bar(page, of_tab).press("Enter")
        page.click("#cancel")
        expect(page.locator("#state")).to_have_text("REVOKED")
        assert api.post(f"/cancel/{third}").ok


def test_without_the_token_nothing_tells_the_code_and_with_it_the_teacher_is_in_command(start, browser, tmp_path):
    cluster = start(workers=2, address="127.0.0.1")
    secret = Credentials(cluster.folder)
    with Api(cluster.url) as api, visit(browser, cluster.url, broken=True) as page:
        until(lambda: len(api.live()["workers"]) == 2, what="the workers")
        assert secret.code not in page.content() + api.get("/live").text
        assert api.get("/teacher/class").status_code == 401
        page.keyboard.press("j")
        expect(page.locator("#join")).to_be_hidden()
        # A wrong token is a sentence
        unlock(page, "guess")
        expect(page.locator("#unlocked")).to_contain_text("That is not the token")
        expect(page.locator("#powers")).to_be_hidden()
        # also one that a header has no room for, or that nobody answers
        unlock(page, "“copied”\u200b")
        expect(page.locator("#unlocked")).to_contain_text("That is not the token")
        cluster.web.freeze()
        unlock(page, "guess again")
        expect(page.locator("#unlocked")).not_to_contain_text("That is not the token")
        cluster.web.thaw()
        expect(page.locator("#fields")).to_be_visible()
        expect(page.locator("#powers")).to_be_hidden()
        # With the right one a key shows the line that joins, and hides it
        unlock(page, secret.token)
        expect(page.locator("#powers")).to_be_visible()
        page.keyboard.press("j")
        expect(page.locator("#line")).to_have_text(cluster.join_line)
        page.keyboard.press("j")
        expect(page.locator("#join")).to_be_hidden()
        # and workers are paused and let go on, all tasks cancelled, the queue emptied
        page.click("text=pause >> nth=1")
        until(lambda: any(one["paused"] for one in api.workers()), what="a paused worker")
        page.get_by_role("button", name=": run").click()
        until(lambda: not any(one["paused"] for one in api.workers()), what="it to go on")
        ids = [api.submit(seconds=60) for _ in range(5)]
        until(lambda: all(api.status(id)["started_at"] for id in ids[:2]), what="two to run")
        page.click("#purge")
        expect(page.locator("#unlocked")).to_contain_text("3 cancelled")
        page.click("#cancel-all")
        until(lambda: all(api.status(id)["state"] == "REVOKED" for id in ids), what="all to be cancelled")


def test_where_the_script_does_not_arrive_the_page_says_so_and_no_form_is_sent(cluster, browser):
    """As on a bad network: one of its files is lost, and the browser would send the forms itself."""
    with visit(browser, cluster.url) as page:
        expect(page.locator("#no-script")).to_have_count(0)
    with visit(browser, cluster.url, broken=True, lost="**/page/teacher.js") as page:
        expect(page.locator("#no-script")).to_be_visible()
        expect(page.locator("#no-script")).to_contain_text("Load the page again.")
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.click("#send button >> nth=0")
        unlock(page, "secret")
        page.press("[name=token]", "Enter")
        page.wait_for_timeout(500)  # in which it would be sent
        assert page.url == f"{cluster.url}/" and asked == []
        picture(page, "no-script")


def test_it_stands_still_looks_back_and_sleeps_in_a_hidden_tab(cluster, api, browser):
    with visit(browser, cluster.url) as page:
        api.ended(id := api.submit(seconds=0.5))
        bar(page, id, state="SUCCESS").wait_for()

        def left():
            return bar(page, id).bounding_box()["x"]

        before = left()
        until(lambda: left() < before, what="the picture to move on")
        # also after a click on a button, which space would press again
        page.locator("#later").click()
        page.keyboard.press("Space")
        expect(page.locator("#pause")).to_have_text("Go on")
        stands = left()
        api.ended(api.submit(seconds=0.5))
        assert abs(left() - stands) < 1
        # Zoom to 10 s, look back as far as there is anything to be seen, and forward until the bar is in view
        page.locator("#zoom").fill("0")
        expect(page.locator("#span")).to_have_text("10 s in view")
        for _ in range(200):
            page.keyboard.press("[")
        expect(page.locator(".bar").first).to_be_in_viewport()
        until(lambda: page.keyboard.press("]") or bar(page, id).count(), what="the bar")
        expect(bar(page, id)).to_be_in_viewport()
        page.click("#earlier")
        until(lambda: page.keyboard.press("]") or page.locator("#pause").text_content() == "Pause", what="the present")
        # In a hidden tab nothing is asked; when it is seen again, it goes on
        page.evaluate("""() => { Object.defineProperty(document, 'hidden', { get: () => window.unseen })
            window.unseen = true; document.dispatchEvent(new Event('visibilitychange')) }""")
        page.wait_for_timeout(1000)  # for the question that is on its way
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2000)  # in which four would be asked
        assert asked == []
        page.evaluate("() => { window.unseen = false; document.dispatchEvent(new Event('visibilitychange')) }")
        until(lambda: page.wait_for_timeout(100) or len(asked) > 1, what="questions")


def test_a_picture_that_stands_keeps_its_queue_and_of_the_past_none_is_told(start, browser):
    cluster = start(workers=0)
    many_ended(cluster.ledger, 50)
    with Api(cluster.url) as api, visit(browser, cluster.url) as page:
        page.locator("#zoom").fill("0")
        ids = [api.submit() for _ in range(7)]
        expect(page.locator("#figure-waiting")).to_have_text("7")
        expect(page.locator(".bar[data-state=queued]")).to_have_count(5)
        page.keyboard.press("Space")
        for id in ids:
            api.post(f"/cancel/{id}")
        expect(page.locator("#figure-waiting")).to_have_text("0")
        expect(page.locator(".bar[data-state=queued]")).to_have_count(5)
        expect(page.locator("#names .more", has_text="and 2 more")).to_be_visible()
        for _ in range(7):
            api.submit()
        expect(page.locator("#figure-waiting")).to_have_text("7")
        page.keyboard.press("[")
        expect(page.locator(".bar[data-state=queued]")).to_have_count(0)
        expect(page.locator("#names .more", has_text="more")).to_have_count(0)
        expect(page.locator("#pause")).to_have_text("Go on")


def test_thirty_machines_are_seen_at_once_each_in_a_row_that_names_it(start, browser):
    cluster = start(workers=1)
    many_ended(cluster.ledger, 50)
    names = [f"worker@pc{number:02}" for number in range(30)]
    for name in names:
        about = {"name": name, "host": name.split("@")[1], "concurrency": 1, "code": "", "paused": False}
        cluster.ledger.step("alive", name, json.dumps(about), "")
    with visit(browser, cluster.url, viewport={"width": 1920, "height": 1080}) as page:
        for name in names:
            expect(page.locator("#names .name", has_text=name)).to_be_in_viewport()
        expect(page.locator("#axis span").first).to_be_in_viewport()
        # that nothing is in view to be said
        page.locator("#zoom").fill("0")
        page.keyboard.press("Space")
        expect(page.locator("#why")).to_have_text("Nothing ran in this time.")
        page.keyboard.press("Space")
        # and the words of a bar to fit into it
        with Api(cluster.url) as api:
            id = api.submit(seconds=2)
        expect(bar(page, id)).to_have_text("longtask")
        assert bar(page, id).evaluate("one => one.scrollHeight <= one.clientHeight")
        expect(page.locator("#empty")).to_be_hidden()
        picture(page, "thirty")


def test_a_long_task_keeps_its_name_in_view(cluster, api, browser):
    with visit(browser, cluster.url) as page:
        page.locator("#zoom").fill("0")
        id = api.submit(seconds=60, label="long")
        bar(page, id, state="running").wait_for()
        words = """one => { const range = document.createRange(); range.selectNodeContents(one)
            const left = document.querySelector('#lanes').getBoundingClientRect().left
            return range.getBoundingClientRect().left - left }"""
        began = bar(page, id).bounding_box()["x"]
        for far in (1500, 2500):
            until(lambda far=far: bar(page, id).bounding_box()["x"] < began - far, 40, "it to have begun long ago")
            until(lambda: 0 <= bar(page, id).evaluate(words) < 600, what="its name in view")
        api.post(f"/cancel/{id}")


def test_it_works_where_the_browser_keeps_nothing(cluster, browser):
    context = browser.new_context()
    context.add_init_script("""for (const name of ['localStorage', 'sessionStorage'])
        Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError') } })""")
    page = context.new_page()
    load(page, cluster.url)
    page.fill("[name=seconds]", "0")
    page.click("[value='1']")
    expect(page.locator("#sent")).to_have_text("1 sent")
    context.close()


def test_a_task_whose_answer_is_lost_is_sent_once_more_and_is_one(start, browser):
    cluster = start(workers=0)
    lose = ["the first answer"]

    def answer(route):
        told = route.fetch()
        if lose:
            lose.clear()
            route.abort()
        else:
            route.fulfill(response=told)

    with visit(browser, cluster.url, broken=True) as page:
        page.route("**/longtask", answer)
        page.click("[value='1']")
        expect(page.locator("#sent")).to_have_text("1 sent")
        assert not lose
        expect(page.locator("#figure-waiting")).to_have_text("1")
        (id,) = page.evaluate("JSON.parse(localStorage.sent)")
        bar(page, id, state="queued").press("Enter")
        expect(page.locator("#cancel")).to_be_visible()


def test_the_keyboard_goes_from_task_to_task_and_opens_one(cluster, api, browser):
    with visit(browser, cluster.url) as page:
        ids = [api.submit(seconds=0.3) for _ in range(8)]
        for id in ids:
            bar(page, id, state="SUCCESS").wait_for()
        page.focus("#chart")
        page.keyboard.press("ArrowRight")
        first = page.evaluate("document.activeElement.dataset.taskId")
        page.keyboard.press("ArrowLeft")
        second = page.evaluate("document.activeElement.dataset.taskId")
        assert first and second and first != second
        expect(page.get_by_role("tooltip")).to_contain_text("longtask(10, 0.3)")
        page.keyboard.press("Enter")
        expect(page.locator("#sentence")).to_contain_text("Done by worker")
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
        # Space presses as Enter does, and a bar is named by what it is now
        runs = api.submit(seconds=30)
        until(
            lambda: (api.status(runs)["progress"] or {"percent": 0})["percent"] >= 12,
            what="more than three seconds to pass",
        )
        page.focus(f'.bar[data-task-id="{runs}"]')
        named = page.evaluate("document.activeElement.ariaLabel")
        assert float(re.search(r"running for ([\d.]+) s", named)[1]) >= 3
        page.keyboard.press("Space")
        expect(page.locator("#sentence")).to_contain_text("Running on worker")
        expect(page.locator("#pause")).to_have_text("Pause")
        api.post(f"/cancel/{runs}")


def test_enlarged_or_on_a_phone_it_says_no_less(start, browser):
    # Given a worker that is paused, and one that died, in the language of longer words
    cluster = start(workers=1)
    other = cluster.make_worker("worker-1a2b")
    cluster.workers.append(other)
    cluster.wait_worker(other.start())
    phone, enlarged = {"width": 360, "height": 640}, {"width": 640, "height": 400}
    with Api(cluster.url) as api, visit(browser, cluster.url, viewport=phone, locale="pt-BR") as page:
        api.ended(id := api.submit(seconds=0))
        teacher = {"Authorization": f"Bearer {Credentials(cluster.folder).token}"}
        name = next(one["name"] for one in api.workers() if one["name"].startswith("worker1@"))
        assert api.post(f"/teacher/workers/{name}/pause", headers=teacher).ok
        other.kill()
        for size in (phone, enlarged):
            page.set_viewport_size(size)
            for words in ("pausado", "perdido há"):
                says = page.locator("#names .says", has_text=words)
                expect(says).to_be_visible()
                assert says.evaluate("one => one.scrollWidth <= one.clientWidth"), words
            for name in page.locator("#names .name").all():
                assert name.evaluate("one => one.scrollWidth <= one.clientWidth")
            assert [one.is_visible() for one in page.locator("#figures svg").all()] == [True] * 4
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            expect(bar(page, id, state="SUCCESS")).to_be_visible()
            picture(page, f"narrow-{size['width']}", full_page=True)


def test_what_is_left_out_is_said_where_it_would_be_seen(start, browser):
    cluster = start(workers=0)
    many_ended(cluster.ledger, 2100)
    for number in range(3):  # and tasks that wait for their time
        cluster.ledger.step("submitted", f"later{number}", "longtask", "(1, 2)", "", 100, 60, "celery", "", "{}")
    with visit(browser, cluster.url) as page:
        expect(page.locator("#figure-waiting")).to_have_text("3")
        expect(page.locator("#names .more", has_text="3 for later")).to_be_visible()
        bar(page, "2099", state="SUCCESS").wait_for()
        expect(page.locator("#note")).to_be_hidden()
        page.locator("#zoom").fill("5")
        expect(page.locator("#note")).to_have_text("Too many tasks to draw: 100.")


def test_a_pause_before_anything_is_known_is_none(cluster, api, browser):
    with visit(browser, cluster.url, broken=True, lost="**/live*") as page:
        expect(page.get_by_role("alert")).to_be_visible()
        page.keyboard.press("Space")
        page.keyboard.press("[")
        page.unroute("**/live*")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.locator("#pause")).to_have_text("Pause")
        id = api.submit(seconds=0)
        expect(bar(page, id, state="SUCCESS")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(start, browser, scheme):
    cluster = start(workers=1, env=given("failing"))
    with Api(cluster.url) as api, visit(browser, cluster.url, color_scheme=scheme) as page:
        failed = api.post("/run/failing").json()["task_id"]
        bar(page, failed, state="FAILURE").wait_for()
        cancelled = api.submit(seconds=30)
        bar(page, cancelled, state="running").wait_for()
        api.post(f"/cancel/{cancelled}")
        bar(page, cancelled, state="REVOKED").wait_for()
        for label in ("ana", "bob"):
            api.submit(seconds=30, label=label)
        expect(page.locator(".bar[data-state=queued]")).to_have_count(1)
        bar(page, failed).press("Enter")
        unlock(page, Credentials(cluster.folder).token)
        expect(page.locator("#powers")).to_be_visible()
        expect(page.locator("#sentence")).to_contain_text("Failed:")
        picture(page, f"failure-{scheme}")
        assert serious(page) == []
        # nor when the exercises are open, with names
        share = {"label": "ana", "exercise": "01-factorial", "checks": {"loads": "passed", "at-once": "failed"}}
        assert api.post("/checks", json=share).status_code == 201
        page.keyboard.press("e")
        page.keyboard.press("n")
        expect(page.locator("#class li")).to_contain_text("at-once: ana (1/2, ")
        assert serious(page) == []


def serious(page):
    """What axe finds that is serious, with the first element of each."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]


def test_a_portuguese_browser_is_spoken_to_in_portuguese(cluster, browser):
    with visit(browser, cluster.url, locale="pt-BR") as page:
        expect(page.locator("h1")).to_have_text("Cluster da turma")
        expect(page.locator("#pause")).to_have_text("Pausar")
        assert page.evaluate("document.documentElement.lang") == "pt-BR"
        languages = page.evaluate("import('/page/words.js').then(m => Object.values(m.words).map(Object.keys))")
        assert languages[0] == languages[1]
        source = page.request.get(f"{cluster.url}/page/words.js").text()
        keys = re.findall(r"[{ ](\w+): '", source)
        assert len(keys) == 2 * len(languages[0]), "no name is there twice"


def test_a_worker_whose_clock_is_an_hour_off_is_drawn_right(start, browser):
    need("faketime", "faketime")
    cluster = start(workers=1)
    wrong = cluster.make_worker("wrong")
    cluster.workers.append(wrong)
    set_clock(wrong, 3600)
    cluster.wait_worker(wrong.start())
    with Api(cluster.url) as api, visit(browser, cluster.url) as page:
        ids = [api.submit(seconds=1) for _ in range(4)]
        ran = {api.ended(id)["worker"].split("@")[0] for id in ids}
        assert ran == {"worker1", "wrong"}
        for id in ids:
            expect(bar(page, id, state="SUCCESS")).to_be_in_viewport()
        attempts = {one["task_id"]: one for one in api.live()["attempts"]}
        for id in ids:
            one = attempts[id]
            assert abs(one["started_at"] - time.time()) < 60
            assert one["queued_at"] <= one["started_at"] <= one["ended_at"]
        expect(page.locator("#names .says", has_text="clock 3600 s off")).to_be_visible()
