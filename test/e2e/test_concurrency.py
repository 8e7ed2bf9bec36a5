# SPDX-License-Identifier: MIT
"""64 clients at once against a budget that affords exactly 40 of their requests."""

import threading

import pytest

from bodies import CHAT, MESSAGE, STREAM
from harness import TIMEOUT, Task, sim_header, together
from money import exactly

CLIENTS, AFFORDABLE = 64, 40


@pytest.fixture(params=["chat", "stream", "messages"])
def asked(request, proxy):
    """(path, body, its estimate), and a budget for exactly AFFORDABLE of them."""
    path, body = {"chat": ("/v1/chat/completions", CHAT),
                  "stream": ("/v1/chat/completions", STREAM),
                  "messages": ("/v1/messages", MESSAGE)}[request.param]
    estimate = proxy.estimate(path.removeprefix("/v1/"), body)
    limit = AFFORDABLE * exactly(estimate["holdUsd"])
    proxy.set_budget(float(limit))
    return path, body, estimate


def statuses(answers):
    found = [a.status for a in answers]
    return {status: found.count(status) for status in set(found)}


def test_exactly_the_affordable_number_is_admitted(proxy, sim, asked):
    path, body, estimate = asked
    as_estimated = sim_header(gate=AFFORDABLE, input=estimate["inputTokens"],
                              output=estimate["estimatedOutputTokens"])
    answers = together(CLIENTS, lambda _: proxy.post(path, body, as_estimated))
    assert statuses(answers) == {200: AFFORDABLE, 402: CLIENTS - AFFORDABLE}
    assert all(a.end == "complete" for a in answers)
    assert len(sim.journal(wait=AFFORDABLE)) == AFFORDABLE
    budget = proxy.budget()
    assert budget["spentUsd"] == budget["limitUsd"]
    assert (budget["reservedUsd"], budget["remainingUsd"]) == (0, 0)
    assert proxy.usage()["totalRequests"] == AFFORDABLE
    proxy.verify()


def test_the_surplus_is_free_again(proxy, sim, asked):
    path, body, estimate = asked
    half = sim_header(gate="all", input=estimate["inputTokens"] // 2,
                      output=estimate["estimatedOutputTokens"] // 2)
    refused = threading.Semaphore(0)

    def client(_):
        answer = proxy.post(path, body, half)
        if answer.status == 402:
            refused.release()
        return answer

    crowd = Task(lambda: together(CLIENTS, client))
    sim.await_gate("all", waiting=AFFORDABLE)
    for _ in range(CLIENTS - AFFORDABLE):
        assert refused.acquire(timeout=TIMEOUT)
    full = proxy.budget()
    assert (full["spentUsd"], full["remainingUsd"]) == (0, 0)
    assert full["reservedUsd"] == full["limitUsd"]
    sim.open("all")
    answers = crowd.result()
    assert statuses(answers) == {200: AFFORDABLE, 402: CLIENTS - AFFORDABLE}
    records = proxy.history(limit=1000)
    assert len(records) == AFFORDABLE
    spent = sum(exactly(r["costUsd"]) for r in records)
    budget = proxy.budget()
    assert exactly(budget["spentUsd"]) == spent
    assert budget["reservedUsd"] == 0
    assert exactly(budget["remainingUsd"]) == exactly(budget["limitUsd"]) - spent
    assert exactly(budget["remainingUsd"]) >= exactly(budget["limitUsd"]) / 2
    proxy.verify()

