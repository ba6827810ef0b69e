"""Debian's chromium, driven by Playwright; every page of it is watched for errors and for requests to elsewhere."""

from contextlib import contextmanager
from urllib.parse import urlsplit

from parts import need
from playwright.sync_api import sync_playwright

from classroom.local.cluster import ROOT

PICTURES = ROOT / ".lab" / "pictures"  # kept, to be looked at


@contextmanager
def chromium():
    """A browser."""
    path = need("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visit(browser, url, broken=False, **options):
    """The live page; at the end no error may have come up (unless the server was broken), and no origin but its own."""
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, "locale": "en-GB"} | options)
    page, errors, requests = context.new_page(), [], []
    page.set_default_timeout(20_000)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    assert broken or errors == []
    assert [other for other in requests if origin(other) not in (None, origin(url))] == []


def origin(url):
    """Scheme, host and port; what lies in the page itself has none."""
    return None if url.startswith("data:") else urlsplit(url)[:2]


def bar(page, task_id, attempt=1, state=None):
    """The bar of an attempt, also in one state alone."""
    words = f'[data-state="{state}"]' if state else ""
    return page.locator(f'.bar[data-task-id="{task_id}"][data-attempt="{attempt}"]{words}')


def picture(page, name):
    """Keep a picture of the page as it is."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
