# SPDX-License-Identifier: MIT
"""Strict budgets: the most that a request can cost is held, its output limit is set by splicing to what is
left, in its dialect's own words, and nothing is ever spent beyond the limit."""

import threading

import pytest

from bodies import CHAT, COMPLETION, MESSAGE, RESPONSE, project
from harness import SANITIZED, Task, sim_header, together
from money import dollars, exactly

APPLIED = "X-Tokencap-Max-Tokens-Applied"
BARE = {k: v for k, v in CHAT.items() if k != "max_tokens"}
HUGE = 16000
# path, body, the members in which its limit is to be found upstream
LIMITED = {
    "chat, no limit": ("/v1/chat/completions", BARE, ["max_completion_tokens"]),
    "chat, max_tokens": ("/v1/chat/completions", BARE | {"max_tokens": HUGE}, ["max_tokens"]),
    "chat, max_completion_tokens": ("/v1/chat/completions", BARE | {"max_completion_tokens": HUGE},
                                    ["max_completion_tokens"]),
    "chat, both": ("/v1/chat/completions", BARE | {"max_tokens": HUGE, "max_completion_tokens": HUGE},
                   ["max_tokens", "max_completion_tokens"]),
    "chat, null": ("/v1/chat/completions", BARE | {"max_completion_tokens": None}, ["max_completion_tokens"]),
    "responses, no limit": ("/v1/responses", {k: v for k, v in RESPONSE.items() if k != "max_output_tokens"},
                            ["max_output_tokens"]),
    "responses": ("/v1/responses", RESPONSE | {"max_output_tokens": HUGE}, ["max_output_tokens"]),
    "messages": ("/v1/messages", MESSAGE | {"max_tokens": HUGE}, ["max_tokens"]),
    "completions": ("/v1/completions", COMPLETION | {"max_tokens": HUGE}, ["max_tokens"]),
}
LIMITS = {"max_tokens", "max_completion_tokens", "max_output_tokens"}


def maximum(proxy, path, body):
    return exactly(proxy.estimate(path.removeprefix("/v1/"), body)["maximumCostUsd"])


def with_limit(body, names, limit):
    return {k: v for k, v in body.items() if k not in LIMITS} | dict.fromkeys(names, limit)


def overrun(proxy):
    [line] = [l for l in proxy.get("/metrics").text.splitlines() if l.startswith("tokencap_overrun_usd_total ")]
    return float(line.split()[1])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path, body, names", LIMITED.values(), ids=LIMITED)
def test_the_limit_is_set_in_the_dialects_own_words(proxy, sim, path, body, names, stream):
    body = body | ({"stream": True} if stream else {})
    affordable = 600
    limit = maximum(proxy, path, with_limit(body, names, affordable))
    proxy.set_budget(float(limit), enforcement="strict")
    answer = proxy.post(path, body)
    assert (answer.status, answer.headers.get(APPLIED)) == (200, str(affordable))
    sent = sim.one().json()
    assert {k: v for k, v in sent.items() if k in LIMITS} == dict.fromkeys(names, affordable)
    rest = {k: v for k, v in sent.items() if k not in LIMITS and k != "stream_options"}
    assert rest == {k: v for k, v in body.items() if k not in LIMITS}


def test_what_is_held_is_what_the_limit_that_was_set_can_cost(proxy, sim):
    """Surcharges that were asked for are part of it."""
    body = MESSAGE | {"model": "claude-opus-4-6", "inference_geo": "us", "max_tokens": HUGE}
    proxy.set_budget(0.03, enforcement="strict")
    asked = Task(lambda: proxy.post("/v1/messages", body, sim_header(gate="go")))
    sim.await_gate("go")
    held = exactly(proxy.budget()["reservedUsd"])
    sim.open("go")
    applied = int(asked.result().headers[APPLIED])
    assert held == maximum(proxy, "/v1/messages", body | {"max_tokens": applied}) <= exactly(0.03)
    assert maximum(proxy, "/v1/messages", body | {"max_tokens": applied + 1}) > exactly(0.03)


def test_a_legacy_completion_is_bounded_by_its_default(proxy, sim):
    body = {k: v for k, v in COMPLETION.items() if k != "max_tokens"}  # 16 tokens then
    proxy.set_budget(1, enforcement="strict")
    assert proxy.post("/v1/completions", body).status == 200
    assert sim.one().json() == body


def test_a_limit_that_is_affordable_stays(proxy, sim):
    proxy.set_budget(1, enforcement="strict")
    answer = proxy.post("/v1/chat/completions", CHAT)
    assert APPLIED not in answer.headers
    assert sim.one().json() == CHAT


@pytest.mark.parametrize("path, body, names", LIMITED.values(), ids=LIMITED)
def test_affordable_max_tokens_is_the_last_that_fits(proxy, path, body, names):
    affordable = 100  # below min-affordable-tokens, so it is for the client to ask for it
    limit = maximum(proxy, path, with_limit(body, names, affordable))
    proxy.set_budget(float(limit), enforcement="strict")
    refused = proxy.post(path, body)
    assert refused.status == 402
    assert refused.json()["error"]["details"]["affordableMaxTokens"] == affordable
    assert proxy.post(path, with_limit(body, names, affordable + 1)).status == 402
    assert proxy.post(path, with_limit(body, names, affordable), sim_header(status=500)).status == 500
    assert proxy.post(path, with_limit(body, names, affordable)).status == 200


