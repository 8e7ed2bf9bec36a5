# SPDX-License-Identifier: MIT
"""One request, all the budgets that concern it: all of them hold, or none; who refuses is named."""

import pytest

from bodies import CHAT
from harness import Task, sim_header
from money import cost, exactly

CHAT_PATH = "/v1/chat/completions"
SCOPES = ["global", "project", "token", "run"]
AMPLE, TINY = 1, 0.000001


class Team:
    """A project token with budgets of every scope around it; `limits` and `perRequestUsd` as named."""

    def __init__(self, proxy, **limits):
        self.proxy = proxy
        limit = dict.fromkeys(SCOPES, AMPLE) | limits
        made = proxy.post("/v1/tokens", {"projectId": "p"}).json()
        self.token = made["id"]
        one = {"perRequestUsd": limits["request"]} if "request" in limits else {}
        proxy.set_budget(limit["global"], scope="global")
        proxy.set_budget(limit["project"], "p", **one)
        made_budget = proxy.post("/v1/budget", {"scope": "token", "tokenId": self.token,
                                                "limitUsd": limit["token"]})
        assert made_budget.status == 200, made_budget
        self.who = {"Authorization": f"Bearer {made['token']}", "X-Tokencap-Run-Id": "night"}
        self.first = {"X-Tokencap-Run-Limit-Usd": f"{limit['run']:.6f}"}

    def ask(self, body=CHAT, **behaviour):
        return self.proxy.post(CHAT_PATH, body, self.who | self.first | sim_header(**behaviour))

    def budgets(self):
        """By scope: (spent, reserved). That of the run is seen in the database alone."""
        found = {}
        for scope, query in [("global", "?scope=global"), ("project", "?projectId=p"),
                             ("token", f"?scope=token&tokenId={self.token}")]:
            headers = {"X-Tokencap-Project-Id": "p"}
            budget = self.proxy.get("/v1/budget" + query, headers).json()["budget"]
            found[scope] = (exactly(budget["spentUsd"]), exactly(budget["reservedUsd"]))
        for spent, held in self.proxy.rows("SELECT spent, held FROM period JOIN budget b ON b.period ="
                                           " period.id WHERE b.key = 'p/night'"):
            found["run"] = (exactly(spent / 1e9), exactly(held / 1e9))
        return found


def test_all_of_them_hold_and_all_of_them_spend(proxy, sim):
    team = Team(proxy)
    asked = Task(lambda: team.ask(gate="go", input=10, output=5))
    sim.await_gate("go")
    held = exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])
    assert team.budgets() == dict.fromkeys(SCOPES, (0, held))
    sim.open("go")
    assert asked.result().status == 200
    assert team.budgets() == dict.fromkeys(SCOPES, (cost("gpt-4o", input=10, output=5), 0))
    proxy.verify()


@pytest.mark.parametrize("poor", [*SCOPES, "request"])
def test_one_that_cannot_refuses_and_none_holds(proxy, sim, poor):
    team = Team(proxy, **{poor: TINY})
    refused = team.ask()
    assert refused.status == 402
    details = refused.json()["error"]["details"]
    assert (details["scope"], details["limitUsd"]) == (poor, TINY)
    assert set(team.budgets().values()) == {(0, 0)}
    assert sim.journal() == []
    assert proxy.rows("SELECT count(*) FROM usage") == proxy.rows("SELECT count(*) FROM voided") == [(0,)]
    proxy.verify()


@pytest.mark.parametrize("poor", SCOPES)
def test_one_that_is_used_up_refuses(proxy, poor):
    hold = exactly(proxy.estimate("chat/completions", CHAT)["holdUsd"])
    team = Team(proxy, **{poor: float(hold)})
    assert team.ask(input=10, output=5).status == 200
    refused = team.ask(input=10, output=5)
    assert refused.status == 402
    assert refused.json()["error"]["details"]["scope"] == poor
    assert set(team.budgets().values()) == {(cost("gpt-4o", input=10, output=5), 0)}


def test_the_least_limit_per_request_counts(proxy):
    team = Team(proxy, request=AMPLE)
    proxy.set_budget(AMPLE, scope="global", perRequestUsd=TINY)
    refused = team.ask()
    assert refused.json()["error"]["details"] | {"scope": "request", "limitUsd": TINY} == \
        refused.json()["error"]["details"]


@pytest.mark.parametrize("strict", ["global", "project", "token"])
def test_any_of_them_can_demand_strictness(proxy, sim, strict):
    team = Team(proxy)
    again = {"global": {"scope": "global"}, "project": {"projectId": "p"},
             "token": {"scope": "token", "tokenId": team.token}}[strict]
    made = proxy.post("/v1/budget", again | {"limitUsd": AMPLE, "enforcement": "strict"})
    assert made.status == 200, made
    most = exactly(proxy.estimate("chat/completions", CHAT)["maximumCostUsd"])
    asked = Task(lambda: team.ask(gate="go"))
    sim.await_gate("go")
    assert team.budgets() == dict.fromkeys(SCOPES, (0, most))
    sim.open("go")
    assert asked.result().status == 200


def test_a_run_is_its_projects_own(proxy):
    run = {"X-Tokencap-Run-Id": "night"}
    poor = run | {"X-Tokencap-Project-Id": "a", "X-Tokencap-Run-Limit-Usd": "0.000001"}
    assert proxy.post(CHAT_PATH, CHAT, poor).status == 402
    # Refused, so there is no such run; another project's has nothing to do with it anyway.
    assert proxy.post(CHAT_PATH, CHAT, run | {"X-Tokencap-Project-Id": "a"}).status == 200
    rich = run | {"X-Tokencap-Project-Id": "b", "X-Tokencap-Run-Limit-Usd": "1"}
    assert proxy.post(CHAT_PATH, CHAT, rich).status == 200
    assert proxy.rows("SELECT key FROM budget") == [("b/night",)]
