# SPDX-License-Identifier: MIT
"""Bad input gets a clear answer, costs nothing, reaches no upstream, and harms nobody else."""

import json
import urllib.parse

import pytest

from bodies import CHAT, MESSAGE, PRICED, project
from wire import render

CHAT_PATH = "/v1/chat/completions"
GOOD = json.dumps(CHAT).encode()


@pytest.fixture
def proxy(start_proxy, sim):
    """After each test: nothing was sent upstream or charged, and the daemon still works."""
    daemon = start_proxy()
    yield daemon
    assert sim.journal() == []
    assert daemon.history() == []
    assert daemon.post(CHAT_PATH, CHAT).status == 200


def check(answer, status, code=None, kind=None):
    """An error in the union of both dialects."""
    assert answer.status == status, answer
    data = answer.json()
    assert data["type"] == "error"
    assert data["request_id"]
    error = data["error"]
    assert set(error) >= {"type", "message", "param", "code"}
    assert len(error["message"]) > 10
    if code:
        assert error["code"] == code, error
    if kind:
        assert error["type"] == kind, error
    assert "x-request-id" in answer.headers and "request-id" in answer.headers
    return error


BODIES = {
    "empty": (b"", "invalid_json"),
    "blank": (b"  \n", "invalid_json"),
    "truncated": (GOOD[:-3], "invalid_json"),
    "trailing junk": (GOOD + b"x", "invalid_json"),
    "two values": (GOOD + GOOD, "invalid_json"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, "invalid_json"),
    "bad UTF-8": (GOOD.replace(b"Hello", b"H\xffllo"), "invalid_json"),
    "overlong UTF-8": (GOOD.replace(b"Hello", b"H\xc0\x80llo"), "invalid_json"),
    "UTF-16 surrogate in UTF-8": (GOOD.replace(b"Hello", b"H\xed\xa0\x80llo"), "invalid_json"),
    "lone surrogate": (GOOD.replace(b"Hello", b"\\ud800"), "invalid_json"),
    "not an object": (b'["gpt-4o"]', "invalid_json"),
    "NaN": (b'{"model":"gpt-4o","messages":[],"temperature":NaN}', "invalid_json"),
    "a comment": (b'{"model":"gpt-4o",/*x*/"messages":[]}', "invalid_json"),
    "key twice": (b'{"model":"gpt-4o-mini","model":"gpt-4o","messages":[]}', "duplicate_key"),
    "key twice, escaped": (b'{"model":"gpt-4o-mini","mod\\u0065l":"gpt-4o","messages":[]}',
                           "duplicate_key"),
    "key twice, deep": (b'{"model":"gpt-4o","messages":[{"role":"user","content":"a",'
                        b'"content":"b"}]}', "duplicate_key"),
    "too deep": (b'{"model":"gpt-4o","messages":[],"x":' + b"[" * 200 + b"]" * 200 + b"}",
                 "json_too_complex"),
    "far too deep": (b'{"model":"gpt-4o","messages":[],"x":' + b"[" * 100000 + b"]" * 100000
                     + b"}", "json_too_complex"),
    "too many nodes": (b'{"model":"gpt-4o","messages":[' + b"{}," * 700000 + b"{}]}",
                       "json_too_complex"),
}


@pytest.mark.parametrize("case", BODIES)
def test_bodies_that_are_no_proper_json(proxy, case):
    body, code = BODIES[case]
    check(proxy.post(CHAT_PATH, body), 400, code, "invalid_request_error")


VALUES = {
    "no model": {"model": None},
    "model is a number": {"model": 4},
    "model is empty": {"model": ""},
    "no messages": {"messages": None},
    "messages is a string": {"messages": "Hello"},
    "max_tokens 2^63": {"max_tokens": 2 ** 63},
    "max_tokens 1.5": {"max_tokens": 1.5},
    "max_tokens -1": {"max_tokens": -1},
    "max_tokens a string": {"max_tokens": "5"},
    "max_completion_tokens a string": {"max_completion_tokens": "5"},
    "n 1e9": {"n": 10 ** 9},
    "n 0": {"n": 0},
    "n a string": {"n": "2"},
    "stream a string": {"stream": "yes"},
    "stream a number": {"stream": 1},
}


@pytest.mark.parametrize("case", VALUES)
def test_values_that_cannot_be_priced(proxy, case):
    body = {k: v for k, v in (CHAT | VALUES[case]).items() if v is not None}
    error = check(proxy.post(CHAT_PATH, body), 400, "bad_value", "invalid_request_error")
    [field] = VALUES[case]
    assert field in error["message"]
    check(proxy.post("/v1/estimate/chat/completions", body), 400, "bad_value")


