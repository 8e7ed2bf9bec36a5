# SPDX-License-Identifier: MIT
"""Periods by a clock that the tests move: what each event does to what was spent and to open holds (the
table in docs/ledger.md, row by row), how periods follow each other, and local midnights."""

import datetime
import itertools
import zoneinfo

import pytest

from bodies import CHAT
from harness import UTC, Clock, Task, sim_header
from money import cost, exactly
from wire import Broken

CHAT_PATH = "/v1/chat/completions"
USED = {"input": 10, "output": 5}
COST = cost("gpt-4o", **USED)
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def start_rigged(start_proxy, clock):
    return lambda: start_proxy(program="tokencapd-rigged", env={"CLOCK_FILE": str(clock.path)})


@pytest.fixture
def rigged(start_rigged):
    return start_rigged()


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def ask(daemon, **behaviour):
    return daemon.post(CHAT_PATH, CHAT, sim_header(**USED, **behaviour))


# ---- the table of events ----

TINY = 0.000001
EVENTS = {  # what happens; whether what was spent and held stays; what a new request gets
    "posted again": (lambda d, c: d.set_budget(2, periodDays=1), True, 200),
    "limit lowered": (lambda d, c: d.set_budget(TINY, periodDays=1), True, 402),
    "strict, and too late": (lambda d, c: d.set_budget(TINY, periodDays=1, enforcement="strict"), True, 402),
    "reset": (lambda d, c: d.post("/v1/budget/reset", {"projectId": "default"}), False, 200),
    "the period ends": (lambda d, c: c.advance(days=1), False, 200),
    "deleted": (lambda d, c: d.delete("/v1/budget"), None, 200),
}


def figures(daemon):
    budget = daemon.budget()
    return budget and (exactly(budget["spentUsd"]), exactly(budget["reservedUsd"]))


def hold_open(daemon, sim):
    """A request that waits at its upstream; what it holds."""
    hold = exactly(daemon.estimate("chat/completions", CHAT)["holdUsd"])

    def work():
        try:
            return ask(daemon, gate="go")
        except (Broken, OSError):
            return None

    asked = Task(work)
    sim.await_gate("go")
    return asked, hold


@pytest.mark.parametrize("crash", [False, True], ids=["settles", "crashes"])
@pytest.mark.parametrize("event", EVENTS)
def test_events_and_an_open_hold(start_rigged, sim, clock, event, crash):
    happen, kept, new = EVENTS[event]
    daemon = start_rigged()
    daemon.set_budget(1, periodDays=1)
    assert ask(daemon).status == 200
    asked, hold = hold_open(daemon, sim)
    assert figures(daemon) == (COST, hold)

    happen(daemon, clock)
    assert figures(daemon) == {True: (COST, hold), False: (0, 0), None: None}[kept]
    assert ask(daemon).status == new
    since = COST if new == 200 else 0
    assert figures(daemon) == {True: (COST + since, hold), False: (since, 0), None: None}[kept]

    if crash:
        daemon.kill()
        daemon = start_rigged()
    sim.open("go")
    assert crash or asked.result().status == 200
    ended = hold if crash else COST
    assert figures(daemon) == {True: (COST + ended + since, 0), False: (since, 0), None: None}[kept]
    first = daemon.rows("SELECT spent, held FROM period ORDER BY id LIMIT 1")[0]
    assert first == (int((COST + ended + (since if kept else 0)) * 10**9), 0)
    costs = sorted(exactly(r["costUsd"]) for r in daemon.history())
    assert costs == sorted([COST, ended] + ([since] if since else []))
    assert "tokencap_overrun_usd_total 0" in daemon.get("/metrics").text
    daemon.verify()


# ---- periods ----

def test_a_period_that_has_ended_starts_the_next_one_by_itself(rigged, clock):
    hold = exactly(rigged.estimate("chat/completions", CHAT)["holdUsd"])
    first = rigged.set_budget(float(hold + COST), periodDays=1)
    assert [ask(rigged).status for _ in range(4)] == [200, 200, 402, 402]
    clock.advance(days=1)
    second = rigged.budget()
    assert (second["spentUsd"], second["periodStart"]) == (0, first["periodEnd"])
    assert ask(rigged).status == 200
    clock.advance(days=10)  # nobody asks for a while: whole periods are skipped, the phase stays
    later = rigged.budget()
    assert moment(later["periodStart"]) - moment(first["periodStart"]) == datetime.timedelta(days=11)
    rigged.verify()


def test_a_clock_that_goes_back_reopens_nothing(rigged, clock):
    rigged.set_budget(1, periodDays=1)
    clock.advance(days=3)
    ask(rigged)
    now = rigged.budget()
    clock.advance(days=-2)
    assert rigged.budget() == now
    assert ask(rigged).status == 200
    assert exactly(rigged.budget()["spentUsd"]) == 2 * COST
    clock.advance(days=2)
    assert rigged.budget()["periodStart"] == now["periodStart"]
    rigged.verify()


def local_days(first, count):
    """Local midnights in Paris, by the library of another language."""
    for i in range(count):
        day = datetime.date.fromisoformat(first) + datetime.timedelta(days=i)
        yield datetime.datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize("first, hours", [("2027-03-27", [24, 23, 24]), ("2027-10-30", [24, 25, 24]),
                                          ("2027-12-31", [24, 24, 24])])
def test_calendar_days_are_local_ones(rigged, clock, first, hours):
    midnights = list(local_days(first, 4))
    clock.go_to(midnights[0] + datetime.timedelta(hours=12))
    rigged.set_budget(1, period="day", timezone="Europe/Paris")
    lengths = []
    for begin, end in itertools.pairwise(midnights):
        clock.go_to(end - datetime.timedelta(minutes=5))
        ask(rigged)
        budget = rigged.budget()
        assert moment(budget["periodEnd"]) == end
        assert exactly(budget["spentUsd"]) == COST
        lengths.append((end - begin) // datetime.timedelta(hours=1))
        clock.go_to(end + datetime.timedelta(minutes=5))
        after = rigged.budget()
        assert (moment(after["periodStart"]), after["spentUsd"]) == (end, 0)
    assert lengths == hours
    rigged.verify()


@pytest.mark.parametrize("period, at, end", [
    ("week", "2027-03-27T12:00Z", "2027-03-28T22:00Z"),  # Monday, in summer time by then
    ("month", "2027-03-27T12:00Z", "2027-03-31T22:00Z"),
    ("month", "2028-02-29T23:30Z", "2028-03-31T22:00Z"),  # March already, in Paris
])
def test_weeks_and_months_end_at_local_midnight(rigged, clock, period, at, end):
    clock.go_to(moment(at))
    budget = rigged.set_budget(1, period=period, timezone="Europe/Paris")
    assert moment(budget["periodEnd"]) == moment(end)
    clock.go_to(moment(end) + datetime.timedelta(seconds=30))
    assert moment(rigged.budget()["periodStart"]) == moment(end)


def test_changing_the_period_loses_nothing(rigged, clock):
    rigged.set_budget(1, periodDays=30)
    ask(rigged)
    for change in ({"period": "day", "timezone": "Asia/Tokyo"}, {"period": "month"}, {}, {"periodDays": 7}):
        assert exactly(rigged.set_budget(1, **change)["spentUsd"]) == COST
    rigged.verify()
