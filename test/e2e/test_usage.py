# SPDX-License-Identifier: MIT
"""What the ledger says was used: settled from the provider's own figures, in exact money."""

import csv
import io
from decimal import Decimal

import pytest

from bodies import (CHAT, EMBEDDING, MESSAGE, MESSAGE_STREAM, PRICED, RESPONSE, RESPONSE_STREAM,
                    STREAM, STREAM_USAGE, project)
from harness import sim_header
from money import cost, dollars, exactly


def settled(proxy, path, body, **behaviour):
    """One request; its answer and its row in the ledger."""
    answer = proxy.post(path, body, sim_header(**behaviour))
    assert answer.status == 200, answer
    [row] = proxy.history()
    assert row["status"] == "settled"
    assert exactly(row["costUsd"]) == dollars(answer.figure("X-Tokencap-Cost-USD"))
    return answer, row


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", CHAT), ("/v1/chat/completions", STREAM),
    ("/v1/chat/completions", STREAM_USAGE), ("/v1/responses", RESPONSE),
    ("/v1/responses", RESPONSE_STREAM)], ids=["chat", "stream", "usage", "resp", "resp-stream"])
def test_openai_cached_and_reasoning_tokens(proxy, path, body):
    _, row = settled(proxy, path, body, input=1000, cached=400, output=90, reasoning=50)
    assert (row["inputTokens"], row["outputTokens"]) == (1000, 90)
    assert (row["cachedInputTokens"], row["reasoningTokens"]) == (400, 50)
    assert exactly(row["costUsd"]) == cost("gpt-4o", input=600, cached=400, output=90)


@pytest.mark.parametrize("body", [MESSAGE, MESSAGE_STREAM], ids=["whole", "stream"])
def test_anthropic_cache_reads_and_writes(proxy, body):
    _, row = settled(proxy, "/v1/messages", body, input=100, cached=2000, cache_write=300,
                     cache_write_1h=50, output=40)
    assert row["inputTokens"] == 2450
    assert (row["cachedInputTokens"], row["cacheWriteTokens"]) == (2000, 350)
    assert row["outputTokens"] == 40
    assert exactly(row["costUsd"]) == cost("claude-haiku-4-5", input=100, cached=2000,
                                           write_5m=300, write_1h=50, output=40)


def test_anthropic_input_restated_at_the_end_of_a_stream(proxy):
    _, row = settled(proxy, "/v1/messages", MESSAGE_STREAM, input=702, final_input=1591, output=9)
    assert row["inputTokens"] == 1591


def test_anthropic_output_is_cumulative_not_added(proxy):
    _, row = settled(proxy, "/v1/messages", MESSAGE_STREAM, input=10, start_output=60, output=60)
    assert row["outputTokens"] == 60


@pytest.mark.parametrize("body", [MESSAGE, MESSAGE_STREAM], ids=["whole", "stream"])
def test_anthropic_web_searches_are_billed_by_the_call(proxy, body):
    _, row = settled(proxy, "/v1/messages", body, input=10, output=20, web_searches=3)
    assert exactly(row["costUsd"]) == (cost("claude-haiku-4-5", input=10, output=20)
                                       + 3 * Decimal("0.01"))


def test_embeddings_cost_their_input(proxy):
    _, row = settled(proxy, "/v1/embeddings", EMBEDDING, input=1000)
    assert (row["inputTokens"], row["outputTokens"]) == (1000, 0)
    assert exactly(row["costUsd"]) == cost("text-embedding-3-small", input=1000)


@pytest.mark.parametrize("shape", ["openai", "azure", "mistral", "groq", "openrouter", "deepseek",
                                   "together"])
@pytest.mark.parametrize("body", [STREAM, STREAM_USAGE], ids=["plain", "usage"])
def test_streams_of_every_shape_are_settled(proxy, shape, body):
    _, row = settled(proxy, "/v1/chat/completions", body, shape=shape, input=500, output=70)
    assert (row["inputTokens"], row["outputTokens"]) == (500, 70)


def test_the_compatible_endpoint_that_hides_its_thoughts(proxy):
    _, row = settled(proxy, "/v1/chat/completions", STREAM, shape="gemini", input=35, output=74,
                     reasoning=62)
    assert row["outputTokens"] == 74  # total − prompt, though completion_tokens says 12


@pytest.mark.parametrize("tier, factor", [("default", Decimal(1)), ("flex", Decimal("0.5")),
                                          ("priority", Decimal(2))])
def test_the_service_tier_of_the_answer_is_billed(proxy, tier, factor):
    _, row = settled(proxy, "/v1/chat/completions", CHAT | {"model": "gpt-5"}, input=1000,
                     output=100, service_tier=tier)
    standard = (1000 * Decimal("1.25") + 100 * Decimal("10")) / 1000000  # gpt-5
    assert exactly(row["costUsd"]) == standard * factor


def test_the_model_that_answered_is_billed_when_it_is_a_dated_one(proxy):
    _, row = settled(proxy, "/v1/chat/completions", CHAT, model="gpt-4o-2024-08-06", input=100,
                     output=10)
    assert exactly(row["costUsd"]) == cost("gpt-4o", input=100, output=10)


