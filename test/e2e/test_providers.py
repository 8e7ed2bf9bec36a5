# SPDX-License-Identifier: MIT
"""[providers.NAME] sections: reached by prefix or by model, with their own key, header and prices,
in their own words."""

from decimal import Decimal

import pytest

from bodies import CHAT, EMBEDDING, HELLO, MESSAGE, PRICED, STREAM, STREAM_USAGE, TEXT
from harness import sim_header
from money import exactly
from wire import events_of

LLAMA = "llama-3.3-70b-versatile"
# base-url's path, the model, and its price in dollars per million tokens in and out (cached, too)
SHAPES = {
    "google": ("/v1beta/openai", "gemini-2.5-flash", ("0.3", "2.5", "0.03")),
    "mistral": ("/v1", "mistral-small-latest", ("0.15", "0.6", "0.015")),
    "groq": ("/openai/v1", LLAMA, ("0.59", "0.79", None)),
    "together": ("/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo", ("1.04", "1.04", None)),
    "deepseek": ("/v1", "deepseek-chat", ("0.27", "1.1", "0.07")),
    "azure": ("/openai/v1", "gpt-4o", ("2.5", "10", "1.25")),
}
AS_SHAPE = {"google": "gemini"}


@pytest.fixture
def with_providers(start_proxy, sim, tmp_path):
    """Starts a daemon with these sections, each at a path of the simulator."""
    def start(*flags, env=None, **sections):
        lines = []
        for name, fields in sections.items():
            lines.append(f"[providers.{name}]")
            fields = {"base-url": "/v1"} | fields
            fields["base-url"] = sim.url + fields["base-url"]
            lines += [f"{key} = {value}" for key, value in fields.items()]
        (tmp_path / "tokencap.conf").write_text("\n".join(lines) + "\n")
        return start_proxy("--config", str(tmp_path / "tokencap.conf"), *flags, env=env)

    return start


def dollars(model_tokens, prices):
    return sum(Decimal(price or "0") * count
               for price, count in zip(prices, model_tokens)) / 1_000_000


# Reached by prefix or by model


def test_by_prefix(with_providers, sim):
    proxy = with_providers(groq={"base-url": "/openai/v1", "key": "GROQ_API_KEY"},
                           env={"GROQ_API_KEY": "gsk-mine"})
    assert proxy.post("/groq/v1/chat/completions?a=%2F", CHAT | {"model": LLAMA}).status == 200
    entry = sim.one()
    assert entry.target == "/openai/v1/chat/completions?a=%2F"
    assert entry.header("Authorization") == "Bearer gsk-mine"
    [row] = proxy.history()
    assert (row["provider"], row["model"], row["endpoint"]) == ("groq", LLAMA, "/v1/chat/completions")


def test_by_model(with_providers, sim):
    proxy = with_providers(groq={"base-url": "/groq/v1", "models": "llama-*, qwen*"},
                           mistral={"base-url": "/mistral/v1", "models": "mistral-*"})
    for model in (LLAMA, "qwen/qwen3-32b", "mistral-small-latest", "gpt-4o"):
        assert proxy.post("/v1/chat/completions", CHAT | {"model": model}).status == 200
    paths = [e.target.removesuffix("/chat/completions") for e in sim.journal(wait=4)]
    assert paths == ["/groq/v1", "/groq/v1", "/mistral/v1", "/v1"]
    assert [r["provider"] for r in reversed(proxy.history())] == ["groq", "groq", "mistral", "openai"]


def test_the_prefix_wins_over_the_model(with_providers, sim):
    proxy = with_providers(groq={"base-url": "/groq/v1", "models": "llama-*"},
                           local={"base-url": "/local/v1"})
    assert proxy.post("/local/v1/chat/completions", CHAT | {"model": LLAMA}).status == 200
    assert sim.one().target == "/local/v1/chat/completions"


def test_other_endpoints_by_prefix(with_providers, sim):
    proxy = with_providers(local={"base-url": "/local/v1"})
    assert proxy.post("/local/v1/embeddings", EMBEDDING).status == 200
    assert proxy.get("/local/v1/models").status == 200
    assert proxy.get("/local/v1/models/gpt-4o").status == 200
    assert [e.target for e in sim.journal(wait=3)] == [
        "/local/v1/embeddings", "/local/v1/models", "/local/v1/models/gpt-4o"]
    assert len(proxy.history()) == 1


