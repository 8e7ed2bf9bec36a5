# SPDX-License-Identifier: MIT
"""The fault table's rarer rows: certificates, the whole request's cap, bad news on reload, a full disk."""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

from bodies import CHAT, MESSAGE, STREAM
from harness import TIMEOUT, Task, sim_header
from money import cost, exactly
from test_faults import (CHAT_PATH, MESSAGE_PATH, charged, charged_the_hold, hold, nothing_charged,
                         proxy_error)
from wire import events_of

__all__ = ["hold"]  # a fixture


class Secure:
    """Answers TLS with a certificate that nobody signed; counts what it gets to see."""

    def __init__(self, folder):
        if not shutil.which("openssl"):
            pytest.skip("openssl is not installed")
        self.certificate, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out",
                        self.certificate], check=True, capture_output=True, timeout=TIMEOUT)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections, self.requests = 0, []
        self.serving = Task(self.serve)

    @property
    def url(self):
        return "https://127.0.0.1:{}".format(self.listener.getsockname()[1])

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                self.connections += 1
                with contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as peer:
                    request = b""
                    while not request.endswith(b"}"):  # of the body
                        request += (more := peer.recv(65536))
                        if not more:
                            break
                    self.requests += [request] if request else []
                    body = b'{"id":"x","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3}}'
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                 b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def secure(tmp_path):
    server = Secure(tmp_path)
    yield server
    server.close()


def test_a_certificate_that_cannot_be_verified(start_proxy, secure):
    proxy = start_proxy(env={"OPENAI_UPSTREAM_URL": f"{secure.url}/v1"})
    proxy.set_budget(1)
    proxy_error(proxy.post(CHAT_PATH, CHAT), 502)
    assert (secure.connections, secure.requests) == (1, [])  # not tried again without looking
    nothing_charged(proxy)


def test_a_certificate_that_the_operator_vouches_for(start_proxy, secure):
    proxy = start_proxy("--upstream-ca", str(secure.certificate),
                        env={"OPENAI_UPSTREAM_URL": f"{secure.url}/v1"})
    proxy.set_budget(1)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    charged(proxy, "settled", cost("gpt-4o", input=4, output=3))


def test_a_redirect_costs_nothing(proxy, sim, hold):
    proxy_error(proxy.post(CHAT_PATH, CHAT, sim_header(fault="redirect")), 502)
    assert len(sim.journal(wait=1)) == 1  # not followed
    nothing_charged(proxy)


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_the_whole_request_has_a_cap(start_proxy, sim, body):
    """However lively it is."""
    proxy = start_proxy("--request-timeout", "300ms")
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("chat/completions", body)["holdUsd"])
    answer = proxy.post(CHAT_PATH, body, sim_header(fault="slow_drip", delay_chunk_ms=20, words=2000))
    assert answer.status == 504 or answer.end in ("reset", "closed"), answer
    if body is STREAM:
        assert "in time" in events_of(answer.body)[-1]["error"]["message"]
    assert sim.one().answer["end"] == "peer_closed"
    charged_the_hold(proxy, hold)


@pytest.mark.parametrize("status", [500, 503, 529])
def test_an_upstreams_failure_that_tells_its_usage(proxy, sim, status):
    """Then it was billed."""
    proxy.set_budget(1)
    body = ('{"error":{"type":"server_error","message":"too late"},'
            '"usage":{"prompt_tokens":40,"completion_tokens":30,"total_tokens":70}}')
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(status=status, body=body))
    assert (answer.status, answer.text) == (status, body)
    charged(proxy, "settled", cost("gpt-4o", input=40, output=30))


@pytest.mark.parametrize("status", [200, 429])
def test_an_upstreams_headers_for_waiting_pass_untouched(proxy, sim, status):
    header = "x-ratelimit-remaining-tokens: 7"
    answer = proxy.post(MESSAGE_PATH, MESSAGE, sim_header(status=status, retry_after="9999", header=header))
    assert answer.headers["Retry-After"] == "9999"
    assert answer.headers["x-ratelimit-remaining-tokens"] == "7"


# On reload


