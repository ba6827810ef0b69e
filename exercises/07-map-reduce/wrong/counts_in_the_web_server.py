"""Caught by at-once: the endpoint asks and counts, and sends what is done already."""

import json
import math
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from celery import shared_task
from flask import Blueprint, abort, request, url_for

SERVICE_URL = os.environ.get("SERVICE_URL", "http://127.0.0.1:5007")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")  # letters, also with an apostrophe between them

bp = Blueprint("wordcount", __name__)


class ServiceError(Exception):
    """The service did not say which words are stop words."""


@shared_task(bind=True, name="count_words", max_retries=3)
def count_words(self, part):
    """Count the words of one part of a text, without the stop words: {word: times}."""
    try:
        ignored = stop_words()
    except ServiceError as error:
        raise self.retry(exc=error, countdown=0.5) from error
    return Counter(word for word in words_of(part) if word not in ignored)


@shared_task(name="add_up")
def add_up(counts):
    """Return how many words there are in all, how many different ones, and the ten most frequent."""
    times = Counter()
    for each in counts:
        times.update(each)  # a Counter adds, where a dict would overwrite
    top = sorted(times.items(), key=lambda one: (-one[1], one[0]))[:10]
    return {"total": sum(times.values()), "distinct": len(times), "top": top}


@bp.post("/wordcount")
def start_wordcount():
    """Accept {"text": "…", "parts": 8} or {"book": "alice", "parts": 8}, and answer at once with the id of a task."""
    text, parts = job_of(request.get_json())
    task = add_up.delay([count_words(part) for part in cut(text, parts)])
    return {"task_id": task.id, "status_url": url_for("show_status", task_id=task.id)}, 202


def cut(text, parts):
    """The text in so many parts, or fewer, each cut between two words."""
    words = text.split()
    size = max(1, math.ceil(len(words) / parts))
    return [" ".join(words[first : first + size]) for first in range(0, len(words), size)]


def words_of(text):
    """The words of a text in small letters; an accented letter is always one character."""
    return WORD.findall(unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower())


def stop_words():
    """Ask the service which words are too frequent to tell anything; raises ServiceError where it is not well."""
    try:
        with urlopen(f"{SERVICE_URL}/stopwords", timeout=10) as answer:
            return json.load(answer)
    except OSError as error:
        raise ServiceError(f"no stop words: {error}") from error


def job_of(body):
    """The text and the number of parts in the body of a request; 422 where they are not as they should be."""
    text, parts = (body.get("text"), body.get("parts", 8)) if isinstance(body, dict) else (None, 8)
    if isinstance(body, dict) and body.get("book") == "alice":
        text = Path(__file__).with_name("alice.txt").read_text(encoding="utf-8")  # here: a worker may not have the file
    if not isinstance(text, str):
        abort(422, 'there should be a text, as in {"text": "…"}, or {"book": "alice"}')
    if type(parts) is not int or not 1 <= parts <= 100:  # bool is an int too
        abort(422, "parts should be a whole number from 1 to 100")
    return text, parts
