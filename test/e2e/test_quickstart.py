# SPDX-License-Identifier: MIT
"""What a newcomer tries first, over plain HTTP: each documented endpoint once."""

import json
import re

import pytest

from bodies import CHAT, MESSAGE, PRICED, STREAM, TEXT, project
from harness import sim_header
from money import cost, dollars, exactly
from wire import events_of

EVERY_HEADER = ["X-Tokencap-Input-Tokens", "X-Tokencap-Output-Tokens",
                "X-Tokencap-Estimated-Output-Tokens", "X-Tokencap-Cost-USD",
                "X-Tokencap-Estimated-Cost-USD", "X-Tokencap-Confidence",
                "X-Tokencap-Request-Id"]


def test_health(proxy):
    assert proxy.get("/health").body == b'{"status":"ok"}'
    index = proxy.get("/").json()
    assert index["name"] == "Tokencap Proxy" and index["status"] == "healthy"
    assert index["version"] and isinstance(index["endpoints"], dict)
    assert proxy.ask("HEAD", "/").status == 200
    assert proxy.ask("HEAD", "/health").status == 200


def test_an_openai_call(proxy, sim):
    answer = proxy.post("/v1/chat/completions", CHAT,
                        {"Authorization": "Bearer sk-mine"} | sim_header(input=14, output=60))
    assert answer.status == 200
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    for name in EVERY_HEADER:
        assert name in answer.headers, name
    assert answer.headers["X-Tokencap-Input-Tokens"] == "14"
    assert answer.headers["X-Tokencap-Output-Tokens"] == "60"
    assert answer.headers["X-Tokencap-Estimated-Output-Tokens"] == "75"
    assert answer.headers["X-Tokencap-Confidence"] == "high"
    assert answer.headers["X-Tokencap-Pricing"] == "exact"
    assert dollars(answer.headers["X-Tokencap-Cost-USD"]) == cost("gpt-4o", input=14, output=60)
    assert "X-Tokencap-Budget-Remaining" not in answer.headers
    entry = sim.one()
    assert entry.target == "/v1/chat/completions"
    assert entry.header("Authorization") == "Bearer sk-mine"
    # Nothing of the proxy's own goes upstream but the mark by which it knows itself.
    ours = [n.lower() for n, _ in entry.headers if n.lower().startswith("x-tokencap")]
    assert ours == []


def test_an_anthropic_call(proxy, sim):
    answer = proxy.post("/v1/messages", MESSAGE,
                        {"x-api-key": "sk-ant-mine", "anthropic-version": "2023-06-01"}
                        | sim_header(input=14, output=60))
    assert answer.status == 200
    assert answer.json()["content"][0]["text"] == TEXT
    assert answer.headers["X-Tokencap-Estimated-Output-Tokens"] == "75"
    assert dollars(answer.headers["X-Tokencap-Cost-USD"]) == cost("claude-haiku-4-5", input=14,
                                                                 output=60)
    entry = sim.one()
    assert entry.target == "/v1/messages"
    assert entry.header("x-api-key") == "sk-ant-mine"
    assert entry.header("anthropic-version") == "2023-06-01"


def test_a_stream(proxy):
    answer = proxy.post("/v1/chat/completions", STREAM, sim_header(input=14, output=60))
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    events = events_of(answer.body)
    assert events[-1] == "[DONE]"
    assert "".join(e["choices"][0]["delta"].get("content") or "" for e in events[:-1]) == TEXT
    assert answer.trailers["X-Tokencap-Output-Tokens"] == "60"
    assert dollars(answer.trailers["X-Tokencap-Cost-USD"]) == cost("gpt-4o", input=14, output=60)


def test_a_budget_and_its_402(proxy, sim):
    budget = proxy.set_budget(10.00, "p", periodDays=30)
    assert {k: budget[k] for k in ("projectId", "limitUsd", "spentUsd", "reservedUsd",
                                   "remainingUsd")} == {
        "projectId": "p", "limitUsd": 10, "spentUsd": 0, "reservedUsd": 0, "remainingUsd": 10}
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", budget["periodStart"])
    assert budget["periodEnd"] > budget["periodStart"]

    paid = proxy.post("/v1/chat/completions", CHAT,
                      project("p") | sim_header(input=1000, output=999000))
    assert paid.status == 200
    spent = cost("gpt-4o", input=1000, output=999000)
    assert dollars(paid.headers["X-Tokencap-Budget-Remaining"]) == 10 - spent

    refused = proxy.post("/v1/chat/completions", CHAT | {"max_tokens": 5000}, project("p"))
    assert refused.status == 402
    error = refused.json()["error"]
    assert error["type"] == "budget_exceeded"
    held = dollars(refused.headers["X-Tokencap-Estimated-Cost-USD"])
    assert error["message"] == (f"Request would exceed budget. Estimated cost: ${held:f}, "
                                f"Remaining budget: ${10 - spent:.6f}")
    details = error["details"]
    assert exactly(details["currentSpendUsd"]) == spent
    assert details["limitUsd"] == 10
    assert exactly(details["estimatedCostUsd"]) == held
    assert exactly(details["remainingBudgetUsd"]) == 10 - spent
    assert refused.headers["x-should-retry"] == "false"
    assert len(sim.journal(wait=1)) == 1

    usage = proxy.usage("p")
    assert usage["projectId"] == "p" and usage["totalRequests"] == 1
    assert (usage["totalInputTokens"], usage["totalOutputTokens"]) == (1000, 999000)
    assert exactly(usage["totalCostUsd"]) == spent
    assert usage["budgetLimitUsd"] == 10
    assert exactly(usage["budgetRemainingUsd"]) == 10 - spent
    assert usage["budgetUtilizationPercent"] == pytest.approx(float(spent) * 10)


