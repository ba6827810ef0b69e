"""Every error as one JSON document (RFC 9457): what is wrong, what was expected, what to do."""

import logging

from flask import current_app, request
from kombu.exceptions import LimitExceeded, OperationalError
from redis import RedisError
from werkzeug.exceptions import HTTPException

from classroom.address import broker_url, hidden
from classroom.recorded import QueueFull

CURL = "curl -X POST {url} -H 'Content-Type: application/json' -d '{{}}'"


class Problem(HTTPException):
    """An answer that is an error: `detail` says it in a sentence, `extra` names field and expectation."""

    def __init__(self, code, detail, retry_after=None, bearer=False, **extra):
        super().__init__(description=detail)
        self.code = code
        self.retry_after = retry_after
        self.bearer = bearer
        self.extra = extra

    def get_headers(self, *args):
        """The usual headers, and when to try again, or with what."""
        more = [("Retry-After", str(self.retry_after))] if self.retry_after else []
        more += [("WWW-Authenticate", "Bearer")] if self.bearer else []
        return [*super().get_headers(*args), *more]


def install(app):
    """Answer every error of this Flask app as problem JSON."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(QueueFull, lambda error: answer(Problem(429, f"{error}: try again later.", 10)))
    for trouble in (RedisError, OperationalError, LimitExceeded):
        app.register_error_handler(trouble, no_broker)
    app.register_error_handler(Exception, our_fault)


def answer(error):
    """The error as application/problem+json."""
    drain()
    response = error.get_response()
    said = {"type": "about:blank", "title": error.name, "status": error.code, "detail": detail(error)}
    response.data = current_app.json.response(said | getattr(error, "extra", {})).data
    response.content_type = "application/problem+json"
    return response


def detail(error):
    """What is wrong and what to do, in a sentence."""
    if error.code == 404 and not isinstance(error, Problem):
        return f"There is no {request.path[:100]} here: GET / shows what there is."
    if error.code == 405:
        return f"{request.method} is not known here: use {' or '.join(sorted(error.valid_methods))}."
    if error.code == 413:
        return f"The body should be at most {request.max_content_length // 1024} KiB."
    return error.description


def drain(most=8 * 2**20):
    """Read what the client still sends, within bounds: cut off while sending, it would not see the answer."""
    stream = request.environ["wsgi.input"]
    while most > 0 and (chunk := stream.read(65536)):
        most -= len(chunk)


def no_broker(error):
    """The broker, or the Redis that keeps the results, did not answer in time or refused."""
    logging.getLogger(__name__).warning("no broker: %s", error)
    said = f"The broker {hidden(broker_url())} cannot be used ({error}). Try again, or start it with ./lab up"
    return answer(Problem(503, said, 2))


def our_fault(error):
    """A fault in our code, or in an exercise's: the traceback goes to the log, never to the client."""
    logging.getLogger(__name__).exception("while answering a request")
    return answer(
        Problem(
            500, "The server failed while answering: its log (web.log, and the terminal of ./lab up) has the traceback."
        )
    )
