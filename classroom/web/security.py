"""The headers that tell a browser what our pages may do: run the scripts of this server, and talk to it alone."""

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def install(app):
    """Send them with every answer."""
    app.after_request(add_headers)


def add_headers(response):
    """Add them, where the answer does not have its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