def test_usage_without_a_budget(proxy):
    assert proxy.get("/v1/usage").json() == {"usage": {
        "projectId": "default", "totalRequests": 0, "totalInputTokens": 0, "totalOutputTokens": 0,
        "totalCostUsd": 0, "budgetLimitUsd": None, "budgetRemainingUsd": None,
        "budgetUtilizationPercent": None}}


def test_history(proxy):
    answer = proxy.post("/v1/chat/completions", CHAT, sim_header(input=14, output=60))
    [record] = proxy.get("/v1/usage/history?limit=50").json()["records"]
    assert record["projectId"] == "default"
    assert (record["provider"], record["model"]) == ("openai", "gpt-4o")
    assert (record["inputTokens"], record["outputTokens"]) == (14, 60)
    assert exactly(record["costUsd"]) == cost("gpt-4o", input=14, output=60)
    assert record["requestId"] == answer.headers["X-Tokencap-Request-Id"]
    assert record["id"] and record["createdAt"].endswith("Z")
    assert record["status"] == "settled"


def test_the_budget_endpoints_speak_as_documented(proxy):
    who = project("p")
    assert proxy.get("/v1/budget", who).json() == {
        "budget": None, "message": "No budget set for this project"}
    gone = proxy.delete("/v1/budget", who)
    assert gone.status == 404
    assert gone.json() == {"success": False, "message": "No budget found for this project"}
    made = proxy.post("/v1/budget", {"projectId": "p", "limitUsd": 10})
    assert made.json()["success"] is True and made.json()["budget"]["periodEnd"] is None
    assert proxy.get("/v1/budget", who).json() == {"budget": made.json()["budget"]}
    reset = proxy.post("/v1/budget/reset", "", who)
    assert reset.json() == {"success": True, "message": "Budget reset for project: p"}
    gone = proxy.delete("/v1/budget", who)
    assert gone.json() == {"success": True, "message": "Budget deleted for project: p"}


def test_json_is_compact(proxy):
    for target in ("/", "/health", "/v1/usage", "/v1/budget", "/v1/usage/history"):
        body = proxy.get(target).body
        assert body == json.dumps(json.loads(body), separators=(",", ":")).encode()


@pytest.mark.parametrize("path", PRICED)
def test_every_priced_endpoint_works_and_is_accounted_for(proxy, path):
    answer = proxy.post(path, PRICED[path], sim_header(input=30, output=20))
    assert answer.status == 200, answer
    assert answer.headers["X-Tokencap-Input-Tokens"] == "30"
    [record] = proxy.history()
    assert record["inputTokens"] == 30
    assert record["outputTokens"] == (0 if "embeddings" in path else 20)
    assert record["endpoint"] and record["status"] == "settled"
    assert exactly(record["costUsd"]) == dollars(answer.headers["X-Tokencap-Cost-USD"])


@pytest.mark.parametrize("path", PRICED)
def test_an_estimate_sends_nothing_and_charges_nothing(proxy, sim, path):
    found = proxy.estimate(path.removeprefix("/v1/"), PRICED[path])
    for name in ("provider", "model", "pricing", "inputTokens", "inputTokensMethod",
                 "estimatedOutputTokens", "maxOutputTokens", "confidence", "estimatedCostUsd",
                 "maximumCostUsd", "holdUsd", "breakdown"):
        assert name in found, name
    assert found["inputTokens"] > 0
    assert found["estimatedCostUsd"] <= found["maximumCostUsd"]
    assert sim.journal() == [] and proxy.history() == []
    answer = proxy.post(path, PRICED[path])
    assert dollars(answer.headers["X-Tokencap-Estimated-Cost-USD"]) == exactly(
        found["estimatedCostUsd"])


def test_the_prediction_rules(proxy):
    limited = proxy.estimate("chat/completions", CHAT | {"max_tokens": 101})
    assert (limited["estimatedOutputTokens"], limited["confidence"]) == (76, "high")
    assert limited["maxOutputTokens"] == 101
    open_ended = {k: v for k, v in CHAT.items() if k != "max_tokens"}
    free = proxy.estimate("chat/completions", open_ended)
    assert (free["estimatedOutputTokens"], free["confidence"]) == (8192, "medium")
    several = proxy.estimate("chat/completions", CHAT | {"n": 3})
    assert several["estimatedOutputTokens"] == 225
    unknown = proxy.estimate("chat/completions", CHAT | {"model": "no-such-model"})
    assert unknown["confidence"] == "low" and unknown["pricing"]["rule"] == "fallback"
    assert unknown["estimatedCostUsd"] >= proxy.estimate("chat/completions",
                                                         CHAT)["estimatedCostUsd"]


