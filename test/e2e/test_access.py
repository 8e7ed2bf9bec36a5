# SPDX-License-Identifier: MIT
"""Who may do what: callers on this host, from elsewhere, with tokens."""

import datetime
import socket
import time

import pytest

from bodies import CHAT, project
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


def test_an_expired_token(away, sim):
    proxy = away()
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    token = bearer(create(proxy, expires=end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z")["token"])
    until = time.monotonic() + TIMEOUT
    while (answer := proxy.post(CHAT_PATH, CHAT, token)).status == 200:
        assert time.monotonic() < until, "never expired"
    unknown = proxy.post(CHAT_PATH, CHAT, bearer("tcap_" + "a" * 43))
    assert answer.status == 401 and answer.json()["error"] == unknown.json()["error"]
