# SPDX-License-Identifier: MIT
"""The simulator itself: what the other tests lean on must be sound."""

import gzip
import json

import pytest

from harness import Sim, Task, sim_header, together
from wire import Broken, events_of, render

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
STREAM = CHAT | {"stream": True}
MESSAGE = {"model": "claude-haiku-4-5", "max_tokens": 100,
           "messages": [{"role": "user", "content": "Hello"}]}
TEXT = "The quick brown fox jumps over the lazy"


def chat(sim, body=CHAT, **behaviour):
    return sim.post("/v1/chat/completions", body, sim_header(**behaviour))


def test_a_chat_answer_states_the_scripted_usage(sim):
    answer = chat(sim, input=123, output=45, cached=100, reasoning=7, service_tier="flex").json()
    assert answer["usage"]["prompt_tokens"] == 123
    assert answer["usage"]["completion_tokens"] == 45
    assert answer["usage"]["total_tokens"] == 168
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 100
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 7
    assert answer["service_tier"] == "flex"
    assert answer["choices"][0]["message"]["content"] == TEXT
    usage = sim.one().usage
    assert (usage["input"], usage["output"], usage["cached"]) == (123, 45, 100)


def test_usage_follows_a_rule_when_it_is_not_scripted(sim):
    answer = chat(sim).json()
    length = len(json.dumps(CHAT))
    assert answer["usage"]["prompt_tokens"] == (length + 3) // 4
    assert answer["usage"]["completion_tokens"] == 8


def test_max_tokens_cuts_an_unscripted_answer(sim):
    answer = sim.post("/v1/chat/completions", CHAT | {"max_completion_tokens": 3}).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_a_chat_stream_states_usage_only_when_asked(sim):
    plain = events_of(chat(sim, STREAM, words=2).body)
    asked = events_of(chat(sim, STREAM | {"stream_options": {"include_usage": True}}, words=2).body)
    assert plain[-1] == asked[-1] == "[DONE]"
    assert all("usage" not in e for e in plain[:-1])
    assert all(e["usage"] is None for e in asked[:-2])
    assert asked[-2]["choices"] == [] and asked[-2]["usage"]["completion_tokens"] == 2
    text = "".join(c["delta"].get("content") or "" for e in plain[:-1] for c in e["choices"])
    assert text == "The quick"


@pytest.mark.parametrize("shape", ["mistral", "openrouter", "deepseek", "together", "gemini"])
def test_usage_on_the_last_content_chunk(sim, shape):
    events = events_of(chat(sim, STREAM, shape=shape, input=10, output=20).body)
    assert [bool(e.get("usage")) for e in events[:-1]] == [False] * (len(events) - 2) + [True]
    assert len(events[-2]["choices"]) == 1
    assert events[-2]["usage"]["prompt_tokens"] == 10


def test_the_shapes_of_groq_and_azure(sim):
    groq = events_of(chat(sim, STREAM, shape="groq", output=5).body)
    assert groq[-2]["x_groq"]["usage"]["completion_tokens"] == 5
    azure = events_of(chat(sim, STREAM, shape="azure").body)
    assert azure[0]["choices"] == [] and "usage" not in azure[0]


def test_a_message_stream_has_cumulative_usage(sim):
    answer = sim.post("/v1/messages", MESSAGE | {"stream": True},
                      sim_header(input=50, output=9, cached=7, cache_write=3, words=3))
    events = events_of(answer.body)
    assert [e["type"] for e in events] == [
        "message_start", "content_block_start", "ping", *["content_block_delta"] * 3,
        "content_block_stop", "message_delta", "message_stop"]
    start = events[0]["message"]["usage"]
    assert (start["input_tokens"], start["cache_read_input_tokens"]) == (50, 7)
    assert start["cache_creation_input_tokens"] == 3
    assert events[-2]["usage"] == {"output_tokens": 9}


def test_responses_events_are_numbered(sim):
    body = {"model": "gpt-4o", "input": "Hello", "stream": True}
    events = events_of(sim.post("/v1/responses", body, sim_header(input=5, output=6)).body)
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["usage"]["output_tokens"] == 6


@pytest.mark.parametrize("kind, wanted", [("negative", -46), ("zero", 0),
                                          ("absurd", 9000000000000000000)])
def test_wrong_usage(sim, kind, wanted):
    assert chat(sim, usage=kind, output=45).json()["usage"]["completion_tokens"] == wanted


def test_missing_usage(sim):
    assert "usage" not in chat(sim, usage="none").json()
    assert sim.one().usage is None


