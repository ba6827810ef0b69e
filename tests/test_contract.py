"""classroom/web/openapi.json and the server say the same of the HTTP API."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

import jsonschema_rs
import pytest
import schemathesis
from parts import until

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "classroom" / "web" / "openapi.json"
SETTINGS = (
    *("--seed", "1", "--max-examples", "30", "--max-failures", "5", "--request-timeout", "40"),
    *("--checks", "all", "--continue-on-failure", "--generation-database", "none", "--no-color"),
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Change what Schemathesis sends: right keys become new ones, right waits short ones; wrong ones stay."""
    key, wait = case.headers.get("Idempotency-Key"), case.query.get("wait")
    if key and re.fullmatch("[!-~]([ -~]{0,198}[!-~])?", key):
        case.headers["Idempotency-Key"] = f"{uuid.uuid4()} {key}"[:200].rstrip()
    if type(wait) in (int, float) and 0 <= wait <= 30:
        case.query["wait"] = wait / 100


@pytest.fixture
def schema():
    """The document, as Schemathesis reads it."""
    return schemathesis.openapi.from_path(DOCUMENT)


def test_no_request_gets_an_answer_that_the_document_does_not_have(start, tmp_path):
    """Schemathesis makes up hundreds of requests, right and wrong, and follows the ids from answer to answer."""
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", DOCUMENT, "--url", start(workers=1).url, *SETTINGS],
        env=os.environ | {"SCHEMATHESIS_HOOKS": __file__, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
    )
    assert run.returncode == 0, run.stdout


def test_the_answers_that_need_an_accident_are_in_the_document(start, schema):
    """A body that is too large, a queue that is full, a broker that is gone."""
    cluster = start(workers=0, env={"MAX_WAITING": "1"})
    task_id = ask(schema, cluster, "submit", 202)["task_id"]
    ask(schema, cluster, "submit", 413, body="x" * 20_000)
    ask(schema, cluster, "submit", 429)
    shared = {"label": "Ana", "exercise": "01-factorial", "checks": {"loads": "passed"}}
    assert ask(schema, cluster, "share", 201, body=shared) == shared
    for other in ({"exercise": "00-nothing"}, {"checks": {"nothing": "passed"}}):
        ask(schema, cluster, "share", 409, body=shared | other)
    cluster.ledger.redis.hset("lab:checks", mapping={f"00-nothing/{n}": result() for n in range(2000)})
    ask(schema, cluster, "share", 429, body=shared | {"label": "Bob"})
    cluster.broker.kill()
    for operation in ("submit", "show_status", "cancel", "list_workers", "health"):
        ask(schema, cluster, operation, 503, task_id)
    ask(schema, cluster, "share", 503, body=shared)


def result():
    """One that was shared just now, as it is kept."""
    return json.dumps({"verdict": "failed", "stopped_by": "loads", "since": time.time(), "at": time.time()})


def test_a_task_is_in_the_document_from_its_start_to_its_end(cluster, schema):
    """One that runs and is cancelled, and one that is done."""
    cancelled = ask(schema, cluster, "submit", 202, body={"seconds": 5, "label": "mine"})["task_id"]
    until(lambda: ask(schema, cluster, "show_status", 200, cancelled)["progress"], what="progress")
    ask(schema, cluster, "cancel", 202, cancelled)
    done = ask(schema, cluster, "submit", 202, body={"seconds": 0})["task_id"]
    for task_id, state in ((cancelled, "REVOKED"), (done, "SUCCESS")):
        until(lambda id=task_id: ask(schema, cluster, "show_status", 200, id)["finished_at"], what="the end")
        assert ask(schema, cluster, "show_status", 200, task_id)["state"] == state
        ask(schema, cluster, "cancel", 409, task_id)
    assert ask(schema, cluster, "list_workers", 200)["workers"]


def ask(schema, cluster, operation, status, task_id=None, **body):
    """The body of the answer to one request, which has this status and is as the document says."""
    operation = schema.find_operation_by_id(operation)
    case = operation.Case(path_parameters={"task_id": task_id}, media_type="application/json", **body)
    answer = case.call(base_url=cluster.url, timeout=40)
    assert answer.status_code == status, answer.text
    case.validate_response(answer, excluded_checks=[schemathesis.checks.not_a_server_error])
    return answer.json()


def test_the_document_is_what_the_server_hands_out(api):
    """GET /openapi.json answers with the file."""
    assert api.get("/openapi.json").json() == json.loads(DOCUMENT.read_text())


def test_every_route_is_in_the_document_and_every_operation_has_a_route():
    """Method, path and name are the same on both sides; the exercises' routes belong to the students."""
    from app import app

    routes = {
        (method, re.sub("<(.*?)>", r"{\1}", rule.rule), rule.endpoint.removeprefix("checks."))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if "." not in rule.endpoint.removeprefix("checks.")  # another blueprint's has its name before a dot
    }
    paths = json.loads(DOCUMENT.read_text())["paths"]
    assert routes == {
        (method.upper(), path, operation["operationId"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def test_the_document_is_valid_openapi(schema):
    """Its form is OpenAPI's, and each schema in it is JSON Schema."""
    schema.validate()
    for part in json.loads(DOCUMENT.read_text())["components"]["schemas"].values():
        jsonschema_rs.meta.validate(part)
