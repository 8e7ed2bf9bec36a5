# SPDX-License-Identifier: MIT
"""Bytes pass unmodified and at once, but for the splices that are documented."""

import json
import re
import socket

import pytest

from bodies import (CHAT, MESSAGE, MESSAGE_STREAM, PRICED, RESPONSE_STREAM, STREAM, STREAM_USAGE,
                    STREAMED, TEXT)
from harness import sim_header
from money import cost, dollars
from wire import events_of, without_usage

END_MARK = re.compile(rb"\[DONE\]|message_stop|response\.completed")
AWKWARD = (b'{ "messages" : [ {"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 \xf0\x9f\x98\x80'
           b' \\/ \\u0000"} ],\r\n\t"temperature":0.7,"top_p":1E-2, "seed":123456789012345678901,'
           b'"x":-0.0,"zz":[1.10,{"b":1,"a":2}],"model":"gpt-4o" , "max_tokens":50 }\n')


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", AWKWARD),
    ("/v1/messages", AWKWARD.replace(b"gpt-4o", b"claude-haiku-4-5")),
    ("/v1/responses", AWKWARD.replace(b'"messages"', b'"input"').replace(b'"max_tokens"',
                                                                       b'"max_output_tokens"')),
])
def test_the_upstream_gets_the_clients_bytes(proxy, sim, path, body):
    answer = proxy.post(path, body)
    assert answer.status == 200, answer
    entry = sim.one()
    assert entry.body == body
    assert answer.body == entry.answer_body


def test_end_to_end_headers_pass_and_the_rest_does_not(proxy, sim):
    sent = [("User-Agent", "a-client/1.0"), ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", "one,two"), ("anthropic-beta", "three"),
            ("X-Stainless-Lang", "js"), ("Idempotency-Key", "abc"), ("X-Custom", "kept, as is"),
            ("Authorization", "Bearer sk-mine"), ("Cookie", "private=1"),
            ("Connection", "keep-alive, X-Hop"), ("X-Hop", "not for you"), ("TE", "trailers"),
            ("Proxy-Authorization", "Basic eA=="), ("X-Tokencap-Project-Id", "p"),
            ("X-Tokencap-Other", "1")]
    assert proxy.post("/v1/messages", MESSAGE, sent).status == 200
    entry = sim.one()
    for name, value in sent[:8]:
        assert (name.lower(), value) in [(n.lower(), v) for n, v in entry.headers], name
    names = [n.lower() for n, _ in entry.headers]
    for name in ("cookie", "x-hop", "te", "proxy-authorization", "x-tokencap-project-id",
                 "x-tokencap-other"):
        assert name not in names
    assert entry.header("Accept-Encoding") == "identity"
    assert names.count("host") == names.count("content-length") == 1
    assert entry.header("Host") == "{}:{}".format(*sim.address)


def test_the_upstreams_headers_reach_the_client(proxy):
    answer = proxy.post("/v1/chat/completions", CHAT, sim_header(
        header="X-Of-The-Upstream: yes", status=429, retry_after=17))
    assert answer.status == 429
    assert answer.headers["X-Of-The-Upstream"] == "yes"
    assert answer.headers["Retry-After"] == "17"
    assert answer.headers["x-ratelimit-remaining-requests"] == "9999"
    assert answer.headers["openai-processing-ms"] == "7"
    assert answer.headers["x-request-id"].startswith("req_sim")


def test_usage_is_asked_for_and_kept_from_a_client_that_did_not_ask(proxy, sim):
    answer = proxy.post("/v1/chat/completions", STREAM, sim_header(input=30, output=20))
    entry = sim.one()
    assert entry.json() == STREAM_USAGE
    assert without_usage(entry.answer_body) == answer.body
    assert b"usage" not in answer.body
    assert answer.trailers["X-Tokencap-Output-Tokens"] == "20"


@pytest.mark.parametrize("path, body", [*PRICED.items(), *STREAMED.items()],
                         ids=[*PRICED, *(f"{path}-stream" for path in STREAMED)])
def test_the_same_headers_with_and_without(proxy, sim, path, body):
    """In the same letters; what is added is tokencap's own, the other dialect's id, and the date."""
    script = sim_header(header='X-Odd: "q",  Caf\u00e9 x')
    through, direct = proxy.post(path, body, script), sim.post(path, body, script)
    ids = {"x-request-id", "request-id"}
    own = ids | {"date", "trailer"}
    assert through.status == direct.status == 200
    assert [h for h in direct.headers if h[0] not in ids] == [
        h for h in through.headers if h[0].lower() not in own and not h[0].lower().startswith("x-tokencap-")]
    names = [n.lower() for n, _ in through.headers]
    assert len(names) == len(set(names)) and ids < set(names)


