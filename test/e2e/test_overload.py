# SPDX-License-Identifier: MIT
"""More work than workers: bounded, refused in time, and nothing lost."""

import pytest

from bodies import CHAT, MESSAGE, STREAM
from harness import Task, sim_header

CHAT_PATH = "/v1/chat/completions"


@pytest.fixture
def busy(start_proxy, sim):
    """A daemon whose only worker waits for its upstream, with room for one more in the queue."""
    proxy = start_proxy("--workers", "1", "--queue-depth", "1")
    proxy.set_budget(1)
    first = Task(lambda: proxy.post(CHAT_PATH, CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    yield proxy
    sim.open("go")
    assert first.result().status == 200


def test_what_is_not_proxied_needs_no_worker(busy):
    assert busy.get("/health").status == 200
    assert busy.get("/").status == 200
    assert busy.get("/metrics").status == 200
    assert busy.get("/v1/budget").status == 200
    assert busy.get("/v1/usage").status == 200


@pytest.mark.parametrize("path, body, kind", [(CHAT_PATH, CHAT, "server_error"),
                                              ("/v1/messages", MESSAGE, "overloaded_error")])
def test_a_full_queue_answers_at_once(busy, sim, path, body, kind):
    queued = [Task(lambda: busy.post(CHAT_PATH, CHAT)) for _ in range(6)]
    refused = busy.post(path, body)
    while refused.status != 503:  # until the queue is full; each of these waits for none
        refused = busy.post(path, body)
    assert refused.json()["error"]["type"] == kind
    assert 1 <= int(refused.headers["Retry-After"]) <= 5
    sim.open("go")
    statuses = sorted(t.result().status for t in queued)
    assert set(statuses) <= {200, 503} and 200 in statuses
    sent = 1 + statuses.count(200)
    assert len(sim.journal(wait=sent)) == sent
    assert len(busy.history()) == sent
    assert busy.budget()["reservedUsd"] == 0


def test_waiting_too_long(start_proxy, sim):
    proxy = start_proxy("--workers", "1", "--queue-timeout", "200ms")
    proxy.set_budget(1)
    first = Task(lambda: proxy.post(CHAT_PATH, CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    late = proxy.post(CHAT_PATH, CHAT)
    assert late.status == 503 and "Retry-After" in late.headers
    sim.open("go")
    assert first.result().status == 200
    assert len(sim.journal(wait=1)) == 1
    assert len(proxy.history()) == 1


def test_a_client_that_leaves_while_queued_sends_nothing_upstream(start_proxy, sim):
    proxy = start_proxy("--workers", "1")
    proxy.set_budget(1)
    first = Task(lambda: proxy.post(CHAT_PATH, CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    with proxy.connect() as wire:
        wire.request("POST", CHAT_PATH, STREAM)
        # Whoever comes after it stands behind it.
        last = Task(lambda: proxy.post(CHAT_PATH, MESSAGE | {"model": "gpt-4o"}))
        assert proxy.get("/health").status == 200
    sim.open("go")
    assert first.result().status == 200
    assert last.result().status == 200
    bodies = [e.json() for e in sim.journal(wait=2)]
    assert not [b for b in bodies if b.get("stream")]
    assert len(proxy.history()) == 2
    assert proxy.budget()["reservedUsd"] == 0
