# SPDX-License-Identifier: MIT
"""SIGKILL at bad moments: nothing acknowledged is lost, nothing the upstream saw is missing."""

import signal

from bodies import CHAT, STREAM
from harness import Task, sim_header
from money import cost, exactly
from wire import Broken


def swallow_break(work):
    try:
        return work()
    except (Broken, OSError):
        return None


def test_an_open_hold_becomes_interrupted(start_proxy, sim):
    proxy = start_proxy()
    proxy.set_budget(1)
    hold = exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])
    asked = Task(lambda: swallow_break(lambda: proxy.post("/v1/chat/completions", CHAT,
                                                          sim_header(gate="never"))))
    sim.await_gate("never")
    assert exactly(proxy.budget()["reservedUsd"]) == hold
    proxy.kill()
    answer = asked.result()
    assert answer is None or answer.status is None

    again = start_proxy()
    [row] = again.history()
    assert row["status"] == "interrupted"
    assert exactly(row["costUsd"]) == hold
    budget = again.budget()
    assert exactly(budget["spentUsd"]) == hold
    assert budget["reservedUsd"] == 0
    assert "interrupted" in again.log.text  # recovery says what it found, before it is ready
    again.verify()


def test_a_crash_in_the_middle_of_a_stream(start_proxy, sim):
    proxy = start_proxy()
    with proxy.connect() as wire:
        wire.request("POST", "/v1/chat/completions", STREAM, sim_header(step="next"))
        assert wire.read_head().status == 200
        assert wire.read_event()
        sim.await_gate("next")
        proxy.kill()
        try:
            while wire.read_chunk():
                pass
            ended = "complete"
        except Broken:
            ended = "broken"
    assert ended == "broken"
    again = start_proxy()
    [row] = again.history()
    assert row["status"] == "interrupted" and row["costUsd"] > 0
    again.verify()


def test_what_was_answered_is_kept(start_proxy, sim):
    """Each answer that a client holds is in the ledger after a SIGKILL, at least at its hold."""
    proxy = start_proxy()
    proxy.set_budget(1)
    ids = []
    for i in range(20):
        answer = proxy.post("/v1/chat/completions", CHAT, sim_header(input=10, output=i + 1))
        ids.append(answer.headers["X-Tokencap-Request-Id"])
    asked = [Task(lambda: swallow_break(lambda: proxy.post("/v1/chat/completions", CHAT,
                                                           sim_header(gate="never"))))
             for _ in range(5)]
    sim.await_gate("never", waiting=5)
    proxy.kill()
    for task in asked:
        task.result()

    again = start_proxy()
    rows = {r["requestId"]: r for r in again.history(limit=1000)}
    assert set(ids) <= set(rows)
    assert len(rows) == 25 == len(sim.journal())
    for i, request_id in enumerate(ids):
        row = rows[request_id]
        if row["status"] == "settled":
            assert exactly(row["costUsd"]) == cost("gpt-4o", input=10, output=i + 1)
        else:
            assert row["status"] == "interrupted"
    assert exactly(again.budget()["spentUsd"]) == sum(exactly(r["costUsd"])
                                                      for r in rows.values())
    again.verify()


def test_kills_at_many_moments(start_proxy, sim):
    """The k-th request of each round is the last that is answered before the kill."""
    answered = 0
    proxy = start_proxy()
    for last in range(1, 8):
        crowd = [Task(lambda: swallow_break(lambda: proxy.post(
            "/v1/chat/completions", CHAT, sim_header(input=5, output=5)))) for _ in range(8)]
        for task in crowd[:last]:
            task.result()
        proxy.kill()
        answered += sum(1 for t in crowd if (a := t.result()) and a.status == 200
                        and a.end == "complete")
        proxy = start_proxy()
        proxy.verify()
        rows = proxy.history(limit=1000)
        assert len(rows) >= answered
        assert len(rows) >= len(sim.journal())
    assert {r["status"] for r in rows} <= {"settled", "interrupted"}


def test_a_second_daemon_is_refused(start_proxy):
    proxy = start_proxy()
    second = start_proxy(ready=False)
    assert second.failure() == 74
    assert "ready" not in second.log.text
    assert proxy.get("/health").status == 200


def test_work_in_flight_finishes_at_sigterm(proxy, sim):
    asked = Task(lambda: proxy.post("/v1/chat/completions", CHAT,
                                    sim_header(gate="go", input=10, output=5)))
    sim.await_gate("go")
    with proxy.connect() as idle:
        idle.request("GET", "/health")  # so that the daemon has it, not the kernel alone
        assert idle.read_answer("GET").status == 200
        proxy.process.send_signal(signal.SIGTERM)
        proxy.log.wait_for("(?i)drain|stopping|SIGTERM|terminat")
        idle.request("POST", "/v1/chat/completions", CHAT)
        refused = idle.read_answer()
    assert refused.status == 503
    sim.open("go")
    answer = asked.result()
    assert (answer.status, answer.end) == (200, "complete")
    assert proxy.process.wait(30) == 0
    assert len(sim.journal()) == 1


def test_no_stream_is_truncated_by_sigterm(proxy, sim):
    """Streams under way, some begun, some not, end as if nothing had happened; their clients see no
    difference, and each is settled by its usage."""
    count = 24
    begun = [proxy.connect() for _ in range(count // 2)]
    for wire in begun:
        wire.request("POST", "/v1/chat/completions", STREAM, sim_header(step="go", input=10, output=5))
        wire.read_head()
    waiting = [Task(lambda: proxy.post("/v1/chat/completions", STREAM,
                                       sim_header(gate="first", input=10, output=5)))
               for _ in range(count // 2)]
    sim.await_gate("first", count // 2)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.log.wait_for("stopping")
    sim.open("first")
    sim.open("go")
    answers = [task.result() for task in waiting]
    for wire in begun:
        with wire:
            wire.read_body(wire.answer, "POST")
            answers.append(wire.answer)
    for answer in answers:
        assert answer.end == "complete" and bytes(answer.body).endswith(b"data: [DONE]\n\n"), answer
        assert answer.figure("X-Tokencap-Output-Tokens") == "5"
    assert proxy.failure() == 0
    assert proxy.rows("SELECT count(*) FROM usage WHERE state = 1") == [(count,)]
    proxy.verify()


def test_a_second_sigterm_stops_at_once(start_proxy, sim):
    proxy = start_proxy()
    asked = Task(lambda: swallow_break(lambda: proxy.post("/v1/chat/completions", CHAT,
                                                          sim_header(gate="never"))))
    sim.await_gate("never")
    proxy.process.send_signal(signal.SIGTERM)
    proxy.log.wait_for("(?i)drain|stopping|SIGTERM|terminat")
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(30)
    asked.result()
    again = start_proxy()
    [row] = again.history()
    assert row["status"] in ("estimated", "interrupted")
    assert row["costUsd"] > 0
    again.verify()
