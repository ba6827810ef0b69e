"""Reads a request's JSON body: each field checked, each refusal naming the field and what it should be."""

import json
import math

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from classroom.label import is_line
from classroom.web.problems import CURL, Problem


def read(**fields):
    """The body's fields by name, checked, with a default where one is missing.

    A field is a pair of its default and a function that returns the clean value or raises
    ValueError with the words for what it should be. Raises Problem 400, 415 or 422.
    """
    given = read_object()
    for name in given:
        if name not in fields:
            raise Problem(
                422, f"{name!r:.80} is no field here.", field=name[:80], expected=f"one of {', '.join(fields)}"
            )
    return {name: check(name, given.get(name, default), rule) for name, (default, rule) in fields.items()}


def read_object():
    """The body as a dict; an empty body is {} whatever its content type."""
    raw = request.get_data()
    if request.content_length is None and len(raw) >= request.max_content_length:
        raise RequestEntityTooLarge  # a body sent in chunks is cut off at the limit
    if not raw:
        return {}
    if not request.is_json:
        curl = CURL.format(url=request.base_url)
        raise Problem(415, f"The body should be JSON and say so, like {{}} in: {curl}", expected="application/json")
    try:
        body = json.loads(raw, parse_int=parse_int, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        hint = " JSON wants double quotes." if b"'" in raw else ""
        raise Problem(400, f"The body is not JSON: {error}"[:300] + hint, expected='for example {"x": 10}') from None
    if not isinstance(body, dict):
        raise Problem(422, "The body should be a JSON object.", field="body", expected='for example {"x": 10}')
    return body


def parse_int(digits):
    """A JSON integer; one too long for any field becomes infinite, which every field refuses."""
    return int(digits) if len(digits) < 100 else math.inf


def refuse(word):
    """NaN and Infinity, which Python would read, are not JSON."""
    raise ValueError(f"{word} is not a JSON value")


def check(name, value, rule):
    """The clean value of one field, or Problem 422."""
    try:
        return rule(value)
    except ValueError as expected:
        raise Problem(422, f"{name} should be {expected}.", field=name, expected=str(expected)) from None


def whole(low, high):
    """A rule: a whole number from low to high; 10.0 and 1e2 are whole, true is no number."""

    def rule(value):
        if is_number(value) and low <= value <= high and value == int(value):
            return int(value)
        raise ValueError(f"a whole number from {low} to {high}")

    return rule


def number(low, high):
    """A rule: a number from low to high."""

    def rule(value):
        if is_number(value) and low <= value <= high:
            return value
        raise ValueError(f"a number from {low} to {high}")

    return rule


def text(longest):
    """A rule: text up to so many characters, none of them a control character."""

    def rule(value):
        if is_line(value, longest):
            return value
        raise ValueError(f"text of at most {longest} characters, none of them a control character")

    return rule


def is_number(value):
    """Whether JSON called it a number: Python counts true and false as numbers too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
