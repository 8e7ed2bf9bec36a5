# SPDX-License-Identifier: MIT
"""Upstreams that fail, row by row: what the client saw, what the upstream saw, what the ledger
holds. (The fault table's rows; the simulator plays the upstream.)"""

import contextlib
import pathlib
import re
import socket
import time

import pytest

from bodies import CHAT, MESSAGE, MESSAGE_STREAM, RESPONSE_STREAM, STREAM, STREAMED
from harness import SANITIZED, TIMEOUT, Task, sim_header
from money import cost, dollars, exactly
from wire import events_of, without_usage

CHAT_PATH, MESSAGE_PATH, LEGACY_PATH = "/v1/chat/completions", "/v1/messages", "/v1/completions"


def hold_of(proxy):
    """Sets a budget; what CHAT holds of it."""
    proxy.set_budget(1)
    return exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])


@pytest.fixture
def hold(proxy):
    return hold_of(proxy)


def charged_the_hold(proxy, hold):
    [row] = proxy.history()
    assert row["status"] == "estimated"
    assert exactly(row["costUsd"]) == hold
    budget = proxy.budget()
    assert exactly(budget["spentUsd"]) == hold
    assert budget["reservedUsd"] == 0
    proxy.verify()


def charged_what_came(proxy, hold, least=1):
    """Our count of it, at least so many tokens, which cost more than the hold of CHAT."""
    asked = proxy.estimate("chat/completions", CHAT)["inputTokens"]
    [row] = proxy.history()
    assert row["outputTokens"] >= least
    amount = cost("gpt-4o", input=asked, output=row["outputTokens"])
    assert amount > hold
    charged(proxy, "estimated", amount)


def charged(proxy, status, amount):
    [row] = proxy.history()
    assert row["status"] == status
    assert exactly(row["costUsd"]) == amount
    assert exactly(proxy.budget()["spentUsd"]) == amount
    assert proxy.budget()["reservedUsd"] == 0


def nothing_charged(proxy):
    assert proxy.history() == []
    budget = proxy.budget()
    assert (budget["spentUsd"], budget["reservedUsd"]) == (0, 0)


def proxy_error(answer, status):
    """An error of the proxy's own making, and nothing of the upstream in it."""
    assert (answer.status, answer.end) == (status, "complete"), answer
    data = answer.json()
    assert data["type"] == "error" and data["error"]["message"]
    assert "X-Tokencap-Request-Id" in answer.headers


# Before the request is sent


def test_a_refused_connection(start_proxy):
    with socket.socket() as taken:  # bound and never listening: refuses
        taken.bind(("127.0.0.1", 0))
        proxy = start_proxy(env={"OPENAI_UPSTREAM_URL":
                                 f"http://127.0.0.1:{taken.getsockname()[1]}/v1"})
        proxy.set_budget(1)
        proxy_error(proxy.post(CHAT_PATH, CHAT), 502)
        nothing_charged(proxy)


def test_a_name_that_does_not_resolve(start_proxy):
    proxy = start_proxy(env={"OPENAI_UPSTREAM_URL": "http://no-such-host.invalid/v1"})
    proxy.set_budget(1)
    proxy_error(proxy.post(CHAT_PATH, CHAT), 502)
    nothing_charged(proxy)


def test_a_connection_that_is_never_accepted(start_proxy):
    """A listener whose backlog is full: the kernel answers no further greeting."""
    with contextlib.ExitStack() as open_ones:
        full = open_ones.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):
            filler = open_ones.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        proxy = start_proxy("--connect-timeout", "300ms", env={
            "OPENAI_UPSTREAM_URL": f"http://127.0.0.1:{full.getsockname()[1]}/v1"})
        proxy.set_budget(1)
        proxy_error(proxy.post(CHAT_PATH, CHAT), 504)
        nothing_charged(proxy)


def test_no_tls_where_tls_was_expected(start_proxy, sim):
    proxy = start_proxy(env={"OPENAI_UPSTREAM_URL": "https://{}:{}/v1".format(*sim.address)})
    proxy.set_budget(1)
    proxy_error(proxy.post(CHAT_PATH, CHAT), 502)
    nothing_charged(proxy)
    assert sim.journal() == []


# Before the first byte of an answer: it may have been billed


@pytest.mark.parametrize("fault", ["close_before_headers", "reset_before_headers",
                                   "close_in_headers", "not_http", "negative_length",
                                   "header_flood", "huge_header"])