@pytest.mark.parametrize("kind", ["none", "null", "negative", "absurd", "zero"])
@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", CHAT), ("/v1/chat/completions", STREAM), ("/v1/messages", MESSAGE),
    ("/v1/messages", MESSAGE_STREAM), ("/v1/responses", RESPONSE_STREAM)],
    ids=["chat", "chat-stream", "message", "message-stream", "response-stream"])
def test_without_a_believable_usage_the_answer_is_counted(proxy, kind, path, body):
    answer = proxy.post(path, body, sim_header(usage=kind))
    assert answer.status == 200
    [row] = proxy.history()
    assert row["status"] == "estimated"
    assert 8 <= row["outputTokens"] <= 16  # eight common words
    assert 0 < row["inputTokens"] < 40
    assert 0 < row["costUsd"] < 0.001
    assert proxy.usage()["totalRequests"] == 1


def test_the_summary_is_the_sum_of_the_rows(proxy):
    for path in PRICED:
        assert proxy.post(path, PRICED[path], sim_header(input=30, output=20)).status == 200
    rows = proxy.history()
    usage = proxy.usage()
    assert usage["totalRequests"] == len(rows) == len(PRICED)
    assert usage["totalInputTokens"] == sum(r["inputTokens"] for r in rows)
    assert usage["totalOutputTokens"] == sum(r["outputTokens"] for r in rows)
    assert exactly(usage["totalCostUsd"]) == sum(exactly(r["costUsd"]) for r in rows)


def test_a_read_shows_every_answer_that_was_given(proxy):
    for count in range(1, 30):
        assert proxy.post("/v1/chat/completions", CHAT).status == 200
        assert proxy.usage()["totalRequests"] == count
        assert len(proxy.history(limit=1000)) == count


def test_history_pages_newest_first(proxy):
    for i in range(1, 8):
        proxy.post("/v1/chat/completions", CHAT, sim_header(input=i, output=1))
    seen, cursor, pages = [], None, 0
    while True:
        target = "/v1/usage/history?limit=3" + (f"&before={cursor}" if cursor else "")
        page = proxy.get(target).json()
        seen += [r["inputTokens"] for r in page["records"]]
        pages += 1
        cursor = page["nextCursor"]
        if not cursor:
            break
        assert len(page["records"]) == 3
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert pages == 3


def test_history_can_be_narrowed(proxy):
    proxy.post("/v1/chat/completions", CHAT)
    proxy.post("/v1/messages", MESSAGE)
    [first] = proxy.history(model="gpt-4o")
    assert first["model"] == "gpt-4o"
    assert proxy.history(**{"from": "2100-01-01T00:00:00Z"}) == []
    assert len(proxy.history(to="2100-01-01T00:00:00Z")) == 2


def test_history_as_csv(proxy):
    proxy.post("/v1/chat/completions", CHAT, sim_header(input=14, output=60))
    answer = proxy.get("/v1/usage/history", {"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["model"], row["inputTokens"], row["outputTokens"]) == ("gpt-4o", "14", "60")


def test_formulas_in_csv_are_text(proxy):
    names = ["=1+1", "+1", "-1", "@sum(a1)", 'a,"b"']
    for name in names:
        assert proxy.post("/v1/chat/completions", CHAT | {"model": name}).status == 200
    text = proxy.get("/v1/usage/history", {"Accept": "text/csv"}).text
    found = [row["model"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert found == ['a,"b"', "'@sum(a1)", "'-1", "'+1", "'=1+1"]


def test_a_long_name_is_whole(proxy):
    name = "m" * 240 + "模型" * 2 + "end"
    assert proxy.post("/v1/chat/completions", CHAT | {"model": name}).status == 200
    assert [row["model"] for row in proxy.history(model=name)] == [name]
    answer = proxy.get("/v1/usage?by=model").json()
    assert [group["key"] for group in answer["groups"]] == [name]


def test_what_else_a_record_tells(proxy):
    proxy.post("/v1/chat/completions", STREAM, sim_header(input=14, output=60))
    [row] = proxy.history()
    for name in ("estimatedCostUsd", "estimatedInputTokens", "cachedInputTokens",
                 "cacheWriteTokens", "reasoningTokens", "status", "endpoint", "durationMs",
                 "ttftMs"):
        assert name in row, name
    assert 0 <= row["ttftMs"] <= row["durationMs"]


def test_projects_have_their_own_history(proxy):
    proxy.post("/v1/chat/completions", CHAT, project("a"))
    proxy.post("/v1/chat/completions", CHAT, project("b"))
    assert [r["projectId"] for r in proxy.history("a")] == ["a"]
    assert proxy.usage("c")["totalRequests"] == 0


def test_nothing_confidential_is_kept(proxy, sim):
    secret = "sk-very-secret-key"
    asked = CHAT | {"messages": [{"role": "user", "content": "a-secret-question"}]}
    proxy.post("/v1/chat/completions", asked, {"Authorization": f"Bearer {secret}"}
               | sim_header(text="a-secret-answer"))
    proxy.post("/v1/chat/completions", b'{"model": "a-secret-question', {
        "Authorization": f"Bearer {secret}"})
    assert sim.one().header("Authorization") == f"Bearer {secret}"
    proxy.stop()
    kept = b"".join(p.read_bytes() for p in proxy.folder.glob("tokencap.db*"))
    for words in (secret, "a-secret-question", "a-secret-answer", "sk-configured"):
        assert words not in proxy.log.text
        assert words.encode() not in kept
