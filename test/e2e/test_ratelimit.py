# SPDX-License-Identifier: MIT
"""Limits of a project: requests in flight, requests and tokens a minute."""

import signal
import time

import pytest

from bodies import CHAT, MESSAGE, STREAM, project
from harness import Task, sim_header

CHAT_PATH, MESSAGE_PATH = "/v1/chat/completions", "/v1/messages"


def check_limited(answer, code="rate_limit_exceeded"):
    assert answer.status == 429, answer
    error = answer.json()["error"]
    assert error["type"] == "rate_limit_error" and error["code"] == code
    return error


def test_requests_a_minute(start_proxy, sim):
    proxy = start_proxy("--requests-per-minute", "3")
    proxy.set_budget(1)
    for left in (2, 1, 0):
        answer = proxy.post(CHAT_PATH, CHAT)
        assert answer.status == 200
        assert answer.headers["x-ratelimit-limit-requests"] == "3"
        assert answer.headers["x-ratelimit-remaining-requests"] == str(left)
    refused = proxy.post(CHAT_PATH, CHAT)
    assert "requests-per-minute, 3" in check_limited(refused)["message"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert proxy.post(CHAT_PATH, CHAT, project("other")).status == 200
    assert len(sim.journal(wait=4)) == 4
    assert proxy.usage()["totalRequests"] == 3
    assert proxy.budget()["reservedUsd"] == 0


def test_tokens_a_minute_are_those_that_were_used(start_proxy, sim):
    proxy = start_proxy("--tokens-per-minute", "1000")
    few = sim_header(input=10, output=5)
    for _ in range(20):  # predicted at 80 or so each; charged by usage
        assert proxy.post(CHAT_PATH, CHAT, few).status == 200
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(input=900, output=90))
    assert answer.headers["x-ratelimit-limit-tokens"] == "1000"
    refused = proxy.post(MESSAGE_PATH, MESSAGE)
    check_limited(refused)
    assert refused.headers["anthropic-ratelimit-tokens-limit"] == "1000"
    assert refused.headers["anthropic-ratelimit-tokens-reset"].endswith("Z")
    assert int(refused.headers["Retry-After"]) >= 1
    # An upstream's error costs nothing of it.
    assert proxy.post(CHAT_PATH, CHAT, project("b") | sim_header(status=500)).status == 500
    free = proxy.post(CHAT_PATH, CHAT, project("b"))
    assert int(free.headers["x-ratelimit-remaining-tokens"]) > 800


def test_a_request_that_never_fits(start_proxy, sim):
    proxy = start_proxy("--tokens-per-minute", "50")
    refused = proxy.post(CHAT_PATH, CHAT)
    assert "alone" in check_limited(refused)["message"]
    assert "Retry-After" not in refused.headers
    assert refused.headers["x-should-retry"] == "false"
    assert sim.journal() == []


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_requests_in_flight(start_proxy, sim, body):
    proxy = start_proxy("--project-concurrency", "2")
    gated = sim_header(gate="go")
    held = [Task(lambda: proxy.post(CHAT_PATH, body, gated)) for _ in range(2)]
    sim.await_gate("go", waiting=2)
    refused = proxy.post(CHAT_PATH, body)
    check_limited(refused)
    assert refused.headers["Retry-After"] == "1"
    assert proxy.post(CHAT_PATH, body, project("other")).status == 200
    sim.open("go")
    assert [t.result().status for t in held] == [200, 200]
    for _ in range(5):  # one after the other never meets the limit
        assert proxy.post(CHAT_PATH, body).status == 200
    assert len(sim.journal(wait=8)) == 8


def test_the_tighter_limit_is_told(start_proxy):
    proxy = start_proxy("--requests-per-minute", "100")
    answer = proxy.post(CHAT_PATH, CHAT)  # the simulator tells of 10000, like OpenAI
    assert answer.headers.all("x-ratelimit-remaining-requests") == ["99"]
    assert answer.headers.all("x-ratelimit-limit-requests") == ["100"]
    roomy = start_proxy("--requests-per-minute", "1000000",
                        env={"DB_PATH": str(proxy.folder / "other.db")})
    answer = roomy.post(CHAT_PATH, CHAT)
    assert answer.headers.all("x-ratelimit-remaining-requests") == ["9999"]


def test_an_upstreams_429_keeps_its_own(start_proxy):
    proxy = start_proxy("--requests-per-minute", "5")
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(status=429, retry_after=7))
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.all("x-ratelimit-remaining-requests") == ["9999"]


def test_a_reload_changes_them(start_proxy, tmp_path):
    config = tmp_path / "tokencap.conf"
    config.write_text("requests-per-minute = 1\n")
    proxy = start_proxy("--config", str(config))
    assert [proxy.post(CHAT_PATH, CHAT).status for _ in range(2)] == [200, 429]
    config.write_text("requests-per-minute = 0\n")
    proxy.process.send_signal(signal.SIGHUP)
    assert proxy.log.wait_for("tokencapd: reloaded")
    answer = proxy.post(CHAT_PATH, CHAT)
    assert answer.status == 200 and "x-ratelimit-limit-requests" not in answer.headers


def test_a_projects_tokens_share_its_limits(start_proxy):
    """Whatever project a client names: what it presents decides."""
    proxy = start_proxy("--requests-per-minute", "2")
    first, second = ({"Authorization": "Bearer " + proxy.post("/v1/tokens", {"projectId": "p"}).json()["token"]}
                     for _ in range(2))
    assert proxy.post(CHAT_PATH, CHAT, first).headers["x-ratelimit-remaining-requests"] == "1"
    assert proxy.post(CHAT_PATH, CHAT, second | project("q")).headers["x-ratelimit-remaining-requests"] == "0"
    check_limited(proxy.post(CHAT_PATH, CHAT, first | project("r")))
    check_limited(proxy.post(f"{CHAT_PATH}?project_id=r", CHAT, second))
    check_limited(proxy.post(CHAT_PATH, CHAT, project("p")))
    assert proxy.post(CHAT_PATH, CHAT).status == 200


def test_whoever_waits_as_told_is_admitted(start_proxy):
    """Retry-After is neither too short nor a second too long."""
    proxy = start_proxy("--requests-per-minute", "30")
    while (answer := proxy.post(CHAT_PATH, CHAT)).status == 200:
        pass
    wait = int(check_limited(answer) and answer.headers["Retry-After"])
    assert wait in (1, 2)
    time.sleep(wait)  # as a client would
    assert proxy.post(CHAT_PATH, CHAT).status == 200


def test_estimates_are_not_limited(start_proxy):
    proxy = start_proxy("--requests-per-minute", "1")
    for _ in range(3):
        proxy.estimate("chat/completions", CHAT)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