def test_anthropics_dialect(with_providers, sim):
    proxy = with_providers(bridge={"base-url": "/bridge", "dialect": "anthropic", "key": "BRIDGE_KEY",
                                   "key-header": "x-api-key", "models": "claude-*"},
                           env={"BRIDGE_KEY": "sk-bridge"})
    assert proxy.post("/v1/messages", MESSAGE).status == 200
    assert proxy.post("/bridge/v1/messages", MESSAGE).status == 200
    for entry in sim.journal(wait=2):
        assert (entry.target, entry.header("x-api-key")) == ("/bridge/v1/messages", "sk-bridge")
        assert entry.header("Authorization") is None
    # What speaks Anthropic's dialect does not answer OpenAI's.
    answer = proxy.post("/bridge/v1/chat/completions", CHAT)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_a_prefix_is_no_way_to_manage(with_providers):
    proxy = with_providers(local={})
    assert proxy.get("/local/v1/usage").status == 404
    assert proxy.get("/unknown/v1/chat/completions").status == 404


def test_a_project_of_its_own(with_providers):
    proxy = with_providers(local={})
    headers = {"X-Tokencap-Project-Id": "team"}
    assert proxy.post("/local/v1/chat/completions", CHAT, headers).status == 200
    assert proxy.usage("team")["totalRequests"] == 1


def test_a_project_and_a_provider_in_the_base_url(with_providers, sim):
    """For clients that can set nothing else."""
    proxy = with_providers(openrouter={"base-url": "/api/v1"})
    proxy.set_budget(1, "alice")
    assert proxy.post("/p/alice/openrouter/v1/chat/completions", CHAT | {"model": "no/one"}).status == 200
    assert proxy.post("/p/alice/openrouter/v1/chat/completions", STREAM).end == "complete"
    assert proxy.get("/p/alice/openrouter/v1/models").status == 200
    assert [e.target for e in sim.journal(wait=3)] == ["/api/v1/chat/completions"] * 2 + ["/api/v1/models"]
    rows = proxy.history("alice")
    assert [(r["provider"], r["status"]) for r in rows] == [("openrouter", "settled")] * 2
    assert exactly(proxy.budget("alice")["spentUsd"]) == sum(exactly(r["costUsd"]) for r in rows) > 0
    assert proxy.history() == []
    proxy.set_budget(0, "alice")
    assert proxy.post("/p/alice/openrouter/v1/chat/completions", CHAT).status == 402


def test_an_estimate_of_it(with_providers, sim):
    proxy = with_providers(groq={})
    got = proxy.post("/groq/v1/estimate/chat/completions", CHAT | {"model": LLAMA}).json()
    assert (got["provider"], got["model"]) == ("groq", LLAMA)
    assert sim.journal() == []


# Keys


def credentials(entry):
    return [(n.lower(), v) for n, v in entry.headers
            if n.lower() in ("authorization", "x-api-key", "api-key")]


@pytest.mark.parametrize("header, name, value", [
    ("bearer", "Authorization", "Bearer k"), ("x-api-key", "x-api-key", "k"),
    ("api-key", "api-key", "k")])
def test_the_key_in_its_header(with_providers, sim, header, name, value):
    proxy = with_providers(azure={"key": "AZURE_KEY", "key-header": header}, env={"AZURE_KEY": "k"})
    assert proxy.post("/azure/v1/chat/completions", CHAT).status == 200
    sent = {n.lower(): v for n, v in sim.one().headers}
    assert sent[name.lower()] == value
    assert len(sent.keys() & {"authorization", "x-api-key", "api-key"}) == 1


@pytest.mark.parametrize("name, value", [("Authorization", "Bearer mine"), ("api-key", "mine")])
def test_a_clients_own_key_passes(with_providers, sim, name, value):
    proxy = with_providers(azure={"key": "AZURE_KEY", "key-header": "api-key"},
                           env={"AZURE_KEY": "k"})
    assert proxy.post("/azure/v1/chat/completions", CHAT, {name: value}).status == 200
    assert credentials(sim.one()) == [(name.lower(), value)]


@pytest.mark.parametrize("path, own, token", [
    ("/v1/messages", ("x-api-key", "sk-ant-mine"), "Authorization"),
    ("/v1/messages", ("authorization", "Bearer sk-ant-mine"), "x-api-key"),
    ("/v1/chat/completions", ("authorization", "Bearer sk-mine"), "x-api-key"),
    ("/v1/chat/completions", ("api-key", "mine"), "Authorization")])
