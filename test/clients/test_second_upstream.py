# SPDX-License-Identifier: MIT
"""The same against a mock server that nobody here wrote, lest our simulator's misunderstandings be
the proxy's."""

import subprocess

import pytest

from harness import TIMEOUT, clean_environment, newest_node
from roster import CLIENTS, HERE

EXPECTED = {
    "chat": {"text": "Bonjour, « le monde » 🌍"},
    "stream": {"text": "Bonjour, « le monde » 🌍"},
    "tools": {"name": "weather", "args": {"city": "Paris"}},
}


@pytest.fixture(scope="session")
def mock():
    """aimock's URL."""
    if not (HERE / "node_modules/@copilotkit/aimock").exists():
        pytest.skip("@copilotkit/aimock is not installed")
    process = subprocess.Popen([newest_node()[1], HERE / "mock.mjs"], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE, env=clean_environment())
    yield process.stdout.readline().strip()
    process.stdin.close()
    process.wait(TIMEOUT)
    process.stdout.close()


@pytest.mark.parametrize("cell", [pytest.param((c, "mock"), id=c.name) for c in CLIENTS])
def test_the_same_with_and_without(cell, mock, start_proxy, drivers):
    client, _ = cell
    proxy = start_proxy(env={"OPENAI_UPSTREAM_URL": f"{mock}/v1", "ANTHROPIC_UPSTREAM_URL": mock})
    for case, expected in EXPECTED.items():
        direct = drivers(client).ask(case, mock + client.base)
        through = drivers(client).ask(case, proxy.url + client.base)
        assert direct == through
        assert expected.items() <= through.items(), through
    rows = proxy.history()
    assert len(rows) >= len(EXPECTED)
    assert {(r["inputTokens"], r["outputTokens"], r["status"]) for r in rows} == {(21, 9, "settled")}
