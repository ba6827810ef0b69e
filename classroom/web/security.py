"""The headers that tell a browser what our pages may do: run their own script, and talk to this server alone."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).with_name("page.html")


def install(app):
    """Send them with every answer."""
    app.after_request(add_headers)


def add_headers(response):
    """Add them, where the answer does not have its own."""
    for name, value in headers().items():
        response.headers.setdefault(name, value)
    return response


@cache
def headers():
    """The headers. The page's own script and style are known by their digests; any other does not run."""
    page = PAGE.read_text()
    scripts, styles = (" ".join(digests(tag, page)) for tag in ("script", "style"))
    policy = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": styles,
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def digests(tag, page):
    """The digest of each such element of the page, as the policy names it."""
    for text in re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL):
        yield f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