@pytest.mark.parametrize("path", PRICED)
def test_every_endpoint_refuses_a_body_without_a_model(proxy, path):
    body = {k: v for k, v in PRICED[path].items() if k != "model"}
    check(proxy.post(path, body), 400, "bad_value", "invalid_request_error")


FRAMING = {
    "length and chunked": ("Content-Length: 5\r\nTransfer-Encoding: chunked", "bad_framing"),
    "chunked and length": ("Transfer-Encoding: chunked\r\nContent-Length: 5", "bad_framing"),
    "two lengths": ("Content-Length: 5\r\nContent-Length: 6", "bad_framing"),
    "two equal lengths": ("Content-Length: 5\r\nContent-Length: 5", "bad_framing"),
    "two codings": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "bad_framing"),
    "coding identity": ("Transfer-Encoding: identity\r\nContent-Length: 5", "bad_framing"),
    "coding gzip, chunked": ("Transfer-Encoding: gzip, chunked", "bad_framing"),
    "coding xchunked": ("Transfer-Encoding: xchunked", "bad_framing"),
    "blank before colon": ("Content-Length : 5", "bad_header"),
    "folded coding": ("Transfer-Encoding:\r\n chunked", "bad_header"),
    "folded length": ("Content-Length:\r\n 5", "bad_header"),
    "blank in a name": ("Bad Name: x\r\nContent-Length: 5", "bad_header"),
    "odd character in a name": ("Bad(Name): x\r\nContent-Length: 5", "bad_header"),
    "control byte in a value": ("X-A: a\x01b\r\nContent-Length: 5", "bad_header"),
    "two hosts": ("Host: other\r\nContent-Length: 5", "bad_header"),
}


@pytest.mark.parametrize("case", FRAMING)
def test_ambiguous_framing_is_refused_and_the_connection_closed(proxy, case):
    head, code = FRAMING[case]
    request = f"POST {CHAT_PATH} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode("latin-1")
    smuggled = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" \
               b"Content-Length: %d\r\n\r\n%s" % (len(GOOD), GOOD)
    with proxy.connect() as wire:
        wire.send(request + b"0\r\n\r\n" + smuggled)
        answer = wire.read_answer()
        check(answer, 400, code)
        rest = read_to_end(wire)
    assert b"HTTP/1.1 200" not in rest


def read_to_end(wire):
    try:
        while True:
            wire.more()
    except Exception:
        return wire.buffer


LENGTHS = ["3, 3", "+3", "-1", "0x3", "", "99999999999999999999999"]


@pytest.mark.parametrize("length", LENGTHS)
def test_impossible_lengths(proxy, length):
    answer = proxy.raw(f"POST {CHAT_PATH} HTTP/1.1\r\nHost: localhost\r\n"
                       f"Content-Length: {length}\r\n\r\n{{}}".encode())
    assert answer.status in (400, 413), answer


BARE = {
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", (400,)),
    "HTTP/0.9": (b"GET /health\r\n\r\n", (400, 505, None)),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "coding on HTTP/1.0": (b"POST /v1/chat/completions HTTP/1.0\r\nHost: x\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "bad chunk": (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", (400,)),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, 505, None)),
}


@pytest.mark.parametrize("case", BARE)
def test_what_is_hardly_http(proxy, case):
    data, statuses = BARE[case]
    assert proxy.raw(data).status in statuses


def test_too_many_headers(proxy):
    many = [(f"X-{i}", "v") for i in range(150)]
    check(proxy.post(CHAT_PATH, CHAT, many), 400, "too_many_headers")


