# SPDX-License-Identifier: MIT
"""Clients that leave: noticed within 250 ms, and paid for by either policy (drain, cancel)."""

import signal
import statistics
import time

import pytest

from bodies import CHAT, MESSAGE, MESSAGE_STREAM, RESPONSE_STREAM, STREAM
from harness import TIMEOUT, Task, sim_header
from money import cost, exactly
from test_faults import nothing_charged, wait_for_rows

CHAT_PATH, MESSAGE_PATH, RESPONSES_PATH = "/v1/chat/completions", "/v1/messages", "/v1/responses"
STREAMS = pytest.mark.parametrize("path, body", [
    (CHAT_PATH, STREAM), (MESSAGE_PATH, MESSAGE_STREAM), (RESPONSES_PATH, RESPONSE_STREAM)],
    ids=["chat", "messages", "responses"])
NOTICED = 0.25  # seconds
DRAINS = 20  # seconds: less than a rest is read for by itself


@pytest.fixture
def cancelling(start_proxy):
    proxy = start_proxy("--on-disconnect", "cancel")
    proxy.set_budget(1)
    return proxy


def noticed_after(left, sim):
    """How long after that the upstream saw its connection close, in seconds."""
    entry = sim.journal(wait=1)[-1]
    assert entry.answer["end"] == "peer_closed"
    return (entry.answer["finished_ns"] - left) / 1e9


def leave_before_the_first_byte(proxy, sim, gate):
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, CHAT, sim_header(gate=gate))
        sim.await_gate(gate)
        left = time.monotonic_ns()
    return noticed_after(left, sim)


def leave_in_the_midst(proxy, sim, gate):
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM, sim_header(step=gate))
        wire.read_head()
        sim.open(gate, passes=3)
        wire.read_event()
        sim.await_gate(gate)
        left = time.monotonic_ns()
    return noticed_after(left, sim)


def leave_with_a_request_sent_ahead(proxy, sim, gate):
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM, sim_header(step=gate))
        wire.request("GET", "/health")
        wire.read_head()
        sim.await_gate(gate)
        left = time.monotonic_ns()
    return noticed_after(left, sim)


@pytest.mark.parametrize("leave", [leave_before_the_first_byte, leave_in_the_midst,
                                   leave_with_a_request_sent_ahead])
def test_it_is_noticed_within_250_ms(cancelling, sim, leave):
    """The upstream hears of it, by then. (The median of some: others use this machine, too.)"""
    taken = []
    for i in range(7):
        taken.append(leave(cancelling, sim, f"gate{i}"))
        sim.control("DELETE", "/_sim/journal")
    assert 0 <= min(taken)
    assert statistics.median(taken) < NOTICED, taken
    wait_for_rows(cancelling, 7)
    assert cancelling.budget()["reservedUsd"] == 0


# cancel: what was read is counted here


@STREAMS
def test_cancelled_in_the_midst(cancelling, sim, path, body):
    hold = exactly(cancelling.estimate(path.removeprefix("/v1/"), body)["holdUsd"])
    with cancelling.connect() as wire:
        wire.request("POST", path, body, sim_header(step="next", words=60, input=40))
        wire.read_head()
        sim.open("next", passes=20)
        for _ in range(12):
            wire.read_event()
    assert sim.one().answer["end"] == "peer_closed"
    wait_for_rows(cancelling, 1)
    [row] = cancelling.history()
    assert row["status"] == "estimated"
    assert 5 <= row["outputTokens"] < 60  # of the words that came; more would be for those that did not
    assert 0 < exactly(row["costUsd"]) < hold
    if path == MESSAGE_PATH:
        assert row["inputTokens"] == 40  # its start said so
    assert exactly(cancelling.budget()["spentUsd"]) == exactly(row["costUsd"])
    assert cancelling.budget()["reservedUsd"] == 0
    cancelling.verify()


@pytest.mark.parametrize("path, body", [(CHAT_PATH, CHAT), (MESSAGE_PATH, MESSAGE),
                                        (CHAT_PATH, STREAM)], ids=["chat", "messages", "stream"])
def test_cancelled_before_the_first_byte(cancelling, sim, path, body):
    """It may have been generated in the meantime: the hold is charged, never nothing."""
    hold = exactly(cancelling.estimate(path.removeprefix("/v1/"), body)["holdUsd"])
    with cancelling.connect() as wire:
        wire.request("POST", path, body, sim_header(gate="never"))
        sim.await_gate("never")
    assert sim.one().answer["end"] == "peer_closed"
    wait_for_rows(cancelling, 1)
    [row] = cancelling.history()
    assert (row["status"], exactly(row["costUsd"])) == ("estimated", hold)
    assert cancelling.budget()["reservedUsd"] == 0


