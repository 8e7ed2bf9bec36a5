# SPDX-License-Identifier: MIT
"""Every allocation, thread and system call fails once: the daemon lives, answers or hangs up, leaks
nothing, and its ledger is right."""

import mmap
import random
import struct
import threading
import time

import pytest

from bodies import CHAT, MESSAGE_STREAM, STREAM
from harness import BUILD, COUNTS, SANITIZED, Task, sim_header
from wire import TIMEOUT, Broken

CHAT_PATH, MESSAGE_PATH = "/v1/chat/completions", "/v1/messages"
no_preload = pytest.mark.skipif(SANITIZED, reason="a sanitizer has these calls of the libraries itself")
WHERE = ["built-in", pytest.param("preloaded", marks=no_preload)]


class Failing:
    """A daemon, and the switch that lets one of its calls fail."""

    def __init__(self, start_proxy, folder, call, where, first=0):
        self.path = folder / "switch"
        self.path.write_bytes(struct.pack("=q", first))
        COUNTS["faults"] += first != 0
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)
        env = {"FAIL_CALL": call, "FAIL_FILE": str(self.path)}
        if where == "preloaded":
            env["LD_PRELOAD"] = str(BUILD / "test/torture/failing.so")
        self.proxy = start_proxy("--workers", "2", env=env, program={
            "built-in": "tokencapd-torture", "preloaded": "tokencapd"}[where])

    def set(self, n):
        COUNTS["faults"] += n != 0
        self.map[:] = struct.pack("=q", n)

    def get(self):
        return struct.unpack("=q", self.map[:])[0]


def ask(proxy, path, body, headers=()):
    """The answer, or None when the connection was cut."""
    try:
        answer = proxy.post(path, body, headers)
    except (Broken, OSError):
        return None
    return answer if answer.status else None


def await_no_holds(proxy):
    until = time.monotonic() + TIMEOUT
    while True:
        text = proxy.get("/metrics").text
        if "\ntokencap_holds_open 0\n" in text and "\ntokencap_requests_in_flight 0\n" in text:
            return
        assert time.monotonic() < until, "a hold was never ended"


def fail_one_after_the_other(failing, sim, path, body, most=4000):
    """Lets the first, second, … call of a request fail, until none is left to fail. Returns how many
    did."""
    proxy, n, quiet = failing.proxy, 0, 0
    while quiet < 5 and n < most:
        n += 1
        failing.set(n)
        answer = ask(proxy, path, body, sim_header(input=7, output=5))
        quiet = quiet + 1 if failing.get() > 0 else 0
        failing.set(0)
        assert proxy.process.poll() is None, proxy.log.text
        assert answer is None or answer.status in (200, 500, 502, 503, 504), answer
        if answer and answer.status != 200:
            assert answer.end != "complete" or answer.json()["error"]["message"]
    return n - quiet


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("path, body", [(CHAT_PATH, CHAT), (CHAT_PATH, STREAM),
                                        (MESSAGE_PATH, MESSAGE_STREAM)],
                         ids=["whole", "stream", "messages"])
def test_no_memory_once(start_proxy, sim, tmp_path, where, path, body):
    failing = Failing(start_proxy, tmp_path, "malloc", where)
    proxy = failing.proxy
    proxy.set_budget(1000)
    assert proxy.post(path, body).status == 200
    failed = fail_one_after_the_other(failing, sim, path, body)
    assert failed > 5
    check_ledger(proxy, sim)


def check_ledger(proxy, sim):
    answer = proxy.post(CHAT_PATH, CHAT, sim_header(input=7, output=5))
    assert answer.status == 200
    await_no_holds(proxy)
    budget = proxy.budget()
    assert budget["reservedUsd"] == 0
    rows, before = [], ""
    while True:
        page = proxy.get(f"/v1/usage/history?limit=1000{before}").json()
        rows += page["records"]
        if not page["nextCursor"]:
            break
        before = f"&before={page['nextCursor']}"
    # Each request that reached the upstream and may have been billed is charged.
    sent = [e for e in sim.journal() if e.answer and e.answer["status"] == 200]
    assert len(rows) >= len(sent)
    assert all(r["costUsd"] > 0 for r in rows)
    proxy.verify()


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_an_answer_that_comes_when_there_is_no_memory_is_settled(start_proxy, sim, tmp_path, where, body):
    """As soon as there is some."""
    failing = Failing(start_proxy, tmp_path, "malloc", where)
    proxy = failing.proxy
    proxy.set_budget(1000)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    asked = Task(lambda: ask(proxy, CHAT_PATH, body, sim_header(gate="go", input=7, output=5)))
    sim.await_gate("go")
    failing.set(-1)
    sim.open("go")
    sim.journal(wait=2)
    time.sleep(0.2)  # while it would be settled
    failing.set(0)
    asked.result()
    check_ledger(proxy, sim)


