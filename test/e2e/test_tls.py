# SPDX-License-Identifier: MIT
"""HTTPS on both sides: serving it, and verifying the upstream's."""

import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from bodies import CHAT, STREAM
from harness import TIMEOUT, Task
from test_faults import pump
from wire import Broken, Wire

CHAT_PATH = "/v1/chat/completions"

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


def make_certificate(folder, name, host="localhost"):
    """A self-signed one for localhost and 127.0.0.1; the paths of certificate and key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1", "-keyout", key, "-out",
                    cert], check=True, capture_output=True, timeout=TIMEOUT)
    return cert, key


class Secure(Wire):
    def __init__(self, address, trusted=None, context=None):
        super().__init__(address)
        if context is None:
            context = ssl.create_default_context(cafile=trusted)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")


pytestmark = [pytestmark, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]


@pytest.fixture
def served(start_proxy, tmp_path):
    """A daemon that serves HTTPS, and its certificate's path."""
    cert, key = make_certificate(tmp_path, "first")
    proxy = start_proxy("--tls-cert", str(cert), "--tls-key", str(key), ready=False)
    line = proxy.log.wait_for("ready on https://127.0.0.1:")
    proxy.address = ("127.0.0.1", int(line.rpartition(":")[2]))
    yield proxy, cert, key
    proxy.process.terminate()
    assert proxy.failure() == 0


def test_https(served, sim):
    proxy, cert, _ = served
    with Secure(proxy.address, cert) as wire:
        assert wire.socket.version() in ("TLSv1.2", "TLSv1.3")
        for body in (CHAT, STREAM):  # one connection for both
            wire.request("POST", CHAT_PATH, body)
            answer = wire.read_answer()
            assert (answer.status, answer.end) == (200, "complete")
    assert len(sim.journal(wait=2)) == 2


def test_tls_before_1_2_is_refused(served):
    proxy, _, _ = served
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        Secure(proxy.address, context=context)


def test_plain_http_to_the_https_port(served):
    proxy, cert, _ = served
    with proxy.connect() as wire:
        wire.request("GET", "/health")
        with pytest.raises(Broken):
            wire.read_head()
    with Secure(proxy.address, cert) as wire:
        wire.request("GET", "/health")
        assert wire.read_answer("GET").status == 200


def common_name(proxy):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Secure(proxy.address, context=context) as wire:
        return wire.socket.getpeercert(binary_form=True)


def test_sighup_changes_the_certificate(served, tmp_path):
    proxy, cert, key = served
    first = common_name(proxy)
    fresh_cert, fresh_key = make_certificate(tmp_path, "second")
    with Secure(proxy.address, cert) as held:  # goes on under the old one
        cert.write_bytes(fresh_cert.read_bytes())
        key.write_bytes(fresh_key.read_bytes())
        proxy.process.send_signal(signal.SIGHUP)
        assert proxy.log.wait_for("tokencapd: reloaded")
        assert common_name(proxy) != first
        held.request("GET", "/health")
        assert held.read_answer("GET").status == 200


@pytest.mark.parametrize("bad", ["cert", "key", "mismatch"])
def test_a_bad_certificate_leaves_the_old_one(served, tmp_path, bad):
    proxy, cert, key = served
    first = common_name(proxy)
    if bad == "mismatch":
        key.write_bytes(make_certificate(tmp_path, "other")[1].read_bytes())
    else:
        {"cert": cert, "key": key}[bad].write_text("no PEM\n")
    proxy.process.send_signal(signal.SIGHUP)
    assert proxy.log.wait_for("not reloaded")
    assert common_name(proxy) == first


def test_a_reload_is_all_or_nothing(start_proxy, tmp_path):
    """A good configuration with a bad certificate changes neither."""
    cert, key = make_certificate(tmp_path, "first")
    config = tmp_path / "tokencap.conf"
    config.write_text("default-max-tokens = 100\n")
    proxy = start_proxy("--config", str(config), "--tls-cert", str(cert), "--tls-key", str(key),
                        ready=False)
    proxy.set_address(proxy.log.wait_for("ready on ").replace("https", "http"))
    body = {k: v for k, v in CHAT.items() if k != "max_tokens"} | {"model": "nobody-knows-it"}

    def predicted():
        with Secure(proxy.address, str(tmp_path / "first.copy")) as wire:
            wire.request("POST", f"/v1/estimate{CHAT_PATH[3:]}", body)
            return wire.read_answer().json()["estimatedOutputTokens"]

    good = cert.read_bytes()
    (tmp_path / "first.copy").write_bytes(good)
    before = predicted()
    config.write_text("default-max-tokens = 200\n")
    for content, said, wanted in ((b"no PEM\n", "not reloaded, the old settings stay", before),
                                  (good, "tokencapd: reloaded", 2 * before)):
        cert.write_bytes(content)
        proxy.process.send_signal(signal.SIGHUP)
        assert proxy.log.wait_for(said)
        assert predicted() == wanted
    proxy.process.terminate()
    assert proxy.failure() == 0


def test_a_start_with_a_bad_certificate(start_proxy, tmp_path):
    cert, key = make_certificate(tmp_path, "first")
    cert.write_text("no PEM\n")
    proxy = start_proxy("--tls-cert", str(cert), "--tls-key", str(key), ready=False)
    assert proxy.failure() in (1, 78)
    assert str(cert) in proxy.log.text


class Front:
    """Speaks TLS for the simulator: what an upstream looks like from outside."""

    def __init__(self, sim, cert, key):
        self.sim = sim
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.task = Task(self.accept)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                near = self.context.wrap_socket(near, server_side=True)
            except (ssl.SSLError, OSError):
                continue
            far = socket.create_connection(self.sim.address)
            Task(lambda n=near, f=far: pump(n, f))
            Task(lambda n=near, f=far: pump(f, n))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def upstream(sim, tmp_path):
    cert, key = make_certificate(tmp_path, "upstream")
    front = Front(sim, cert, key)
    yield front, cert
    front.close()


def test_an_upstream_that_is_trusted(start_proxy, sim, upstream):
    front, cert = upstream
    proxy = start_proxy("--upstream-ca", str(cert),
                        env={"OPENAI_UPSTREAM_URL": f"https://localhost:{front.port}/v1"})
    for body in (CHAT, STREAM):
        answer = proxy.post(CHAT_PATH, body)
        assert (answer.status, answer.end) == (200, "complete"), answer
    assert len(sim.journal(wait=2)) == 2


@pytest.mark.parametrize("why", ["not trusted", "another name"])
def test_an_upstream_that_is_not(start_proxy, sim, upstream, tmp_path, why):
    front, cert = upstream
    flags, host = (), "localhost"
    if why == "another name":
        flags, host = ("--upstream-ca", str(cert)), "127.0.0.2"
    proxy = start_proxy(*flags, env={"OPENAI_UPSTREAM_URL": f"https://{host}:{front.port}/v1"})
    proxy.set_budget(1)
    if why == "another name":
        other = socket.create_server(("127.0.0.2", front.port))
        front.listener, first = other, front.listener
        second = Task(front.accept)
        answer = proxy.post(CHAT_PATH, CHAT)
        front.close()
        second.result()
        front.listener = first
    else:
        answer = proxy.post(CHAT_PATH, CHAT)
    assert answer.status == 502, answer
    assert "TLS" in answer.json()["error"]["message"] or "certificate" in answer.text
    assert sim.journal() == []
    assert proxy.history() == [] and proxy.budget()["reservedUsd"] == 0