@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_no_proper_answer(proxy, sim, hold, fault, body):
    answer = proxy.post(CHAT_PATH, body, sim_header(fault=fault))
    proxy_error(answer, 502)
    assert len(sim.journal(wait=1)) == 1  # one POST, not repeated
    charged_the_hold(proxy, hold)
    [row] = proxy.history()  # what is told is what was charged
    assert (answer.headers["X-Tokencap-Input-Tokens"], answer.headers["X-Tokencap-Output-Tokens"]) == (
        str(row["inputTokens"]), str(row["outputTokens"]))
    assert dollars(answer.headers["X-Tokencap-Cost-USD"]) == hold


def test_a_nul_in_a_header(proxy, sim, hold):
    proxy_error(proxy.post(CHAT_PATH, CHAT, sim_header(fault="nul_header")), 502)
    assert len(sim.journal(wait=1)) == 1
    charged_the_hold(proxy, hold)


def test_a_reused_connection_that_dies_is_not_posted_twice(start_proxy, sim):
    proxy = start_proxy("--workers", "1")  # connections are a worker's
    hold = hold_of(proxy)
    assert proxy.post(CHAT_PATH, CHAT, sim_header(input=0, output=0, text="")).status == 200
    spent = exactly(proxy.budget()["spentUsd"])
    proxy_error(proxy.post(CHAT_PATH, CHAT, sim_header(fault="close_before_headers")), 502)
    first, second = sim.journal(wait=2)
    assert first.data["connection"] == second.data["connection"]
    lost, _ = proxy.history()
    assert (lost["status"], exactly(lost["costUsd"])) == ("estimated", hold)
    assert exactly(proxy.budget()["spentUsd"]) == spent + hold
    assert proxy.budget()["reservedUsd"] == 0


def await_close_wait(sim):
    """Until the close of a connection to it has come to its other end."""
    until, wanted = time.monotonic() + TIMEOUT, f":{sim.address[1]:04X} 08 "
    while wanted not in pathlib.Path("/proc/net/tcp").read_text():
        assert time.monotonic() < until, "it was not closed"


def test_a_connection_closed_while_idle_costs_nobody_anything(proxy, sim):
    proxy.post(CHAT_PATH, CHAT, sim_header(fault="close_after"))
    await_close_wait(sim)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    assert len(sim.journal(wait=2)) == 2


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_silence_before_the_first_byte(start_proxy, sim, body):
    proxy = start_proxy("--first-byte-timeout", "300ms")
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("chat/completions", body)["holdUsd"])
    proxy_error(proxy.post(CHAT_PATH, body, sim_header(fault="silence_first")), 504)
    assert sim.one().answer["end"] == "peer_closed"
    charged_the_hold(proxy, hold)


def test_a_redirect_is_not_followed(proxy, sim, hold):
    proxy_error(proxy.post(CHAT_PATH, CHAT, sim_header(fault="redirect")), 502)
    assert len(sim.journal(wait=1)) == 1


# In the midst of an answer


@pytest.mark.parametrize("fault", ["reset_mid_stream", "truncate_chunk", "truncate_length",
                                   "close_mid_stream", "eof_framed_cut"])
@pytest.mark.parametrize("path", STREAMED)
def test_a_stream_that_breaks(proxy, sim, fault, path):
    proxy.set_budget(1)
    hold = exactly(proxy.estimate(path.removeprefix("/v1/"), STREAMED[path])["holdUsd"])
    answer = proxy.post(path, STREAMED[path], sim_header(fault=fault, at=6))
    assert answer.status == 200
    assert answer.end in ("reset", "closed"), answer  # never a clean end
    assert not re.search(rb"\[DONE\]|message_stop|response\.completed", answer.body)
    entry = sim.one()
    # Every whole event that the upstream sent before it broke was relayed.
    assert answer.body.count(b"\n\n") == 6
    assert entry.answer["fault"] == fault
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("fault", ["reset_mid_stream", "truncate_chunk", "truncate_length",
                                   "close_mid_stream", "eof_framed_cut"])
def test_a_whole_answer_that_breaks(proxy, sim, hold, fault):
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(fault=fault))
    assert answer.status == 502 or answer.end in ("reset", "closed"), answer
    assert len(sim.journal(wait=1)) == 1
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("how, least", [
    ({"words": 600, "fault": "reset_mid_stream", "at": 30, "chunks": 40}, 300),
    ({"words": 900000, "usage": "none", "chunks": 60}, 700000)], ids=["breaks", "outgrows"])
def test_what_came_is_paid_where_it_is_more_than_the_hold(proxy, sim, hold, how, least):
    """More than 4 MiB of text is not all kept; what is kept counts."""
    proxy.set_budget(100)
    proxy.post(CHAT_PATH, STREAM, sim_header(output=how["words"], **how))
    charged_what_came(proxy, hold, least)


