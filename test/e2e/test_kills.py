# SPDX-License-Identifier: MIT
"""The daemon is killed (SIGKILL) at random instants and at every failpoint of a request's life, while
clients spend. Each next start must know every request that the upstream has seen and every answer that a
client has got, charge each once, and prove its ledger. KILLS=… deaths, SEED=… repeats their choice."""

import collections
import functools
import os
import random
import re
import signal
import threading
import time

from bodies import CHAT, MESSAGE_STREAM, STREAM, project
from harness import TIMEOUT, Task, sim_header, together
from money import NANO, dollars
from wire import Broken

KILLS = int(os.environ.get("KILLS") or 40)
CLIENTS = 6
MOMENTS = ["reserve-before-commit", "reserve-after-commit", "before-upstream", "mid-stream",
           "after-upstream", "before-settle", "after-settle", "settle-before-commit",
           "settle-after-commit", "recovery-before-commit", "recovery-after-commit"]
RECOVERY = [m for m in MOMENTS if m.startswith("recovery")]
RANDOM = "any instant"
INTERRUPTED = 4  # as the database has it
A_DATABASE = 50  # deaths of one, so that checking it stays quick

CHAT_PATH, MESSAGE_PATH = "/v1/chat/completions", "/v1/messages"
ASKED = {  # what clients ask, and what the upstream then does
    "whole": (CHAT_PATH, CHAT, dict(input=10, output=5)),
    "stream": (CHAT_PATH, STREAM, dict(input=10, output=5, chunks=4)),
    "messages": (MESSAGE_PATH, MESSAGE_STREAM, dict(input=20, output=7, chunks=4)),
    "dear": (CHAT_PATH, CHAT, dict(input=10, output=5000)),  # above its hold: waits for its settlement
    "untold": (CHAT_PATH, STREAM, dict(usage="none", chunks=4)),
    "broken": (CHAT_PATH, STREAM, dict(fault="reset_mid_stream", at=2, chunks=4)),
    "left": (CHAT_PATH, STREAM, dict(input=10, output=5, chunks=4)),  # by its client, after an event
    "limited": (CHAT_PATH, CHAT, dict(status=429)),
    "failing": (CHAT_PATH, CHAT, dict(status=500)),
}


class Asked:
    """One request as its client knows it. Its tag is its run's name and goes to the upstream too."""

    def __init__(self, tag, kind, strict):
        self.tag, self.kind, self.strict = tag, kind, strict
        self.status, self.whole, self.id, self.cost = None, False, None, None

    def send(self, daemon):
        """Raises Broken or OSError when the daemon is gone."""
        path, body, behaviour = ASKED[self.kind]
        headers = project("strict" if self.strict else "free") | sim_header(**behaviour) | {
            "X-Tokencap-Run-Id": self.tag, "X-Tokencap-Run-Limit-Usd": "1"}
        with daemon.connect() as wire:
            wire.request("POST", path, body | {"metadata": {"user_id": self.tag}}, headers)
            if self.kind == "left":
                self.status = wire.read_head().status
                return
            answer = wire.read_answer()
        self.status, self.whole = answer.status, answer.end == "complete"
        if self.whole and answer.status == 200:
            self.id = answer.headers["X-Tokencap-Request-Id"]
            self.cost = dollars(answer.figure("X-Tokencap-Cost-USD"))
        if answer.status is None or (not self.whole and self.kind != "broken"):
            raise Broken(answer.end)

    def __repr__(self):
        return str(self.__dict__)


class Crowd:
    """Clients that ask one request after the other until the daemon is gone."""

    def __init__(self, daemon, number, rng):
        self.daemon, self.number = daemon, number
        self.seeds = [rng.random() for _ in range(CLIENTS)]
        self.asked, self.answers = [], 0
        self.changed = threading.Condition()
        self.task = Task(lambda: together(CLIENTS, self.work))

    def work(self, client):
        rng = random.Random(self.seeds[client])
        for i in range(1000):
            strict = rng.random() < 0.4
            kinds = [k for k in ASKED if not (strict and k == "dear")]
            one = Asked(f"{self.number}.{client}.{i}", rng.choice(kinds), strict)
            self.asked.append(one)
            try:
                one.send(self.daemon)
            except (Broken, OSError):
                return
            with self.changed:
                self.answers += 1
                self.changed.notify_all()

    def await_answers(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: self.answers >= count, TIMEOUT), self.answers


class Ledger:
    """What the database says, by tag. `charged`: (state, request id, cost, amount held) of each."""

    TAGGED = " JOIN period p ON p.id = at4 JOIN budget b ON b.id = p.budget"
    TAG = "substr(b.key, instr(b.key, '/') + 1)"

    def __init__(self, daemon):
        rows = daemon.rows(f"SELECT {self.TAG}, state, request, cost, amount FROM usage" + self.TAGGED)
        self.charged = {tag: row for tag, *row in rows}
        self.voided = {tag for tag, in daemon.rows(f"SELECT {self.TAG} FROM voided" + self.TAGGED)}
        assert len(self.charged) == len(rows), "a request was charged twice"
        assert not self.charged.keys() & self.voided, "a request was charged and voided"
        assert daemon.rows("SELECT count(*) FROM hold") == [(0,)]

    def interrupted(self, tags):
        """How many of these a start found open, and what they held, in nanodollars."""
        held = [self.charged[t][3] for t in tags if t in self.charged and self.charged[t][0] == INTERRUPTED]
        return len(held), sum(held)

    def check_answer(self, one):
        """What a client was told is what its request is charged, or at least was held for it."""
        if one.status in (402, 503):
            assert one.tag not in self.charged and one.tag not in self.voided, one
        elif one.status in (429, 500):
            assert one.tag in self.voided or self.charged[one.tag][0] == INTERRUPTED, one
        elif one.status:
            assert one.tag in self.charged, f"{one} was answered and is lost"
            state, request, cost, amount = self.charged[one.tag]
            told = int(one.cost / NANO) if one.cost is not None else 0
            assert one.id in (None, "req_" + request.hex()), one
            if state == INTERRUPTED:  # an answer above its hold waits for its settlement
                assert cost == amount >= told, one
            elif one.cost is not None:
                assert cost == told, one

    def check_billed(self, entry):
        """What the upstream has seen is charged, or was voided because it said no."""
        tag = tag_of(entry)
        may_be_billed = not entry.answer or entry.answer["status"] == 200
        assert tag in self.charged or (tag in self.voided and not may_be_billed), f"{tag} is lost"


