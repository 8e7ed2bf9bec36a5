# SPDX-License-Identifier: MIT
"""--on-cap stop: a stream that reaches its hold ends there, validly in its dialect, settled exactly."""

import json

import anthropic
import openai
import pytest

from bodies import HELLO, project
from harness import sim_header
from money import NANO, dollars, exactly
from wire import events_of

WORDS = 3000
CHAT = {"model": "gpt-4o", "messages": HELLO, "max_tokens": 400, "stream": True}
MESSAGE = {"model": "claude-haiku-4-5", "messages": HELLO, "max_tokens": 400, "stream": True}
RESPONSE = {"model": "gpt-4o", "input": "Hello, how are you today?", "max_output_tokens": 400,
            "stream": True}
COMPLETION = {"model": "gpt-3.5-turbo-instruct", "prompt": "Hello", "max_tokens": 400, "stream": True}
PATHS = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGE, "/v1/responses": RESPONSE,
         "/v1/completions": COMPLETION}
# An upstream that keeps to no limit, and that says at its end what would cost far more.
LONG = {"words": WORDS, "input": 20, "output": 90000}


@pytest.fixture
def stopping(start_proxy):
    proxy = start_proxy("--on-cap", "stop")
    proxy.set_budget(1)
    return proxy


def ask(proxy, sim, path, body=None, **script):
    body = body or PATHS[path]
    hold = exactly(proxy.estimate(path.removeprefix("/v1/"), body)["holdUsd"])
    answer = proxy.post(path, body, sim_header(**LONG | script))
    return hold, answer


@pytest.mark.parametrize("path", PATHS)
def test_it_ends_where_its_hold_does(stopping, sim, path):
    sim.open("pace", passes=1000)  # far past the hold, and far from the end
    hold, answer = ask(stopping, sim, path, step="pace")
    assert (answer.status, answer.end) == (200, "complete")
    assert sim.one().answer["end"] == "peer_closed"  # the upstream was cut
    [row] = stopping.history()
    assert row["outputTokens"] < WORDS
    # It is looked at every 256 bytes: some sixty of the 300 tokens that were held.
    assert hold * 9 / 10 < exactly(row["costUsd"]) < hold * 13 / 10
    assert dollars(answer.trailers["X-Tokencap-Cost-USD"]).quantize(NANO) == exactly(row["costUsd"])
    budget = stopping.budget()
    assert exactly(budget["spentUsd"]) == exactly(row["costUsd"])
    assert budget["reservedUsd"] == 0
    stopping.verify()


def test_the_end_of_a_chat(stopping, sim):
    _, answer = ask(stopping, sim, "/v1/chat/completions")
    *chunks, done = events_of(answer.body)
    assert done == "[DONE]"
    assert [c["choices"][0]["finish_reason"] for c in chunks][-2:] == [None, "length"]
    assert len({c["id"] for c in chunks}) == 1 and "usage" not in chunks[-1]


def test_the_end_of_a_chat_with_usage(stopping, sim):
    body = CHAT | {"stream_options": {"include_usage": True}}
    _, answer = ask(stopping, sim, "/v1/chat/completions", body)
    *_, finish, usage, done = events_of(answer.body)
    assert (finish["choices"][0]["finish_reason"], usage["choices"], done) == ("length", [], "[DONE]")
    [row] = stopping.history()
    assert usage["usage"]["completion_tokens"] == row["outputTokens"]
    assert usage["usage"]["prompt_tokens"] == row["inputTokens"]


def test_the_end_of_a_message(stopping, sim):
    _, answer = ask(stopping, sim, "/v1/messages")
    *_, stop, delta, end = events_of(answer.body)
    assert [e["type"] for e in (stop, delta, end)] == ["content_block_stop", "message_delta",
                                                      "message_stop"]
    assert delta["delta"]["stop_reason"] == "max_tokens"
    [row] = stopping.history()
    assert delta["usage"]["output_tokens"] == row["outputTokens"]
    assert row["inputTokens"] == 20


def test_the_end_of_a_response(stopping, sim):
    _, answer = ask(stopping, sim, "/v1/responses")
    events = events_of(answer.body)
    last = events[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["status"] == "incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    said = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    assert last["response"]["output"][0]["content"][0]["text"] == said


def test_the_sdks_take_it_for_an_end(stopping, sim):
    sim.script(LONG | {"times": 0})
    gpt = openai.OpenAI(base_url=f"{stopping.url}/v1", api_key="sk-mine", max_retries=0)
    chunks = list(gpt.chat.completions.create(**CHAT))
    assert chunks[-1].choices[0].finish_reason == "length"
    events = list(gpt.responses.create(**RESPONSE))
    assert events[-1].type == "response.incomplete"
    claude = anthropic.Anthropic(base_url=stopping.url, api_key="sk-ant-mine", max_retries=0)
    with claude.messages.stream(**{k: v for k, v in MESSAGE.items() if k != "stream"}) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "max_tokens"
    assert len(sim.journal()) == 3  # nobody asked again


def test_a_tool_call_is_not_taken_for_finished(stopping, sim):
    arguments = json.dumps({"text": "word " * WORDS})
    _, answer = ask(stopping, sim, "/v1/messages", tool="write", tool_args=arguments)
    assert answer.end == "complete"
    delta = events_of(answer.body)[-2]
    if delta["delta"]["stop_reason"] == "max_tokens":  # it was cut: its arguments stay unfinished
        parts = "".join(e["delta"]["partial_json"] for e in events_of(answer.body)
                        if e["type"] == "content_block_delta")
        with pytest.raises(json.JSONDecodeError):
            json.loads(parts)


def test_an_answer_within_its_hold_is_not_touched(stopping, sim):
    answer = stopping.post("/v1/messages", MESSAGE, sim_header(words=50, input=20, output=60))
    assert answer.body == sim.one().answer_body
    [row] = stopping.history()
    assert (row["status"], row["outputTokens"]) == ("settled", 60)


def test_without_a_budget_nothing_is_cut(stopping, sim):
    answer = stopping.post("/v1/messages", MESSAGE, sim_header(**LONG) | project("free"))
    assert answer.body == sim.one().answer_body
    [row] = stopping.history("free")
    assert row["outputTokens"] == 90000


def test_a_whole_answer_is_not_cut(stopping, sim):
    body = {k: v for k, v in CHAT.items() if k != "stream"}
    answer = stopping.post("/v1/chat/completions", body, sim_header(**LONG))
    assert answer.body == sim.one().answer_body
    assert stopping.history()[0]["outputTokens"] == 90000


def test_by_default_a_started_stream_is_let_finish(proxy, sim):
    proxy.set_budget(1)
    _, answer = ask(proxy, sim, "/v1/messages", output=3500)
    assert answer.body == sim.one().answer_body
    assert proxy.history()[0]["outputTokens"] == 3500
