#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What governing costs: requests and streams through tokencapd with everything on (exact count, durable hold,
settlement, access checks), beside the same through nginx as a plain reverse proxy and straight to the upstream
simulator. Medians of interleaved runs; only ratios within one run mean much. Writes docs/performance.md, unless
ROWS names some of the rows; those are only printed."""

import datetime
import os
import pathlib
import sys
import tempfile
import time

from goals import goal_rows
from load import Load
from page import machine
from programs import ROOT
from rows import ROWS, table

PAGE = ROOT / "docs/performance.md"


def introduction(load, minutes):
    return [
        "# Performance", "",
        f"Written by `make bench` on {datetime.date.today()} in {minutes:.0f} minutes: {machine()}. "
        "The load generators, the upstream simulator and what is measured share these cores, so only ratios within one run mean something. "
        "`full` and `normal` are tokencapd's durabilities, with everything on; direct is the upstream without a proxy. "
        f"Medians of {load.rounds} interleaved runs of {load.seconds} s.", ""]


def main():
    load = Load(None, int(os.environ.get("ROUNDS", "5")), int(os.environ.get("SECONDS", "2")))
    wanted = os.environ.get("ROWS", "").replace(",", " ").split()
    if unknown := set(wanted) - ROWS.keys():
        sys.exit(f"bench: no such row: {' '.join(unknown)}; there are {' '.join(ROWS)}")
    began = time.monotonic()
    figures, parts = {}, []
    for name in wanted or ROWS:
        title, measure = ROWS[name]
        row_began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            load.tmp = pathlib.Path(folder)
            part = [f"## {title}", "", *measure(load, figures), ""]
        print("\n".join(part), f"\n({name}: {time.monotonic() - row_began:.0f} s)\n", flush=True)
        parts += part
    goals = ["## Goals", "", *table(["figure", "goal", "measured", ""], goal_rows(figures)), "",
             "What bounds them, those that miss their goal above all: [the profile](performance-profile.md). More of the "
             "ledger, with 10,000,000 requests in it: [its own page](performance-ledger.md). How fast tokens are counted: "
             "[another](performance-tokens.md).", ""]
    if wanted:
        return
    PAGE.write_text("\n".join([*introduction(load, (time.monotonic() - began) / 60), *goals, *parts]))
    print("\n".join(goals), f"\n{PAGE.relative_to(ROOT)} is written")


main()
