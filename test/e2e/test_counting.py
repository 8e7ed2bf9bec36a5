# SPDX-License-Identifier: MIT
"""What counting remembers from one request to the next, and what it notices."""

import re

from bodies import CHAT
from harness import sim_header


def metric(proxy, name):
    return int(re.search(rf"^{name} (\d+)$", proxy.get("/metrics").text, re.M)[1])


def test_of_a_growing_conversation_only_the_new_message_is_counted(proxy):
    said = [{"role": ("user", "assistant")[i % 2], "content": f"Turn {i}. " + "What was said " * 20}
            for i in range(12)]
    for turn in range(1, len(said) + 1):
        hits, misses = (metric(proxy, f"tokencap_token_cache_{what}_total")
                        for what in ("hits", "misses"))
        body = CHAT | {"messages": said[:turn]}
        assert proxy.post("/v1/chat/completions", body, sim_header(input=9, output=9)).status == 200
        assert metric(proxy, "tokencap_token_cache_misses_total") == misses + 1
        assert metric(proxy, "tokencap_token_cache_hits_total") == hits + turn - 1


def test_a_provider_whose_frame_changed_is_noticed(proxy):
    """Exact counts stay as they are; that they no longer are exact is said once, and shown."""
    counted = proxy.estimate("chat/completions", CHAT)
    assert counted["inputTokensMethod"] == "exact"
    right, wrong = (sim_header(input=counted["inputTokens"] + extra) for extra in (0, 7))
    for _ in range(20):
        proxy.post("/v1/chat/completions", CHAT, right)
    assert metric(proxy, "tokencap_count_classes_drifted") == 0
    for _ in range(20):
        proxy.post("/v1/chat/completions", CHAT, wrong)
    assert metric(proxy, "tokencap_count_classes_drifted") == 1
    assert proxy.estimate("chat/completions", CHAT)["inputTokens"] == counted["inputTokens"]
    proxy.stop()
    assert len(re.findall(r"counts of gpt-4o on .* are no longer exact", proxy.log.text)) == 1
