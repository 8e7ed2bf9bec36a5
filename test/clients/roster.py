# SPDX-License-Identifier: MIT
"""Who is driven, and what each can do; how it is started, and what it is called in the table."""

import dataclasses
import importlib.metadata
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
OPENAI = frozenset("chat stream tools structured vision embeddings responses models headers".split())
ANTHROPIC = frozenset("chat stream tools structured vision countTokens models headers".split())
AI_SDK = frozenset("chat stream tools structured vision headers".split())
LANGCHAIN = frozenset("chat stream tools structured vision".split())
# In the order of the table's columns.
FEATURES = {
    "chat": "answer", "stream": "stream", "tools": "tools", "structured": "structured output",
    "vision": "vision", "responses": "Responses", "embeddings": "embeddings",
    "countTokens": "token counting", "models": "models", "headers": "reads the figures",
    "leave": "leaves mid-stream", "over": "402 asked once", "limited": "429", "busy": "503", "bare": "base URL", "v1": "…/v1", "project": "/p/PROJECT/v1",
    "mock": "second upstream",
}
ALWAYS = frozenset("leave over limited busy v1 project mock".split())


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    title: str
    package: str      # of npm, or "python:" and a distribution
    driver: tuple     # what to start
    provider: str     # whose dialect it speaks
    own: frozenset    # features that not everybody has
    path: str         # of its usual request
    not_here: frozenset = frozenset()  # of ALWAYS
    repeats_429: bool = True
    base: str = "/v1"                  # what its base URL ends with at the provider's own

    @property
    def features(self):
        return [f for f in FEATURES if f in self.own | ALWAYS | {"bare"} and f not in self.not_here]

    @property
    def installed(self):
        return self.package.startswith("python:") or \
            (HERE / "node_modules" / self.package / "package.json").exists()

    @property
    def version(self):
        kind, _, name = self.package.rpartition(":")
        if kind:
            return importlib.metadata.version(name)
        installed = HERE / "node_modules" / name / "package.json"
        return json.loads(installed.read_text())["version"]


def node(name, title, package, provider, own, path, **more):
    return Client(name, title, package, ("node", HERE / "driver.mjs", name), provider, own, path,
                  **more)


def python(sdk, title, provider, own, path, *more):
    return Client("-".join((sdk, "python", *more)), title, f"python:{sdk}",
                  (sys.executable, HERE / "python_driver.py", sdk, *more), provider, own, path,
                  base="/v1" if sdk == "openai" else "")


CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
CLIENTS = [
    python("openai", "OpenAI SDK, Python", "openai", OPENAI, CHAT),
    python("openai", "OpenAI SDK, Python, async", "openai", OPENAI, CHAT, "async"),
    node("openai", "OpenAI SDK, TypeScript", "openai", "openai", OPENAI, CHAT),
    node("openai-next", "OpenAI SDK, TypeScript, newest", "openai-next", "openai", OPENAI, CHAT),
    python("anthropic", "Anthropic SDK, Python", "anthropic", ANTHROPIC, MESSAGES),
    python("anthropic", "Anthropic SDK, Python, async", "anthropic", ANTHROPIC, MESSAGES, "async"),
    node("anthropic", "Anthropic SDK, TypeScript", "@anthropic-ai/sdk", "anthropic", ANTHROPIC,
         MESSAGES, base=""),
    node("ai-sdk-openai", "AI SDK, OpenAI", "@ai-sdk/openai", "openai", AI_SDK | {"embeddings"},
         RESPONSES),
    node("ai-sdk-openai-chat", "AI SDK, OpenAI chat", "@ai-sdk/openai", "openai", AI_SDK, CHAT),
    node("ai-sdk-compatible", "AI SDK, OpenAI-compatible", "@ai-sdk/openai-compatible", "openai",
         AI_SDK | {"embeddings"}, CHAT),
    node("ai-sdk-anthropic", "AI SDK, Anthropic", "@ai-sdk/anthropic", "anthropic", AI_SDK,
         MESSAGES),
    node("langchain-openai", "LangChain JS, OpenAI", "@langchain/openai", "openai",
         LANGCHAIN | {"embeddings"}, CHAT, repeats_429=False),
    node("langchain-anthropic", "LangChain JS, Anthropic", "@langchain/anthropic", "anthropic",
         LANGCHAIN, MESSAGES, base="", repeats_429=False),
    node("agents-sdk", "OpenAI Agents SDK", "@openai/agents", "openai", LANGCHAIN, RESPONSES,
         not_here=frozenset({"leave"})),
]


@dataclasses.dataclass(frozen=True)
class Agent(Client):
    """A program of its own, run with a home folder that holds nothing but its configuration."""

    program: str = ""
    model: str = ""
    asks_over: int = 1  # how many different requests it makes before it gives up on a 402

    def configure(self, home, base, patient=False):
        """Writes what docs/clients.md says; the environment and arguments to run it with."""
        return {"claude-code": claude_code, "codex": codex, "opencode": opencode}[self.name](
            self, home, base, patient)


def claude_code(agent, home, base, patient):
    return {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "sk-ant-mine",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}, \
        ["-p", "--model", agent.model, "--allowedTools=Bash"]


def codex(agent, home, base, patient):
    retries = "" if patient else "request_max_retries = 0\nstream_max_retries = 0\n"
    (home / ".codex").mkdir(exist_ok=True)
    (home / ".codex/config.toml").write_text(
        f'model = "{agent.model}"\nmodel_provider = "tokencap"\n\n'
        f'[model_providers.tokencap]\nname = "tokencap"\nbase_url = "{base}"\n'
        f'env_key = "OPENAI_API_KEY"\nwire_api = "responses"\n{retries}')
    return {"OPENAI_API_KEY": "sk-mine"}, \
        ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]


def opencode(agent, home, base, patient):
    folder = home / ".config/opencode"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "opencode.json").write_text(json.dumps({
        "model": f"tokencap/{agent.model}", "small_model": "tokencap/gpt-4o-mini",
        "autoupdate": False, "share": "disabled", "provider": {"tokencap": {
            "npm": "@ai-sdk/openai-compatible", "name": "tokencap",
            "options": {"baseURL": base, "apiKey": "sk-mine"},
            "models": {agent.model: {}, "gpt-4o-mini": {}}}}}))
    return {"OPENCODE_DISABLE_MODELS_FETCH": "1"}, ["run"]


def agent(name, title, package, program, provider, own, path, model, **more):
    return Agent(name, title, package, (), provider, frozenset(own.split()), path, program=program,
                 model=model, not_here=frozenset({"leave", "mock"}), **more)


AGENTS = [
    agent("claude-code", "Claude Code", "@anthropic-ai/claude-code", "claude", "anthropic",
          "chat stream tools countTokens", MESSAGES, "claude-haiku-4-5", base=""),
    agent("codex", "Codex", "@openai/codex", "codex", "openai", "chat stream tools responses", RESPONSES,
          "gpt-5", ),
    agent("opencode", "opencode", "opencode-ai", "opencode", "openai", "chat stream tools", CHAT, "gpt-4o",
          asks_over=2),
]
