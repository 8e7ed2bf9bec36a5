# SPDX-License-Identifier: MIT
"""Budgets: what is held, what is freed, and when."""

from decimal import Decimal

import pytest

from bodies import CHAT, MESSAGE, PRICED, STREAM, project
from harness import Task, sim_header
from money import cost, dollars, exactly


def held_for(proxy, body=CHAT):
    return exactly(proxy.estimate("chat/completions", body)["holdUsd"])


def test_a_hold_is_made_while_the_request_runs(proxy, sim):
    proxy.set_budget(1)
    hold = held_for(proxy)
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT,
                                    sim_header(gate="go", input=10, output=5)))
    sim.await_gate("go")
    during = proxy.budget()
    assert exactly(during["reservedUsd"]) == hold
    assert exactly(during["remainingUsd"]) == 1 - hold
    assert during["spentUsd"] == 0
    assert exactly(proxy.usage()["budgetRemainingUsd"]) == 1 - hold
    sim.open("go")
    assert asked.result().status == 200
    after = proxy.budget()
    spent = cost("gpt-4o", input=10, output=5)
    assert after["reservedUsd"] == 0
    assert exactly(after["spentUsd"]) == spent
    assert exactly(after["remainingUsd"]) == 1 - spent


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
def test_an_upstream_error_frees_the_hold(proxy, status):
    proxy.set_budget(1)
    assert proxy.post("/v1/chat/completions", CHAT, sim_header(status=status)).status == status
    budget = proxy.budget()
    assert (budget["spentUsd"], budget["reservedUsd"], budget["remainingUsd"]) == (0, 0, 1)
    assert proxy.history() == []
    assert proxy.usage()["totalRequests"] == 0


@pytest.mark.parametrize("path", PRICED)
def test_every_priced_endpoint_is_refused_in_one_shape(proxy, sim, path):
    proxy.set_budget(0)
    answer = proxy.post(path, PRICED[path])
    assert answer.status == 402
    data = answer.json()
    error = data["error"]
    assert data["type"] == "error" and data["request_id"]
    assert error["type"] == error["code"] == "budget_exceeded"
    assert error["param"] is None
    assert error["details"] | {
        "currentSpendUsd": 0, "limitUsd": 0, "remainingBudgetUsd": 0, "projectId": "default",
        "scope": "project", "reservedUsd": 0, "error_code": "budget_exceeded"} == error["details"]
    for name in ("estimatedCostUsd", "holdUsd", "maximumCostUsd", "affordableMaxTokens",
                 "resetsAt"):
        assert name in error["details"], name
    for name in ("X-Tokencap-Request-Id", "X-Tokencap-Estimated-Cost-USD",
                 "X-Tokencap-Input-Tokens", "X-Tokencap-Budget-Remaining", "x-request-id",
                 "request-id"):
        assert name in answer.headers, name
    assert answer.headers["x-should-retry"] == "false"
    assert "Retry-After" not in answer.headers  # waiting does not help
    assert sim.journal() == []


def test_refusals_leave_no_trace_that_looks_like_spend(proxy):
    proxy.set_budget(0)
    for _ in range(5):
        assert proxy.post("/v1/chat/completions", CHAT).status == 402
    assert proxy.history() == []
    assert proxy.usage()["totalRequests"] == 0
    assert proxy.budget()["spentUsd"] == 0


def refused_beside_one_in_flight(proxy, sim):
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    refused = proxy.post("/v1/chat/completions", CHAT)
    sim.open("go")
    assert asked.result().status == 200
    assert refused.status == 402
    return refused


def test_retry_after_when_waiting_helps(proxy, sim):
    # Strict holds 100 tokens of output; 75 of them are likely. Room for 176 is room for both, but
    # only once the first is settled.
    estimate = proxy.estimate("chat/completions", CHAT)
    limit = exactly(estimate["maximumCostUsd"]) + exactly(estimate["estimatedCostUsd"])
    proxy.set_budget(float(limit + Decimal("0.00001")), enforcement="strict")
    refused = refused_beside_one_in_flight(proxy, sim)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["x-should-retry"] == "false"