@pytest.mark.parametrize("where", WHERE)
def test_no_memory_for_a_while(start_proxy, sim, tmp_path, where):
    """Again and again, at any moment of several requests: it goes on, and every hold ends."""
    failing = Failing(start_proxy, tmp_path, "malloc", where)
    proxy, rng, over = failing.proxy, random.Random(5), threading.Event()
    proxy.set_budget(1000)
    assert proxy.post(CHAT_PATH, CHAT).status == 200

    def client(path, body):
        while not over.is_set():
            ask(proxy, path, body, sim_header(input=7, output=5))

    crowd = [Task(lambda a=a: client(*a)) for a in
             ((CHAT_PATH, CHAT), (CHAT_PATH, STREAM), (MESSAGE_PATH, MESSAGE_STREAM))]
    for _ in range(100):
        for n in (-1, 0):
            failing.set(n)
            time.sleep(rng.uniform(0, 0.01))
    over.set()
    for task in crowd:
        task.result()
    assert proxy.process.poll() is None, proxy.log.text
    check_ledger(proxy, sim)


@pytest.mark.parametrize("where", WHERE)
def test_no_memory_at_the_start(start_proxy, sim, tmp_path, where):
    """An allocation of a start fails: it ends with a message and a status, or it serves."""
    switch = tmp_path / "switch"
    env = {"FAIL_CALL": "malloc", "FAIL_FILE": str(switch)}
    if where == "preloaded":
        env["LD_PRELOAD"] = str(BUILD / "test/torture/failing.so")
    program = "tokencapd-torture" if where == "built-in" else "tokencapd"
    rng, n, statuses, left = random.Random(7), 0, [], 0
    while left <= 0:
        n += 1 if n < 40 else rng.randint(20, 120)
        switch.write_bytes(struct.pack("=q", n))
        daemon = start_proxy("--workers", "2", env=env, program=program, ready=False)
        if daemon.log.wait_for("^tokencapd: ready on "):
            daemon.process.terminate()
        statuses.append(daemon.failure())
        assert statuses[-1] in (0, 1, 64, 74, 78), (n, daemon.log.text)
        assert statuses[-1] == 0 or "tokencapd: " in daemon.log.text, n
        left = struct.unpack("=q", switch.read_bytes())[0]
    assert len(statuses) > 20 and sum(1 for s in statuses if s) > 3, statuses


@pytest.mark.parametrize("where", WHERE)
def test_no_threads(start_proxy, sim, tmp_path, where):
    """pthread_create fails for a while: connections are closed, the daemon goes on and recovers."""
    failing = Failing(start_proxy, tmp_path, "thread", where)
    proxy = failing.proxy
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    failing.set(-1)
    if where == "preloaded":  # where it reaches the HTTP library, which makes them
        assert [ask(proxy, CHAT_PATH, CHAT) for _ in range(20)] == [None] * 20
    failing.set(0)
    assert proxy.process.poll() is None
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    assert len(sim.journal(wait=2)) == 2
    proxy.verify()


@no_preload
@pytest.mark.parametrize("call", ["send", "connect", "accept"])
def test_a_socket_call_fails_once(start_proxy, sim, tmp_path, call):
    failing = Failing(start_proxy, tmp_path, call, "preloaded")
    proxy = failing.proxy
    proxy.set_budget(1000)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    for body in (CHAT, STREAM):
        for n in range(1, 8):
            failing.set(n)
            answer = ask(proxy, CHAT_PATH, body, sim_header(input=7, output=5))
            failing.set(0)
            assert proxy.process.poll() is None
            assert answer is None or answer.status in (200, 502, 503), answer
    check_ledger(proxy, sim)


def test_a_call_of_libcurl_fails_once(start_proxy, sim, tmp_path):
    failing = Failing(start_proxy, tmp_path, "curl", "built-in")
    proxy = failing.proxy
    proxy.set_budget(1000)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    for body in (CHAT, STREAM):
        assert fail_one_after_the_other(failing, sim, CHAT_PATH, body) > 5
    check_ledger(proxy, sim)


def test_a_handle_that_could_not_be_made_is_made_the_next_time(start_proxy, sim, tmp_path):
    for n in range(1, 20):
        failing = Failing(start_proxy, tmp_path, "curl", "built-in", first=n)
        first, second = (failing.proxy.post(CHAT_PATH, CHAT) for _ in range(2))
        assert (first.status, second.status) == (503, 200), (n, first)
        assert "Retry-After" in first.headers and failing.get() == 0
        failing.proxy.stop()
    assert len(sim.journal()) == 19


@pytest.mark.parametrize("call, where", [pytest.param("write", "preloaded", marks=no_preload),
                                         ("sqlite", "built-in")])
def test_a_write_fails_once(start_proxy, sim, tmp_path, call, where):
    """A ledger that could not be written to admits nothing more: the daemon ends with 74, or goes on
    where nothing was lost. What was answered is there after the next start."""
    answered = 0
    for n in range(1, 16 if call == "write" else 40):
        failing = Failing(start_proxy, tmp_path, call, where)
        proxy = failing.proxy
        failing.set(n)
        for _ in range(6):
            answer = ask(proxy, CHAT_PATH, CHAT, sim_header(input=7, output=5))
            answered += answer is not None and answer.status == 200
        failing.set(0)
        if ask_health(proxy):
            proxy.process.terminate()
        assert proxy.failure() in (0, 74), proxy.log.text
        again = start_proxy()
        rows = again.rows("SELECT count(*) FROM usage")[0][0]
        assert rows >= answered
        assert len(sim.journal()) <= rows
        again.verify()
        again.stop()


def ask_health(proxy):
    try:
        return proxy.get("/health").status == 200
    except (Broken, OSError):
        return False
