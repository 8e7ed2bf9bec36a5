#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Below with.sh: durable holds a second on PostgreSQL, through one daemon's ledger and through four at once on one
global budget, beside what pgbench's TPC-B-like transactions reach on the same server, and beside what a model of
round trips and flushes says; what the server's sessions do meanwhile; what 100,000 requests a second would need. Medians
of ROUNDS (5) interleaved rounds; HOLDS (40000) a run, pgbench for SECONDS (5). Writes its part of docs/scaling.md, unless
WRITE=no."""

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
GOAL, CALIBRATE = 1.5, (4, 32)
RUNS = [(daemons, what) for what in WHAT for daemons in (1, 4)]
DOING = {"turn": "waits for its turn", "work": "works", "decide": "its daemon decides", "flush": "flush", "idle": "idle"}
SAMPLE = """
CREATE TEMP TABLE seen AS SELECT pid, state, wait_event_type AS type, query FROM pg_stat_activity WHERE false;
DO $$BEGIN FOR i IN 1..200 LOOP
  PERFORM pg_stat_clear_snapshot(), pg_sleep(0.005);
  INSERT INTO seen SELECT pid, state, wait_event_type, query FROM pg_stat_activity WHERE application_name = 'tokencap';
END LOOP; END$$;
SELECT CASE WHEN state = 'idle' THEN 'idle' WHEN state LIKE 'idle%' THEN 'decide' WHEN type = 'Lock' THEN 'turn'
  WHEN query LIKE '%tokencap.flush%' THEN 'flush' ELSE 'work' END, 100.0 * count(*) / sum(count(*)) OVER ()
  FROM seen WHERE pid IN (SELECT pid FROM seen WHERE query LIKE '%tokencap.flush%') GROUP BY 1;
