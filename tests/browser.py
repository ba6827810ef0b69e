"""Debian's chromium, driven by Playwright; every page of it is watched for errors and for requests to elsewhere."""

from contextlib import contextmanager
from urllib.parse import urlsplit

from parts import need
from playwright.sync_api import Error, expect, sync_playwright

from classroom.local.cluster import ROOT

LIMIT = 20_000  # milliseconds that a browser may need for a step
expect.set_options(timeout=LIMIT)
CHANGED = "net::ERR_NETWORK_CHANGED"  # what chromium says of requests while other tests make or remove networks
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
def visit(browser, url, broken=False, lost=None, **options):
    """The live page; at the end no error may have come up (unless something was broken), and no origin but its own.

    With `lost`, what matches it does not arrive. Where a test fails, it tells what the page's console said.
    """
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, "locale": "en-GB"} | options)
    page, errors, requests, failed = context.new_page(), [], [], []
    page.set_default_timeout(LIMIT)
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: failed.append(f"{request.url}: {request.failure}"))
    if lost:
        page.route(lost, lambda route: route.abort())
    try:
        load(page, url)
        yield page
    except BaseException as error:
        error.add_note(f"The page's errors: {errors}; what did not arrive: {failed}")
        raise
    finally:
        context.close()
    assert broken or [error for error in errors if CHANGED not in error] == []
    assert [other for other in requests if origin(other) not in (None, origin(url))] == []


def load(page, url):
    """Load a page with all its files; again where the machine's network changed meanwhile."""
    for _ in range(5):
        failed = []
        page.on("requestfailed", note := lambda request, failed=failed: failed.append(request.failure))
        try:
            page.goto(url)
        except Error as error:
            if CHANGED not in str(error):
                raise
            failed.append(CHANGED)
        finally:
            page.remove_listener("requestfailed", note)
        if CHANGED not in failed:
            return


def unlock(page, token):
    """Try a token, as a teacher does."""
    if page.locator("#fields").is_hidden():
        page.click("summary")
    page.fill("[name=token]", token)
    page.click("#unlock button")


def origin(url):
    """Scheme, host and port; what lies in the page itself has none."""
    return None if url.startswith("data:") else urlsplit(url)[:2]


def bar(page, task_id, attempt=1, state=None):
    """The bar of an attempt, also in one state alone."""
    words = f'[data-state="{state}"]' if state else ""
    return page.locator(f'.bar[data-task-id="{task_id}"][data-attempt="{attempt}"]{words}')


def picture(page, name, **options):
    """Keep a picture of the page as it is."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", **options)