@pytest.mark.parametrize("path, body, model", [
    (CHAT_PATH, STREAM, "gpt-4o"), (MESSAGE_PATH, MESSAGE_STREAM, "claude-haiku-4-5")],
    ids=["chat", "messages"])
@pytest.mark.parametrize("fault", ["reset_mid_stream", "eof_framed_cut"])
def test_the_final_usage_counts_when_it_was_seen(proxy, sim, fault, path, body, model):
    """Broken only after the usage: settled exactly, and still no clean end for the client."""
    proxy.set_budget(1)
    last = 12 if path == CHAT_PATH else 14  # the end mark's place
    answer = proxy.post(path, body, sim_header(fault=fault, at=last, input=40, output=30, words=9))
    assert answer.end in ("reset", "closed"), answer
    assert not re.search(rb"\[DONE\]|message_stop", sim.one().answer_body)
    charged(proxy, "settled", cost(model, input=40, output=30))


ENDS = pytest.mark.parametrize("path", [CHAT_PATH, MESSAGE_PATH, LEGACY_PATH])


@ENDS
@pytest.mark.parametrize("usage", ["true", "none"])
def test_a_well_framed_end_without_the_end_mark(proxy, sim, path, usage):
    """All was said and why it ends, but [DONE] or message_stop: some providers leave it out."""
    proxy.set_budget(1)
    body = STREAMED[path]
    answer = proxy.post(path, body, sim_header(fault="no_terminator", input=40, output=30, usage=usage))
    assert (answer.status, answer.end) == (200, "complete")
    sent = sim.one().answer_body
    assert b"[DONE]" not in sent and b"message_stop" not in sent
    assert answer.body == (sent if path == MESSAGE_PATH else without_usage(sent))
    [row] = proxy.history()
    price = cost(body["model"], input=row["inputTokens"], output=row["outputTokens"])
    assert row["status"] == ("settled" if usage == "true" else "estimated")
    if usage == "true":
        assert (row["inputTokens"], row["outputTokens"]) == (40, 30)
    assert row["outputTokens"] > 5
    assert exactly(row["costUsd"]) == exactly(proxy.budget()["spentUsd"]) == price
    assert answer.trailers["X-Tokencap-Output-Tokens"] == str(row["outputTokens"])
    assert proxy.budget()["reservedUsd"] == 0


@pytest.mark.parametrize("path", STREAMED)
def test_a_well_framed_end_in_the_midst(proxy, sim, path):
    """Something before the framing died: what came, and no clean end."""
    proxy.set_budget(1)
    hold = exactly(proxy.estimate(path.removeprefix("/v1/"), STREAMED[path])["holdUsd"])
    answer = proxy.post(path, STREAMED[path], sim_header(fault="stop_short", at=5))
    assert answer.status == 200
    assert answer.end in ("reset", "closed"), answer
    assert answer.body.count(b"\n\n") == 5
    assert len(sim.journal(wait=1)) == 1
    charged_the_hold(proxy, hold)


def test_a_response_without_its_last_event(proxy, sim):
    """That event is its end, and nothing before it says as much."""
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("responses", RESPONSE_STREAM)["holdUsd"])
    answer = proxy.post("/v1/responses", RESPONSE_STREAM, sim_header(fault="no_terminator"))
    assert answer.end in ("reset", "closed"), answer
    assert answer.body == sim.one().answer_body
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("fault", ["eof_framed", "interim"])
@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_odd_but_whole_answers(proxy, hold, fault, body):
    answer = proxy.post(CHAT_PATH, body, sim_header(fault=fault, input=40, output=30))
    assert (answer.status, answer.end) == (200, "complete")
    charged(proxy, "settled", cost("gpt-4o", input=40, output=30))


def test_a_body_longer_than_its_length(proxy, sim, hold):
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(fault="overlong_body", input=40, output=30))
    assert answer.status == 502 or answer.end in ("reset", "closed"), answer
    charged_the_hold(proxy, hold)
    assert proxy.post(CHAT_PATH, CHAT).status == 200  # the rest is not taken for an answer
    assert len(sim.journal(wait=2)) == 2