def reload(proxy):
    """The line that says how it went."""
    before = len([line for line in proxy.log.lines if "reloaded" in line])
    proxy.process.send_signal(signal.SIGHUP)
    with proxy.log.changed:
        assert proxy.log.changed.wait_for(
            lambda: len([line for line in proxy.log.lines if "reloaded" in line]) > before, TIMEOUT)
    return [line for line in proxy.log.lines if "reloaded" in line][before:]


def test_a_bad_configuration_on_reload(start_proxy, sim, tmp_path):
    file = tmp_path / "tokencap.conf"
    file.write_text("default-max-tokens = 100\n")
    proxy = start_proxy("--config", str(file))
    body = {k: v for k, v in CHAT.items() if k != "max_tokens"} | {"model": "nobody-knows-it"}
    estimate = proxy.estimate("chat/completions", body)["estimatedOutputTokens"]
    file.write_text("default-max-tokens = 200\nno such line\n")
    [line] = reload(proxy)
    assert "the old settings stay" in line and "tokencap.conf:2" in line
    assert proxy.estimate("chat/completions", body)["estimatedOutputTokens"] == estimate
    file.write_text("default-max-tokens = 200\n")
    [line] = reload(proxy)
    assert "stay" not in line
    assert proxy.estimate("chat/completions", body)["estimatedOutputTokens"] == 2 * estimate
    assert proxy.post(CHAT_PATH, CHAT).status == 200


def test_a_bad_price_file_on_reload(start_proxy, sim, tmp_path):
    folder = tmp_path / "pricing.d"
    folder.mkdir()
    table = {"provider": "openai", "models": [{"id": "my-model", "input": "1", "output": "2",
                                               "as_of": "2026-11-24", "source": "test"}]}
    (folder / "mine.json").write_text(json.dumps(table))
    proxy = start_proxy("--pricing-dir", str(folder))
    body = CHAT | {"model": "my-model"}
    before = proxy.estimate("chat/completions", body)["estimatedCostUsd"]
    table["models"][0]["output"] = "-3"
    (folder / "mine.json").write_text(json.dumps(table))
    [line] = reload(proxy)
    assert "the old settings stay" in line and "mine.json" in line and "my-model" in line
    assert proxy.estimate("chat/completions", body)["estimatedCostUsd"] == before
    assert proxy.post(CHAT_PATH, body).status == 200


# A full disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MiB; it is full when fill() says so."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)],
                          capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=TIMEOUT)


def fill(folder):
    with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as f:
        while True:
            f.write(bytes(65536))
    with contextlib.suppress(OSError), open(folder / "filler2", "wb", buffering=0) as f:
        while True:
            f.write(bytes(512))


def test_a_full_disk(start_proxy, sim, small_disk):
    """New work is refused, what is in flight is still settled, and it recovers by itself."""
    proxy = start_proxy(folder=small_disk)
    proxy.set_budget(100)
    in_flight = [Task(lambda: proxy.post(CHAT_PATH, CHAT, sim_header(gate="go", input=40, output=30)))
                 for _ in range(5)]
    sim.await_gate("go", 5)
    fill(small_disk)
    until = time.monotonic() + TIMEOUT
    refused = proxy.post(CHAT_PATH, CHAT)
    while refused.status == 200:  # the log's file may have had some room left
        assert time.monotonic() < until, "never full"
        refused = proxy.post(CHAT_PATH, CHAT)
    proxy_error(refused, 503)
    assert 1 <= int(refused.headers["Retry-After"]) <= 5
    sent = len(sim.journal())
    assert proxy.post(CHAT_PATH, CHAT).status == 503
    assert len(sim.journal()) == sent  # what cannot be recorded is not sent
    sim.open("go")
    assert [t.result().status for t in in_flight] == [200] * 5
    assert proxy.get("/health").status == 200
    for name in ("filler", "filler2"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(small_disk / name)
    until = time.monotonic() + TIMEOUT
    while proxy.post(CHAT_PATH, CHAT).status != 200:
        assert time.monotonic() < until, "never recovered"
    wanted = len([e for e in sim.journal() if e.answer and e.answer["status"] == 200])
    assert proxy.usage()["totalRequests"] == wanted
    assert proxy.budget()["reservedUsd"] == 0
    assert proxy.process.poll() is None
    proxy.verify()
