"""A weather service that is not always well:  python3 service.py [ANSWER …]

The ANSWERs are what a city gets, one after the other and then from the beginning again: a status code, `hangs`
(it never answers) or `hangs-up` (it closes the connection without an answer). Without any: 503 503 200.
"""

import json
import random
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PORT = 5005
USUALLY = "503", "503", "200"
NO_CITY = {"Atlantis": "404", "Pompeii": "410"}  # not found, and gone


@dataclass
class Visit:
    """One request, as the service sees it; times are seconds of a clock that never jumps."""

    answer: str
    came_at: float = field(default_factory=time.monotonic)
    over_at: float | None = None  # when the answer was about to leave, or the client had gone
    said: dict | None = None


class Service(ThreadingHTTPServer):
    """The service; it remembers who asked for which city, and when."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port=0, answers=USUALLY, loud=False):
        super().__init__(("127.0.0.1", port), Handler)
        self.answers, self.loud = answers, loud
        self.plans, self.visits, self.lock = {}, {}, threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def start(self):
        """Serve in the background; returns itself."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def plan(self, city, *answers):
        """Answer like this for one city."""
        self.plans[city] = answers

    def came_for(self, city):
        """All visits for a city so far."""
        with self.lock:
            return list(self.visits.get(city, []))

    def welcome(self, city):
        """Note one more visit for this city."""
        with self.lock:
            visits = self.visits.setdefault(city, [])
            answers = (NO_CITY[city],) if city in NO_CITY else self.plans.get(city, self.answers)
            visit = Visit(answers[len(visits) % len(answers)])
            if self.loud:
                before = f", {visit.came_at - visits[-1].came_at:.2f} s after the one before" if visits else ""
                now = datetime.now().isoformat(" ", "milliseconds")[11:]
                print(f"{now}  {city}: {visit.answer:8} request {len(visits) + 1}{before}", flush=True)
            visits.append(visit)
            return visit

    def handle_error(self, request, client_address):
        """Say nothing of a client that has gone."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        """Answer GET /weather/CITY, or not."""
        folder, _, city = self.path.rpartition("/")
        if folder != "/weather" or not city:
            return self.send(404, {"error": "ask for /weather/CITY"})
        city = unquote(city)
        visit = self.server.welcome(city)
        if visit.answer.isdecimal():
            code = int(visit.answer)
            visit.said = {"city": city, "celsius": random.randint(-20, 45)} if code == 200 else {"error": words(code)}
            visit.over_at = time.monotonic()  # before it is sent: nobody can go on any sooner
            self.send(code, visit.said)
        else:
            if visit.answer == "hangs":
                with suppress(OSError):
                    self.connection.recv(1)  # comes to an end when the client does
            visit.over_at = time.monotonic()

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


def words(code):
    """What a status code means."""
    return HTTPStatus(code).description or HTTPStatus(code).phrase


def main(answers):
    """Serve until Ctrl-C."""
    wrong = [one for one in answers if one not in ("hangs", "hangs-up", *(str(status.value) for status in HTTPStatus))]
    if wrong:
        sys.exit(f"{wrong[0]} is no status code, nor hangs, nor hangs-up.")
    try:
        service = Service(PORT, answers or USUALLY, loud=True)
    except OSError as error:
        sys.exit(f"Port {PORT} cannot be had: {error.strerror}. Does this service run in another terminal?")
    print(f"{service.url}/weather/CITY answers {', '.join(service.answers)}, and so on. Ctrl-C ends it.", flush=True)
    with suppress(KeyboardInterrupt):
        service.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
