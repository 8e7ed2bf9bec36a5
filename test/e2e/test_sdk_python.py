# SPDX-License-Identifier: MIT
"""The official Python SDKs, straight at the simulator and through the daemon: the same results."""

import asyncio
import base64
import struct

import anthropic
import openai
import pytest

TEXT = "The quick brown fox jumps over the lazy"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
SAY = {"model": "claude-haiku-4-5", "max_tokens": 100,
       "messages": [{"role": "user", "content": "Hello"}]}
TOOL_ARGS = '{"city":"Paris"}'


class Counted:
    """Counts the HTTP requests that a client makes, retries included."""

    def __init__(self, sdk):
        self.count = 0
        self.client = sdk.DefaultHttpxClient(event_hooks={"request": [self.seen]})

    def seen(self, _):
        self.count += 1


@pytest.fixture
def gpt(via):
    with openai.OpenAI(base_url=via.openai_base, api_key="sk-mine", max_retries=2) as client:
        yield client


@pytest.fixture
def claude(via):
    with anthropic.Anthropic(base_url=via.base, api_key="sk-ant-mine", max_retries=2) as client:
        yield client


# OpenAI


def test_chat(via, gpt):
    via.sim.script(input=11, output=8)
    answer = gpt.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == TEXT
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 8)
    via.check_row("openai")
    entry = via.sim.one()
    assert entry.target == "/v1/chat/completions"
    assert entry.header("Authorization") == "Bearer sk-mine"
    assert entry.header("X-Stainless-Lang") == "python"


def test_chat_stream(via, gpt):
    via.sim.script(input=11, output=8)
    chunks = list(gpt.chat.completions.create(stream=True, **ASK))
    # The usual loop: every chunk has a choice, because nobody asked for the usage.
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == TEXT
    assert all(c.usage is None for c in chunks)
    via.check_row("openai")


def test_chat_stream_with_usage(via, gpt):
    via.sim.script(input=11, output=8, cached=4)
    chunks = list(gpt.chat.completions.create(stream=True, stream_options={"include_usage": True},
                                              **ASK))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens_details.cached_tokens == 4
    via.check_row("openai")


def test_chat_stream_helper(via, gpt):
    with gpt.chat.completions.stream(**ASK) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert text == TEXT
    assert final.choices[0].message.content == TEXT


def test_chat_tool_call(via, gpt):
    via.sim.script(tool="weather", tool_args=TOOL_ARGS, times=2)
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}}}}]
    answer = gpt.chat.completions.create(tools=tools, **ASK)
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("weather", TOOL_ARGS)
    chunks = list(gpt.chat.completions.create(tools=tools, stream=True, **ASK))
    parts = [c.choices[0].delta.tool_calls[0].function.arguments for c in chunks
             if c.choices[0].delta.tool_calls]
    assert "".join(parts) == TOOL_ARGS


def test_chat_async(via):
    async def ask():
        async with openai.AsyncOpenAI(base_url=via.openai_base, api_key="sk-mine") as client:
            whole = await client.chat.completions.create(**ASK)
            stream = await client.chat.completions.create(stream=True, **ASK)
            parts = [c.choices[0].delta.content or "" async for c in stream]
            return whole.choices[0].message.content, "".join(parts)

    assert asyncio.run(ask()) == (TEXT, TEXT)


def test_responses(via, gpt):
    via.sim.script(input=9, output=8)
    answer = gpt.responses.create(model="gpt-4o", input="Hello")
    assert answer.output_text == TEXT
    assert answer.usage.input_tokens == 9
    via.check_row("openai")


def test_responses_stream(via, gpt):
    via.sim.script(input=9, output=8)
    events = list(gpt.responses.create(model="gpt-4o", input="Hello", stream=True))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == TEXT
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.output_tokens == 8
    via.check_row("openai")


def test_embeddings(via, gpt):
    via.sim.script(input=6, output=0)
    answer = gpt.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [len(d.embedding) for d in answer.data] == [8, 8]
    via.check_row("openai")
    sent = via.sim.one().json()
    assert sent["encoding_format"] == "base64"  # the SDK's own wish, decoded again by it
    assert answer.data[0].embedding[0] == struct.unpack(
        "<f", base64.b64decode("AACAvw=="))[0]


def test_completions(via, gpt):
    via.sim.script(input=3, output=8)
    answer = gpt.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello")
    assert answer.choices[0].text == TEXT
    via.check_row("openai")


def test_openai_models(via, gpt):
    assert "gpt-4o" in [m.id for m in gpt.models.list()]
    assert gpt.models.retrieve("gpt-4o").owned_by == "system"
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("no-such-model")
    if via.proxied:
        assert via.proxy.history() == []


def test_openai_errors_keep_their_kind(via, gpt):
    via.sim.script(status=400)
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.chat.completions.create(**ASK)
    assert caught.value.message.endswith("A simulated error.")
    assert caught.value.request_id
    if via.proxied:
        assert via.proxy.history() == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_openai_retries_what_it_retries(via, gpt, status):
    via.sim.script({"status": status, "header": "retry-after-ms: 1"}, {})
    assert gpt.chat.completions.create(**ASK).choices[0].message.content == TEXT
    counts = [e.header("x-stainless-retry-count") for e in via.sim.journal(wait=2)]
    assert counts == ["0", "1"]


def test_openai_sees_a_cut_stream_as_an_error(via, gpt):
    via.sim.script(fault="reset_mid_stream")
    with pytest.raises(Exception) as caught:
        list(gpt.chat.completions.create(stream=True, **ASK))
    assert not isinstance(caught.value, AssertionError)


