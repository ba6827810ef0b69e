"""Measures exercise 3: python3 exercises/03-sync-and-async/measure.py [HOW_MANY]"""

import http.client
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

HOW_MANY = int(sys.argv[1]) if len(sys.argv) > 1 else 20
SERVER = urlsplit(os.environ.get("LAB_URL", "http://127.0.0.1:5000")).netloc


def ask(method, path):
    """The answer to one request."""
    connection = http.client.HTTPConnection(SERVER)
    connection.request(method, path)
    return json.load(connection.getresponse())


def together(path):
    """Send all requests at the same time, and wait until the last is answered."""
    with ThreadPoolExecutor(HOW_MANY) as pool:
        return list(pool.map(lambda number: ask("POST", path), range(HOW_MANY)))


began = time.monotonic()
together("/sync")
print(f"sync_s   {time.monotonic() - began:.2f}")

began = time.monotonic()
answers = together("/async")
print(f"async_s  {time.monotonic() - began:.2f}")

ids = [answer["task_id"] for answer in answers if "task_id" in answer]
for task_id in ids:
    while ask("GET", f"/status/{task_id}?wait=30")["finished_at"] is None:
        pass
if ids:
    print(f"tasks_s  {time.monotonic() - began:.2f}")