def test_models_in_both_shapes(sim):
    openai = sim.get("/v1/models").json()
    assert openai["object"] == "list" and openai["data"][0]["object"] == "model"
    anthropic = sim.get("/v1/models", {"anthropic-version": "2023-06-01"}).json()
    assert anthropic["data"][0]["type"] == "model" and anthropic["has_more"] is False
    assert sim.get("/v1/models/gpt-4o").json()["id"] == "gpt-4o"
    assert sim.get("/v1/models/none").status == 404


def test_unknown_paths_and_methods(sim):
    assert sim.post("/v1/other", {}).status == 404
    assert sim.post("/v1/v1/messages", MESSAGE).status == 404
    assert sim.get("/v1/chat/completions").status == 405
    assert sim.post("/chat/completions", CHAT).status == 200


def test_errors_in_each_dialect(sim):
    refused = chat(sim, status=429, retry_after=7)
    assert refused.status == 429 and refused.headers["Retry-After"] == "7"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    refused = sim.post("/v1/messages", MESSAGE, sim_header(status=529))
    assert refused.json()["error"]["type"] == "overloaded_error"


def test_the_queue_is_first_in_first_out_and_can_be_selective(sim):
    sim.script({"text": "one"}, {"text": "for messages", "path": "/messages"},
               {"text": "twice", "times": 2})
    texts = [sim.post("/v1/chat/completions", CHAT).json()["choices"][0]["message"]["content"]
             for _ in range(4)]
    assert texts == ["one", "twice", "twice", TEXT]
    assert sim.post("/v1/messages", MESSAGE).json()["content"][0]["text"] == "for messages"


def test_a_bad_script_is_refused_whole(sim):
    assert sim.post("/_sim/script", [{"text": "x"}, {"no_such_key": 1}]).status == 400
    assert sim.post("/_sim/script", {"fault": "no such fault"}).status == 400
    assert chat(sim, input="many").status == 400
    assert chat(sim).json()["choices"][0]["message"]["content"] == TEXT


def test_the_journal_keeps_headers_in_order_and_bytes_as_they_came(sim):
    body = b'{ "model" : "gpt-4o", "n":1e0, "x": 0.7, "big": 123456789012345678901234567890 }'
    sim.post("/v1/chat/completions", body, [("X-B", "2"), ("X-A", "1"), ("X-b", "3"),
                                            ("Authorization", "Bearer sk-test")])
    entry = sim.one()
    assert entry.body == body
    assert [h for h in entry.headers if h[0].lower().startswith("x-")] == [
        ("X-B", "2"), ("X-A", "1"), ("X-b", "3")]
    assert entry.header("authorization") == "Bearer sk-test"
    assert entry.answer["end"] == "complete"
    assert entry.answer_body.startswith(b'{"id":"chatcmpl-')