def test_openai_sees_the_figures(proxy, sim):
    sim.script(input=11, output=8)
    client = openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-mine")
    answer = client.chat.completions.with_raw_response.create(**ASK)
    assert answer.headers["X-Tokencap-Input-Tokens"] == "11"
    assert answer.headers["X-Tokencap-Output-Tokens"] == "8"
    assert answer.headers["X-Tokencap-Cost-USD"] == "0.0001075"  # 11 × 2.50 + 8 × 10, per million
    assert answer.parse().choices[0].message.content == TEXT


@pytest.mark.parametrize("stream", [False, True])
def test_openai_takes_a_402_for_what_it_is(proxy, sim, stream):
    proxy.set_budget(0.000001)
    counted = Counted(openai)
    client = openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-mine",
                           http_client=counted.client, max_retries=3)
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(stream=stream, **ASK)
    error = caught.value
    assert error.status_code == 402
    assert (error.type, error.code) == ("budget_exceeded", "budget_exceeded")
    assert error.body["details"]["limitUsd"] == 0.000001
    assert "Request would exceed budget" in error.message
    assert counted.count == 1
    assert sim.journal() == []


@pytest.mark.parametrize("base, project", [("", "default"), ("/v1", "default"),
                                           ("/p/team-a/v1", "team-a")])
def test_openai_base_urls(proxy, sim, base, project):
    client = openai.OpenAI(base_url=proxy.url + base, api_key="sk-mine")
    assert client.chat.completions.create(**ASK).choices[0].message.content == TEXT
    assert sim.one().target == "/v1/chat/completions"
    assert proxy.usage(project)["totalRequests"] == 1


# Anthropic


def test_messages(via, claude):
    via.sim.script(input=20, output=8, cached=100, cache_write=50)
    answer = claude.messages.create(**SAY)
    assert answer.content[0].text == TEXT
    assert answer.usage.cache_read_input_tokens == 100
    via.check_row("anthropic")
    assert via.sim.one().target == "/v1/messages"


def test_messages_stream(via, claude):
    via.sim.script(input=20, output=8, cached=100)
    with claude.messages.stream(**SAY) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == TEXT
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (20, 8)
    via.check_row("anthropic")


def test_messages_raw_stream(via, claude):
    events = list(claude.messages.create(stream=True, **SAY))
    assert [e.type for e in events if e.type != "ping"] == [
        "message_start", "content_block_start", *["content_block_delta"] * 8,
        "content_block_stop", "message_delta", "message_stop"]


def test_messages_tool_use(via, claude):
    via.sim.script(tool="weather", tool_args=TOOL_ARGS, times=2)
    tools = [{"name": "weather", "input_schema": {"type": "object", "properties": {
        "city": {"type": "string"}}}}]
    answer = claude.messages.create(tools=tools, **SAY)
    assert answer.stop_reason == "tool_use"
    assert answer.content[0].input == {"city": "Paris"}
    with claude.messages.stream(tools=tools, **SAY) as stream:
        final = stream.get_final_message()
    assert final.content[0].input == {"city": "Paris"}


def test_messages_async(via):
    async def say():
        async with anthropic.AsyncAnthropic(base_url=via.base, api_key="sk-ant-mine") as client:
            whole = await client.messages.create(**SAY)
            async with client.messages.stream(**SAY) as stream:
                text = "".join([t async for t in stream.text_stream])
            return whole.content[0].text, text

    assert asyncio.run(say()) == (TEXT, TEXT)


def test_count_tokens(via, claude):
    via.sim.script(input=77)
    asked = {k: v for k, v in SAY.items() if k != "max_tokens"}
    assert claude.messages.count_tokens(**asked).input_tokens == 77
    assert via.sim.one().target == "/v1/messages/count_tokens"
    if via.proxied:
        assert via.proxy.history() == []


def test_anthropic_models(via, claude):
    assert claude.models.list().data[0].type == "model"
    found = claude.models.retrieve("claude-haiku-4-5-20251001")
    assert found.display_name == "Claude Haiku 4.5"


def test_anthropic_errors_keep_their_kind(via, claude):
    via.sim.script(status=404)
    with pytest.raises(anthropic.NotFoundError) as caught:
        claude.messages.create(**SAY)
    assert caught.value.body["error"]["type"] == "not_found_error"


def test_anthropic_retries_when_overloaded(via, claude):
    via.sim.script({"status": 529, "header": "retry-after-ms: 1"}, {})
    assert claude.messages.create(**SAY).content[0].text == TEXT
    assert len(via.sim.journal(wait=2)) == 2


def test_anthropic_hears_of_an_error_in_the_stream(via, claude):
    via.sim.script(fault="sse_error", input=20)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(claude.messages.create(stream=True, **SAY))


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_takes_a_402_for_what_it_is(proxy, sim, stream):
    proxy.set_budget(0.000001)
    counted = Counted(anthropic)
    client = anthropic.Anthropic(base_url=proxy.url, api_key="sk-ant-mine",
                                 http_client=counted.client, max_retries=3)
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(stream=stream, **SAY)
    error = caught.value
    assert error.status_code == 402
    assert error.body["error"]["type"] == "budget_exceeded"
    assert error.body["error"]["details"]["error_code"] == "budget_exceeded"
    assert "Request would exceed budget" in str(error)
    assert counted.count == 1
    assert sim.journal() == []


@pytest.mark.parametrize("base, project", [("", "default"), ("/v1", "default"),
                                           ("/p/team-a", "team-a"), ("/p/team-a/v1", "team-a")])
def test_anthropic_base_urls(proxy, sim, base, project):
    client = anthropic.Anthropic(base_url=proxy.url + base, api_key="sk-ant-mine")
    assert client.messages.create(**SAY).content[0].text == TEXT
    assert sim.one().target == "/v1/messages"
    assert proxy.usage(project)["totalRequests"] == 1