def test_no_retry_after_when_waiting_does_not_help(proxy, sim):
    hold = held_for(proxy)
    proxy.set_budget(float(hold + hold / 10))
    assert "Retry-After" not in refused_beside_one_in_flight(proxy, sim).headers


def test_exactly_the_remaining_amount_is_enough(proxy):
    hold = held_for(proxy)
    proxy.set_budget(float(hold), "enough")
    proxy.set_budget(float(hold - Decimal("0.000000001")), "short")
    assert proxy.post("/v1/chat/completions", CHAT, project("enough")).status == 200
    assert proxy.post("/v1/chat/completions", CHAT, project("short")).status == 402


def test_setting_again_keeps_what_was_spent(proxy):
    proxy.set_budget(1)
    proxy.post("/v1/chat/completions", CHAT, sim_header(input=10, output=5))
    spent = cost("gpt-4o", input=10, output=5)
    again = proxy.set_budget(2)
    assert again["limitUsd"] == 2
    assert exactly(again["spentUsd"]) == spent
    assert exactly(again["remainingUsd"]) == 2 - spent
    lowered = proxy.set_budget(float(spent / 2))
    assert lowered["remainingUsd"] == 0
    assert proxy.post("/v1/chat/completions", CHAT).status == 402


def test_reset_begins_anew_and_an_open_hold_counts_to_the_old_period(proxy, sim):
    proxy.set_budget(1, periodDays=30)
    proxy.post("/v1/chat/completions", CHAT, sim_header(input=10, output=5))
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT,
                                    sim_header(gate="go", input=10, output=5)))
    sim.await_gate("go")
    assert proxy.post("/v1/budget/reset", "").status == 200
    assert proxy.post("/v1/budget/reset?project_id=default", {}).status == 200  # as many clients send it
    assert proxy.post("/v1/budget/reset?project_id=default", []).status == 400
    fresh = proxy.budget()
    assert (fresh["spentUsd"], fresh["reservedUsd"], fresh["remainingUsd"]) == (0, 0, 1)
    sim.open("go")
    assert asked.result().status == 200
    assert proxy.budget()["spentUsd"] == 0
    usage = proxy.usage()
    assert exactly(usage["totalCostUsd"]) == 2 * cost("gpt-4o", input=10, output=5)
    proxy.verify()


def test_a_deleted_budget_leaves_its_open_hold_to_the_usage_rows(proxy, sim):
    proxy.set_budget(1)
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT,
                                    sim_header(gate="go", input=10, output=5)))
    sim.await_gate("go")
    assert proxy.delete("/v1/budget").status == 200
    sim.open("go")
    assert asked.result().status == 200
    assert proxy.budget() is None
    [row] = proxy.history()
    assert exactly(row["costUsd"]) == cost("gpt-4o", input=10, output=5)
    assert proxy.set_budget(1)["spentUsd"] == 0
    proxy.verify()


def test_projects_do_not_touch_each_other(proxy):
    proxy.set_budget(0, "poor")
    proxy.set_budget(1, "rich")
    assert proxy.post("/v1/chat/completions", CHAT, project("poor")).status == 402
    assert proxy.post("/v1/chat/completions", CHAT, project("rich")).status == 200
    assert proxy.post("/v1/chat/completions", CHAT, project("free")).status == 200
    assert proxy.budget("poor")["spentUsd"] == 0


def test_an_answer_above_its_estimate_is_charged_in_full(proxy):
    proxy.set_budget(1)
    answer = proxy.post("/v1/chat/completions", CHAT, sim_header(input=10, output=5000))
    spent = cost("gpt-4o", input=10, output=5000)
    assert dollars(answer.headers["X-Tokencap-Cost-USD"]) == spent
    assert exactly(proxy.budget()["spentUsd"]) == spent