@pytest.mark.parametrize("size, ours", [(32769, True), (40000, True), (100000, False)])
def test_headers_and_targets_that_are_too_long(proxy, size, ours):
    """Beyond what the library reads it answers itself."""
    long = "a" * size
    for answer, status, code in (
            (proxy.post(CHAT_PATH, CHAT, [("X-Long", long)]), 431, "headers_too_large"),
            (proxy.post(CHAT_PATH, CHAT, [(f"X-{i}", long[:size // 64]) for i in range(64)]), 431, "headers_too_large"),
            (proxy.post(f"{CHAT_PATH}?x={long}", CHAT), 414, "uri_too_long")):
        assert answer.status == status
        if ours:
            check(answer, status, code)


def test_headers_and_targets_just_short_enough(proxy):
    assert proxy.get("/health", [("X-Long", "a" * 32000)]).status == 200
    assert proxy.get("/health?x=" + "a" * 32000).status == 200


@pytest.mark.parametrize("byte", ["\x01", "\x1f", "\x7f", "\t", "#"])
def test_a_target_with_what_no_target_has(proxy, byte):
    for target in (f"{CHAT_PATH}?x={byte}", f"/v1/chat{byte}/completions"):
        request = render("POST", target, CHAT)
        with proxy.connect() as wire:
            wire.send(request)
            answer = wire.read_answer()
            if byte != "\t" or answer.status:  # a blank: the library hangs up
                check(answer, 400, "bad_header")
            assert b"HTTP/1.1" not in read_to_end(wire)


@pytest.mark.parametrize("target", [
    "/v1/files", "/v1/unknown", "/v2/chat/completions", "/v1/chat/completions/extra",
    "/v1/chat%2fcompletions", "/v1/../v1/chat/completions", "/v1/%2e%2e/chat/completions",
    "/v1/chat/completions%00", "/v1/chat//completions", "http://example.com/v1/chat/completions",
    "/p//v1/chat/completions", "/v1/estimate/files",
])
def test_unknown_paths_are_never_forwarded(proxy, target):
    check(proxy.post(target, CHAT), 404, "unknown_url")


def test_unknown_paths_answer_in_the_callers_dialect(proxy):
    assert proxy.post("/v1/files", {}, {"anthropic-version": "2023-06-01"}
                      ).json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("method, target, allowed", [
    ("GET", "/v1/chat/completions", "POST"), ("PUT", "/v1/messages", "POST"),
    ("DELETE", "/v1/models", "GET"), ("PATCH", "/v1/budget", "POST"),
    ("POST", "/health", "GET"), ("POST", "/v1/usage", "GET"),
])
def test_wrong_methods(proxy, method, target, allowed):
    answer = proxy.ask(method, target, "" if method in ("POST", "PUT", "PATCH") else None)
    assert answer.status == 405
    assert allowed in [m.strip() for m in answer.headers["Allow"].split(",")]


def test_a_body_that_is_too_large(start_proxy, sim):
    proxy = start_proxy("--max-body", "64K")
    with proxy.connect() as wire:
        wire.send(render("POST", CHAT_PATH, None, {"Content-Length": "100000",
                                                   "Expect": "100-continue"}))
        answer = wire.read_answer()  # 413 at once: no 100 before it
    check(answer, 413)
    chunked = render("POST", CHAT_PATH, None, {"Transfer-Encoding": "chunked"})
    whole = chunked + b"20000\r\n" + b" " * 0x20000 + b"\r\n0\r\n\r\n"
    assert proxy.raw(whole).status in (413, None)
    assert sim.journal() == []


def test_an_encoded_body(proxy):
    answer = proxy.post(CHAT_PATH, b"\x1f\x8b\x08", {"Content-Encoding": "gzip"})
    check(answer, 415, "unsupported_encoding")


def test_duplicate_credentials(proxy):
    twice = [("Authorization", "Bearer sk-one"), ("Authorization", "Bearer sk-two")]
    check(proxy.post(CHAT_PATH, CHAT, twice), 400, "duplicate_header")


def test_no_credential_and_none_to_lend(start_proxy, sim):
    proxy = start_proxy(env={"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": ""})
    check(proxy.post(CHAT_PATH, CHAT), 401, "invalid_api_key")
    check(proxy.post("/v1/messages", MESSAGE), 401, None, "authentication_error")
    assert sim.journal() == []
    assert proxy.post(CHAT_PATH, CHAT, {"Authorization": "Bearer sk-mine"}).status == 200


def test_an_unknown_project_token(proxy):
    token = "tcap_" + "a" * 43
    refused = proxy.post(CHAT_PATH, CHAT, {"Authorization": f"Bearer {token}"})
    check(refused, 401, "invalid_api_key")


def test_a_forwarded_caller_is_not_local(proxy):
    for name in ("Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Real-IP", "CF-Connecting-IP",
                 "True-Client-IP"):
        for value in ("203.0.113.9", "", "127.0.0.1", "\r\n folded"):
            assert proxy.post(CHAT_PATH, CHAT, {name: value}).status == 401, (name, value)
            assert proxy.get("/v1/usage", {name: value}).status == 403, (name, value)


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
    {"Host": "evil.example"},
])
def test_a_browser_is_not_a_local_user(proxy, headers):
    assert proxy.get("/v1/usage", headers).status in (401, 403)
    assert proxy.post("/v1/budget", {"projectId": "p", "limitUsd": 1}, headers).status in (401, 403)
    assert proxy.post(CHAT_PATH, CHAT, headers).status in (401, 403)


@pytest.mark.parametrize("name", ["a" * 10000, "a" * 129, "../x", "a b", "x'; DROP TABLE budgets;",
                                  "\U0001f600", "a/b", "%41", "a\0b", "a\nb", "a\r\nX: y"])
def test_project_ids(proxy, name):
    sent = urllib.parse.quote(name) if set(name) & set("\0\r\n") else name.encode().decode("latin-1")
    check(proxy.post(CHAT_PATH, CHAT, project(sent)), 400, "invalid_project_id")
    quoted = urllib.parse.quote(name, safe="")
    check(proxy.post(f"{CHAT_PATH}?project_id={quoted}", CHAT), 400, "invalid_project_id")
    assert proxy.get("/v1/usage", project(sent)).status == 400


def test_a_broken_escape_is_not_the_default_project(proxy):
    check(proxy.post(f"{CHAT_PATH}?project_id=%zz", CHAT), 400, "invalid_project_id")
    assert proxy.get("/v1/budget?project_id=p%").status == 400


@pytest.mark.parametrize("name", ["a b", "p\0x", "", 7, None])
def test_a_reset_of_no_project_resets_none(proxy, name):
    before = proxy.set_budget(1)
    proxy.set_budget(1, "p")
    answer = proxy.post("/v1/budget/reset", {"projectId": name})
    assert answer.status == 400, answer
    assert "projectId" in answer.json()["error"]["message"]
    assert proxy.budget()["periodStart"] == before["periodStart"]


BUDGETS = {
    "limit missing": ({"limitUsd": None}, "limitUsd"),
    "limit negative": ({"limitUsd": -1}, "limitUsd"),
    "limit 1e300": ({"limitUsd": 1e300}, "limitUsd"),
    "limit a string": ({"limitUsd": "10"}, "limitUsd"),
    "limit a boolean": ({"limitUsd": True}, "limitUsd"),
    "periodDays 0": ({"periodDays": 0}, "periodDays"),
    "periodDays -1": ({"periodDays": -1}, "periodDays"),
    "periodDays 1e9": ({"periodDays": 10 ** 9}, "periodDays"),
    "periodDays 1.5": ({"periodDays": 1.5}, "periodDays"),
    "project missing": ({"projectId": None}, "projectId"),
    "project bad": ({"projectId": "../x"}, "projectId"),
    "project a number": ({"projectId": 7}, "projectId"),
    "unknown field": ({"limitUSD": 10}, "limitUSD"),
    "enforcement unknown": ({"enforcement": "sometimes"}, "enforcement"),
    "period unknown": ({"period": "fortnight"}, "period"),
    "timezone unknown": ({"period": "day", "timezone": "Mars/Olympus"}, "timezone"),
    "percents": ({"alertPercents": [0, 500]}, "alertPercents"),
}


@pytest.mark.parametrize("case", BUDGETS)
def test_bad_budgets_name_the_field(proxy, case):
    change, field = BUDGETS[case]
    body = {k: v for k, v in ({"projectId": "p", "limitUsd": 10} | change).items()
            if v is not None}
    answer = proxy.post("/v1/budget", body)
    assert answer.status == 400, answer
    error = answer.json()["error"]
    assert error["type"] == "invalid_request"
    assert field in error["message"]
    assert proxy.budget("p") is None


def test_budget_bodies_that_are_no_json(proxy):
    for body in (b"", b"{", b'{"projectId":"p","limitUsd":NaN}', b"[]",
                 b'{"projectId":"p","limitUsd":1,"limitUsd":2}'):
        assert proxy.post("/v1/budget", body).status == 400
    assert proxy.budget("p") is None


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=1000000000", "limit=abc",
                                   "limit=", "limit=%zz", "before=forged", "before=-1",
                                   "before=%27OR%271", "from=yesterday", "to=x"])
def test_bad_history_queries(proxy, query):
    answer = proxy.get(f"/v1/usage/history?{query}")
    assert answer.status == 400, answer
    error = answer.json()["error"]
    assert error["type"] == "invalid_request"
    assert query.split("=")[0] in error["message"]


@pytest.mark.parametrize("content", [
    "text in no JSON content type", "a NUL in a string", "unknown parts"])
def test_what_looks_odd_but_is_fine(start_proxy, sim, content):
    proxy = start_proxy()
    headers = {}
    body = GOOD
    if content == "text in no JSON content type":
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    elif content == "a NUL in a string":
        body = GOOD.replace(b"Hello", b"Hel\\u0000lo")
    else:
        body = json.dumps(CHAT | {"new_field": {"x": 1}, "messages": [
            {"role": "user", "content": [{"type": "hologram", "data": "x"}]}]}).encode()
    answer = proxy.post(CHAT_PATH, body, headers)
    assert answer.status == 200, answer
    if content == "unknown parts":
        assert answer.headers["X-Tokencap-Confidence"] == "low"
    assert sim.one().body == body
