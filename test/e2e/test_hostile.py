# SPDX-License-Identifier: MIT
"""Clients that mean harm: requests between two readings, slowness, floods, and looking for keys."""

import json
import os
import random
import resource
import socket
import threading
import time

import pytest

from bodies import CHAT, STREAM
from harness import FIGURES, Task, figures_follow, sim_header, together
from wire import TIMEOUT, Broken, render

CHAT_PATH = "/v1/chat/completions"


def ask_health(proxy):
    start = time.monotonic()
    assert proxy.get("/health").status == 200
    return time.monotonic() - start


def resident(process, field="VmRSS"):
    """Kibibytes."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(next(line for line in status if line.startswith(field)).split()[1])


# Requests between two readings

SMUGGLED = render("POST", CHAT_PATH, CHAT | {"model": "gpt-4o-mini"}, sim_header(text="smuggled"))
OUTER = {
    "NUL in a value": b"X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "NUL in a framing value": b"Content-Length: 2\0\r\n\r\n{}",
    "NUL before chunked": b"Transfer-Encoding: \0chunked\r\n\r\n0\r\n\r\n",
    "bare CR in a value": b"X-A: a\rContent-Length: 300\r\nContent-Length: 2\r\n\r\n{}",
    "bare CR before a coding": b"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "bare LF": b"X-A: a\nContent-Length: 2\n\n{}",
    "a folded ordinary header": b"X-A: a\r\n Content-Length: 300\r\nContent-Length: 2\r\n\r\n{}",
    "a folded coding": b"X-A: a\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "a header without a name": b": a\r\nContent-Length: 2\r\n\r\n{}",
    "a header without a colon": b"Transfer-Encoding chunked\r\nContent-Length: 2\r\n\r\n{}",
    "an underscore": b"Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "Content_Length": b"Content_Length: 300\r\nContent-Length: 2\r\n\r\n{}",
    "vertical tab before chunked": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "trailing comma": b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    "quoted": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunk extension": b"Transfer-Encoding: chunked\r\n\r\n2;x=\r\n{}\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": b"Transfer-Encoding: chunked\r\n\r\n"
                                 b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "chunk size negative": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk size 0x": b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk without its end": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "a trailer that frames": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
                             b"Content-Length: 300\r\n\r\n",
    "a connection header that drops": b"Connection: content-length\r\nContent-Length: 2\r\n\r\n{}",
    "leading blank line": b"Content-Length: 2\r\n\r\n{}\r\n",
}


@pytest.mark.parametrize("case", OUTER)
def test_nothing_is_smuggled(proxy, sim, case):
    """Whatever the first request is read as, what follows reaches the upstream only as a request of
    its own that got an answer of its own: as many there as answers of 200 here."""
    head = f"POST {CHAT_PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()
    answers = []
    with proxy.connect() as wire:
        wire.send(head + OUTER[case] + SMUGGLED)
        wire.socket.shutdown(socket.SHUT_WR)
        while (answer := wire.read_answer()).status:
            answers.append(answer.status)
    assert answers.count(200) == len(sim.journal(wait=answers.count(200)))
    for entry in sim.journal():
        assert entry.json() == CHAT | {"model": "gpt-4o-mini"}  # whole, or not at all
        names = [name.lower() for name, _ in entry.headers]
        assert names.count("content-length") == 1 and "transfer-encoding" not in names
    assert proxy.post(CHAT_PATH, CHAT).status == 200


PIECES = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"Content-Length: 5\r\n", b"HTTP/1.1",
          b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"\xff", b"%00", b"..", b"{", b"}", b'"',
          b"X-Tokencap-Project-Id: ../x\r\n", b"Host: a\r\n", b"Expect: 100-continue\r\n", b"A" * 5000]


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        how = rng.randrange(4)
        if how == 0:
            data[at] = rng.randrange(256)
        elif how == 1:
            data[at:at] = rng.choice(PIECES)
        elif how == 2:
            del data[at:at + rng.randint(1, 8)]
        else:
            data[at:at] = data[rng.randrange(len(data)):][:rng.randint(1, 40)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_requests(proxy, sim, seed):
    """Damaged requests: an answer or a closed connection, and nothing upstream without a 200."""
    rng = random.Random(seed)
    sane = [render("POST", CHAT_PATH, CHAT), render("POST", CHAT_PATH, STREAM),
            render("POST", "/v1/budget", {"projectId": "p", "limitUsd": 100}),
            render("GET", "/v1/usage/history?limit=3&model=gpt-4o"),
            render("POST", CHAT_PATH, b"2\r\n{}\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"})]
    sent = answered = 0
    for _ in range(250):
        with proxy.connect() as wire:
            wire.send(mutate(rng, rng.choice(sane)))
            wire.socket.shutdown(socket.SHUT_WR)
            try:
                answer = wire.read_answer()
            except ValueError:  # a second answer in the midst: pipelined
                continue
            sent += 1
            assert answer.status is None or 200 <= answer.status < 600
            assert answer.status not in (500, 502, 504), answer
            answered += answer.status is not None
    assert sent > 200 and answered > 50
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    for entry in sim.journal():
        names = [name.lower() for name, _ in entry.headers]
        assert names.count("content-length") + names.count("transfer-encoding") <= 1
        assert entry.target.startswith("/v1/")
    proxy.verify()


# Slowness

def cut_within(wire, seconds, feed=None):
    """The peer closes the connection in time, however slowly it is fed; the answer before that."""
    start = time.monotonic()
    wire.socket.settimeout(0.02)
    while time.monotonic() - start < seconds:
        try:
            if feed:
                wire.send(feed)
            wire.more()
        except (TimeoutError, socket.timeout):
            continue
        except (Broken, OSError):
            return time.monotonic() - start
    raise AssertionError(f"still open after {seconds} s")


@pytest.mark.parametrize("begin, feed", [
    (b"", b""), (b"P", b"O"), (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
    (b"GET /health HTTP/1.1\r\nX: ", b"a")], ids=["silence", "line", "headers", "value"])
def test_slow_headers_are_cut(start_proxy, begin, feed):
    proxy = start_proxy("--header-timeout", "500ms")
    with proxy.connect() as wire:
        wire.send(begin)
        assert cut_within(wire, TIMEOUT, feed) > 0.3
    assert proxy.get("/health").status == 200


def test_a_stalled_body_is_cut(start_proxy, sim):
    proxy = start_proxy("--body-idle-timeout", "300ms")
    with proxy.connect() as wire:
        wire.send(render("POST", CHAT_PATH, None, {"Content-Length": "1000"}) + b'{"model":')
        assert cut_within(wire, TIMEOUT) > 0.2
    assert sim.journal() == []
    assert proxy.history() == []


def test_a_dripping_body_is_cut(start_proxy, sim):
    proxy = start_proxy("--body-timeout", "600ms")
    with proxy.connect() as wire:
        wire.send(render("POST", CHAT_PATH, None, {"Content-Length": "1000000"}))
        assert cut_within(wire, TIMEOUT, b" ") > 0.4
    assert sim.journal() == []


def test_an_idle_connection_is_closed(start_proxy):
    proxy = start_proxy("--keepalive-timeout", "300ms")
    with proxy.connect() as wire:
        wire.request("GET", "/health")
        assert wire.read_answer("GET").status == 200
        assert cut_within(wire, TIMEOUT) > 0.2


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
def test_who_does_not_read_an_answer_is_cut(start_proxy, sim, body):
    """Also when the upstream has long ended and nobody waits for room."""
    proxy = start_proxy("--write-stall-timeout", "400ms")
    sim.script(text="word " * 400_000, chunks=40, input=10, output=20)
    with socket.socket() as quiet:
        quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        quiet.connect(proxy.address)
        quiet.sendall(render("POST", CHAT_PATH, body))
        assert len(sim.one().answer_body) > 1_000_000
        await_metric(proxy, "tokencap_connections", lambda n: n <= 1)
        await_metric(proxy, "tokencap_holds_open", lambda n: n == 0)
    [row] = proxy.history()
    assert row["status"] == "settled" and row["outputTokens"] == 20


def await_metric(proxy, name, wanted):
    """Asks until it is so."""
    until = time.monotonic() + TIMEOUT
    while True:
        line = next(line for line in proxy.get("/metrics").text.split("\n")
                    if line.startswith(name + " "))
        if wanted(float(line.split()[1])):
            return
        assert time.monotonic() < until, line


def test_a_slow_reader_gets_it_all(start_proxy, sim):
    """Slow is not stalled: each piece that is taken gives more time."""
    proxy = start_proxy("--write-stall-timeout", "1s")
    sim.script(text="words " * 1_200_000)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.connect(proxy.address)
        slow.sendall(render("POST", CHAT_PATH, CHAT, {"Connection": "close"}))
        slow.settimeout(TIMEOUT)
        got, start = 0, time.monotonic()
        while data := slow.recv(65536):
            got += len(data)
            time.sleep(0.015)  # its pace
        assert got > 6_000_000 and time.monotonic() - start > 1.2


# Floods


def test_ten_times_the_capacity(start_proxy, sim):
    """Sheds with 503, answers health at once, keeps its memory, and recovers by itself."""
    workers, queue = 8, 8
    proxy = start_proxy("--workers", str(workers), "--queue-depth", str(queue))
    proxy.set_budget(1000)
    proxy.post(CHAT_PATH, CHAT)
    before = resident(proxy.process)
    asked, health, done = [], [], threading.Event()

    def look():
        while not done.is_set():
            health.append(ask_health(proxy))
            time.sleep(0.01)

    watcher = Task(look)

    def client(i):
        for _ in range(5):
            start = time.monotonic()
            answer = proxy.post(CHAT_PATH, CHAT, sim_header(delay_first_ms=100, input=5, output=5))
            asked.append((answer, time.monotonic() - start))

    together(10 * workers, client)
    done.set()
    watcher.result()
    admitted = [took for a, took in asked if a.status == 200]
    shed = [a for a, _ in asked if a.status != 200]
    assert {a.status for a in shed} == {503} and len(admitted) >= 5 * workers / 2
    assert all(1 <= int(a.headers["Retry-After"]) <= 5 for a in shed)
    assert len(sim.journal(wait=len(admitted) + 1)) == len(admitted) + 1
    after = resident(proxy.process)
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    assert proxy.budget()["reservedUsd"] == 0
    proxy.verify()
    figures_follow()
    FIGURES["at 10 times the capacity: admitted, of upstreams that take 100 ms"] = spread(admitted)
    FIGURES["health meanwhile"] = spread(health)
    FIGURES["memory grew meanwhile"] = f"{after - before} KiB"
    # A place in the queue is at most one turn behind those before it: 100 ms each, twice.
    assert percentile(admitted, 90) < 2.0, admitted
    assert percentile(health, 50) < 0.05, health
    assert after - before < 50_000


def percentile(values, n):
    return sorted(values)[(len(values) - 1) * n // 100]


def spread(seconds):
    median, worst = (f"{percentile(seconds, n) * 1000:.0f}" for n in (50, 99))
    return f"{median} ms, 99 of 100 within {worst} ms"


def test_memory_in_flight_is_capped(start_proxy, sim):
    proxy = start_proxy("--memory-max", "8M", "--max-body", "4M", "--workers", "4")
    proxy.post(CHAT_PATH, CHAT)
    before = resident(proxy.process)
    large = CHAT | {"messages": [{"role": "user", "content": "word " * 600_000}]}
    held = [Task(lambda: proxy.post(CHAT_PATH, large, sim_header(gate="go"))) for _ in range(2)]
    sim.await_gate("go", waiting=2)
    refused = proxy.post(CHAT_PATH, large)
    assert refused.status == 503 and refused.json()["error"]["code"] == "overloaded"
    assert "Retry-After" in refused.headers
    assert proxy.get("/health").status == 200
    sim.open("go")
    assert [t.result().status for t in held] == [200, 200]
    assert proxy.post(CHAT_PATH, large).status == 200
    figures_follow()
    assert resident(proxy.process, "VmHWM") - before < 80_000


def test_trees_of_many_values_take_their_turn(start_proxy, sim):
    """A body's tree takes many times its size: as many are built at once as there are cores, so twelve
    take no more memory than those."""
    proxy = start_proxy("--workers", "16")
    parts = [{"type": "text", "text": "a"}] * 60_000
    body = json.dumps(CHAT | {"messages": [{"role": "user", "content": parts}]})
    assert proxy.post(CHAT_PATH, body).status == 200
    alone = resident(proxy.process, "VmHWM")
    at_once = together(12, lambda i: proxy.post(CHAT_PATH, body).status)
    assert at_once == [200] * 12 and proxy.get("/health").status == 200
    figures_follow()
    grown = resident(proxy.process, "VmHWM") - alone
    FIGURES["memory that 12 trees of 180,000 values at once took beyond that of one"] = f"{grown} KiB"
    bodies = 12 * len(body) // 1024
    assert grown < 4 * bodies + 50_000 * os.cpu_count()


def test_more_connections_than_there_may_be(start_proxy):
    proxy = start_proxy("--max-connections", "20")
    idle = [socket.create_connection(proxy.address, timeout=TIMEOUT) for _ in range(40)]
    try:
        refused = proxy.post(CHAT_PATH, CHAT)
        assert refused.status == 503 and "Retry-After" in refused.headers
        assert proxy.get("/health").status == 200
    finally:
        for one in idle:
            one.close()
    await_metric(proxy, "tokencap_connections", lambda n: n <= 2)
    assert proxy.post(CHAT_PATH, CHAT).status == 200


def test_out_of_file_descriptors(proxy, sim):
    """Set so low that neither clients nor upstreams find one: refused or closed, and it recovers."""
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    now = len(os.listdir(f"/proc/{proxy.process.pid}/fd"))
    old = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (now + 3, old[1]))
    crowd = [socket.create_connection(proxy.address, timeout=TIMEOUT) for _ in range(30)]
    for one in crowd:
        one.sendall(render("POST", CHAT_PATH, CHAT))
    statuses = []
    for one in crowd[:2]:
        one.settimeout(5)
        try:
            statuses.append(one.recv(100)[9:12])
        except OSError:
            statuses.append(b"")
    assert set(statuses) <= {b"", b"200", b"502", b"503"}
    assert proxy.process.poll() is None
    for one in crowd:
        one.close()
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, old)
    until = time.monotonic() + TIMEOUT
    while recovered(proxy) is None:
        assert time.monotonic() < until, "never recovered"
    assert proxy.budget() is None
    proxy.verify()


def recovered(proxy):
    try:
        answer = proxy.post(CHAT_PATH, CHAT)
    except (Broken, OSError):
        return None
    return True if answer.status == 200 else None


# What a strict budget cannot promise


@pytest.mark.parametrize("change, code", [
    ({"model": "a-model-without-a-price"}, "unpriced_model"),
    ({"model": "gpt-4o-audio-preview", "modalities": ["text", "audio"],
      "audio": {"voice": "alloy", "format": "wav"}, "messages": [{"role": "user", "content": [
          {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}]},
     "unbounded_cost")], ids=["price", "bound"])
def test_what_strict_cannot_bound(proxy, sim, change, code):
    proxy.set_budget(1, enforcement="strict")
    refused = proxy.post(CHAT_PATH, CHAT | change)
    assert refused.status == 400, refused
    assert refused.json()["error"]["code"] == code
    assert sim.journal() == []
    assert proxy.budget()["reservedUsd"] == 0


def test_a_revoked_token_is_answered_as_an_unknown_one(proxy):
    made = proxy.post("/v1/tokens", {"projectId": "p"}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert proxy.post(CHAT_PATH, CHAT, bearer).status == 200
    assert proxy.delete(f"/v1/tokens/{made['id']}").status == 200
    unknown = {"Authorization": "Bearer tcap_" + "a" * (len(made["token"]) - 5)}
    answers = []
    for headers in (bearer, unknown):
        answer = proxy.post(CHAT_PATH, CHAT, headers)
        assert answer.status == 401
        answers.append((answer.json()["error"], [n for n, _ in answer.headers]))
    assert answers[0] == answers[1]


# Looking for keys

CANARIES = ["sk-canary-openai-1f0e", "sk-canary-anthropic-2b7c", "tcap-admin-canary-93ad51f0",
            "canary-prompt-5d1c", "canary-answer-8e2a", "sk-canary-own-77aa", "alert-canary-c04e",
            "password-canary-d7f9"]


def test_keys_prompts_and_answers_are_nowhere(start_proxy, sim, tmp_path):
    openai, anthropic, admin, prompt, said, own, alert, password = CANARIES
    core = tmp_path / "core"
    resource_before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (resource_before[1], resource_before[1]))
    try:
        proxy = start_proxy("--log-level", "debug", env={
            "OPENAI_API_KEY": openai, "ANTHROPIC_API_KEY": anthropic,
            "TOKENCAP_ADMIN_TOKEN": admin, "TOKENCAP_ALERT_SECRET": alert, "PGPASSWORD": password})
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, resource_before)
    body = CHAT | {"messages": [{"role": "user", "content": f"{prompt} is what I ask"}]}
    said_header = sim_header(text=f"{said} is what I say")
    told = []
    made = proxy.post("/v1/tokens", {"projectId": "p"}, {"Authorization": f"Bearer {admin}"})
    assert made.status in (200, 201), made
    token = made.json()["token"]
    told.append(proxy.post(CHAT_PATH, body, {"Authorization": f"Bearer {token}"}))
    told += [proxy.post(CHAT_PATH, body, said_header | {"Authorization": f"Bearer {own}"} | more)
             for more in ({}, sim_header(status=500), sim_header(fault="reset_before_headers"))]
    told += [proxy.post(CHAT_PATH, bad, {"Authorization": f"Bearer {own}"}) for bad in
             (b'{"model":"' + prompt.encode(), body | {"max_tokens": prompt},
              body | {"model": 7}, b"{" + prompt.encode() + b"}")]
    told += [proxy.get(path, {"Authorization": f"Bearer {admin}"}) for path in
             ("/metrics", "/v1/usage", "/v1/usage/history", "/v1/budget", "/v1/tokens", "/",
              f"/v1/{prompt}", f"/v1/usage/history?before={prompt}")]
    secrets = [openai, anthropic, admin, own, alert, password, token]
    for answer in told:
        text = repr(list(answer.headers)).encode() + bytes(answer.body)
        for secret in secrets:
            assert secret.encode() not in text
    for answer in told[8:]:
        assert said.encode() not in bytes(answer.body)
    # What another process of this user sees of it: not its memory, and no key in its environment.
    pid = proxy.process.pid
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            open(f"/proc/{pid}/mem", "rb").close()
    with open(f"/proc/{pid}/environ", "rb") as environ:
        seen = environ.read()
    for secret in secrets:
        assert secret.encode() not in seen, "its environment still holds a key"
    # Dumpable is off: a core is not written, whatever the limit says.
    os.kill(pid, 6)
    proxy.process.wait(TIMEOUT)
    proxy.collect()
    assert not core.exists() and not list(tmp_path.glob("core*"))
    kept = b"".join(p.read_bytes() for p in tmp_path.glob("tokencap.db*"))
    for words in (*secrets, prompt, said):
        assert words not in proxy.log.text, words
        assert words.encode() not in kept, words
