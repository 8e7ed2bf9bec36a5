# SPDX-License-Identifier: MIT
"""Under a service manager: a socket handed over, and what the manager is told."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from bodies import CHAT
from harness import BUILD, TIMEOUT, Lines, Task, clean_environment, sim_header
from wire import Wire

# Becomes the daemon with `count` inherited sockets from descriptor 3 on, as a service manager does.
HAND_OVER = """
import os, sys
fds, count, *command = sys.argv[1:]
for i, fd in enumerate(fds.split(",")):
    os.dup2(int(fd), 3 + i, inheritable=True)
os.environ["LISTEN_FDS"] = count
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(command[0], command)
"""


def hand_over(folder, sim, *sockets, count=None):
    env = clean_environment() | {"DB_PATH": str(folder / "tokencap.db"),
                                 "OPENAI_UPSTREAM_URL": f"{sim.url}/v1", "OPENAI_API_KEY": "sk-x"}
    fds = [s.fileno() for s in sockets]
    return subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, ",".join(map(str, fds)), str(count or len(fds)),
         str(BUILD / "bin/tokencapd"), "--workers", "4", "--port", "1"],
        env=env, pass_fds=fds, stderr=subprocess.PIPE, text=True)


@pytest.fixture(params=["IPv4", "Unix"])
def listening(request, tmp_path):
    if request.param == "IPv4":
        with socket.create_server(("127.0.0.1", 0)) as found:
            yield found
    else:
        with socket.socket(socket.AF_UNIX) as found:
            found.bind(str(tmp_path / "socket"))
            found.listen()
            yield found


class UnixWire(Wire):
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(address)
        self.buffer, self.answer = b"", None


def test_a_socket_handed_over(sim, tmp_path, listening):
    """Also a client that came before the daemon was there is served."""
    address = listening.getsockname()
    with (UnixWire if isinstance(address, str) else Wire)(address) as early:
        early.request("POST", "/v1/chat/completions", CHAT)
        process = hand_over(tmp_path, sim, listening)
        log = Lines(process.stderr)
        ready = log.wait_for("ready on")
        assert str(address if isinstance(address, str) else address[1]) in ready
        assert early.read_answer().status == 200
    process.terminate()
    assert process.wait(TIMEOUT) == 0
    process.stderr.close()


def test_what_cannot_be_listened_on_is_refused(sim, tmp_path):
    with socket.socket() as deaf, socket.create_server(("127.0.0.1", 0)) as one:
        for handed in ((deaf,), (one, one)):
            process = hand_over(tmp_path, sim, *handed)
            _, said = process.communicate(timeout=TIMEOUT)
            assert process.returncode == 1 and "LISTEN_FDS" in said


def test_what_the_manager_is_told(start_proxy, sim, tmp_path):
    """READY when it serves, WATCHDOG while it lives, STOPPING while it drains."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(TIMEOUT)
        manager.bind(str(tmp_path / "notify"))
        proxy = start_proxy(env={"NOTIFY_SOCKET": str(tmp_path / "notify"),
                                 "WATCHDOG_USEC": "1000000"})
        assert manager.recv(4096).startswith(b"READY=1")
        assert proxy.get("/health").status == 200
        assert manager.recv(4096) == b"WATCHDOG=1"
        assert manager.recv(4096) == b"WATCHDOG=1"
        asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT, sim_header(gate="go")))
        sim.await_gate("go")
        proxy.process.terminate()
        while (said := manager.recv(4096)) == b"WATCHDOG=1":
            pass
        assert said.startswith(b"STOPPING=1")
        sim.open("go")
        assert asked.result().status == 200
        assert proxy.failure() == 0


def test_the_manager_is_told_of_a_reload(start_proxy, tmp_path):
    """When it begins, by the clock that the manager asks for, and when it is over, also without success."""
    config = tmp_path / "tokencap.conf"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(TIMEOUT)
        manager.bind(str(tmp_path / "notify"))
        config.write_text("")
        proxy = start_proxy("--config", str(config), env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(4096).startswith(b"READY=1")
        for text, said in (("", "tokencapd: reloaded"), ("no such line\n", "not reloaded")):
            config.write_text(text)
            before = time.monotonic_ns() // 1000
            proxy.process.send_signal(signal.SIGHUP)
            head, _, usec = manager.recv(4096).decode().partition("\nMONOTONIC_USEC=")
            assert head == "RELOADING=1" and before <= int(usec) <= time.monotonic_ns() // 1000
            assert manager.recv(4096) == b"READY=1"
            assert proxy.log.wait_for(said)


def test_signs_of_life_come_twice_within_what_the_manager_grants(start_proxy, tmp_path):
    """However short that is: thirty, one a tenth of a second, in far less than thirty seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(TIMEOUT)
        manager.bind(str(tmp_path / "notify"))
        start_proxy(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"})
        assert manager.recv(4096).startswith(b"READY=1")
        start = time.monotonic()
        for _ in range(30):
            assert manager.recv(4096) == b"WATCHDOG=1"
        assert time.monotonic() - start < 15


def test_credentials_of_the_service(start_proxy, sim, tmp_path):
    """Keys in files of $CREDENTIALS_DIRECTORY serve as those in the environment do."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "OPENAI_API_KEY").write_text("sk-from-a-credential\n")
    env = {"CREDENTIALS_DIRECTORY": str(folder), "OPENAI_API_KEY": ""}
    proxy = start_proxy(env=env)
    if proxy.post("/v1/chat/completions", CHAT).status != 200:  # an empty variable counts as set
        proxy.stop()
        del proxy.env["OPENAI_API_KEY"]
        proxy.launch()
        proxy.await_ready()
        assert proxy.post("/v1/chat/completions", CHAT).status == 200
    assert sim.journal(wait=1)[-1].header("Authorization") == "Bearer sk-from-a-credential"
    assert os.path.exists(folder / "OPENAI_API_KEY")
