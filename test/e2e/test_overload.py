# SPDX-License-Identifier: MIT
"""More work than workers: bounded, refused in time, and nothing lost."""

import threading

import pytest

from bodies import CHAT, MESSAGE, STREAM
from harness import TIMEOUT, Task, sim_header

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
    shed = threading.Semaphore(0)

    def client():
        answer = busy.post(CHAT_PATH, CHAT)
        if answer.status == 503:
            shed.release()
        return answer.status

    crowd = [Task(client) for _ in range(6)]
    for _ in range(5):  # all but the one that waits
        assert shed.acquire(timeout=TIMEOUT)
    refused = busy.post(path, body)
    assert refused.status == 503
    assert refused.json()["error"]["type"] == kind
    assert 1 <= int(refused.headers["Retry-After"]) <= 5
    sim.open("go")
    assert sorted(t.result() for t in crowd) == [200, 503, 503, 503, 503, 503]
    assert len(sim.journal(wait=2)) == 2
    assert len(busy.history()) == 2
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
