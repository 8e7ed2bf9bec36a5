#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which locks a request takes, and how long each is held: 64 connections through tokencapd with locks.c before its
mutexes. Writes the table into docs/performance-profile.md, below its heading."""

import os
import pathlib
import re
import subprocess
import tempfile

from load import Load, run
from page import replace_part
from programs import BUILD, ROOT, Stage
from rows import table

PAGE = ROOT / "docs/performance-profile.md"
HEAD = ["taken in", "times a request", "median ns", "p99 ns", "worst µs"]
RARE = 0.05  # times a request: not what every request takes


def where(offsets):
    """Function and file of each offset in the program; of inlined code, the innermost."""
    out = run(["addr2line", "-f", "-s", "-e", BUILD / "bin/tokencapd", *offsets]).splitlines()
    return [f"`{name}()`, {re.sub(':.*', '', place)}" for name, place in zip(out[::2], out[1::2])]


def measured():
    with tempfile.TemporaryDirectory() as folder, Stage(folder) as stage:
        out = pathlib.Path(folder) / "locks"
        load = Load(pathlib.Path(folder), 1, int(os.environ.get("SECONDS", "5")))
        daemon = stage.tokencapd("full", extra={"LD_PRELOAD": str(BUILD / "test/bench/locks.so"), "LOCKS_OUT": str(out)})
        requests = load.wrk(daemon, 64, 1000)["requests"]
        daemon.stop()
        return requests, [line.split() for line in out.read_text().splitlines()]


def main():
    requests, lines = measured()
    lines = sorted((l for l in lines if int(l[1]) >= RARE * requests), key=lambda l: -int(l[1]))
    rows = [[place, f"{int(times) / requests:.2f}", *figures[:2], f"{int(figures[2]) / 1000:.0f}"]
            for place, (_, times, *figures) in zip(where([l[0] for l in lines]), lines)]
    text = "\n".join(table(HEAD, rows)) + "\n"
    print(text)
    replace_part(PAGE, "make bench-locks", text)


main()