@pytest.mark.parametrize("options, forwarded", [
    ({"include_usage": False}, {"include_usage": True}),
    ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
    ({}, {"include_usage": True}),
    (None, {"include_usage": True}),
])
def test_usage_is_asked_for_beside_other_options(proxy, sim, options, forwarded):
    answer = proxy.post("/v1/chat/completions", STREAM | {"stream_options": options})
    assert answer.status == 200, answer
    assert sim.one().json() == STREAM | {"stream_options": forwarded}
    assert b"usage" not in answer.body


def test_the_splice_touches_nothing_else(proxy, sim):
    body = AWKWARD.replace(b'"max_tokens":50 }', b'"max_tokens":50, "stream" : true }')
    assert proxy.post("/v1/chat/completions", body).status == 200
    got = sim.one().body
    inserted = len(got) - len(body)
    assert inserted > 0
    at = next(i for i in range(len(body)) if got[i] != body[i])
    # What was added is in one piece; it may begin a little before where the two differ.
    starts = range(max(0, at - inserted), at + 1)
    assert any(got[:i] + got[i + inserted:] == body for i in starts)
    assert json.loads(got)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("path, body", [("/v1/chat/completions", STREAM_USAGE),
                                        ("/v1/messages", MESSAGE_STREAM),
                                        ("/v1/responses", RESPONSE_STREAM)])
@pytest.mark.parametrize("more", [{}, {"split": 1}, {"split": 7}, {"comments": 1}, {"eol": "crlf"},
                                  {"text": "Grüße, 世界 🌍 \u2028 \"quoted\" \\ \n\n data: x"},
                                  {"fault": "eof_framed"}, {"fault": "interim"}],
                         ids=["plain", "split1", "split7", "comments", "crlf", "text", "eof",
                              "interim"])
def test_a_stream_passes_byte_for_byte(proxy, sim, path, body, more):
    answer = proxy.post(path, body, sim_header(input=30, output=20, **more))
    entry = sim.one()
    assert entry.body == json.dumps(body).encode()
    assert (answer.status, answer.end) == (200, "complete")
    assert answer.body == entry.answer_body
    [row] = proxy.history()
    assert (row["inputTokens"], row["outputTokens"], row["status"]) == (30, 20, "settled")


@pytest.mark.parametrize("shape", ["mistral", "openrouter", "deepseek", "together", "gemini",
                                   "groq", "azure"])
def test_only_the_injected_chunk_is_hidden(proxy, sim, shape):
    """A usage that rides on a content chunk stays; so does a first chunk without choices."""
    answer = proxy.post("/v1/chat/completions", STREAM, sim_header(shape=shape))
    entry = sim.one()
    upstream, client = events_of(entry.answer_body), events_of(answer.body)
    if shape == "azure":
        assert client[0] == upstream[0] and client[0]["choices"] == []
        del upstream[-2]
    text = [c["delta"].get("content") for e in client[:-1] for c in e["choices"]]
    assert "".join(t or "" for t in text) == TEXT
    assert len(client) == len(upstream)
    assert client[-1] == "[DONE]"


@pytest.mark.parametrize("path", STREAMED)
def test_each_event_arrives_before_the_next_is_sent(proxy, sim, path):
    with proxy.connect() as wire:
        wire.request("POST", path, STREAMED[path], sim_header(step="next", words=3))
        assert wire.read_head().status == 200
        event, seen = wire.read_event(), 0
        while event:
            seen += 1
            # The next one is not sent before this one was seen. After the last choice follows a
            # usage chunk which this client does not get.
            hidden = "completions" in path and b'"finish_reason":"' in event
            if END_MARK.search(event):
                break
            sim.open("next", passes=2 if hidden else 1)
            event = wire.read_event()
        while wire.read_chunk():
            pass
    assert wire.answer.end == "complete"
    assert seen >= 4


def read_to_the_end(wire):
    while wire.read_chunk():
        pass
    assert wire.answer.end == "complete"


def test_a_client_that_lags_catches_up(proxy, sim):
    """More than its socket takes is kept for it and brought on, in order; then each event comes at once again, and its
    connection serves the next request."""
    sim.script(text="word " * 1_600_000, chunks=40, step="next", input=30, output=20)
    with proxy.connect() as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.request("POST", "/v1/chat/completions", STREAM_USAGE)
        sim.open("next", passes=30)
        sim.await_gate("next")  # they are on their way, and nobody reads
        wire.read_head()
        assert all(wire.read_event() for _ in range(30))
        event = b""
        while b"[DONE]" not in event:
            sim.open("next", passes=1)
            assert (event := wire.read_event())
        read_to_the_end(wire)
        entry = sim.one()
        assert len(wire.answer.body) == entry.answer["body_bytes"]
        assert wire.answer.body[:4_000_000] == entry.answer_body[:4_000_000]  # the journal keeps no more
        assert wire.answer.body.count(b"word ") == 1_600_000
        assert wire.answer.trailers["X-Tokencap-Output-Tokens"] == "20"
        wire.request("GET", "/health")
        assert wire.read_answer("GET").status == 200


