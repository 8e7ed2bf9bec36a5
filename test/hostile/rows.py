# SPDX-License-Identifier: MIT
"""The two tables of docs/faults.md, and the tests that their rows name."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LEAST = {"Faults": 42, "Bad input": 33}  # rows are added, never lost


def rows():
    """{table: {first cell: [(file, test), …]}}"""
    tables, table = {}, None
    for line in (ROOT / "docs/faults.md").read_text().splitlines():
        if line.startswith("## "):
            table = tables.setdefault(line[3:], {})
        elif line.startswith("|") and table is not None and not line.startswith("|---"):
            cells = re.split(r"(?<!\\) \| ", line.strip("| "))
            named = cells[-1].split(", ") if len(cells) == 3 else []
            table[cells[0]] = [tuple(name.split()) for name in named if len(name.split()) == 2]
    for table in tables.values():
        del table[next(iter(table))]  # the head
    return tables


def problems(tables):
    """What is wrong with them, a line each."""
    found = [f"{name}: only {len(tables.get(name, {}))} rows of {least}"
             for name, least in LEAST.items() if len(tables.get(name, {})) < least]
    for rows_of in tables.values():
        for row, tests in rows_of.items():
            if not tests:
                found.append(f"no test: {row}")
            found += [f"no such test: {file} {test} ({row})" for file, test in tests
                      if not exists(file, test)]
    return found


def exists(file, test):
    if file.endswith(".py"):
        path, mark = ROOT / "test/e2e" / file, f"\ndef {test}("
    else:
        path, mark = ROOT / "test/unit" / file, f"static void {test}("
    return path.exists() and mark in path.read_text()
