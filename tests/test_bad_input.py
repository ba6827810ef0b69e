"""Bad input: a clear error as problem JSON each time, naming the field and what it should be."""

import socket

import pytest

JSON = {"Content-Type": "application/json"}
HUGE = "9" * 10_000


def problem(answer, status):
    """The answer's problem document, after looking at what all of them have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status and said["title"] and said["type"] == "about:blank"
    assert len(said["detail"]) > 10 and "Traceback" not in answer.text and "<" not in said["detail"][:1]
    return said


@pytest.mark.parametrize("words", ["{", "{'x': 1}", "nan", '{"x": NaN}', '{"x": -Infinity}', "[" * 9000, "\xff", "x=1"])
def test_what_is_not_json_is_400(api, words):
    problem(api.post("/longtask", data=words.encode("latin-1"), headers=JSON), 400)


@pytest.mark.parametrize("words", ["[1]", '"text"', "true", "null", "7"])
def test_json_that_is_no_object_is_422(api, words):
    assert problem(api.post("/longtask", data=words, headers=JSON), 422)["field"] == "body"


@pytest.mark.parametrize(
    ("field", "words"),
    [("x", words) for words in ('"10"', "10.5", "true", "null", "[1]", "{}", "1e400", HUGE, "-" + HUGE, "1000000001")]
    + [("seconds", words) for words in ("-1", "-0.001", "600.5", '"5"', "true", "null", "1e400")]
    + [("label", words) for words in ("7", "null", f'"{"a" * 61}"', '"a\\nb"', '"\\u0000"', '"\\ud800"', '"\\u2028"')],
)  # fmt: skip
def test_a_wrong_value_is_422_and_names_the_field(api, field, words):
    said = problem(api.post("/longtask", data=f'{{"{field}": {words}}}', headers=JSON), 422)
    assert said["field"] == field
    assert said["expected"] in said["detail"]


@pytest.mark.parametrize("key", ["y", "X", "", "é", "a" * 5000])
def test_an_unknown_key_is_422(api, key):
    said = problem(api.post("/longtask", json={"x": 1, key: 2}), 422)
    assert said["field"] == key[:80]
    assert "x, seconds, label" in said["expected"]


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_wrong_content_type_is_415_and_shows_the_right_curl(api, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    said = problem(api.post("/longtask", data=b'{"x": 10}', headers=headers), 415)
    assert f"curl -X POST {api.url}/longtask -H 'Content-Type: application/json' -d '{{}}'" in said["detail"]


def test_a_megabyte_is_413(api):
    problem(api.post("/longtask", data=b'{"x": "' + b"a" * 2**20 + b'"}', headers=JSON), 413)
    problem(api.post("/longtask", data=(b"a" * 1024 for _ in range(100)), headers=JSON), 413)  # in chunks, no length


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/longtask"), ("PUT", "/longtask"), ("POST", "/status/1"), ("GET", "/cancel/1"), ("DELETE", "/workers")],
)
def test_a_wrong_method_is_405_and_names_the_right_one(api, method, path):
    answer = api.request(method, path)
    problem(answer, 405)
    assert answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/nothing", "/longtask/", "/status/", "/status/a/b", "/static/x", "/é"])
def test_an_unknown_path_is_404(api, path):
    problem(api.get(path), 404)


@pytest.mark.parametrize(
    "task_id", ["1", "..", "%00", "%2e%2e%2f%2e%2e", "a" * 5000, "%F0%9F%8E%93", "*", "%ff", "lab:waiting"]
)
def test_an_id_that_is_none_is_404(cluster, task_id):
    # Sent as it is: a client library would tidy the path up
    with socket.create_connection((cluster.host, cluster.port), timeout=10) as line:
        line.sendall(f"GET /status/{task_id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404"), head
    assert b"application/problem+json" in head and b'"status":404' in body
