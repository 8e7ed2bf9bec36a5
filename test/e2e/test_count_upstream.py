# SPDX-License-Identifier: MIT
"""--count-upstream anthropic: the provider's own count is what is held for; without it, ours stands."""

import pytest

from bodies import MESSAGE_STREAM
from harness import sim_header
from money import exactly


def test_the_providers_count_is_used(start_proxy, sim):
    proxy = start_proxy("--count-upstream", "anthropic")
    answer = proxy.post("/v1/messages", MESSAGE_STREAM, sim_header(input=777))
    asked, sent = sim.journal()
    assert asked.target == "/v1/messages/count_tokens"
    assert set(asked.json()) == {"model", "messages"}
    assert sent.target == "/v1/messages" and sent.json() == MESSAGE_STREAM
    assert answer.headers["X-Tokencap-Input-Tokens"] == "777"


@pytest.mark.parametrize("failure", [
    {"status": 529}, {"body": "no JSON"}, {"body": "{}"}, {"body": '{"input_tokens":-5}'},
    {"fault": "reset_before_headers"}, {"fault": "truncate_length"},
], ids=["overloaded", "no-json", "no-count", "negative", "reset", "cut"])
def test_its_failure_falls_back(start_proxy, sim, failure):
    proxy = start_proxy("--count-upstream", "anthropic")
    ours = start_proxy(env={"DB_PATH": "other.db"}).post("/v1/messages", MESSAGE_STREAM)
    sim.script({"path": "/v1/messages/count_tokens"} | failure)
    answer = proxy.post("/v1/messages", MESSAGE_STREAM)
    assert answer.status == 200
    assert answer.headers["X-Tokencap-Input-Tokens"] == ours.headers["X-Tokencap-Input-Tokens"]
    assert exactly(proxy.history()[0]["costUsd"]) > 0