@pytest.mark.parametrize("path, target", [
    ("/chat/completions", "/v1/chat/completions"),
    ("/v1/v1/chat/completions", "/v1/chat/completions"),
    ("/messages", "/v1/messages"),
    ("/v1/v1/messages?beta=true", "/v1/messages?beta=true"),
    ("/v1/messages/count_tokens?beta=true", "/v1/messages/count_tokens?beta=true"),
    ("/models?limit=1000", "/v1/models?limit=1000"),
    ("/p/team-a/v1/messages?beta=true", "/v1/messages?beta=true"),
])
def test_paths_as_clients_send_them(proxy, sim, path, target):
    if "models" in path:
        answer = proxy.get(path)
    else:
        answer = proxy.post(path, MESSAGE if "messages" in path else CHAT)
    assert answer.status == 200, answer
    assert sim.one().target == target


def test_the_project_by_header_query_path_and_default(proxy, sim):
    proxy.post("/v1/chat/completions?project_id=by-query&x=1", CHAT)
    proxy.post("/p/by-path/v1/chat/completions", CHAT)
    proxy.post("/p/by-path/v1/chat/completions?project_id=by-query", CHAT, project("by-header"))
    proxy.post("/v1/chat/completions", CHAT)
    totals = {name: proxy.usage(name)["totalRequests"]
              for name in ("by-query", "by-path", "by-header", "default")}
    assert totals == {"by-query": 1, "by-path": 1, "by-header": 1, "default": 1}
    targets = [e.target for e in sim.journal(wait=4)]
    assert targets[0] == "/v1/chat/completions?x=1"
    assert not [t for t in targets if "project_id" in t or "/p/" in t]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_target_with_scheme_and_host(proxy, sim, scheme):
    """As clients of a proxy write it; that it was https somewhere on the way changes nothing here."""
    host = "{}:{}".format(*proxy.address)
    target = f"{scheme}://{host}/p/team/v1/chat/completions?x=1"
    assert proxy.post(target, CHAT, {"Host": host}).status == 200
    assert sim.one().target == "/v1/chat/completions?x=1"
    assert proxy.usage("team")["totalRequests"] == 1
    assert proxy.post(target, CHAT, {"Host": "127.0.0.1"}).status == 404  # two hosts are nobody's
    assert len(sim.journal(wait=1)) == 1


def test_never_charged(proxy):
    assert proxy.get("/v1/models").json()["object"] == "list"
    assert proxy.get("/v1/models", {"anthropic-version": "2023-06-01"}).json()["has_more"] is False
    assert proxy.get("/v1/models/gpt-4o").json()["id"] == "gpt-4o"
    assert proxy.post("/v1/messages/count_tokens", MESSAGE).json()["input_tokens"] > 0
    assert proxy.history() == []


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4o", "/v1/models/nobody-knows-it"])
def test_head_says_what_get_would(proxy, sim, path):
    """The upstream's own status and length; asked with its HEAD."""
    with proxy.connect() as wire:
        for method in ("HEAD", "GET"):  # on one connection: no byte of a body is left on it
            wire.request(method, path)
            answer = wire.read_answer(method)
            upstream = sim.ask(method, path)
            assert answer.status == upstream.status
            assert answer.headers.all("Content-Length") == upstream.headers.all("Content-Length") != ["0"]
            assert answer.body == upstream.body
    assert [e.method for e in sim.journal(wait=4)] == ["HEAD", "HEAD", "GET", "GET"]


def test_the_configured_key_is_lent_to_a_local_caller(proxy, sim):
    proxy.post("/v1/chat/completions", CHAT)
    proxy.post("/v1/messages", MESSAGE, {"anthropic-version": "2023-06-01"})
    openai, anthropic = sim.journal(wait=2)
    assert openai.header("Authorization") == "Bearer sk-configured-openai"
    assert "sk-configured-anthropic" in (anthropic.header("x-api-key"),
                                         (anthropic.header("Authorization") or "")[7:])


def test_a_websocket_upgrade_gets_426(proxy, sim):
    answer = proxy.get("/v1/responses", {"Connection": "Upgrade", "Upgrade": "websocket",
                                         "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
                                         "Sec-WebSocket-Version": "13"})
    assert answer.status == 426
    assert answer.json()["error"]["code"] == "upgrade_required"
    assert sim.journal() == []


def test_metrics(proxy):
    proxy.post("/v1/chat/completions", CHAT)
    text = proxy.get("/metrics").text
    assert "# TYPE" in text and "tokencap_requests_total" in text
