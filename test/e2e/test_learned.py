# SPDX-License-Identifier: MIT
"""--predict learned: holds shrink to what earlier answers of the same kind needed, and it is remembered."""

from bodies import CHAT
from harness import sim_header
from money import exactly

SAMPLES = 40  # what the learner wants before it says anything
LONG = CHAT | {"max_tokens": 4000}


def teach(proxy, n=SAMPLES):
    for _ in range(n):
        assert proxy.post("/v1/chat/completions", LONG, sim_header(input=14, output=20)).status == 200


def test_a_learned_hold_is_what_is_compared(start_proxy):
    proxy = start_proxy("--predict", "learned")
    by_rule = proxy.estimate("chat/completions", LONG)
    assert by_rule["estimatedOutputTokens"] == 3000
    teach(proxy)
    learned = proxy.estimate("chat/completions", LONG)
    assert 18 <= learned["estimatedOutputTokens"] <= 22
    assert exactly(learned["holdUsd"]) < exactly(by_rule["holdUsd"]) / 20
    assert learned["maximumCostUsd"] == by_rule["maximumCostUsd"]
    # A limit that the rule would refuse; the 402 compares what the estimate says.
    limit = exactly(learned["holdUsd"]) * 2
    proxy.set_budget(float(limit))
    assert proxy.post("/v1/chat/completions", LONG, sim_header(input=14, output=20)).status == 200
    proxy.set_budget(0)
    refused = proxy.post("/v1/chat/completions", LONG).json()["error"]["details"]
    assert refused["holdUsd"] == proxy.estimate("chat/completions", LONG)["holdUsd"]


def test_what_was_learned_survives_a_restart(start_proxy):
    proxy = start_proxy("--predict", "learned")
    teach(proxy)
    before = proxy.estimate("chat/completions", LONG)
    proxy.stop()
    again = start_proxy("--predict", "learned")
    assert again.estimate("chat/completions", LONG)["holdUsd"] == before["holdUsd"]


def test_a_budget_chooses_its_predictor(start_proxy):
    proxy = start_proxy()
    teach(proxy)
    assert proxy.estimate("chat/completions", LONG)["estimatedOutputTokens"] == 3000
    proxy.set_budget(1, predict="learned")
    assert proxy.estimate("chat/completions", LONG)["estimatedOutputTokens"] < 30
    answer = proxy.post("/v1/chat/completions", LONG, sim_header(input=14, output=20))
    assert int(answer.headers["X-Tokencap-Estimated-Output-Tokens"]) < 30


def test_approximate_counts_are_corrected(start_proxy):
    proxy = start_proxy()
    body = {"model": "claude-haiku-4-5", "max_tokens": 50,
            "messages": [{"role": "user", "content": "Tell me about the history of the harbour. " * 9}]}
    counted = proxy.estimate("messages", body)
    assert counted["inputTokensMethod"] == "approximate"
    actual = counted["inputTokens"] * 6 // 5
    for _ in range(20):
        proxy.post("/v1/messages", body, sim_header(input=actual, output=10))
    corrected = proxy.estimate("messages", body)
    assert abs(corrected["inputTokens"] - actual) <= 1
    assert corrected["breakdown"]["countedTokens"] == counted["inputTokens"]
    other = start_proxy("--calibrate=no", env={"DB_PATH": "other.db"})
    assert other.estimate("messages", body)["inputTokens"] == counted["inputTokens"]