"""


def run(*command, stdin=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout


def sql(statement):
    return run(BIN / "psql", "-qAt", ADDRESS, "-c", statement).strip()


def pgbench(clients, *options, stdin=None, seconds=SECONDS):
    """Transactions a second."""
    said = run(BIN / "pgbench", "-n", "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds), *options, ADDRESS,
               stdin=stdin)
    return float(re.search(r"^tps = ([\d.]+) \(without", said, re.MULTILINE)[1])


def statement_us(sql):
    return 1e6 / pgbench(1, "-f", "/dev/stdin", stdin=sql, seconds=2)


class Daemons:
    """Their ledgers' part, on a new database."""

    def __init__(self, n, waiters, what, holds):
        sql("DROP SCHEMA IF EXISTS tokencap CASCADE")
        command = [BUILD / "test/ledger/bench", "--on", ADDRESS, str(waiters), str(holds // n), what]
        self.all = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(n)]
        self.hear()  # that they are ready

    def hear(self):
        return [one.stdout.readline().split() for one in self.all]

    def say(self):
        for one in self.all:
            one.stdin.write("\n")
            one.stdin.flush()

    def run(self, meanwhile=lambda: None):
        """(holds a second, holds a group, µs a group of one daemon)"""
        self.say()
        meanwhile()
        holds, groups, begin, end = zip(*(map(int, line) for line in self.hear()))
        self.say()
        if any(one.wait() for one in self.all):
            sys.exit("bench: a ledger failed")
        took = (max(end) - min(begin)) / 1e9
        return sum(holds) / took, sum(holds) / sum(groups), took * 1e6 * len(self.all) / sum(groups)


def sample():
    """What the writers' sessions do, in per cent."""
    return dict(line.split("|") for line in run(BIN / "psql", "-qAt", ADDRESS, stdin=SAMPLE).splitlines())


def measure_round():
    f = {"tpcb": max(pgbench(clients) for clients in (16, WAITERS)), "trip": statement_us("SELECT 1"),
         "flush": statement_us("SELECT setval('bench_flush', 1)")}
    for what in WHAT:
        for waiters in CALIBRATE:
            f[what, 0, waiters] = Daemons(1, waiters, what, HOLDS // 4).run()
    for daemons, what in RUNS:
        before = sql("SELECT pg_current_wal_lsn()")
        f[daemons, what] = Daemons(daemons, WAITERS, what, HOLDS).run(lambda: f.update({("doing", daemons, what): sample()}))
        f["log", what] = float(sql(f"SELECT pg_current_wal_lsn() - '{before}'::pg_lsn")) / HOLDS
    f["row"] = float(sql("SELECT pg_total_relation_size('tokencap.usage')")) / HOLDS
    return f


def medians(rounds, name, column=None):
    return statistics.median(r[name] if column is None else r[name][column] for r in rounds)


class Model:
    """A group takes `fixed` and `each` for each of its holds, which runs of fewer waiters (CALIBRATE) tell. Of daemons on one
    budget, each lets the next one in when it waits for its flush."""

    def __init__(self, rounds, what):
        (small, small_us), (large, large_us) = ([medians(rounds, (what, 0, n), column) for column in (1, 2)] for n in CALIBRATE)
        self.each = (large_us - small_us) / (large - small)
        self.fixed = small_us - small * self.each
        self.flush = medians(rounds, "flush") - medians(rounds, "trip")

    def holds(self, daemons, size):
        """A second, in groups of that size."""
        group = self.fixed + size * self.each
        return size * 1e6 / (group if daemons == 1 else max(group / daemons, group - self.flush))


def rows(rounds, models):
    for daemons, what in RUNS:
        ratio = statistics.median(r[daemons, what][0] / r["tpcb"] for r in rounds)
        measured, size, us = (medians(rounds, (daemons, what), column) for column in range(3))
        says = models[what].holds(daemons, size)
        yield [f"{daemons}", WHAT[what], f"{measured:,.0f}", f"{ratio:.1f} {'✓' if ratio >= GOAL else '✗'}", f"{size:.0f}",
               f"{us / 1000:.1f}", f"{says:,.0f}", f"{measured / says:.2f}"]


def doing_rows(rounds):
    for daemons, what in RUNS:
        yield [f"{daemons}", WHAT[what], *(
            f"{statistics.median(float(r['doing', daemons, what].get(how, 0)) for r in rounds):.0f} %" for how in DOING)]


def on_paper(rounds, asked=100000):
    each = medians(rounds, (4, "settle"), 0) / 2
    return (f"On paper, {asked:,} requests a second, on servers like this one, each at half of what four daemons with settlements "
            f"reached: {asked / each:.0f} partitions of {each:,.0f} requests a second. Each request writes "
            f"{medians(rounds, ('log', 'settle')) / 1000:.1f} kB of the server's log, "
            f"{each * medians(rounds, ('log', 'settle')) / 1e6:.0f} MB a second for a partition, which is what its replica receives; "
            f"and leaves {medians(rounds, 'row'):.0f} bytes of usage with its indexes, "
            f"{each * medians(rounds, 'row') * 86400 / 1e9:.0f} GB a day for a partition.")


def text(rounds):
    head = ["daemons", "what", "a second", f"pgbench = 1 (goal: ≥ {GOAL})", "holds a group", "ms a group", "the model says",
            "measured ÷ model"]
    models = {what: Model(rounds, what) for what in WHAT}
    hold, settle = models.values()
    return "\n".join([
        f"Written by `make bench-postgresql` on {datetime.date.today()}: {machine()}. The server and the daemons share these "
        f"cores. Medians of {ROUNDS} interleaved rounds of {HOLDS:,} holds, {WAITERS} waiters a daemon, all on one global "
        "budget and 16 projects'.", "", *table(head, rows(rounds, models)), "",
        f"pgbench: {medians(rounds, 'tpcb'):,.0f} transactions/s. Round trip *r* = {medians(rounds, 'trip'):.0f} µs, flush "
        f"*f* = {hold.flush:.0f} µs. By one daemon with 4 and with 32 waiters: *g* = {hold.fixed:.0f} µs and *s* = {hold.each:.0f} µs; "
        f"with settlements, {settle.fixed:.0f} and {settle.each:.0f}.", "",
        "What the session of a daemon's writer does, of all samples:", "",
        *table(["daemons", "what", *DOING.values()], doing_rows(rounds)), "", on_paper(rounds), ""])


def main():
    run(BIN / "pgbench", "-i", "-q", "-s", "20", ADDRESS)
    sql("CREATE SEQUENCE bench_flush")
    rounds = []
    for i in range(ROUNDS):
        rounds.append(measure_round())
        print(f"round {i + 1}: pgbench {rounds[-1]['tpcb']:.0f}/s", *(
            f"{daemons} × {what} {rounds[-1][daemons, what][0]:.0f}/s" for daemons, what in RUNS), sep=", ", file=sys.stderr)
    said = text(rounds)
    print(said)
    if os.environ.get("WRITE") != "no":
        replace_part(PAGE, "make bench-postgresql", said)


main()