def test_a_limit_per_request(proxy):
    proxy.set_budget(1, perRequestUsd=0.0001)
    refused = proxy.post("/v1/chat/completions", CHAT)
    assert refused.status == 402
    assert refused.json()["error"]["details"]["scope"] == "request"
    assert proxy.post("/v1/chat/completions", CHAT | {"max_tokens": 1}).status == 200


def test_a_request_above_the_whole_limit_is_told_so(proxy):
    proxy.set_budget(0.0001)
    refused = proxy.post("/v1/chat/completions", CHAT)
    assert refused.status == 402
    assert "Retry-After" not in refused.headers
    assert "alone is more than the whole limit of $0.0001" in refused.json()["error"]["message"]


@pytest.mark.parametrize("more", [{}, {"enforcement": "strict"}, {"perRequestUsd": 0}],
                         ids=["estimate", "strict", "per request"])
def test_a_limit_of_nothing_admits_nothing(proxy, sim, more):
    proxy.set_budget(1 if "perRequestUsd" in more else 0, **more)
    refused = proxy.post("/v1/chat/completions", CHAT)
    assert refused.status == 402 and "Retry-After" not in refused.headers
    assert refused.json()["error"]["message"].endswith(". A limit of $0 admits nothing that costs.")
    assert sim.journal() == []


def test_the_global_budget_counts_every_project(proxy):
    made = proxy.post("/v1/budget", {"scope": "global", "limitUsd": 0.001})
    assert made.status == 200, made
    first = proxy.post("/v1/chat/completions", CHAT, project("a") | sim_header(input=10, output=85))
    assert first.status == 200
    second = proxy.post("/v1/chat/completions", CHAT, project("b"))
    assert second.status == 402
    assert second.json()["error"]["details"]["scope"] == "global"


def test_a_run_has_a_limit_of_its_own(proxy):
    run = {"X-Tokencap-Run-Id": "run-1"}
    first = proxy.post("/v1/chat/completions", CHAT, run | {"X-Tokencap-Run-Limit-Usd": "0.001"}
                       | sim_header(input=10, output=85))
    assert first.status == 200, first
    second = proxy.post("/v1/chat/completions", CHAT, run)
    assert second.status == 402
    assert second.json()["error"]["details"]["scope"] == "run"
    assert proxy.post("/v1/chat/completions", CHAT).status == 200


def test_strict_holds_the_most_that_a_request_can_cost(proxy, sim):
    estimate = proxy.estimate("chat/completions", CHAT)
    most = exactly(estimate["maximumCostUsd"])
    proxy.set_budget(1, enforcement="strict")
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    assert exactly(proxy.budget()["reservedUsd"]) == most
    sim.open("go")
    assert asked.result().status == 200


def held(proxy, sim, name):
    """What one request holds."""
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT,
                                    project(name) | sim_header(gate=name)))
    sim.await_gate(name)
    reserved = exactly(proxy.budget(name)["reservedUsd"])
    sim.open(name)
    assert asked.result().status == 200
    return reserved


def test_a_budgets_own_enforcement_wins_over_the_option(start_proxy, sim):
    proxy = start_proxy("--enforce", "strict")
    proxy.set_budget(1, "soft", enforcement="estimate")
    quote = proxy.estimate("chat/completions", CHAT, project("soft"))
    assert quote["holdUsd"] == quote["estimatedCostUsd"] < quote["maximumCostUsd"]
    assert held(proxy, sim, "soft") == exactly(quote["holdUsd"])
    proxy.set_budget(1, "hard")
    quote = proxy.estimate("chat/completions", CHAT, project("hard"))
    assert quote["holdUsd"] == quote["maximumCostUsd"]
    assert held(proxy, sim, "hard") == exactly(quote["holdUsd"])


def test_without_a_budget_no_output_limit_is_added(start_proxy, sim):
    proxy = start_proxy("--enforce", "strict")
    body = {k: v for k, v in CHAT.items() if k != "max_tokens"}
    assert proxy.post("/v1/chat/completions", body).status == 200
    assert sim.one().json() == body


