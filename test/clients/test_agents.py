# SPDX-License-Identifier: MIT
"""The coding agents, as people run them: one prompt, at the simulator through the daemon."""

import json
import os
import subprocess

import pytest

from money import cost, exactly
from roster import AGENTS, HERE
from test_conformance import TEXT, finished, refusals

PATIENCE = 120  # seconds; they start slowly
SHELL = {
    "claude-code": ("Bash", {"command": "echo tool-$((40+2))", "description": "Adds"}),
    "codex": ("exec_command", {"cmd": "echo tool-$((40+2))"}),
    "opencode": ("bash", {"command": "echo tool-$((40+2))", "description": "Adds"}),
}


def cells(*features):
    return [pytest.param((a, f), id=f"{a.name}-{f}") for a in AGENTS for f in features
            if f in a.features]


@pytest.fixture
def run(tmp_path):
    """Runs an agent with a prompt, in an empty folder."""
    home, work = tmp_path / "home", tmp_path / "work"

    def run(agent, base, prompt="Hello", patient=False):
        program = HERE / "node_modules/.bin" / agent.program
        if not program.exists():
            pytest.skip(f"{agent.package} is not installed")
        home.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        env, arguments = agent.configure(home, base, patient)
        env |= {"HOME": str(home), "PATH": os.environ["PATH"], "NO_PROXY": "*"}
        done = subprocess.run([program, *arguments, prompt], env=env, cwd=work, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        return done.stdout + done.stderr

    return run


def asked(sim, agent):
    """The requests for the prompt itself; agents make others beside it (titles, probes)."""
    return [e for e in finished(sim) if e.method == "POST" and agent.path in e.target
            and e.json().get("model") == agent.model and e.json().get("tools")]


@pytest.mark.parametrize("cell", cells("chat", "responses"))
def test_answer(cell, sim, proxy, run):
    agent, _ = cell
    sim.script({"input": 500, "output": 8, "times": 0})
    assert TEXT in run(agent, proxy.url + agent.base)
    rows = proxy.history()
    posts = [e for e in finished(sim) if e.method == "POST"]
    assert len(rows) == len(posts) >= 1
    assert {(r["outputTokens"], r["status"]) for r in rows} == {(8, "settled")}


@pytest.mark.parametrize("cell", cells("stream"))
def test_it_streams_and_is_settled_exactly(cell, sim, proxy, run):
    """What it was asked for and got is a stream; the ledger has its usage, caches too, at the price list's price."""
    agent, _ = cell
    proxy.set_budget(10)
    used = {"input": 2000, "output": 70, "cached": 1500}
    sim.script(used | {"times": 0})
    assert TEXT in run(agent, proxy.url + agent.base)
    streams = asked(sim, agent)
    assert streams
    for entry in streams:
        assert entry.json()["stream"] is True
        assert entry.answer_body.startswith((b"data: {", b"event: ")), entry
        assert entry.answer["end"] == "complete"
    rows = [r for r in proxy.history() if r["model"] == agent.model]
    asked_of_it = [e for e in finished(sim) if e.method == "POST" and e.json().get("model") == agent.model]
    assert len(rows) == len(asked_of_it) >= len(streams)
    plain, whole = (2000, 3500) if agent.provider == "anthropic" else (500, 2000)  # whose input includes caches
    price = cost(agent.model, input=plain, cached=1500, output=70)
    for row in rows:
        assert (row["status"], row["inputTokens"], row["cachedInputTokens"], row["outputTokens"]) == \
            ("settled", whole, 1500, 70)
        assert exactly(row["costUsd"]) == price
        assert row["ttftMs"] is not None
    assert exactly(proxy.budget()["spentUsd"]) == sum(exactly(r["costUsd"]) for r in proxy.history())
    assert proxy.budget()["reservedUsd"] == 0
    proxy.verify()


@pytest.mark.parametrize("cell", cells("tools"))
def test_a_tool_is_run_and_its_output_sent(cell, sim, proxy, run):
    agent, _ = cell
    name, arguments = SHELL[agent.name]
    if agent.name == "opencode":  # a title is asked for beside the prompt, in any order
        sim.script({"path": "/completions", "tool": name, "tool_args": json.dumps(arguments),
                    "times": 2}, {"times": 0})
    else:
        sim.script({"path": agent.path, "tool": name, "tool_args": json.dumps(arguments)},
                   {"times": 0})
    assert TEXT in run(agent, proxy.url + agent.base)
    assert b"tool-42" in asked(sim, agent)[-1].body
    assert {r["status"] for r in proxy.history()} == {"settled"}


@pytest.mark.parametrize("cell", cells("countTokens"))
def test_context_is_counted_for_nothing(cell, sim, proxy, run):
    agent, _ = cell
    run(agent, proxy.url + agent.base, "/context")
    counted = [e for e in finished(sim) if "/count_tokens" in e.target]
    assert counted and {e.answer["status"] for e in counted} == {200}
    assert len(proxy.history()) == len(finished(sim)) - len(counted) - len(
        [e for e in finished(sim) if e.method != "POST"])


@pytest.mark.parametrize("cell", cells("over"))
def test_over_budget_is_asked_once(cell, sim, proxy, run):
    agent, _ = cell
    proxy.set_budget(0.000001)
    assert "Request would exceed budget" in run(agent, proxy.url + agent.base)
    assert [e for e in finished(sim) if e.method == "POST"] == []
    assert refusals(proxy) == agent.asks_over
    assert proxy.history() == []


@pytest.mark.parametrize("cell", cells("limited", "busy"))
def test_a_providers_refusal_is_repeated(cell, sim, proxy, run):
    agent, feature = cell
    status = 429 if feature == "limited" else 503
    sim.script({"path": agent.path, "status": status, "retry_after": "1"}, {"times": 0})
    assert TEXT in run(agent, proxy.url + agent.base, patient=True)
    statuses = [e.answer["status"] for e in finished(sim) if e.method == "POST"]
    assert statuses.count(status) == 1 and statuses.count(200) >= 1


@pytest.mark.parametrize("cell", cells("bare", "v1", "project"))
def test_base_urls(cell, sim, proxy, run):
    agent, feature = cell
    base = {"bare": "", "v1": "/v1", "project": "/p/team-a/v1"}[feature]
    assert TEXT in run(agent, proxy.url + base)
    assert {e.target.split("?")[0] for e in asked(sim, agent)} == {agent.path}
    project = "team-a" if feature == "project" else "default"
    assert proxy.usage(project)["totalRequests"] >= 1
