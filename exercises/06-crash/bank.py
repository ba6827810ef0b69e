"""A bank that books whatever it is asked to:  python3 bank.py [SECONDS]

    POST /withdraw, POST /deposit   {"account": "Ana", "amount": 30}, and a "memo" where you want one
    GET /accounts/Ana               what has been booked for Ana

A request with an Idempotency-Key that it has booked before gets the same answer again, and nothing is booked; with
another body it is 409. It knows everybody but Nobody (404). With SECONDS each answer comes so long after the booking.
"""

import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PORT = 5006
SIGNS = {"withdraw": -1, "deposit": 1}
NOBODY = 404, {"error": "Nobody has no account here"}
NO_PATH = 404, {"error": "there are POST /withdraw, POST /deposit and GET /accounts/NAME"}
WRONG = 422, {"error": 'send {"account": "Ana", "amount": 30}'}
LONGEST = 100  # seconds for which an answer is held


@dataclass
class Hold:
    """Holds the answer to one request: whoever sent it is in the middle of it."""

    lost: bool  # the request is lost: nothing is booked, and no answer comes
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait(self):
        """Say that the request is there, and hold its answer until it is released."""
        self.reached.set()
        self.released.wait(LONGEST)


class Bank(ThreadingHTTPServer):
    """The bank, with its books."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port=0, seconds=0, loud=False):
        super().__init__(("127.0.0.1", port), Handler)
        self.seconds, self.loud = seconds, loud
        self.bookings, self.keys, self.holds, self.lock = [], {}, {}, threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def start(self):
        """Serve in the background; returns itself."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def hold(self, account, lost=False):
        """Hold the answer to the next request about this account, whatever it asks for."""
        self.holds[account] = Hold(lost)
        return self.holds[account]

    def of(self, account):
        """All bookings of an account so far."""
        with self.lock:
            return [one for one in self.bookings if one["account"] == account]

    def book(self, what, order, key):
        """Book this order, unless it was booked under its key; returns the status code, and what to say."""
        if what not in SIGNS:
            return NO_PATH
        match order:
            case {"account": str(account), "amount": int(amount)} if amount > 0:
                change = SIGNS[what] * amount
            case _:
                return WRONG
        if account == "Nobody":
            self.say(f"{account} {change:+}: 404")
            return NOBODY
        with self.lock:
            if key in self.keys:
                booking, same = self.keys[key]
                if same != (what, order):
                    self.say(f"{account} {change:+}: 409, this key has booked {booking['booking']}")
                    return 409, {"error": "this Idempotency-Key came before with something else"}
                self.say(f"{account} {change:+}: again, it is booking {booking['booking']}")
                return 200, booking
            booking = {
                "booking": len(self.bookings) + 1,
                "account": account,
                "amount": change,
                "memo": order.get("memo"),
            }
            self.bookings.append(booking)
            if key:
                self.keys[key] = booking, (what, order)
            self.say(f"{account} {change:+}: booking {booking['booking']}")
            return 200, booking

    def say(self, words):
        """Print what happens, where somebody reads it."""
        if self.loud:
            print(f"{datetime.now().isoformat(' ', 'milliseconds')[11:]}  {words}", flush=True)

    def handle_error(self, request, client_address):
        """Say nothing of a client that has gone."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        """Answer GET /accounts/NAME."""
        folder, _, account = unquote(self.path).rpartition("/")
        self.answer(account, lambda: self.look(folder, account))

    def do_POST(self):
        """Answer POST /withdraw and POST /deposit."""
        what, order = self.path.strip("/"), None
        with suppress(ValueError):
            order = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        account = order.get("account") if isinstance(order, dict) else None
        key = self.headers.get("Idempotency-Key")
        self.answer(account, lambda: self.server.book(what, order, key))

    def look(self, folder, account):
        """What there is to say of an account."""
        if folder != "/accounts":
            return NO_PATH
        if account == "Nobody":
            return NOBODY
        bookings = self.server.of(account)
        balance = sum(one["amount"] for one in bookings)
        return 200, {"account": account, "balance": balance, "bookings": bookings}

    def answer(self, account, act):
        """Do what is asked for, and say how it went; or not, where this is held."""
        held = self.server.holds.pop(account, None) if isinstance(account, str) else None
        if held and held.lost:
            return held.wait()
        code, said = act()
        if held:
            held.wait()
        time.sleep(self.server.seconds)
        body = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The bank says by itself what it has booked."""


def main(arguments):
    """Serve until Ctrl-C."""
    try:
        seconds = float(arguments[0]) if arguments else 0
        bank = Bank(PORT, seconds, loud=True)
    except ValueError:
        sys.exit(f"{arguments[0]} is no number of seconds.")
    except OSError as error:
        sys.exit(f"Port {PORT} cannot be had: {error.strerror}. Does this bank run in another terminal?")
    print(f"{bank.url} books, and answers {seconds:g} s later. Ctrl-C ends it.", flush=True)
    with suppress(KeyboardInterrupt):
        bank.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