def test_an_estimate_asks_every_budget_that_the_request_would(proxy, sim):
    proxy.set_budget(1, "p", enforcement="estimate")
    proxy.set_budget(0.5, scope="global", enforcement="strict")
    quote = proxy.estimate("chat/completions", CHAT, project("p"))
    assert quote["holdUsd"] == quote["maximumCostUsd"]
    assert (quote["budget"]["admitted"], quote["budget"]["remainingUsd"]) == (True, 0.5)
    assert held(proxy, sim, "p") == exactly(quote["holdUsd"])
    proxy.set_budget(0, scope="global")
    assert proxy.estimate("chat/completions", CHAT, project("p"))["budget"]["admitted"] is False
    assert proxy.post("/v1/chat/completions", CHAT, project("p")).status == 402


def test_an_estimate_does_not_admit_what_strict_refuses(proxy):
    proxy.set_budget(1000, enforcement="strict")
    body = CHAT | {"model": "no-such-model"}
    assert proxy.estimate("chat/completions", body)["budget"]["admitted"] is False
    assert proxy.post("/v1/chat/completions", body).status == 400


def test_strict_clamps_max_tokens_to_what_is_affordable(proxy, sim):
    proxy.set_budget(0.02, enforcement="strict")  # about 2,000 tokens of output
    answer = proxy.post("/v1/chat/completions", CHAT | {"max_tokens": 100000})
    assert answer.status == 200, answer
    applied = int(answer.headers["X-Tokencap-Max-Tokens-Applied"])
    assert 256 <= applied <= 2000
    assert sim.one().json()["max_tokens"] == applied
    refused = proxy.post("/v1/chat/completions", CHAT | {"max_tokens": 100000})
    assert refused.status in (200, 402)
    proxy.set_budget(0.001, "poor", enforcement="strict")
    refused = proxy.post("/v1/chat/completions", CHAT, project("poor"))
    assert refused.status == 402
    assert 0 < refused.json()["error"]["details"]["affordableMaxTokens"] < 100


def test_the_whole_period_in_the_answer(proxy):
    budget = proxy.set_budget(5, periodDays=1.0)  # whole, however it is written
    assert budget["periodStart"][:10] != budget["periodEnd"][:10]
    assert proxy.set_budget(5, "open-ended")["periodEnd"] is None


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_budget_remaining_is_told_with_each_answer(proxy, body):
    proxy.set_budget(1)
    answer = proxy.post("/v1/chat/completions", body, sim_header(input=10, output=5))
    left = 1 - cost("gpt-4o", input=10, output=5)
    assert dollars(answer.figure("X-Tokencap-Budget-Remaining")) == left
    assert exactly(proxy.budget()["remainingUsd"]) == left


def test_budgets_survive_a_restart(start_proxy):
    proxy = start_proxy()
    proxy.set_budget(1, periodDays=30)
    proxy.post("/v1/messages", MESSAGE, sim_header(input=10, output=5))
    before = proxy.budget()
    proxy.stop()
    again = start_proxy()
    assert again.budget() == before
    assert len(again.history()) == 1
    again.verify()


def test_a_project_token_sees_its_own_budget_alone(proxy):
    proxy.set_budget(5, scope="global")
    proxy.set_budget(1, "mine")
    made = proxy.post("/v1/tokens", {"projectId": "mine"}).json()
    who = {"Authorization": "Bearer " + made["token"]}
    assert proxy.get("/v1/budget", who).json()["budget"]["limitUsd"] == 1
    for scope in ("global", f"token&tokenId={made['id']}"):
        assert proxy.get(f"/v1/budget?scope={scope}", who).status == 403


def test_an_estimate_tells_strangers_no_budget(proxy):
    proxy.set_budget(1)
    far = {"X-Forwarded-For": "192.0.2.1"}
    assert proxy.post("/v1/estimate/chat/completions", CHAT, far).status == 401
    own = proxy.post("/v1/estimate/chat/completions", CHAT, far | {"Authorization": "Bearer sk-mine"})
    assert own.status == 200 and own.json()["budget"] is None
    assert proxy.estimate("chat/completions", CHAT)["budget"]["limitUsd"] == 1