def test_usage_that_came_before_the_cut_is_exact(cancelling, sim):
    with cancelling.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM, sim_header(step="next", words=2, input=40, output=30))
        wire.read_head()
        sim.open("next", passes=4)  # two words, the finish, the usage; not the end mark
        wire.read_event()
        sim.await_gate("next")
    assert sim.one().answer["end"] == "peer_closed"
    wait_for_rows(cancelling, 1)
    [row] = cancelling.history()
    assert (row["status"], exactly(row["costUsd"])) == ("settled", cost("gpt-4o", input=40, output=30))


# drain: the rest is read, for a while


@STREAMS
def test_drained_and_settled_exactly(proxy, sim, path, body):
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", path, body, sim_header(step="next", words=20, input=40, output=30))
        wire.read_head()
        sim.open("next", passes=4)
        wire.read_event()
        wire.reset()
    sim.open("next")
    assert sim.one().answer["end"] == "complete"
    wait_for_rows(proxy, 1)
    [row] = proxy.history()
    assert (row["status"], row["inputTokens"], row["outputTokens"]) == ("settled", 40, 30)


def test_draining_has_an_end(start_proxy, sim):
    proxy = start_proxy("--drain-client-timeout", "100ms")
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, CHAT, sim_header(gate="never"))
        sim.await_gate("never")
    assert sim.one().answer["end"] == "peer_closed"
    wait_for_rows(proxy, 1)
    [row] = proxy.history()
    assert (row["status"], exactly(row["costUsd"])) == ("estimated", hold)


def test_what_is_not_charged_is_not_drained(proxy, sim):
    with proxy.connect() as wire:
        body = {k: v for k, v in MESSAGE.items() if k != "max_tokens"}
        wire.request("POST", "/v1/messages/count_tokens", body, sim_header(gate="never"))
        sim.await_gate("never")
    assert sim.one().answer["end"] == "peer_closed"
    assert proxy.history() == []


def test_gone_while_queued(start_proxy, sim):
    proxy = start_proxy("--workers", "1")
    proxy.set_budget(1)
    first = Task(lambda: proxy.post(CHAT_PATH, CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, CHAT)
    assert proxy.get("/health").status == 200
    sim.open("go")
    assert first.result().status == 200
    assert proxy.post(CHAT_PATH, CHAT).status == 200  # behind it in the queue
    assert len(sim.journal(wait=2)) == 2
    assert len(proxy.history()) == 2
    assert proxy.budget()["reservedUsd"] == 0


def test_the_journal_shows_no_second_request(proxy, sim):
    """Nobody asks again on behalf of a client that has left."""
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, CHAT, sim_header(gate="go", fault="close_before_headers"))
        sim.await_gate("go")
    sim.open("go")
    wait_for_rows(proxy, 1)
    assert len(sim.journal(wait=1)) == 1


def test_an_upstreams_no_is_free_for_those_who_left_too(proxy, sim):
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, CHAT, sim_header(gate="go", status=429))
        sim.await_gate("go")
    sim.open("go")
    assert sim.one().answer["end"] == "complete"
    until = time.monotonic() + TIMEOUT
    while proxy.budget()["reservedUsd"]:
        assert time.monotonic() < until, "never voided"
    nothing_charged(proxy)


# a shutdown does not wait for the rest longer than for anything else


def left_behind(proxy, sim):
    """A client has left; its rest, which never comes, is being read for its usage."""
    proxy.set_budget(1)
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM, sim_header(step="never", words=5))
        wire.read_head()
        sim.await_gate("never")
        wire.reset()
    until = time.monotonic() + DRAINS
    while "tokencap_client_disconnects_total 1" not in proxy.get("/metrics").text:
        assert time.monotonic() < until, "never noticed"
    return exactly(proxy.estimate("chat/completions", STREAM)["holdUsd"])


def charged_by_the_next_start(proxy, hold):
    proxy.collect()
    proxy.launch()
    proxy.await_ready()
    [row] = proxy.history()
    assert (row["status"], exactly(row["costUsd"])) == ("interrupted", hold)


def test_the_drain_deadline_is_for_those_too_whose_client_has_left(start_proxy, sim):
    proxy = start_proxy("--drain-timeout", "100ms")
    hold = left_behind(proxy, sim)
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(DRAINS) == 0
    charged_by_the_next_start(proxy, hold)


def test_a_second_sigterm_stops_at_once_though_a_rest_is_read(proxy, sim):
    hold = left_behind(proxy, sim)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.log.wait_for("stopping")
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(DRAINS) == 0
    charged_by_the_next_start(proxy, hold)
