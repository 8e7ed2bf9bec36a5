# SPDX-License-Identifier: MIT
"""The official TypeScript SDKs, straight at the simulator and through the daemon."""

import pytest

TEXT = "The quick brown fox jumps over the lazy"
TOOL_ARGS = '{"city":"Paris"}'


@pytest.fixture(params=["openai", "openai-next"])
def gpt(request, node):
    """Runs a case of node/openai.mjs. The newer major version wants a newer Node."""
    needs = {"openai": 18, "openai-next": 22}[request.param]

    def run(base, case):
        return node("openai.mjs", case, needs=needs, BASE_URL=base, OPENAI_PACKAGE=request.param)

    return run


@pytest.fixture
def claude(node):
    return lambda base, case: node("anthropic.mjs", case, BASE_URL=base)


# OpenAI


def test_chat(via, gpt):
    via.sim.script(input=11, output=8)
    result = gpt(via.openai_base, "chat")
    assert result["text"] == TEXT
    assert result["usage"]["prompt_tokens"] == 11
    if via.proxied:
        assert result["headers"]["x-tokencap-input-tokens"] == "11"
        assert result["headers"]["x-tokencap-output-tokens"] == "8"
        assert result["headers"]["x-tokencap-cost-usd"] == "0.0001075"
    via.check_row("openai")


def test_chat_stream(via, gpt):
    via.sim.script(input=11, output=8)
    assert gpt(via.openai_base, "stream")["text"] == TEXT
    via.check_row("openai")


def test_chat_stream_with_usage(via, gpt):
    via.sim.script(input=11, output=8)
    result = gpt(via.openai_base, "streamWithUsage")
    assert result["text"] == TEXT
    assert result["usage"]["completion_tokens"] == 8
    via.check_row("openai")


def test_chat_stream_helper(via, gpt):
    assert gpt(via.openai_base, "streamHelper")["text"] == TEXT


def test_chat_tool_call(via, gpt):
    via.sim.script(tool="weather", tool_args=TOOL_ARGS)
    result = gpt(via.openai_base, "tools")
    assert (result["name"], result["args"]) == ("weather", {"city": "Paris"})


def test_responses(via, gpt):
    via.sim.script(input=9, output=8)
    result = gpt(via.openai_base, "responses")
    assert (result["text"], result["usage"]["input_tokens"]) == (TEXT, 9)
    via.check_row("openai")


def test_responses_stream(via, gpt):
    via.sim.script(input=9, output=8)
    result = gpt(via.openai_base, "responsesStream")
    assert (result["text"], result["usage"]["output_tokens"]) == (TEXT, 8)
    via.check_row("openai")


def test_embeddings(via, gpt):
    vectors = gpt(via.openai_base, "embeddings")["vectors"]
    assert [v[:2] for v in vectors] == [[-1.0, -0.8125], [-0.5625, -0.375]]


def test_completions(via, gpt):
    assert gpt(via.openai_base, "completions")["text"] == TEXT


def test_openai_models(via, gpt):
    result = gpt(via.openai_base, "models")
    assert "gpt-4o" in result["ids"] and result["one"]["id"] == "gpt-4o"


def test_openai_retries_a_429(via, gpt):
    via.sim.script({"status": 429, "header": "retry-after-ms: 1"}, {})
    result = gpt(via.openai_base, "chat")
    assert (result["text"], result["requests"]) == (TEXT, 2)
    assert len(via.sim.journal(wait=2)) == 2


@pytest.mark.parametrize("case", ["chat", "stream", "responses", "embeddings"])
def test_openai_takes_a_402_for_what_it_is(proxy, sim, gpt, case):
    proxy.set_budget(0.000000001)
    result = gpt(f"{proxy.url}/v1", case)
    error = result["error"]
    assert error["status"] == 402
    assert (error["type"], error["code"]) == ("budget_exceeded", "budget_exceeded")
    assert error["body"]["details"]["limitUsd"] == 0.000000001
    assert "Request would exceed budget" in error["message"]
    assert result["requests"] == 1
    assert sim.journal() == []


@pytest.mark.parametrize("base, project", [("", "default"), ("/v1", "default"),
                                           ("/p/team-a/v1", "team-a")])
def test_openai_base_urls(proxy, sim, gpt, base, project):
    assert gpt(proxy.url + base, "chat")["text"] == TEXT
    assert sim.one().target == "/v1/chat/completions"
    assert proxy.usage(project)["totalRequests"] == 1


# Anthropic


def test_message(via, claude):
    via.sim.script(input=20, output=8, cached=100)
    result = claude(via.base, "message")
    assert result["text"] == TEXT
    assert result["usage"]["cache_read_input_tokens"] == 100
    if via.proxied:
        assert result["headers"]["x-tokencap-output-tokens"] == "8"
    via.check_row("anthropic")


def test_message_stream(via, claude):
    via.sim.script(input=20, output=8)
    result = claude(via.base, "stream")
    assert (result["text"], result["stopReason"]) == (TEXT, "end_turn")
    assert result["usage"]["output_tokens"] == 8
    via.check_row("anthropic")


def test_message_raw_stream(via, claude):
    types = [t for t in claude(via.base, "rawStream")["types"] if t != "ping"]
    assert types == ["message_start", "content_block_start", *["content_block_delta"] * 8,
                     "content_block_stop", "message_delta", "message_stop"]


def test_message_tool_use(via, claude):
    via.sim.script(tool="weather", tool_args=TOOL_ARGS)
    result = claude(via.base, "tools")
    assert (result["name"], result["args"]) == ("weather", {"city": "Paris"})


def test_count_tokens(via, claude):
    via.sim.script(input=77)
    assert claude(via.base, "countTokens")["input_tokens"] == 77


def test_anthropic_models(via, claude):
    assert "claude-haiku-4-5-20251001" in claude(via.base, "models")["ids"]


@pytest.mark.parametrize("case", ["message", "stream"])
def test_anthropic_takes_a_402_for_what_it_is(proxy, sim, claude, case):
    proxy.set_budget(0.000001)
    result = claude(proxy.url, case)
    error = result["error"]
    assert error["status"] == 402
    assert error["body"]["error"]["type"] == "budget_exceeded"
    assert "Request would exceed budget" in error["message"]
    assert result["requests"] == 1
    assert sim.journal() == []


@pytest.mark.parametrize("base, project", [("", "default"), ("/v1", "default"),
                                           ("/p/team-a", "team-a"), ("/p/team-a/v1", "team-a")])
def test_anthropic_base_urls(proxy, sim, claude, base, project):
    assert claude(proxy.url + base, "message")["text"] == TEXT
    assert sim.one().target == "/v1/messages"
    assert proxy.usage(project)["totalRequests"] == 1