def test_a_request_sent_ahead_waits_for_its_turn(proxy, sim):
    with proxy.connect() as wire:
        wire.request("POST", "/v1/chat/completions", STREAM_USAGE, sim_header(step="next", words=5))
        wire.read_head()
        sim.open("next", passes=1)
        assert wire.read_event()
        wire.request("POST", "/v1/chat/completions", STREAM_USAGE)
        sim.open("next", passes=1)
        assert wire.read_event()
        sim.open("next")
        read_to_the_end(wire)
        assert wire.read_answer().end == "complete"
    first, second = sim.journal(wait=2)
    assert (first.answer["end"], second.answer["end"]) == ("complete", "complete")


@pytest.mark.parametrize("path", STREAMED)
@pytest.mark.parametrize("limit", [None, 1], ids=["no-budget", "budget"])
def test_predictions_as_headers_and_actual_figures_as_trailers(proxy, path, limit):
    if limit:
        proxy.set_budget(limit)
    answer = proxy.post(path, STREAMED[path], sim_header(input=30, output=20))
    announced = [n.strip().lower() for v in answer.headers.all("Trailer") for n in v.split(",")]
    assert announced == [n.lower() for n, _ in answer.trailers]
    assert {"x-tokencap-input-tokens", "x-tokencap-output-tokens", "x-tokencap-cost-usd"} <= set(announced)
    assert ("x-tokencap-budget-remaining" in announced) is (limit is not None)
    assert answer.trailers["X-Tokencap-Input-Tokens"] == "30"
    assert answer.trailers["X-Tokencap-Output-Tokens"] == "20"
    for name in ("X-Tokencap-Input-Tokens", "X-Tokencap-Estimated-Output-Tokens",
                 "X-Tokencap-Estimated-Cost-USD", "X-Tokencap-Confidence",
                 "X-Tokencap-Request-Id"):
        assert name in answer.headers
    if path == "/v1/chat/completions":
        assert dollars(answer.trailers["X-Tokencap-Cost-USD"]) == cost("gpt-4o", input=30,
                                                                       output=20)


def test_an_older_client_is_promised_no_trailers(proxy):
    body = json.dumps(STREAM).encode()
    answer = proxy.raw(b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(body), body))
    assert (answer.status, answer.end) == (200, "complete")
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert "Trailer" not in answer.headers and "X-Tokencap-Estimated-Cost-USD" in answer.headers


def test_a_large_answer(proxy, sim):
    """More than all the buffers between them hold: the upstream waits for the client."""
    with proxy.connect() as wire:
        wire.request("POST", "/v1/chat/completions", STREAM_USAGE,
                     sim_header(text="x" * 200, chunks=1, words=1, fault="endless_stream", at=1,
                                size=30_000_000, input=5, output=6))
        answer = wire.read_answer()
    assert answer.end == "complete"
    assert len(answer.body) > 30_000_000
    assert sim.one().answer["body_bytes"] == len(answer.body)
    [row] = proxy.history()
    assert (row["outputTokens"], row["status"]) == (6, "settled")


def test_a_large_request(proxy, sim):
    words = "The quick brown fox jumps over the lazy dog. " * 70000  # 3 MB
    body = json.dumps(CHAT | {"messages": [{"role": "user", "content": words}]}).encode()
    answer = proxy.post("/v1/chat/completions", body)
    assert answer.status == 200
    assert sim.one().body == body


def test_a_chunked_request_is_framed_anew(proxy, sim):
    body = json.dumps(CHAT).encode()
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    answer = proxy.raw(head + b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (body[:5], len(body) - 5,
                                                                    body[5:]))
    assert answer.status == 200
    entry = sim.one()
    assert entry.body == body
    assert entry.header("Content-Length") == str(len(body))


def test_expect_100_continue(proxy):
    body = json.dumps(CHAT).encode()
    with proxy.connect() as wire:
        wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                  b"%d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        wire.send(body)
        assert wire.read_answer().status == 200


def test_keep_alive_on_both_sides(proxy, sim):
    with proxy.connect() as wire:
        for _ in range(5):
            wire.request("POST", "/v1/chat/completions", CHAT)
            assert wire.read_answer().status == 200
        wire.request("POST", "/v1/chat/completions", STREAM)
        assert wire.read_answer().end == "complete"
        wire.request("GET", "/health")
        assert wire.read_answer("GET").status == 200
    # A worker keeps its connection; the next request may find another worker idle.
    assert len({e.data["connection"] for e in sim.journal(wait=6)}) < 6


@pytest.mark.parametrize("path", PRICED)
def test_an_upstreams_own_error_passes_untouched(proxy, sim, path):
    answer = proxy.post(path, PRICED[path], sim_header(status=400))
    assert answer.status == 400
    assert answer.body == sim.one().answer_body
    assert "X-Tokencap-Request-Id" in answer.headers
    assert "X-Tokencap-Estimated-Cost-USD" in answer.headers