def test_two_lengths(proxy, hold):
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(fault="duplicate_length", input=40, output=30))
    if answer.status == 200 and answer.end == "complete":
        assert answer.json()["object"] == "chat.completion"
        charged(proxy, "settled", cost("gpt-4o", input=40, output=30))
    else:
        charged_the_hold(proxy, hold)


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_an_unasked_gzip(proxy, sim, hold, body):
    """Passes whole; nobody here has read it, so the hold is charged."""
    answer = proxy.post(CHAT_PATH, body, sim_header(fault="gzip", input=40, output=30))
    assert sim.one().header("Accept-Encoding") == "identity"
    assert (answer.status, answer.end, answer.headers["Content-Encoding"]) == (200, "complete", "gzip")
    assert answer.body == sim.one().answer_body
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_garbage_with_status_200(proxy, sim, hold, body):
    answer = proxy.post(CHAT_PATH, body, sim_header(fault="garbage_json"))
    assert answer.status == 200
    assert answer.body == sim.one().answer_body
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("path, error", [
    (CHAT_PATH, 'data: {"error":{"message":"Overloaded","type":"server_error","code":null}}\n\n'),
    (LEGACY_PATH, 'data: {"error":{"message":"Overloaded","type":"server_error","code":null}}\n\n'),
    ("/v1/responses", 'event: error\ndata: {"type":"error","code":"server_error","message":"Overloaded",'
                      '"param":null,"sequence_number":3}\n\n')])
def test_an_error_event_without_any_usage(proxy, sim, path, error):
    """It passes, the stream ends there as the upstream ended it, and what was said is paid."""
    proxy.set_budget(1)
    said = {CHAT_PATH: '{"choices":[{"index":0,"delta":{"content":"The quick brown fox"},"finish_reason":null}]}',
            LEGACY_PATH: '{"choices":[{"index":0,"text":"The quick brown fox","finish_reason":null}]}',
            "/v1/responses": '{"type":"response.output_text.delta","delta":"The quick brown fox"}'}[path]
    text = f"data: {said}\n\n{error}"
    answer = proxy.post(path, STREAMED[path], sim_header(type="text/event-stream", body=text))
    assert (answer.status, answer.end, answer.text) == (200, "complete", text)
    [row] = proxy.history()
    assert (row["status"], row["outputTokens"]) == ("estimated", 4)
    price = cost(STREAMED[path]["model"], input=row["inputTokens"], output=4)
    assert exactly(row["costUsd"]) == exactly(proxy.budget()["spentUsd"]) == price
    assert len(sim.journal(wait=1)) == 1


def test_an_error_event_after_200(proxy, sim):
    proxy.set_budget(1)
    answer = proxy.post(MESSAGE_PATH, MESSAGE_STREAM, sim_header(fault="sse_error", input=40))
    assert answer.status == 200
    assert answer.body == sim.one().answer_body
    assert events_of(answer.body)[-1]["error"]["type"] == "overloaded_error"
    [row] = proxy.history()
    assert row["inputTokens"] == 40
    assert 0 < row["outputTokens"] < 100


def test_an_answer_that_was_not_streamed_after_all(proxy, hold):
    answer = proxy.post(CHAT_PATH, STREAM, sim_header(fault="unstreamed", input=40, output=30))
    assert answer.json()["object"] == "chat.completion"
    charged(proxy, "settled", cost("gpt-4o", input=40, output=30))


def test_a_slow_drip_is_legal(proxy, sim, hold):
    answer = proxy.post(CHAT_PATH, STREAM, sim_header(fault="slow_drip", delay_chunk_ms=1, words=2,
                                                      input=40, output=30))
    assert (answer.status, answer.end) == (200, "complete")
    charged(proxy, "settled", cost("gpt-4o", input=40, output=30))


def cut_and_told(answer, path, sent, why):
    """All that came, the dialect's own error event, and still no clean end."""
    assert (answer.status, answer.end in ("reset", "closed")) == (200, True), answer
    came = without_usage(sent) if "completions" in path else sent
    assert answer.body.startswith(came)
    event = answer.body[len(came):]
    [last] = events_of(event)
    if path == "/v1/responses":
        assert last["type"] == "response.failed"
        last = last["response"]
    assert why in last["error"]["message"]
    assert (path == MESSAGE_PATH) == event.startswith(b"event: error\n")


@pytest.mark.parametrize("path", STREAMED)
def test_silence_in_the_midst_of_a_stream(start_proxy, sim, path):
    proxy = start_proxy("--gap-timeout", "300ms")
    proxy.set_budget(1)
    hold = exactly(proxy.estimate(path.removeprefix("/v1/"), STREAMED[path])["holdUsd"])
    answer = proxy.post(path, STREAMED[path], sim_header(fault="silence_mid"))
    entry = sim.one()
    assert entry.answer["end"] == "peer_closed"
    cut_and_told(answer, path, entry.answer_body, "stopped answering")
    charged_the_hold(proxy, hold)