def test_an_own_key_beside_a_project_token(proxy, sim, path, own, token):
    """The key goes upstream, the token says whose budget it is and stays here."""
    text = proxy.post("/v1/tokens", {"projectId": "team"}).json()["token"]
    headers = [own, (token, f"Bearer {text}" if token == "Authorization" else text),
               ("X-Tokencap-Project-Id", "another")]
    assert proxy.post(path, PRICED[path], headers).status == 200
    assert credentials(sim.one()) == [own]
    assert text.encode() not in b"".join(f"{n}: {v}".encode() for n, v in sim.one().headers)
    assert (proxy.usage("team")["totalRequests"], proxy.usage("another")["totalRequests"]) == (1, 0)


def test_a_project_token_alone_borrows_the_key(proxy, sim):
    text = proxy.post("/v1/tokens", {"projectId": "team"}).json()["token"]
    away = ("X-Forwarded-For", "203.0.113.9")  # not on this host
    assert proxy.post("/v1/chat/completions", CHAT, [("Authorization", f"Bearer {text}"), away]).status == 200
    assert proxy.post("/v1/messages", MESSAGE, [("x-api-key", text), away]).status == 200
    sent = sorted(sim.journal(wait=2), key=lambda e: e.target)
    assert [credentials(e) for e in sent] == [[("authorization", "Bearer sk-configured-openai")],
                                              [("x-api-key", "sk-configured-anthropic")]]
    assert proxy.usage("team")["totalRequests"] == 2


@pytest.mark.parametrize("name, value", [("Authorization", "Basic dXNlcjpwYXNz"), ("x-api-key", ""),
                                         ("Authorization", "tcap_" + "a" * 43)])
def test_a_lent_key_is_the_only_one_sent(proxy, sim, name, value):
    assert proxy.post("/v1/chat/completions", CHAT, {name: value}).status == 200
    assert credentials(sim.one()) == [("authorization", "Bearer sk-configured-openai")]


def test_no_key_to_lend(with_providers, sim):
    proxy = with_providers(groq={"key": "GROQ_API_KEY"})
    answer = proxy.post("/groq/v1/chat/completions", CHAT)
    assert answer.status == 401
    assert "GROQ_API_KEY" in answer.json()["error"]["message"]
    assert sim.journal() == []


def test_no_key_needed(with_providers, sim):
    proxy = with_providers(ollama={})
    assert proxy.post("/ollama/v1/chat/completions", CHAT).status == 200
    assert sim.one().header("Authorization") is None


# Their words for usage, and their prices


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_settled_as_it_says_at_its_price(with_providers, sim, name, stream):
    path, model, prices = SHAPES[name]
    proxy = with_providers(**{name: {"base-url": path}})
    proxy.set_budget(1)
    script = {"shape": AS_SHAPE.get(name, name), "input": 1000, "output": 400}
    if prices[2]:
        script["cached"] = 0 if name == "google" else 300  # Gemini's dialect here says nothing of it
    if name == "google":
        script["reasoning"] = 150  # left out of completion_tokens, in the total alone
    body = (STREAM if stream else CHAT) | {"model": model, "max_tokens": 1000}
    answer = proxy.post(f"/{name}/v1/chat/completions", body, sim_header(**script))
    assert answer.status == 200, answer
    [row] = proxy.history()
    assert (row["status"], row["inputTokens"], row["outputTokens"]) == ("settled", 1000, 400), row
    cached = script.get("cached") or 0
    assert row["cachedInputTokens"] == cached
    wanted = dollars((1000 - cached, 400, cached), prices)
    assert exactly(row["costUsd"]) == wanted
    assert exactly(proxy.budget()["spentUsd"]) == wanted


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_openrouters_own_cost_is_what_counts(with_providers, stream):
    proxy = with_providers(openrouter={"base-url": "/api/v1"})
    body = (STREAM if stream else CHAT) | {"model": "meta-llama/llama-3.3-70b-instruct"}
    answer = proxy.post("/openrouter/v1/chat/completions", body, sim_header(shape="openrouter"))
    assert answer.status == 200
    [row] = proxy.history()
    assert (row["status"], row["costUsd"]) == ("settled", 0.0042)
    assert answer.figure("X-Tokencap-Cost-USD") == "0.004200"


def test_the_same_model_costs_what_its_host_takes(with_providers, sim):
    proxy = with_providers(deepinfra={}, together={})
    body = CHAT | {"model": "meta-llama/Llama-3.3-70B-Instruct-Turbo"}
    costs = []
    for name in ("deepinfra", "together"):
        assert proxy.post(f"/{name}/v1/chat/completions", body,
                          sim_header(input=1000, output=1000)).status == 200
        costs.append(proxy.history()[0]["costUsd"])
    assert costs[0] != costs[1] == 0.00208