def test_a_chunked_request_and_keep_alive(sim):
    request = render("POST", "/v1/chat/completions", None,
                     [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")])
    body = json.dumps(CHAT).encode()
    chunks = b"%x\r\n%s\r\n" % (5, body[:5]) + b"%x;ext=1\r\n%s\r\n" % (len(body) - 5, body[5:])
    with sim.connect() as wire:
        for _ in range(2):
            wire.send(request + chunks + b"0\r\nX-T: v\r\n\r\n")
            assert wire.read_answer().status == 200
    entries = sim.journal(wait=2)
    assert [e.body for e in entries] == [body, body]
    assert [e.data["request_on_connection"] for e in entries] == [1, 2]


@pytest.mark.parametrize("head", [
    "Content-Length: 2\r\nTransfer-Encoding: chunked",
    "Content-Length: 2\r\nContent-Length: 2",
    "Content-Length: +2",
    "Transfer-Encoding: gzip",
    "Bad Name: x",
])
def test_ambiguous_requests_are_reported(sim, head):
    request = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{{}}"
    answer = sim.raw(request.encode())
    assert answer.status == 400
    assert sim.journal(wait=1)[0].data["malformed"]


def test_the_file_has_each_request_before_its_answer(tmp_path):
    sim = Sim("--journal", str(tmp_path / "journal"), "--journal-limit", "0")
    asked = Task(lambda: chat(sim, gate="later", input=5))
    sim.await_gate("later")
    line = json.loads((tmp_path / "journal").read_text())
    assert line["usage"]["input"] == 5 and line["body"] == json.dumps(CHAT)
    sim.open("later")
    assert asked.result().status == 200
    assert sim.journal() == []
    sim.stop()


def test_a_barrier_opens_once_all_have_come(sim):
    answers = together(8, lambda _: chat(sim, gate=8))
    assert [a.status for a in answers] == [200] * 8
    entries = sim.journal(wait=8)
    assert max(e.data["arrived_ns"] for e in entries) <= min(
        e.answer["first_byte_ns"] for e in entries)


def test_events_leave_one_by_one(sim):
    with sim.connect() as wire:
        wire.request("POST", "/v1/chat/completions", STREAM, sim_header(step="next", words=2))
        wire.read_head()
        for _ in range(4):
            assert wire.read_event().startswith(b"data: {")
            sim.await_gate("next")
            sim.open("next", passes=1)
        assert wire.read_event() == b"data: [DONE]\n\n"
        assert wire.read_event() == b""


def test_a_waiting_answer_notices_that_its_client_left(sim):
    with sim.connect() as wire:
        wire.request("POST", "/v1/chat/completions", CHAT, sim_header(gate="never"))
        sim.await_gate("never")
    assert sim.one().answer["end"] == "peer_closed"


FAULTS = {
    "close_before_headers": (None, "closed"),
    "reset_before_headers": (None, "reset"),
    "close_in_headers": (None, "closed"),
    "truncate_length": (200, "closed"),
    "truncate_chunk": (200, "closed"),
    "reset_mid_stream": (200, "reset"),
    "close_mid_stream": (200, "closed"),
    "eof_framed": (200, "complete"),
    "stop_short": (200, "complete"),
    "no_terminator": (200, "complete"),
    "interim": (200, "complete"),
    "nul_header": (200, "complete"),
    "slow_drip": (200, "complete"),
    "redirect": (307, "complete"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_faults(sim, fault, body):
    status, end = FAULTS[fault]
    answer = chat(sim, body, fault=fault, words=3, delay_chunk_ms=1)
    assert (answer.status, answer.end) == (status, end)
    whole = chat(sim, body, words=3)
    ids = b"chatcmpl-sim00000001", b"chatcmpl-sim00000002"
    if fault in ("eof_framed", "interim", "nul_header", "slow_drip"):
        assert answer.body.replace(*ids) == whole.body
    elif status == 200:
        assert len(answer.body) < len(whole.body)
    assert sim.journal(wait=2)[0].answer["fault"] == fault


def test_faults_of_the_length(sim):
    low = chat(sim, fault="overlong_body")
    assert len(low.body) == int(low.headers["Content-Length"])
    twice = chat(sim, fault="duplicate_length")
    assert len(twice.headers.all("Content-Length")) == 2
    assert chat(sim, fault="negative_length").headers["Content-Length"] == "-1"


def test_not_http(sim):
    with sim.connect() as wire:
        wire.request("POST", "/v1/chat/completions", CHAT, sim_header(fault="not_http"))
        assert wire.until(b"\n").startswith(b"SSH-2.0")


def test_floods(sim):
    assert len(chat(sim, fault="huge_header", size=100000).headers["X-Huge"]) == 100000
    flooded = chat(sim, fault="header_flood", size=50000)
    assert flooded.status is None and flooded.end == "closed"
    endless = chat(sim, STREAM, fault="endless_stream", size=20000)
    assert len(endless.body) > 20000


def test_gzip_and_garbage(sim):
    zipped = chat(sim, fault="gzip")
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(zipped.body))["object"] == "chat.completion"
    with pytest.raises(json.JSONDecodeError):
        chat(sim, fault="garbage_json").json()


def test_an_error_event_after_200(sim):
    event = events_of(chat(sim, STREAM, fault="sse_error").body)[-1]
    assert event["error"]["type"] == "server_error"
    answer = sim.post("/v1/messages", MESSAGE | {"stream": True}, sim_header(fault="sse_error"))
    assert events_of(answer.body)[-1]["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize("fault", ["silence_first", "silence_mid"])
def test_silence_lasts_until_its_gate_opens(sim, fault):
    asked = Task(lambda: chat(sim, STREAM, fault=fault))
    sim.await_gate("silence")
    sim.open("silence")
    assert asked.result().end == "complete"


def test_a_connection_that_is_closed_without_notice(sim):
    with sim.connect() as wire:
        wire.request("POST", "/v1/chat/completions", CHAT, sim_header(fault="close_after"))
        assert wire.read_answer().end == "complete"
        with pytest.raises(Broken):
            wire.more()


def test_split_and_line_ends(sim):
    split = chat(sim, STREAM, split=1, words=2)
    ids = b"chatcmpl-sim00000001", b"chatcmpl-sim00000002"
    assert split.body.replace(*ids) == chat(sim, STREAM, words=2).body
    assert b"\r\n\r\n" in chat(sim, STREAM, eol="crlf").body