def test_silence_in_the_midst(start_proxy, sim):
    proxy = start_proxy("--gap-timeout", "300ms")
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(fault="silence_mid"))
    assert answer.status in (502, 504) or answer.end in ("reset", "closed"), answer
    assert sim.one().answer["end"] == "peer_closed"
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_an_answer_without_end(start_proxy, sim, body):
    proxy = start_proxy("--max-answer", "1M")
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])
    answer = proxy.post(CHAT_PATH, body, sim_header(fault="endless_stream"))
    assert answer.status == 502 or answer.end in ("reset", "closed")
    if body is STREAM:
        assert "max-answer" in events_of(answer.body)[-1]["error"]["message"]
    assert sim.one().answer["end"] == "peer_closed"
    if body is CHAT:  # not JSON yet, so nobody knows what it says
        charged_the_hold(proxy, hold)
    else:
        charged_what_came(proxy, hold)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 529])
@pytest.mark.parametrize("path, body", [(CHAT_PATH, CHAT), (MESSAGE_PATH, MESSAGE)],
                         ids=["chat", "messages"])
def test_an_upstreams_error_passes_and_costs_nothing(proxy, sim, path, body, status):
    proxy.set_budget(1)
    answer = proxy.post(path, body, sim_header(
        status=status, retry_after=9, header="x-should-retry: true"))
    assert answer.status == status
    assert answer.headers["retry-after"] == "9"
    assert answer.headers["x-should-retry"] == "true"
    assert answer.body == sim.one().answer_body  # asked once: the proxy repeats nothing
    nothing_charged(proxy)


# The client's side


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_a_client_that_leaves_is_settled_exactly(proxy, sim, body):
    """By default the rest is drained."""
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, body, sim_header(gate="go", input=40, output=30))
        sim.await_gate("go")
    sim.open("go")
    assert sim.one().answer["end"] == "complete"
    wait_for_rows(proxy, 1)
    charged(proxy, "settled", cost("gpt-4o", input=40, output=30))


def test_a_client_that_leaves_in_the_midst_of_a_stream(proxy, sim):
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM, sim_header(step="next", input=40, output=30))
        wire.read_head()
        wire.read_event()
        wire.reset()
    sim.open("next")
    assert sim.one().answer["end"] == "complete"
    wait_for_rows(proxy, 1)
    charged(proxy, "settled", cost("gpt-4o", input=40, output=30))


def test_cancelling_when_so_configured(start_proxy, sim):
    proxy = start_proxy("--on-disconnect", "cancel")
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM, sim_header(step="never"))
        wire.read_head()
        wire.read_event()
    assert sim.one().answer["end"] == "peer_closed"
    wait_for_rows(proxy, 1)
    [row] = proxy.history()
    assert row["status"] == "estimated" and row["costUsd"] > 0
    assert proxy.budget()["reservedUsd"] == 0


def wait_for_rows(proxy, count):
    """Asks until so many are there: the settlement of a client that left answers to nobody."""
    until = time.monotonic() + TIMEOUT
    while len(proxy.history(limit=1000)) < count:
        assert time.monotonic() < until, "never settled"


def test_a_client_that_stops_reading_holds_nobody_up(start_proxy, sim):
    proxy = start_proxy("--write-stall-timeout", "500ms")
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM,
                     sim_header(fault="endless_stream", size=15_000_000 if SANITIZED else 60_000_000,
                                input=40, output=30))
        wire.read_head()
        others = [Task(lambda: proxy.post(CHAT_PATH, MESSAGE | {"model": "gpt-4o"}))
                  for _ in range(4)]
        assert [t.result().status for t in others] == [200] * 4
        sim.journal(wait=5)  # the stalled one's upstream is let go too
    wait_for_rows(proxy, 5)
    assert proxy.budget()["reservedUsd"] == 0


def pump(source, target):
    """Copies one direction until it ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Detour:
    """A port that leads to whatever `target` says once somebody connects."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = None
        self.accepting = Task(self.accept)

    @property
    def url(self):
        return "http://{}:{}".format(*self.listener.getsockname())

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                Task(lambda n=near, f=far: pump(n, f))
                Task(lambda n=near, f=far: pump(f, n))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.mark.parametrize("via", ["1.1 front", ", ".join(["1.1 a-long-way-round"] * 20)])
def test_the_proxy_as_its_own_upstream(start_proxy, via):
    detour = Detour()
    proxy = start_proxy(env={"OPENAI_UPSTREAM_URL": f"{detour.url}/v1"})
    detour.target = proxy.address
    answer = proxy.post(CHAT_PATH, CHAT, {"Authorization": "Bearer sk-mine", "Via": via})
    detour.close()
    assert answer.status == 508, answer
    assert answer.json()["error"]["code"] == "proxy_loop"
    assert proxy.history() == []
