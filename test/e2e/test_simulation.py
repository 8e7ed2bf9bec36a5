# SPDX-License-Identifier: MIT
"""The daemon against a model of its money in a few lines: requests that end in every way, some of them while
budgets change, time jumps, the daemon stops or is killed. OPS=… operations, SEED=… repeats a run."""

import collections
import copy
import datetime
import os
import random
import subprocess
from decimal import Decimal

from bodies import CHAT, STREAM, TEXT, project
from harness import BUILD, TIMEOUT, UTC, Clock, Task, clean_environment, sim_header
from money import cost, exactly
from wire import Broken

OPS = int(os.environ.get("OPS") or 300)
PROJECTS = ["p0", "p1", "p2"]
PATH = "/v1/chat/completions"
HOUR = 3600


# ---- the reference model ----

class Budget:
    """Of one project; epoch tells its periods apart. There is none while limit is None."""

    limit, strict, spent, end, length, epoch = None, False, Decimal(0), None, None, 0

    def begin(self, end):
        self.spent, self.end, self.epoch = Decimal(0), end, self.epoch + 1

    def roll(self, now):
        if self.end and now >= self.end:
            self.begin(self.end + ((now - self.end) // self.length + 1) * self.length)

    def admits(self, hold):
        return self.limit is None or self.spent + hold <= self.limit

    def charge(self, epoch, amount):
        if epoch == self.epoch:
            self.spent += amount


# ---- ends of a request: what the upstream does, what the client gets, what is charged ----

USED = {"input": 10, "output": 5}
ENDS = {
    "answered": (CHAT, USED, 200, "usage"),
    "streamed": (STREAM, USED | {"chunks": 3}, 200, "usage"),
    "long": (CHAT, {"input": 10, "output": 3000}, 200, "long usage"),
    "limited": (CHAT, {"status": 429}, 429, "nothing"),
    "failed": (CHAT, {"status": 500}, 500, "nothing"),
    "lost": (CHAT, {"fault": "reset_before_headers"}, 502, "hold"),
    "broken": (STREAM, {"fault": "reset_mid_stream", "at": 2, "chunks": 4}, 200, "hold"),
    "untold": (STREAM, {"usage": "none", "chunks": 3}, 200, "count"),
    "left": (STREAM, USED | {"chunks": 3}, 200, "usage"),
}
KILLED = "killed"  # in flight: the next start charges the hold


class World:
    def __init__(self, start_proxy, sim, folder, rng):
        self.start_proxy, self.sim, self.rng, self.clock = start_proxy, sim, rng, Clock(folder)
        self.budgets = {name: Budget() for name in PROJECTS}
        self.total = dict.fromkeys(PROJECTS, Decimal(0))
        self.op, self.counts = 0, collections.Counter()
        self.start()
        quote = self.daemon.estimate("chat/completions", CHAT)
        self.hold, self.most = exactly(quote["holdUsd"]), exactly(quote["maximumCostUsd"])
        counted = subprocess.run([BUILD / "bin/tokencap", "count"], input=TEXT, capture_output=True, text=True,
                                 timeout=TIMEOUT, env=clean_environment())
        self.charges = {"nothing": Decimal(0), "usage": cost("gpt-4o", **USED),
                        "long usage": cost("gpt-4o", input=10, output=3000),
                        "count": cost("gpt-4o", input=quote["inputTokens"], output=int(counted.stdout))}

    def start(self):
        self.daemon = self.start_proxy("--workers", "8", program="tokencapd-rigged",
                                       env={"CLOCK_FILE": str(self.clock.path)})

    def now(self):
        return self.clock.now().timestamp()

    # requests

    def request(self, meanwhile=None):
        """One request; `meanwhile` is done while its hold is open."""
        name, end = self.rng.choice(PROJECTS), self.rng.choice(list(ENDS))
        budget = self.budgets[name]
        budget.roll(self.now())
        held = self.most if budget.limit is not None and budget.strict else self.hold
        if not budget.admits(held):
            assert self.send(name, end).status == 402
            self.counts["refused"] += 1
            return
        epoch = budget.epoch
        if meanwhile:
            asked = Task(lambda: self.send(name, end, gate="go"))
            self.sim.await_gate("go")
            end = meanwhile() or end
            self.sim.open("go", passes=0)
            answer = asked.result()
            self.sim.control("POST", "/_sim/reset")
        else:
            answer = self.send(name, end)
        self.counts[end] += 1
        if end == KILLED:
            amount = held
        else:
            _, _, status, charged = ENDS[end]
            assert answer.status == status, (end, answer)
            amount = self.charges.get(charged, held)
        budget.charge(epoch, amount)
        if amount > held:  # then its end was waited for, which looks at the budget anew
            budget.roll(self.now())
        self.total[name] += amount
        if end == "left":
            self.await_settled(name)

    def send(self, name, end, **more):
        body, behaviour, _, _ = ENDS[end]
        with self.daemon.connect() as wire:
            wire.request("POST", PATH, body, project(name) | sim_header(**behaviour, **more))
            try:
                return wire.read_head() if end == "left" else wire.read_answer()
            except Broken:
                return None

    def await_settled(self, name):
        """Its client has left: the daemon reads on for the usage."""
        while self.daemon.rows("SELECT count(*) FROM hold") != [(0,)]:
            self.daemon.usage(name)

    # what else happens

    def set(self):
        name = self.rng.choice(PROJECTS)
        budget, days = self.budgets[name], self.rng.choice([None, 1, 3])
        budget.roll(self.now())
        limit = self.rng.choice([0, 0.002, 0.05, 0.5, 5])
        strict = self.rng.random() < 0.4
        period = {"periodDays": days} if days else {}
        made = self.daemon.set_budget(limit, name, enforcement="strict" if strict else "estimate", **period)
        if budget.limit is None:
            budget.begin(None)
        budget.limit, budget.strict = exactly(limit), strict
        budget.length = days and days * 24 * HOUR
        budget.end = end_of(made)

    def reset(self):
        name = self.rng.choice(PROJECTS)
        answer = self.daemon.post("/v1/budget/reset", {"projectId": name})
        assert answer.status == (404 if self.budgets[name].limit is None else 200), answer
        if answer.status == 200:
            self.budgets[name].begin(end_of(self.daemon.budget(name)))

    def delete(self):
        name = self.rng.choice(PROJECTS)
        answer = self.daemon.delete("/v1/budget", project(name))
        assert answer.status == (404 if self.budgets[name].limit is None else 200), answer
        self.budgets[name].begin(None)
        self.budgets[name].limit = None

    def pass_time(self):
        """Forward mostly; never to within a minute of a period's end, so that both agree on which side it is."""
        self.clock.advance(seconds=self.rng.choice([60, HOUR, 7 * HOUR, 30 * HOUR, -2 * HOUR]))
        while any(b.end and abs(b.end - self.now()) < 60 for b in self.budgets.values()):
            self.clock.advance(seconds=150)

    def restart(self):
        self.daemon.stop()
        self.start()

    def kill(self):
        self.daemon.usage(PROJECTS[0])  # a read waits until what was answered is on disk
        self.daemon.kill()
        self.start()
        return KILLED

    def request_meanwhile(self):
        self.request(self.rng.choice([self.set, self.reset, self.delete, self.pass_time, self.kill]))

    def compare(self):
        for name, kept in self.budgets.items():
            budget = copy.copy(kept)
            budget.roll(self.now())  # who only reads starts no period
            found = self.daemon.budget(name)
            assert (found is None) == (budget.limit is None)
            if found:
                assert (exactly(found["spentUsd"]), found["reservedUsd"]) == (budget.spent, 0), name
                assert end_of(found) == budget.end
            assert exactly(self.daemon.usage(name)["totalCostUsd"]) == self.total[name]

    def step(self):
        operations = {self.request: 80, self.request_meanwhile: 5, self.set: 5, self.reset: 2, self.delete: 1,
                      self.pass_time: 4, self.compare: 3}
        operation = self.rng.choices(list(operations), list(operations.values()))[0]
        if self.op % 997 == 500:
            operation = self.restart
        operation()
        self.op += 1


def end_of(budget):
    """When its period ends, in seconds."""
    if not budget["periodEnd"]:
        return None
    return datetime.datetime.fromisoformat(budget["periodEnd"].replace("Z", "+00:00")).astimezone(UTC).timestamp()


def test_money_is_as_the_model_says(start_proxy, sim, tmp_path):
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    print(f"\n  SEED={seed} OPS={OPS}")
    world = World(start_proxy, sim, tmp_path, random.Random(seed))
    try:
        while world.op < OPS:
            world.step()
        world.compare()
    except BaseException:
        print(f"SEED={seed}, operation {world.op}")
        raise
    print("  " + ", ".join(f"{n} {what}" for what, n in sorted(world.counts.items())))
    assert "tokencap_holds_open 0\n" in world.daemon.get("/metrics").text
    world.daemon.verify()
