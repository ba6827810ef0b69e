"""What ./lab check --json writes is as docs/check-result.schema.json says."""

import json
from copy import deepcopy

import jsonschema_rs
import pytest

from classroom.local.cluster import ROOT

SCHEMA = json.loads((ROOT / "docs" / "check-result.schema.json").read_text())
FILES = {"exercise.py": "failed", "solution.py": "passed"}
PASSED = {"check": "right", "title": "it is right", "verdict": "passed", "seconds": 1.5}
DOCUMENT = {
    "exercise": "01-factorial",
    "verdict": "passed",
    "file_sha256": "0" * 64,
    "checked_at": "2031-05-06T07:08:09+00:00",
    "seconds": 1.5,
    "language": "en",
    "versions": {"python": "3.13"},
    "checks": [PASSED],
}


@pytest.fixture(scope="module")
def schema():
    """The schema, which is one."""
    jsonschema_rs.meta.validate(SCHEMA)
    return jsonschema_rs.validator_for(SCHEMA, validate_formats=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_real_result_is_as_the_schema_says(terminal, schema, name):
    file = ROOT / "exercises" / "01-factorial" / name
    if not file.exists():
        pytest.skip("a student's copy has no solution")
    out = terminal.folder / "out.json"
    terminal.run("check", "01", "--file", str(file), "--json", str(out), check=False)
    document = json.loads(out.read_text())
    assert [str(error) for error in schema.iter_errors(document)] == []
    assert document["verdict"] == FILES[name]


def without(document, name):
    """The document without one of its fields."""
    return {key: value for key, value in document.items() if key != name}


def test_a_result_that_says_too_little_is_none(schema):
    assert schema.is_valid(DOCUMENT)
    assert not any(schema.is_valid(without(DOCUMENT, name)) for name in DOCUMENT)
    assert not any(schema.is_valid(DOCUMENT | {"checks": [without(PASSED, name)]}) for name in PASSED)


@pytest.mark.parametrize(
    ("verdict", "why", "valid"),
    [
        ("passed", {}, True),
        ("passed", {"because": "it is right"}, False),
        ("failed", {"expected": "120", "actual": "0"}, True),
        ("failed", {"expected": "120", "actual": "0", "because": "b", "try": "t", "repeat": "curl"}, True),
        ("failed", {"expected": "120"}, False),
        ("failed", {"expected": 120, "actual": "0"}, False),
        ("undecided", {"because": "the broker is gone"}, True),
        ("undecided", {}, False),
        ("maybe", {}, False),
    ],
)
def test_a_verdict_says_why(schema, verdict, why, valid):
    document = deepcopy(DOCUMENT)
    document["checks"] = [PASSED | {"verdict": verdict} | why]
    assert schema.is_valid(document) == valid
