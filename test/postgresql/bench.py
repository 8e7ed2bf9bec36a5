#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Below with.sh: durable holds a second on PostgreSQL, through one daemon's ledger and through four at once on one
global budget, beside what pgbench's TPC-B-like transactions reach on the same server, and beside what a model of
round trips and flushes says. Medians of ROUNDS (5) interleaved rounds; HOLDS (40000) a run, pgbench for SECONDS (5).
Writes its part of docs/scaling.md, unless WRITE=no."""

import datetime
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

from page import machine, replace_part  # noqa: E402
from programs import BUILD, ROOT  # noqa: E402
from rows import table  # noqa: E402

ADDRESS = os.environ["TOKENCAP_TEST_POSTGRESQL"]
BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
PAGE = ROOT / "docs/scaling.md"
ROUNDS, HOLDS, SECONDS = (int(os.environ.get(name, usual)) for name, usual in
                          (("ROUNDS", 5), ("HOLDS", 40000), ("SECONDS", 5)))
WAITERS = 64
WHAT = {"hold": "holds", "settle": "holds with their settlements"}
GOAL = 1.5


def run(*command, stdin=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def pgbench(clients, *options, stdin=None, seconds=SECONDS):
    """Transactions a second."""
    said = run(BIN / "pgbench", "-n", "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds), *options, ADDRESS,
               stdin=stdin)
    return float(re.search(r"^tps = ([\d.]+) \(without", said, re.MULTILINE)[1])


def statement_us(sql):
    return 1e6 / pgbench(1, "-f", "/dev/stdin", stdin=sql, seconds=2)


def holds(daemons, waiters, what, n):
    """(holds a second, holds a group, µs a group of one daemon), on a new ledger."""
    run(BIN / "psql", "-q", ADDRESS, "-c", "DROP SCHEMA IF EXISTS tokencap CASCADE")
    command = [BUILD / "test/ledger/bench", "--on", ADDRESS, str(waiters), str(n // daemons), what]
    all_of = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(daemons)]

    def each(say):
        for one in all_of:
            one.stdin.write(say)
            one.stdin.flush()
        return [one.stdout.readline().split() for one in all_of]

    each("")  # ready
    made, groups, begin, end = zip(*(map(int, line) for line in each("\n")))
    each("\n")
    if any(one.wait() for one in all_of):
        sys.exit("bench: the ledger failed")
    took = (max(end) - min(begin)) / 1e9
    return sum(made) / took, sum(made) / sum(groups), took * 1e6 * daemons / sum(groups)


def measure_round():
    f = {"tpcb": max(pgbench(clients) for clients in (16, WAITERS)), "trip": statement_us("SELECT 1"),
         "flush": statement_us("SELECT setval('bench_flush', 1)")}
    for what in WHAT:
        for waiters, n in ((1, HOLDS // 20), (16, HOLDS // 2)):
            f[what, 0, waiters] = holds(1, waiters, what, n)
        for daemons in (1, 4):
            f[what, daemons] = holds(daemons, WAITERS, what, HOLDS)
    return f


def medians(rounds, name, column=None):
    return statistics.median(r[name] if column is None else r[name][column] for r in rounds)


class Model:
    """A group takes `fixed` and `each` for each of its holds, which groups of one and of 16 waiters tell. Of daemons on one
    budget, each lets the next one in when it waits for its flush."""

    def __init__(self, rounds, what):
        (small, small_us), (large, large_us) = ([medians(rounds, (what, 0, n), column) for column in (1, 2)] for n in (1, 16))
        self.each = (large_us - small_us) / (large - small)
        self.fixed = small_us - small * self.each
        self.flush = medians(rounds, "flush") - medians(rounds, "trip")

    def holds(self, daemons, size):
        """A second, in groups of that size."""
        group = self.fixed + size * self.each
        return size * 1e6 / (group if daemons == 1 else max(group / daemons, group - self.flush))


def rows(rounds, models):
    for what, title in WHAT.items():
        for daemons in (1, 4):
            ratio = statistics.median(r[what, daemons][0] / r["tpcb"] for r in rounds)
            measured, size, us = (medians(rounds, (what, daemons), column) for column in range(3))
            says = models[what].holds(daemons, size)
            yield [f"{daemons}", title, f"{measured:,.0f}", f"{ratio:.1f} {'✓' if ratio >= GOAL else '✗'}", f"{size:.0f}",
                   f"{us / 1000:.1f}", f"{says:,.0f}", f"{measured / says:.2f}"]


def text(rounds):
    head = ["daemons", "what", "a second", f"pgbench = 1 (goal: ≥ {GOAL})", "holds a group", "ms a group", "the model says",
            "measured ÷ model"]
    models = {what: Model(rounds, what) for what in WHAT}
    hold, settle = (models[what] for what in WHAT)
    half = medians(rounds, ("settle", 1), 0) / 2
    return "\n".join([
        f"Written by `make bench-postgresql` on {datetime.date.today()}: {machine()}. The server and the daemons share these "
        f"cores. Medians of {ROUNDS} interleaved rounds of {HOLDS:,} holds, {WAITERS} waiters a daemon, all on one global "
        "budget and 16 projects'.", "", *table(head, rows(rounds, models)), "",
        f"pgbench: {medians(rounds, 'tpcb'):,.0f} transactions/s. Round trip *r* = {medians(rounds, 'trip'):.0f} µs, flush "
        f"*f* = {hold.flush:.0f} µs. By groups of 1 and of 16 waiters: *g* = {hold.fixed:.0f} µs and *s* = {hold.each:.0f} µs; "
        f"with settlements, {settle.fixed:.0f} and {settle.each:.0f}.", "",
        "100,000 requests a second, each server at half of what one daemon with settlements reached here: "
        f"{100000 / half:.0f} partitions.", ""])


def main():
    run(BIN / "pgbench", "-i", "-q", "-s", "20", ADDRESS)
    run(BIN / "psql", "-q", ADDRESS, "-c", "CREATE SEQUENCE bench_flush")
    rounds = []
    for i in range(ROUNDS):
        rounds.append(measure_round())
        print(f"round {i + 1}: pgbench {rounds[-1]['tpcb']:.0f}/s", *(
            f"{daemons} × {what} {rounds[-1][what, daemons][0]:.0f}/s" for what in WHAT for daemons in (1, 4)), sep=", ",
            file=sys.stderr)
    said = text(rounds)
    print(said)
    if os.environ.get("WRITE") != "no":
        replace_part(PAGE, "make bench-postgresql", said)


main()
