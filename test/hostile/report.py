# SPDX-License-Identifier: MIT
"""Runs whatever docs/faults.md names, and more that means harm, under sanitizers; prints what was
tried and what came of it. Ends 1 unless nothing did.

    report.py PYTEST BUILD SANITIZED_BUILD
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as XML

from rows import ROOT, problems, rows

MORE = ["test_torture.py", "test_hostile.py", "test_errors.py", "test_faults.py"]
PLAIN = ["test_torture.py", "test_hostile.py"]  # what needs preloading, or the clock


def run_end_to_end(pytest, build, files, folder):
    """{(file, test): outcome}, the counts and the figures that the tests kept."""
    report, counts = folder / f"{build}.xml", folder / f"{build}.json"
    env = os.environ | {"TOKENCAP_BUILD": build, "TOKENCAP_COUNTS": str(counts),
                        "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([pytest, "-q", "--tb=short", f"--junitxml={report}",
                    *(str(ROOT / "test/e2e" / f) for f in sorted(files))], env=env, cwd=ROOT,
                   stdout=sys.stderr)
    found = collections.defaultdict(list)
    for case in XML.parse(report).iter("testcase"):
        bad = [e for e in case if e.tag in ("failure", "error")]
        outcome = ("".join(e.text or "" for e in bad) if bad else
                   "skipped" if case.find("skipped") is not None else "")
        file = case.get("classname").rpartition(".")[2] + ".py"
        found[file, case.get("name").partition("[")[0]].append(outcome)
    kept = json.loads(counts.read_text())
    return found, collections.Counter(kept["counts"]), kept["figures"]


def run_unit(build, file, tests):
    done = subprocess.run([ROOT / build / "test/unit" / file.removesuffix(".c")], cwd=ROOT,
                          capture_output=True, text=True, errors="replace")
    said = done.stdout + done.stderr
    whole = "" if done.returncode == 0 else said
    return {(file, test): ["" if not whole or f"[       OK ] {test}" in said else said]
            for test in tests}


def replay(build):
    """How many files of the corpora went through their targets; what failed."""
    files, failures = 0, []
    for corpus in sorted((ROOT / "test/fuzz/corpus").iterdir()):
        target = ROOT / build / f"test/fuzz/replay_{corpus.name}"
        done = subprocess.run([target, corpus], capture_output=True, text=True, errors="replace")
        files += int((re.search(r"(\d+) files replayed", done.stdout) or [0, 0])[1])
        if done.returncode:
            failures.append(done.stdout + done.stderr)
    return files, failures


def kind_of(failure):
    if "LeakSanitizer" in failure:
        return "leaks"
    if re.search(r"Sanitizer|runtime error:|ended with -\d|Assertion `", failure):
        return "crashes"
    return "wrong answers"


def main(pytest, plain, sanitized):
    tables = rows()
    wrong = problems(tables)
    named = {pair for table in tables.values() for tests in table.values() for pair in tests}
    outcomes = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        end_to_end = {file for file, _ in named if file.endswith(".py")} | set(MORE)
        counts, figures = collections.Counter(), {}
        for build, files in ((sanitized, end_to_end), (plain, PLAIN)):
            found, counted, measured = run_end_to_end(pytest, build, files, folder)
            counts += counted
            figures |= measured
            for pair, results in found.items():
                outcomes[pair] += results
    for file in sorted({file for file, _ in named if file.endswith(".c")}):
        outcomes.update(run_unit(sanitized, file, [t for f, t in named if f == file]))
    files, failures = replay(sanitized)
    tally = collections.Counter(kind_of(f) for f in failures)
    for results in outcomes.values():
        tally.update(kind_of(r) for r in results if r and r != "skipped")
    missing = [pair for pair in sorted(named) if not any(r != "skipped" for r in outcomes[pair])]
    wrong += [f"did not run: {file} {test}" for file, test in missing]
    show(tables, counts, files, outcomes, tally, figures)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong or sum(tally.values()) else 0


def show(tables, counts, files, outcomes, tally, figures):
    def passed(tests):
        return tests and all(not any(r and r != "skipped" for r in outcomes[t]) for t in tests)

    lines = [("requests sent to the daemon", counts["inputs"]),
             ("inputs replayed from corpora", files),
             ("faults injected", counts["faults"])]
    lines += [(f"rows: {name.lower()}", f"{sum(passed(t) for t in table.values())} of {len(table)}")
              for name, table in tables.items()]
    lines += [(kind, tally[kind]) for kind in ("crashes", "leaks", "wrong answers")]
    lines += figures.items()
    print("| | |\n|---|---|")
    for what, n in lines:
        print(f"| {what} | {n} |")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
