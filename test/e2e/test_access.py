# SPDX-License-Identifier: MIT
"""Who may do what: callers on this host, from elsewhere, with tokens."""

import datetime
import json
import socket
import time

import pytest

from bodies import CHAT, MESSAGE, project
from harness import TIMEOUT

CHAT_PATH = "/v1/chat/completions"
MANAGED = ["/v1/usage", "/v1/usage/history", "/v1/budget", "/v1/tokens", "/metrics"]


def own_address():
    """One of this host's that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


ADMIN = "an-admin-token-of-enough-length"


@pytest.fixture
def away(start_proxy):
    """Starts a daemon that is asked from an address that is not local."""
    if not own_address():
        pytest.skip("this host has no address but its loopback")

    def start(*flags):
        proxy = start_proxy("--host", "0.0.0.0", *flags, env={"TOKENCAP_ADMIN_TOKEN": ADMIN})
        port = proxy.address[1]
        proxy.address = (own_address(), port)
        return proxy

    return start


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def test_from_elsewhere(away, sim):
    """An own key works, nothing is lent and nothing shown; what would allow it is said."""
    proxy = away()
    assert proxy.get("/health").status == 200
    refused = proxy.post(CHAT_PATH, CHAT)
    assert refused.status == 401 and "token create" in refused.json()["error"]["message"]
    for path in MANAGED:
        refused = proxy.get(path)
        assert refused.status == 403, path
        assert "TOKENCAP_ADMIN_TOKEN" in refused.json()["error"]["message"]
        assert proxy.get(path, bearer(ADMIN)).status == 200, path
        assert proxy.get(path, bearer(ADMIN[:-1])).status == 403
        assert proxy.get(path, bearer("sk-mine")).status == 403  # any key is no admin's
    assert proxy.post("/v1/budget", {"projectId": "p", "limitUsd": 1}).status == 403
    assert sim.journal() == []
    assert proxy.post(CHAT_PATH, CHAT, bearer("sk-mine")).status == 200
    assert sim.one().header("Authorization") == "Bearer sk-mine"


def test_a_trusted_network(away, sim):
    proxy = away("--trust-network")
    assert any("trust-network" in line for line in proxy.log.lines)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    assert sim.one().header("Authorization") == "Bearer sk-configured-openai"
    for path in MANAGED:
        assert proxy.get(path).status == 200, path


def test_a_path_in_disguise_opens_nothing(away):
    """What access looks at is what is routed."""
    proxy = away()
    for path in ("/v1/%75sage", "//v1/usage", "/v1//usage", "/health/../v1/usage", "/v1/usage/", "/v1/usage;x",
                 "/health?/v1/usage", "/V1/usage", "/v1/usage%2f", "/./v1/usage", "/p/a/v1/usage"):
        answer = proxy.get(path)
        assert answer.status in (403, 404) or answer.json() == {"status": "ok"}, path


def create(proxy, **fields):
    answer = proxy.post("/v1/tokens", {"projectId": "p", **fields}, bearer(ADMIN))
    assert answer.status in (200, 201), answer
    return answer.json()


def test_a_project_token(away, sim):
    proxy = away()
    made = create(proxy, models="gpt-4o*")
    token = bearer(made["token"])
    assert made["token"].startswith("tcap_") and len(made["token"]) >= 5 + 43  # 256 bits
    assert proxy.post(CHAT_PATH, CHAT, token | project("q")).status == 200
    assert proxy.post(CHAT_PATH, CHAT | {"model": "gpt-4o-mini"}, token).status == 200
    refused = proxy.post(CHAT_PATH, CHAT | {"model": "gpt-4.1"}, token)
    assert refused.status == 403 and "it is for: gpt-4o*" in refused.json()["error"]["message"]
    for entry in sim.journal(wait=2):
        assert entry.header("Authorization") == "Bearer sk-configured-openai"
    # It reads its own project's budget and usage, and nothing else.
    assert proxy.get("/v1/usage", token).json()["usage"]["totalRequests"] == 2
    assert proxy.get("/v1/budget", token).status == 200
    for path in ("/v1/tokens", "/metrics"):
        assert proxy.get(path, token).status == 403
    assert proxy.post("/v1/budget", {"projectId": "p", "limitUsd": 99}, token).status == 403
    # Shown once, kept as a digest.
    assert made["token"] not in proxy.get("/v1/tokens", bearer(ADMIN)).text
    assert made["token"].encode() not in b"".join(f.read_bytes() for f in proxy.folder.glob("tokencap.db*"))
    assert proxy.delete(f"/v1/tokens/{made['id']}", bearer(ADMIN)).status == 200
    assert proxy.post(CHAT_PATH, CHAT, token).status == 401  # at once
    assert proxy.get("/v1/usage", token).status == 401


def test_a_tokens_models_hold_where_nothing_is_charged(away, sim):
    proxy = away()
    token = bearer(create(proxy, models="claude-haiku-*")["token"])
    paths = ("/v1/messages/count_tokens", "/v1/estimate/messages", "/v1/messages")
    tool = {"name": "f", "input_schema": {"type": "object"}}
    for path in paths:
        body = MESSAGE | {"model": "claude-haiku-4-5", "tools": [tool]}
        if "count" in path:
            del body["max_tokens"]
        assert proxy.post(path, body, token).status == 200, path
        for other in ({"model": "claude-opus-4-1"}, {"model": "Claude-haiku-4-5"}):
            refused = proxy.post(path, body | other, token)
            assert refused.status == 403, path
            assert refused.json()["error"]["type"] == "permission_error"
        text = json.dumps(body)
        for twice in (text.replace("{", '{"model":"claude-opus-4-1",', 1), text[:-1] + ',"model":"claude-opus-4-1"}'):
            assert proxy.post(path, twice, token).status == 400, path
    assert [e.json()["model"] for e in sim.journal(wait=2)] == ["claude-haiku-4-5"] * 2
    # Who is not restricted has such a body forwarded as it is.
    free = bearer(create(proxy)["token"])
    assert proxy.post(paths[0], b"no JSON", free).status == 200
    assert sim.journal(wait=3)[-1].body == b"no JSON"


def test_a_revoked_token_opens_nothing_on_a_connection_that_it_opened(away, sim):
    proxy = away()
    made = create(proxy)
    with proxy.connect() as wire:
        for path in (CHAT_PATH, "/v1/messages/count_tokens"):
            wire.request("POST", path, CHAT, bearer(made["token"]))
            assert wire.read_answer().status == 200
        assert proxy.delete(f"/v1/tokens/{made['id']}", bearer(ADMIN)).status == 200
        wire.request("POST", CHAT_PATH, CHAT, bearer(made["token"]))
        assert wire.read_answer().status == 401
    assert len(sim.journal(wait=2)) == 2


def test_an_expired_token(away, sim):
    proxy = away()
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    token = bearer(create(proxy, expires=end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z")["token"])
    until = time.monotonic() + TIMEOUT
    while (answer := proxy.post(CHAT_PATH, CHAT, token)).status == 200:
        assert time.monotonic() < until, "never expired"
    unknown = proxy.post(CHAT_PATH, CHAT, bearer("tcap_" + "a" * 43))
    assert answer.status == 401 and answer.json()["error"] == unknown.json()["error"]
