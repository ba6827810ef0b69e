"""./lab check --share, and what the head makes of it: who is on which exercise, and which check stops most."""

import json
import os
import re
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser import chromium, load, picture, unlock, visit
from parts import Api, until
from playwright.sync_api import expect
from screen import Pty, break_it
from terminal import Desk

from classroom.check.exercise import find
from classroom.check.share import Teller, worth_telling
from classroom.local.cluster import ROOT, LocalCluster
from classroom.local.credentials import Credentials
from classroom.web.overview import KEY, MOST
from ledger import KEEP

FACTORIAL, PROGRESS = find("01"), find("02")
NASTY = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head that nobody works for."""
    with LocalCluster(tmp_path_factory.mktemp("cluster"), workers=0) as cluster:
        yield cluster


@pytest.fixture
def head(cluster):
    """A client of the head, on which nothing has been shared yet."""
    cluster.ledger.redis.delete(KEY)
    with Api(cluster.url) as api:
        api.cluster = cluster
        yield api


@pytest.fixture
def teacher(head):
    """What the teacher asks the head."""

    def ask(method, path):
        answer = head.request(
            method, path, headers={"Authorization": f"Bearer {Credentials(head.cluster.folder).token}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


def checks(exercise, passed):
    """The checks of an exercise of which so many passed, and the next failed."""
    ends = ["passed"] * passed + ["failed"] + ["undecided"] * len(exercise.keys)
    return dict(zip(exercise.keys, ends, strict=False))


def share(head, label, passed, exercise=FACTORIAL):
    """Share this, and have it taken."""
    answer = head.post("/checks", json={"label": label, "exercise": exercise.name, "checks": checks(exercise, passed)})
    assert answer.status_code == 201, answer.text


# The student


def lab(head, tmp_path, *command, **env):
    """Run a ./lab command as a student does who is not at a terminal."""
    env = os.environ | {"LAB_LANG": "en", "LAB_DIR": str(tmp_path / "lab"), "LAB_URL": head.url} | env
    done = subprocess.run(
        [ROOT / "lab", *command], env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


def test_a_check_is_shared_with_its_label_and_no_code_and_ends_as_it_does_without(head, teacher, tmp_path):
    code, said = lab(head, tmp_path, "check", "01", "--share", "--as", " Ana Lúcia ")
    assert code == 1, said
    words = f"Shared with {head.url} as Ana Lúcia: of each check of 01-factorial whether it passed, and no code."
    assert said.splitlines()[-1] == words
    (exercise,) = teacher("GET", "/teacher/checks")["exercises"]
    (ana,) = exercise["results"]
    kept = json.loads((tmp_path / "lab" / "checks" / "01-factorial.json").read_text())
    verdicts = [one["verdict"] for one in kept["checks"]]
    assert exercise["exercise"] == "01-factorial" and exercise["here"] == 1 and exercise["passed"] == 0
    assert (ana["label"], ana["verdict"], ana["here"]) == ("Ana Lúcia", "failed", True)
    assert (ana["passed"], ana["checks"]) == (verdicts.count("passed"), len(verdicts))
    first = next(one["check"] for one in kept["checks"] if one["verdict"] == "failed")
    assert ana["stopped_by"] == first and exercise["stops"] == [{"check": first, "students": 1}]
    # and all that the head keeps is this
    (field, value), *others = head.cluster.ledger.redis.hgetall(KEY).items()
    assert not others and field == "01-factorial/Ana Lúcia"
    assert json.loads(value).keys() == {"verdict", "passed", "checks", "stopped_by", "since", "at"}


@pytest.fixture
def desk(head, tmp_path):
    """A student's desk with a file that is checked in a moment, as Python cannot load it."""
    desk = Desk(tmp_path)
    desk.env["LAB_URL"] = head.url
    break_it(desk.exercise / "exercise.py")
    yield desk
    desk.stop()


@pytest.mark.slow
def test_a_name_is_asked_for_once_and_nothing_is_sent_without_share(head, desk):
    terminal = Pty(desk, "check", "--share")
    terminal.sees("Which name does your teacher know you by? (asked once)")
    terminal.type("\x01\n")
    until(lambda: terminal.said.count("(asked once): ") == 2, what="the question again")
    assert "A name has 1 to 60 characters" in terminal.said
    terminal.type("Ana\n")
    terminal.sees(f"Shared with {head.url} as Ana: of each check of 01-factorial")
    assert terminal.ended() == 1
    # The next time it is known, also while watching
    terminal = Pty(desk, "check", "--watch", "01", "--share")
    terminal.sees("as Ana: of each check of 01-factorial")
    terminal.waits()
    terminal.type("q")
    assert terminal.ended() == 0 and "Which name" not in terminal.said
    # and whoever does not say --share sends nothing
    head.cluster.ledger.redis.delete(KEY)
    assert "Shared" not in desk.run("check", "01", check=False)
    assert head.cluster.ledger.redis.hlen(KEY) == 0