@pytest.mark.parametrize("shape", ["mistral", "groq", "together", "deepseek", "openrouter",
                                   "gemini"])
def test_usage_that_rides_on_the_last_content_chunk_stays(with_providers, sim, shape):
    proxy = with_providers(it={})
    answer = proxy.post("/it/v1/chat/completions", STREAM, sim_header(shape=shape))
    client, upstream = events_of(answer.body), events_of(sim.one().answer_body)
    assert client == upstream or answer.body.count(b"data:") == sim.one().answer_body.count(b"data:")
    said = [c["delta"].get("content") or "" for e in client[:-1] for c in e["choices"]]
    assert "".join(said) == TEXT


def test_azures_first_chunk_is_not_the_usage(with_providers, sim):
    proxy = with_providers(azure={"key-header": "api-key"})
    answer = proxy.post("/azure/v1/chat/completions", STREAM,
                        sim_header(shape="azure", input=40, output=30))
    assert events_of(answer.body)[0]["choices"] == []
    [row] = proxy.history()
    assert (row["inputTokens"], row["outputTokens"], row["status"]) == (40, 30, "settled")


# stream_options unsupported


@pytest.mark.parametrize("shape, status", [("mistral", "settled"), ("openai", "estimated")])
def test_nothing_is_injected_where_it_is_not_taken(with_providers, sim, shape, status):
    """With usage on the last chunk all the same it is exact; without, the text is counted here."""
    proxy = with_providers(old={"stream-options": "no"})
    answer = proxy.post("/old/v1/chat/completions", STREAM,
                        sim_header(shape=shape, input=40, output=9))
    entry = sim.one()
    assert entry.json() == STREAM
    assert answer.body == entry.answer_body
    [row] = proxy.history()
    assert row["status"] == status
    assert row["outputTokens"] in (8, 9)  # the words of TEXT, as tokens
    assert row["costUsd"] > 0


def test_what_the_client_asks_for_passes_all_the_same(with_providers, sim):
    proxy = with_providers(old={"stream-options": "no"})
    assert proxy.post("/old/v1/chat/completions", STREAM_USAGE).status == 200
    assert sim.one().json() == STREAM_USAGE


# Models that no table knows


def test_an_unknown_model_is_priced_no_lower_than_gpt_4o(with_providers):
    proxy = with_providers(vllm={})
    body = CHAT | {"model": "my-own-finetune", "messages": HELLO}
    answer = proxy.post("/vllm/v1/chat/completions", body, sim_header(input=1000, output=100))
    assert answer.headers["X-Tokencap-Pricing"] == "fallback"
    assert proxy.history()[0]["costUsd"] >= 0.0035


def test_a_table_of_ones_own_says_what_a_local_model_costs(with_providers, tmp_path):
    (tmp_path / "pricing.d").mkdir()
    (tmp_path / "pricing.d/local.json").write_text(
        '{"provider": "ollama", "models": [{"id": "qwen3:8b", "input": "0", "output": "0",'
        ' "context": 40960, "as_of": "2026-11-24", "source": "mine"}]}')
    proxy = with_providers("--pricing-dir", str(tmp_path / "pricing.d"), ollama={})
    proxy.set_budget(0.01)
    answer = proxy.post("/ollama/v1/chat/completions", CHAT | {"model": "qwen3:8b"})
    assert (answer.status, answer.headers["X-Tokencap-Pricing"]) == (200, "exact")
    assert answer.headers["X-Tokencap-Cost-USD"] == "0.000000"
    assert proxy.usage()["totalRequests"] == 1


# The sample


def test_every_sample_section_can_be_enabled(start_proxy, sim, tmp_path):
    """Uncommented, each is taken, by its name and with the key it names."""
    from harness import BUILD
    sample = (BUILD / "etc/tokencap.conf").read_text()
    sections = sample[sample.index("#[providers."):]
    text = "\n".join(line[1:] if line.startswith("#") and not line.startswith("# ") else line
                     for line in sections.splitlines())
    (tmp_path / "tokencap.conf").write_text(text)
    start_proxy("--config", str(tmp_path / "tokencap.conf"))
    for name in ("gemini", "mistral", "groq", "together", "deepseek", "openrouter", "azure", "vllm",
                 "ollama"):
        assert f"\n[providers.{name}]\n" in f"\n{text}"