@pytest.mark.parametrize("least, status", [(100, 200), (101, 402)])
def test_how_little_is_still_worth_having(start_proxy, least, status):
    proxy = start_proxy("--min-affordable-tokens", str(least))
    limit = maximum(proxy, "/v1/chat/completions", CHAT | {"max_tokens": 100})
    proxy.set_budget(float(limit), enforcement="strict")
    answer = proxy.post("/v1/chat/completions", BARE)
    assert (answer.status, answer.headers.get(APPLIED)) == (status, "100" if status == 200 else None)


def test_several_answers_share_what_is_left(proxy, sim):
    limit = maximum(proxy, "/v1/chat/completions", CHAT | {"max_tokens": 300, "n": 3})
    proxy.set_budget(float(limit), enforcement="strict")
    assert proxy.post("/v1/chat/completions", BARE | {"n": 3}).headers[APPLIED] == "300"
    assert sim.one().json()["max_completion_tokens"] == 300


@pytest.mark.parametrize("path, body, names", LIMITED.values(), ids=LIMITED)
def test_the_longest_answers_reach_the_limit_and_never_pass_it(proxy, path, body, names):
    """Each answer is as long and as dear as it was allowed to be, until nothing is admitted."""
    limit = proxy.set_budget(0.04, enforcement="strict")["limitUsd"]
    probe = proxy.post(path, with_limit(body, names, 300), sim_header(input=1, output=1))
    counted = int(probe.headers["X-Tokencap-Input-Tokens"])
    answers = 0
    while True:
        most = proxy.estimate(path.removeprefix("/v1/"), body)["budget"]["affordableMaxTokens"]
        answer = proxy.post(path, body, sim_header(input=counted, output=min(most, HUGE)))
        if answer.status == 402:
            break
        answers += 1
        budget = proxy.budget()
        assert budget["spentUsd"] + budget["reservedUsd"] <= limit
    assert answers and overrun(proxy) == 0
    proxy.verify()


def test_a_provider_that_bills_beyond_its_limit_shows(proxy):
    proxy.set_budget(0.002, enforcement="strict")
    held = maximum(proxy, "/v1/chat/completions", CHAT)
    answer = proxy.post("/v1/chat/completions", CHAT, sim_header(input=10, output=1000))
    cost = dollars(answer.headers["X-Tokencap-Cost-USD"])
    assert exactly(overrun(proxy)) == cost - held > 0
    assert exactly(proxy.budget()["spentUsd"]) == cost
    assert proxy.post("/v1/chat/completions", CHAT).status == 402
    proxy.verify()


# ---- many clients ----

CLIENTS = 64 if SANITIZED else 256
PROJECTS = 4
SHARE = CLIENTS // 8  # what each project affords, where it is the projects that are short


class Watch:
    """Reads one committed state after the other while clients spend: none is beyond a limit."""

    LOOK = "SELECT max(spent + held - cap) FROM period JOIN budget ON budget.period = period.id"

    def __init__(self, proxy):
        self.proxy, self.over, self.samples = proxy, threading.Event(), 0
        self.task = Task(self.look)

    def look(self):
        while not self.over.is_set() or not self.samples:
            [(beyond,)] = self.proxy.rows(self.LOOK)
            assert beyond <= 0
            self.samples += 1

    def end(self):
        self.over.set()
        self.task.result()


@pytest.mark.parametrize("short", ["the projects", "the global budget"])
def test_exactly_the_affordable_number_of_a_crowd(start_proxy, sim, short):
    proxy = start_proxy("--enforce", "strict")
    each = maximum(proxy, "/v1/chat/completions", CHAT)
    affordable = SHARE * PROJECTS if short == "the projects" else CLIENTS // 3
    proxy.set_budget(float(each * (CLIENTS if short == "the projects" else affordable)), scope="global")
    for i in range(PROJECTS):
        proxy.set_budget(float(each * (SHARE if short == "the projects" else CLIENTS)), f"p{i}")
    watch = Watch(proxy)
    quote = proxy.estimate("chat/completions", CHAT)
    dear = sim_header(gate=affordable, input=quote["inputTokens"], output=100)
    answers = together(CLIENTS, lambda i: proxy.post("/v1/chat/completions", CHAT,
                                                     project(f"p{i % PROJECTS}") | dear))
    watch.end()
    statuses = [a.status for a in answers]
    assert (statuses.count(200), statuses.count(402)) == (affordable, CLIENTS - affordable)
    assert len(sim.journal(wait=affordable)) == affordable
    spent = [exactly(proxy.budget(f"p{i}")["spentUsd"]) for i in range(PROJECTS)]
    assert sum(spent) == affordable * each
    if short == "the projects":
        assert spent == [SHARE * each] * PROJECTS
    assert overrun(proxy) == 0
    proxy.verify()