def tag_of(entry):
    return entry.json()["metadata"]["user_id"]


class Deaths:
    """One daemon after the other, each killed."""

    def __init__(self, sim, rng):
        self.sim, self.rng = sim, rng
        self.crowd, self.limit, self.resolved = None, None, False
        self.died = collections.Counter()
        self.answers = self.billed = self.interrupted = 0

    def begin(self, start):
        """On a new database."""
        self.start_daemon = start
        self.sim.control("POST", "/_sim/reset")

    def end(self):
        daemon = self.start(RANDOM)
        self.check(daemon)
        daemon.stop()

    def start(self, moment, **more):
        if moment == RANDOM:
            return self.start_daemon(**more)
        nth = 1 if moment in RECOVERY else self.rng.randint(1, 40)
        return self.start_daemon(program="tokencapd-rigged",
                                 env={"FAIL_AT": moment, "FAIL_NTH": str(nth)}, **more)

    def die(self, moment, number):
        """One death. Before that, the start checks what the one before it left."""
        if moment in RECOVERY:
            await_kill(self.start(moment, ready=False))
            self.resolved = self.resolved or moment == "recovery-after-commit"
        else:
            daemon = self.start(moment)
            self.check(daemon)
            self.spend(daemon, moment, number)
        self.died[moment] += 1

    def spend(self, daemon, moment, number):
        self.limit = self.rng.randint(100, 3000) / 1e6
        daemon.set_budget(self.limit, "strict", enforcement="strict")
        assert daemon.post("/v1/budget/reset", {"projectId": "strict"}).status == 200
        self.crowd, self.resolved = Crowd(daemon, number, self.rng), False
        if moment == RANDOM:
            self.crowd.await_answers(self.rng.randint(0, 60))
            time.sleep(self.rng.random() / 500)  # waits for nothing: any instant will do
            daemon.kill()
        else:
            await_kill(daemon)
        self.crowd.task.result()

    def check(self, daemon):
        """What clients and the upstream remember of the last life is part of what this start found."""
        if not self.crowd:
            return
        ledger, journal = Ledger(daemon), self.sim.journal()
        self.sim.control("DELETE", "/_sim/journal")
        tags = [one.tag for one in self.crowd.asked]
        of_this_life = [t for t in ledger.charged | dict.fromkeys(ledger.voided)
                        if t.startswith(f"{self.crowd.number}.")]
        assert set(of_this_life) <= set(tags), "what nobody asked for is in the ledger"
        assert len({tag_of(e) for e in journal}) == len(journal), "a request was sent twice"
        for entry in journal:
            ledger.check_billed(entry)
        for one in self.crowd.asked:
            ledger.check_answer(one)
        assert daemon.budget("strict")["limitUsd"] == self.limit
        self.check_recovery(daemon, ledger.interrupted(tags))
        self.answers += self.crowd.answers
        self.billed += len(journal)
        self.crowd = None
        daemon.verify()

    def check_recovery(self, daemon, interrupted):
        """Holds were resolved before the ready line, and it said how many and how much."""
        said = re.search(r"recovered: (\d+) holds left open, \$([\d.]+)", daemon.log.text)
        found = (int(said[1]), int(dollars(said[2]) / NANO)) if said else (0, 0)
        assert found == ((0, 0) if self.resolved else interrupted)
        assert not said or daemon.log.text.index("recovered:") < daemon.log.text.index("ready on")
        self.interrupted += interrupted[0]


def await_kill(daemon):
    status = daemon.failure()
    assert status == -signal.SIGKILL, (status, daemon.log.text)


def moments(kills, rng):
    """Half of all at random instants, the rest shared out among the failpoints."""
    chosen = [RANDOM if i % 2 else MOMENTS[i // 2 % len(MOMENTS)] for i in range(kills)]
    rng.shuffle(chosen)
    return chosen


def test_nothing_is_lost_however_it_dies(start_proxy, sim, tmp_path):
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    print(f"\nSEED={seed} KILLS={KILLS}")
    rng = random.Random(seed)
    chosen = moments(KILLS, rng)
    deaths = Deaths(sim, rng)
    for first in range(0, KILLS, A_DATABASE):
        folder = tmp_path / str(first)
        folder.mkdir()
        deaths.begin(functools.partial(start_proxy, "--workers", "16", folder=folder))
        for number in range(first, min(first + A_DATABASE, KILLS)):
            deaths.die(chosen[number], number)
        deaths.end()
    for moment, count in sorted(deaths.died.items()):
        print(f"  {count:5} deaths at {moment}")
    print(f"  {sum(deaths.died.values()):5} deaths in all; {deaths.answers} answers and {deaths.billed} requests "
          f"seen upstream, all in the ledger; {deaths.interrupted} holds interrupted")
    assert deaths.died == collections.Counter(chosen)
    assert KILLS < 40 or all(deaths.died[moment] for moment in [RANDOM, *MOMENTS])
