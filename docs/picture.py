"""Takes the picture of the live page that the README shows: .venv/bin/python docs/picture.py (needs chromium)."""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import bar, chromium, visit  # noqa: E402
from parts import Api, until  # noqa: E402

from classroom.local.cluster import LocalCluster  # noqa: E402

NAMES = ["ana", "bruno", "clara", "davi"]


def main():
    """Let four workers work, kill one, and take the picture once its task runs again."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(Path(folder), workers=4) as cluster,
        Api(cluster.url) as api,
        chromium() as browser,
        visit(browser, cluster.url, viewport={"width": 1200, "height": 720}) as page,
    ):
        page.locator("#zoom").fill("1")
        for wave in range(2):
            for id in [api.submit(x=n, seconds=1.5 + n % 3, label=NAMES[n % 4]) for n in range(12 - 4 * wave)]:
                api.ended(id)
        ids = [api.submit(x=n, seconds=1.5 + n % 3, label=NAMES[n % 4]) for n in range(30)]
        running = until(lambda: next((id for id in ids if api.status(id)["state"] == "PROGRESS"), None))
        victim = api.status(running)["worker"].split("@")[0]
        next(worker for worker in cluster.workers if worker.name == victim).kill()
        bar(page, running, attempt=2).wait_for()
        time.sleep(3)  # that much of it is to be seen
        page.locator("#zoom").blur()
        page.screenshot(path=ROOT / "docs" / "page.png")


if __name__ == "__main__":
    main()