@pytest.mark.slow
def test_what_is_missing_is_said_and_changes_nothing_of_the_check(desk):
    said = desk.run("check", "01", "--share", check=False)
    assert "Nothing was shared: who are you? Once: ./lab check --share --as NAME" in said
    said = desk.run("check", "01", "--share", check=False, LAB_URL="", LAB_LANG="pt")
    assert "Nada foi compartilhado: com qual turma?" in said and "LAB_URL=http://ADDRESS:5000 ./lab check" in said
    for wrong in (["--as", "Ana"], ["--share", "--course"], ["--share", "--as", " "], ["--share", "--as", "x" * 61]):
        said = desk.run("check", "01", *wrong, check=False)
        assert "Usage: ./lab check" in said and "Please wait" not in said


class Portal(BaseHTTPRequestHandler):
    """What a hotel's network answers to everything."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, *_words):
        """Say nothing."""


def test_a_head_that_does_not_take_it_is_a_sentence_within_two_seconds(head):
    document = {"exercise": "01-factorial", "checks": [{"check": "loads", "verdict": "passed", "title": "not sent"}]}
    silent, dripping = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    portal = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=portal.serve_forever, daemon=True).start()

    def drip():
        client, _address = dripping.accept()
        with client:
            for letter in "HTTP/1.1 201 CREATED\r\n" + "X: y\r\n" * 50:
                client.sendall(letter.encode())
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    said = {}
    for name, port in {
        "silent": silent.getsockname()[1],
        "dripping": dripping.getsockname()[1],
        "closed": closed,
        "portal": portal.server_port,
    }.items():
        began = time.monotonic()
        said[name] = Teller(f"http://127.0.0.1:{port}", "Ana").tell(document, document)
        assert time.monotonic() - began < 10, name  # 2 s, on a machine that does other things as well
    said["odd"] = Teller("http://[", "Ana").tell(document)
    said["other"] = Teller(head.url, "Ana").tell(document | {"exercise": "99-mine"})
    portal.shutdown()
    assert all(one.startswith(("01-factorial was not shared: ", "99-mine was not shared: ")) for one in said.values())
    assert "does not answer" in said["silent"] and "does not answer within 2 s" in said["dripping"]
    assert "does not answer: " in said["closed"] and "does not answer: " in said["odd"]
    assert "is no class's web server" in said["portal"]
    assert "This class has no exercise 99-mine: it has 01-factorial, " in said["other"]


@pytest.mark.slow
def test_sharing_with_ones_own_cluster_works_and_says_that_it_is_not_the_class(desk):
    # Given a cluster that runs in the student's folder, and no other that is named
    del desk.env["LAB_URL"]
    desk.up("--workers", "0")
    said = desk.run("check", "01", "--share", "--as", "Ana", check=False)
    assert f"Shared with {desk.url} as Ana: " in said
    assert "That is your own cluster; the class's: LAB_URL=http://ADDRESS:5000 ./lab check --share" in said


def test_of_all_exercises_those_that_passed_are_shared_and_the_first_that_did_not():
    documents = [{"exercise": n, "verdict": end} for n, end in enumerate(["passed", "failed", "passed", "undecided"])]
    assert [one["exercise"] for one in worth_telling(documents)] == [0, 2, 1]
    assert worth_telling(documents[:1]) == documents[:1]


# The head


def test_a_student_is_where_the_latest_result_is_and_the_check_that_stops_most_comes_first(head, teacher):
    for label, passed in (("ana", 2), ("bob", 2), ("eva", 1), ("zoe", 7)):
        share(head, label, passed)
    share(head, "bob", 0, PROGRESS)
    told = teacher("GET", "/teacher/checks")
    assert told["students"] == 4 and told["url"] == head.url
    first, second = told["exercises"]
    assert (first["exercise"], first["passed"], first["here"]) == ("01-factorial", 1, 2)
    keys = FACTORIAL.keys
    assert first["stops"] == [{"check": keys[2], "students": 2}, {"check": keys[1], "students": 1}]
    where = {one["label"]: (one["verdict"], one["stopped_by"], one["here"]) for one in first["results"]}
    assert where["zoe"] == ("passed", None, False) and where["bob"] == ("failed", keys[2], False)
    assert (second["exercise"], second["here"]) == ("02-progress", 1)
    # When one goes on, the time since when it is stopped begins anew, and not before
    since = {one["label"]: one["since"] for one in first["results"]}
    share(head, "ana", 2)
    share(head, "eva", 3)
    again = {one["label"]: one for one in teacher("GET", "/teacher/checks")["exercises"][0]["results"]}
    assert again["ana"]["since"] == since["ana"] < again["ana"]["at"]
    assert again["eva"]["since"] > since["eva"] and again["eva"]["passed"] == 3


def test_the_address_to_share_with_is_the_one_that_the_class_reaches(start):
    cluster = start(workers=0, address="127.0.0.1")
    port = cluster.url.rpartition(":")[2]
    with Api(f"http://localhost:{port}") as api:
        token = Credentials(cluster.folder).token
        told = api.get("/teacher/checks", headers={"Authorization": f"Bearer {token}"}).json()
    assert told["url"] == f"http://127.0.0.1:{port}"


WRONG = [
    {"label": ""}, {"label": "x" * 61}, {"label": "a\nb"}, {"label": 5}, {"label": None}, {"exercise": ["x"]},
    {"checks": {}}, {"checks": ["loads"]}, {"checks": {"loads": "maybe"}}, {"checks": {"loads": []}},
    {"checks": {"Loads": "passed"}}, {"checks": {f"c{n}": "passed" for n in range(101)}}, {"code": "print()"},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_wrong_is_refused_with_the_field(head, wrong):
    right = {"label": "ana", "exercise": "01-factorial", "checks": {"loads": "passed"}}
    answer = head.post("/checks", json=right | wrong)
    assert (answer.status_code, answer.json()["field"]) == (422, next(iter(wrong)))
    assert head.cluster.ledger.redis.hlen(KEY) == 0


def test_what_a_student_made_up_cannot_be_projected(head):
    for made_up in ({"exercise": "01-rude"}, {"checks": {"rude": "failed"}}):
        answer = head.post("/checks", json={"label": "x", "exercise": "01-factorial", "checks": {}} | made_up)
        assert answer.status_code in (409, 422)
    answer = head.post("/checks", json={"label": "x", "exercise": "01-factorial", "checks": {"rude": "failed"}})
    assert answer.status_code == 409 and "01-factorial has no check rude in this class" in answer.json()["detail"]
    assert head.cluster.ledger.redis.hlen(KEY) == 0


def test_a_flood_does_not_grow_the_broker_and_is_forgotten_in_time(head, teacher):
    redis = head.cluster.ledger.redis
    share(head, "ana", 2)
    assert 0 < redis.ttl(KEY) <= KEEP
    now = time.time()
    failed = {"verdict": "failed", "stopped_by": "loads", "passed": 0, "checks": 7}
    old, new = (json.dumps(failed | {"since": at, "at": at}) for at in (now - KEEP - 60, now))
    # Who shared a day ago is forgotten with the next one who shares
    redis.hset(KEY, "01-factorial/zoe", old)
    share(head, "eva", 2)
    assert sorted(redis.hkeys(KEY)) == ["01-factorial/ana", "01-factorial/eva"]
    redis.hdel(KEY, "01-factorial/eva")
    redis.hset(KEY, mapping={f"01-factorial/{'é' * 50}{n}": new for n in range(MOST - 1)})
    print(f"{MOST} results are {redis.memory_usage(KEY, samples=0)} bytes")
    body = {"label": "bob", "exercise": "01-factorial", "checks": checks(FACTORIAL, 2)}
    answer = head.post("/checks", json=body)
    assert answer.status_code == 429 and answer.headers["Retry-After"] and redis.hlen(KEY) == MOST
    share(head, "ana", 3)  # who is in it stays in it
    # When some are a day old, nobody sees them, and there is room again
    redis.hset(KEY, mapping={f"01-factorial/{'é' * 50}{n}": old for n in range(10)})
    assert teacher("GET", "/teacher/checks")["students"] == MOST - 10
    share(head, "bob", 2)
    assert redis.hlen(KEY) == MOST + 1 - 10
    # and when the teacher wants it, all are forgotten
    assert teacher("POST", "/teacher/checks/clear") == {"forgotten": MOST + 1 - 10}
    assert teacher("GET", "/teacher/checks")["exercises"] == []
    assert redis.acl_log() == []  # the web server did nothing that it may not


@pytest.mark.parametrize(("method", "path"), [("GET", "/teacher/checks"), ("POST", "/teacher/checks/clear")])
def test_who_it_is_is_told_to_the_teacher_alone(head, method, path):
    share(head, "ana", 2)
    assert head.request(method, path).status_code == 401
    assert head.cluster.ledger.redis.hlen(KEY) == 1
    assert not any("ana" in head.get(public).text for public in ("/live", "/workers", "/"))


# The page

CLASS = {"Ana": 7, "Bruno": 2, "Carla": 2, "Davi": 2, "Eva": 4, "Félix": 7, "Gabi": 7, "Hugo": 0, "Iara": 7, "João": 2}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def class_of_12(head):
    """Twelve students, on two exercises; two of them mean mischief."""
    for label, passed in (CLASS | {NASTY: 2, "M" * 60: 4}).items():
        share(head, label, passed)
    for label, passed in {"Ana": 2, "Félix": 2, "Gabi": 10}.items():
        share(head, label, passed, PROGRESS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_how_far_the_class_is_and_who_only_when_asked(head, class_of_12, browser, scheme):
    with visit(browser, head.url, color_scheme=scheme) as page:
        page.keyboard.press("e")
        expect(page.locator("#class")).to_be_hidden()  # not without the token
        unlock(page, Credentials(head.cluster.folder).token)
        expect(page.locator("#powers")).to_be_visible()
        page.keyboard.press("e")
        expect(page.locator("#class-says")).to_have_text("Students who have shared a result: 12")
        rows = page.locator("#class-table tbody tr")
        expect(rows).to_have_count(2)
        keys = FACTORIAL.keys
        expect(rows.nth(0).locator("th")).to_have_text("01-factorial")
        assert rows.nth(0).locator("td").all_inner_texts() == ["4", "8", f"{keys[2]} (5), {keys[4]} (2), {keys[0]} (1)"]
        assert rows.nth(1).locator("td").all_inner_texts()[1:] == ["2", f"{PROGRESS.keys[2]} (2)"]
        expect(page.locator("#class-line")).to_have_text(f"LAB_URL={head.url} ./lab check 01 --share")
        # Nobody's name is on the page, until it is asked for
        assert not any(name in page.content() for name in (*CLASS, NASTY, "MMMM", "onerror"))
        picture(page, f"class-{scheme}")
        page.keyboard.press("n")
        expect(page.locator("#class-names")).to_have_attribute("aria-pressed", "true")
        stopped = page.locator("#class li", has_text=f"{keys[2]}: ").first
        said = re.compile(rf"{re.escape(NASTY)} \(2/7, \d min\) · Bruno \(2/7, \d min\) · Carla \(2/7, \d min\)")
        expect(stopped).to_contain_text(said)
        expect(page.locator("#class .students").nth(0)).to_contain_text("passed: Ana · Félix · Gabi · Iara")
        assert page.evaluate("window.hacked") is None and page.locator("img").count() == 0
        picture(page, f"class-names-{scheme}")
        # What is shared now comes by itself, also after the page was loaded anew, without names
        share(head, "Bruno", 7)
        expect(rows.nth(0).locator("td").first).to_have_text("5")
        load(page, page.url)
        expect(page.locator("#powers")).to_be_attached()
        expect(page.locator("#powers")).not_to_have_attribute("hidden", "")
        page.locator("#show-class").evaluate("button => button.click()")
        expect(rows).to_have_count(2)
        assert "Bruno" not in page.content()


def test_the_page_asks_only_while_it_is_open_and_forgets_all(head, class_of_12, browser):
    with visit(browser, head.url, locale="pt-BR") as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url) if "/teacher/checks" in request.url else None)
        unlock(page, Credentials(head.cluster.folder).token)
        page.click("text=Exercícios (E)")
        expect(page.locator("#class-says")).to_have_text("Estudantes que compartilharam um resultado: 12")
        until(lambda: page.wait_for_timeout(100) or len(asked) > 1, what="the second question")
        page.click("text=Esquecer tudo")
        expect(page.locator("#class-says")).to_have_text("Ninguém compartilhou um resultado ainda.")
        assert head.cluster.ledger.redis.hlen(KEY) == 0
        page.keyboard.press("Escape")
        expect(page.locator("#class")).to_be_hidden()
        page.wait_for_timeout(500)  # for the question that is on its way
        before = len(asked)
        page.wait_for_timeout(4000)  # in which one would be asked
        assert len(asked) == before
