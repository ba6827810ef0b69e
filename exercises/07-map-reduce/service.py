"""A service that knows the stop words, and is not always well:  python3 service.py [ANSWER …]

The ANSWERs are status codes, given to one request after the other and then from the beginning again; each takes a
second. Without any: 200 200 503.
"""

import itertools
import json
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 5007
USUALLY = "200", "200", "503"
SLOW = 1  # seconds that an answer takes, where a class looks on
HOLD = 20  # seconds after which a request that is held is answered after all
WORDS = """
a about all an and as at be but by for from had have he her herself his i if in into is it its me my no not of off
on or out she so that the them then there they this to up very was were what when with would you
"""


class Service(ThreadingHTTPServer):
    """The service; it knows how many requests have come, and can hold their answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port=0, seconds=0, loud=False):
        super().__init__(("127.0.0.1", port), Handler)
        self.seconds, self.loud, self.lock = seconds, loud, threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.plan()

    def start(self):
        """Serve in the background; returns itself."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def plan(self, *answers, then=("200",), words=WORDS):
        """Give these answers to the next requests, and then those of `then` in turn; `held` is 200, when it is let."""
        with self.lock:
            self.answers = itertools.chain(answers, itertools.cycle(then))
            self.words, self.gate = words.split(), threading.Event()
            self.asked = self.held = 0

    def release(self):
        """Answer the requests that are held."""
        self.gate.set()

    def next_answer(self):
        """The answer to one more request, and what it has to wait for."""
        with self.lock:
            answer = next(self.answers)
            self.asked += 1
            self.held += answer == "held"
            if self.loud:
                print(f"request {self.asked}: {answer}", flush=True)
            return answer, self.gate

    def handle_error(self, request, client_address):
        """Say nothing of a client that has gone."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        """Answer GET /stopwords."""
        if self.path != "/stopwords":
            return self.send(404, {"error": "ask for /stopwords"})
        answer, gate = self.server.next_answer()
        time.sleep(self.server.seconds)
        if answer == "held":
            gate.wait(HOLD)
        code = 200 if answer == "held" else int(answer)
        self.send(code, self.server.words if code == 200 else {"error": HTTPStatus(code).phrase})

    def send(self, code, document):
        """Send this answer."""
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The service says by itself who came."""


def main(answers):
    """Serve until Ctrl-C."""
    wrong = [one for one in answers if one not in (str(status.value) for status in HTTPStatus)]
    if wrong:
        sys.exit(f"{wrong[0]} is no status code.")
    try:
        service = Service(PORT, SLOW, loud=True)
    except OSError as error:
        sys.exit(f"Port {PORT} cannot be had: {error.strerror}. Does this service run in another terminal?")
    service.plan(then=answers or USUALLY)
    print(f"{service.url}/stopwords answers {', '.join(answers or USUALLY)}, and so on. Ctrl-C ends it.", flush=True)
    with suppress(KeyboardInterrupt):
        service.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
