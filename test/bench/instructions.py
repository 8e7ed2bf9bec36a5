#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""instructions.py PROGRAM DATADIR COMPILER [--renew]

How many instructions the hot functions take for fixed inputs (the cases of instructions.c, under callgrind),
against the record in instructions.tsv: unlike times, these do not depend on what else the machine does. Ends 1
where a case has moved by more than the tolerance, to either side; --renew writes the record anew. They do
depend on the compiler, so the record says which one it is of, and any other is not compared."""

import pathlib
import re
import subprocess
import sys
import tempfile

RECORD = pathlib.Path(__file__).with_name("instructions.tsv")
TOLERANCE = 0.05


def measure(program, data):
    """{case: instructions}, in the order of the cases."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program,
                              data, folder], capture_output=True, text=True, check=False)
        if run.returncode:
            sys.exit(f"instructions: {run.stderr}")
        dumps = [p.read_text() for p in sorted(pathlib.Path(folder).glob("out.*"), key=lambda p: int(p.suffix[1:]))]
    found = {}
    for text in dumps:
        if name := re.search(r"^desc: Trigger: Client Request: case (\S+)", text, re.M):
            found[name[1]] = int(re.search(r"^totals: (\d+)", text, re.M)[1])
    return found


def read_record():
    head, *lines = RECORD.read_text().splitlines()
    return head.removeprefix("# "), {name: int(n) for name, n in (line.split("\t") for line in lines)}


def write_record(compiler, found):
    RECORD.write_text(f"# {compiler}\n" + "".join(f"{name}\t{n}\n" for name, n in found.items()))


def compare(recorded, found):
    """Lines on what has moved, and the largest change there is."""
    lines, largest = [], 0.0
    for name in recorded.keys() | found.keys():
        if name not in recorded or name not in found:
            lines.append(f"  {name}: only {'measured' if name in found else 'in the record'}")
            continue
        change = found[name] / recorded[name] - 1
        largest = max(largest, change, key=abs)
        if abs(change) > TOLERANCE:
            lines.append(f"  {name}: {found[name]:,} instructions, {change:+.1%} of the record's {recorded[name]:,}")
    return sorted(lines), largest


def main():
    program, data, compiler, *options = sys.argv[1:]
    recorded_compiler, recorded = read_record() if RECORD.exists() else (compiler, {})
    if "--renew" in options:
        write_record(compiler, measure(program, data))
    elif compiler != recorded_compiler:
        print(f"SKIPPED: instructions are recorded for {recorded_compiler}, this is {compiler}")
    else:
        moved, largest = compare(recorded, measure(program, data))
        if moved:
            sys.exit("\n".join(["instructions: not as recorded; where that is meant (fewer, or more for a reason), "
                                "`make instructions` renews the record:", *moved]))
        print(f"instructions: {len(recorded)} cases as recorded (largest change {largest:+.1%})")


main()
