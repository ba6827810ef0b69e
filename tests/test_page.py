"""The first page, in a real browser."""

import subprocess

from parts import need

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
FLAGS += ["--disable-component-update", "--disable-sync", "--virtual-time-budget=4000", "--dump-dom"]


def look(url, folder):
    """The page's document after its script ran, as Debian's chromium has it."""
    chromium = need("chromium", "chromium")
    command = [chromium, *FLAGS, f"--user-data-dir={folder}", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def test_the_page_shows_the_workers(cluster, tmp_path):
    seen = look(cluster.url, tmp_path)
    assert "<td>worker1@" in seen and "<td>worker2@" in seen and "<td>idle</td>" in seen
    assert 'role="alert" id="alert" hidden' in seen
    assert f"curl -X POST {cluster.url}/longtask" in seen


def test_the_page_says_when_no_worker_is_there_and_when_the_broker_is_not(start, tmp_path):
    cluster = start(workers=0)
    assert '<p id="no-worker">' in look(cluster.url, tmp_path)
    cluster.broker.kill()
    assert "does not answer" in look(cluster.url, tmp_path)
