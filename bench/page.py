"""What 40 open pages cost: frames a second, the API's latency with and without them, and memory.

    .venv/bin/python bench/page.py

The tasks are real; so are the ledger's steps of 50 pretended workers that end 100 tasks a second, after 100,000
others. Forty clients ask what pages ask, when they would; a real browser's page is beside them. Takes about 7 minutes.
"""

import http.client
import json
import multiprocessing
import re
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psutil  # noqa: E402
from browser import chromium, visit  # noqa: E402
from parts import Api  # noqa: E402

from classroom.local.cluster import LocalCluster  # noqa: E402
from ledger import Ledger  # noqa: E402

PAGES, WORKERS, FINISHED, A_SECOND = 40, 50, 100_000, 100
ABOUT = {"host": "pretended", "concurrency": 1, "code": "", "paused": False, "clock_ahead_s": 0.0, "tasks": []}
BUSY = "aof_rewrite_in_progress", "rdb_bgsave_in_progress"
ROUNDS = 12  # with and without pages, in turns
LOOK = 5  # seconds before each count of frames


class Pretended:
    """Fifty workers' steps in the ledger."""

    def __init__(self, cluster):
        self.redis = Ledger(cluster.results, patient=True).redis
        self.sha = self.redis.script_load(
            f"#!lua flags=allow-oom\n{Ledger(cluster.results).script.script.partition(chr(10))[2]}"
        )
        self.count = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def steps(self, number):
        """Run so many tasks from their first step to their last, in one go."""
        pipe = self.redis.pipeline(transaction=False)
        for _ in range(number):
            self.count += 1
            id, name = f"pretended-{self.count}", f"w{self.count % WORKERS}@pretended"
            pipe.evalsha(
                self.sha,
                0,
                "submitted",
                id,
                "longtask",
                "(1, 2)",
                f"student {self.count % 30}",
                10**6,
                0,
                "none",
                "",
                "{}",
            )
            pipe.evalsha(self.sha, 0, "started", id, "longtask", name, 0, "", self.count)
            if self.count > WORKERS:  # each runs until its worker has the next
                before = f"pretended-{self.count - WORKERS}"
                pipe.evalsha(self.sha, 0, "ended", before, 1, name, "SUCCESS", "2", "")
        pipe.execute()

    def beat(self):
        """Renew all workers and their leases."""
        pipe = self.redis.pipeline(transaction=False)
        for number in range(WORKERS):
            name = f"w{number}@pretended"
            running = [
                f"pretended-{one}"
                for one in range(max(1, self.count - WORKERS), self.count + 1)
                if one % WORKERS == number
            ]
            pipe.evalsha(self.sha, 0, "alive", name, json.dumps(ABOUT | {"name": name}), "", *running)
        pipe.execute()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def work(self):
        """Go on until it is over."""
        while not self.over.wait(0.1):
            self.steps(A_SECOND // 10)
            if self.count % A_SECOND == 0:
                self.beat()


@contextmanager
def asking(url):
    """As many as there are pages ask what pages ask, when they would; in a process of their own."""
    clients = multiprocessing.get_context("spawn").Process(target=ask_all, args=(url,), daemon=True)
    clients.start()
    try:
        time.sleep(8)  # until they have been told to ask less often
        yield
    finally:
        clients.terminate()
        clients.join()


def ask_all(url):
    """Ask like all pages, until this process is ended."""
    threads = [threading.Thread(target=ask_like_a_page, args=(url,)) for _ in range(PAGES)]
    for one in threads:
        one.start()


def ask_like_a_page(url):
    """Ask what a page asks, when it would; reads of the answer only what it needs, as the browsers are elsewhere."""
    connection, cursor = http.client.HTTPConnection(urlsplit(url).netloc, timeout=40), "0-0"
    while True:
        connection.request("GET", f"/live?after={cursor}")
        said = connection.getresponse().read().decode()
        cursor = re.search(r'"cursor": "(.+?)"', said)[1]
        time.sleep(float(re.search(r'"again_in": ([\d.]+)', said)[1]))


def latency(url, number=200):
    """The milliseconds that each POST took, together with the status after it."""
    times = []
    with Api(url) as api:
        for _ in range(number):
            began = time.perf_counter()
            api.status(api.submit(x=1, seconds=0))
            times.append(1000 * (time.perf_counter() - began))
            time.sleep(0.02)
    return times


FRAMES = """seconds => new Promise(done => {
    let count = 0, end = performance.now() + 1000 * seconds
    const frame = now => now > end ? done(count / seconds) : (count++, requestAnimationFrame(frame))
    requestAnimationFrame(frame) })"""


def megabytes(cluster):
    """The memory of the web server's processes."""
    master = psutil.Process(cluster.web.pid)
    return sum(process.memory_info().rss for process in [master, *master.children()]) / 2**20


def main():
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder, LocalCluster(Path(folder), workers=1) as cluster:
        pretended = Pretended(cluster)
        while pretended.count < FINISHED:
            pretended.steps(500)
            pretended.beat()
        while any(pretended.redis.info("persistence")[name] for name in BUSY):
            time.sleep(0.5)  # writing all these down
        with pretended, chromium() as browser:
            memory, without, among = megabytes(cluster), [], []
            for _ in range(ROUNDS):
                without.append(latency(cluster.url))
                with asking(cluster.url):
                    among.append(latency(cluster.url))
            print(f"POST and status, ms: {medians(without)} without pages, {medians(among)} among {PAGES}")
            print(f"ratio of the medians of all: {median_of_all(among) / median_of_all(without):.3f}")
            print(f"memory of the web server: {memory:.0f} MB before the first page, {megabytes(cluster):.0f} MB after")
            with asking(cluster.url), visit(browser, cluster.url) as page:
                for zoom in (0, 2, 5, 5, 5, 5):
                    page.locator("#zoom").fill(str(zoom))
                    page.wait_for_timeout(LOOK * 1000)
                    span, bars = page.locator("#span").text_content(), page.locator(".bar").count()
                    rate, heap = page.evaluate(FRAMES, 5), page.evaluate("performance.memory.usedJSHeapSize / 2 ** 20")
                    print(f"{span}: {rate:.0f} frames a second, {bars} bars, {heap:.0f} MB")


def medians(rounds):
    """The median of each round, readable."""
    return [round(statistics.median(times), 1) for times in rounds]


def median_of_all(rounds):
    """The median of the times of all rounds: a machine that is slower for a minute moves it little."""
    return statistics.median(time for times in rounds for time in times)


if __name__ == "__main__":
    main()
