# SPDX-License-Identifier: MIT
"""The rows of the benchmark. Each measures one thing, gives back its part of the page as lines of Markdown, and
leaves in `figures` what goals.py asks for."""

import os
import re
import statistics
import subprocess
import tempfile
import time

from load import ASKING, CHAT, MESSAGES
from programs import BUILD, RIVAL, Stage

SMALL, LARGE = 1000, 85_000
LEDGER_ROWS = int(os.environ.get("LEDGER_ROWS", "1000000"))
PROJECTS = 100_000
MANY = ["--workers=5000", "--max-connections=5000", "--queue-depth=5000", "--on-disconnect=cancel"]


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(r) + " |" for r in rows)]


def usual(stage):
    return {"direct": stage.sim, "nginx": stage.nginx(), "full": stage.tokencapd("full"),
            "normal": stage.tokencapd("normal")}


def start(load, figures):
    """Of a daemon whose ledger is there already."""
    ms, kib = [], []
    with tempfile.NamedTemporaryFile(suffix=".db") as db:
        for _ in range(load.rounds + 1):
            with Stage(load.tmp) as stage:
                daemon = stage.tokencapd("full", db=db.name)
                ms.append(daemon.start_ms)
                kib.append(daemon.rss_kib())
    figures["start_ms"] = statistics.median(ms[1:])
    figures["idle_mb"] = statistics.median(kib) * 1024 / 1e6
    return [f"From its start to its first connection: {figures['start_ms']:.0f} ms. Memory after that: "
            f"{figures['idle_mb']:.0f} MB."]


# ---- requests ----

def forward_rows(label, m):
    for name, r in m.items():
        yield [label, name, f"{r['rate']:,.0f}", *(f"{r['rate'] / m[n]['rate']:.2f}" for n in ("direct", "nginx", "bare")),
               f"{r['p50']:.3f}", f"{r['p99']:.3f}", f"{r['cpu_us']:.0f}"]


def fsync_ms(folder):
    """What one costs now: the median of fifty, a page of a file overwritten before each."""
    took = []
    with open(folder / "fsync", "wb", buffering=0) as f:
        for i in range(100):
            f.seek(i % 50 * 4096)
            f.write(bytes(4096))
            began = time.monotonic()
            os.fdatasync(f.fileno())
            took.append((time.monotonic() - began) * 1000)
    return statistics.median(took[50:])  # the first fifty made the file


def alone(load, program):
    """A lone client, and an fsync next to it."""
    return load.wrk(program, 1, SMALL) | {"fsync": fsync_ms(load.tmp)}


def added_at_one(m, figures):
    """What each adds to the latency of a lone client."""
    rows, fsync = [], m["full"]["fsync"]
    added = {n: {k: m[n][k] - m["direct"][k] for k in ("p50", "p99")} for n in ("nginx", "bare", "full", "normal")}
    nginx = added["nginx"]["p50"]
    for name, a in added.items():
        rows.append([name, f"{a['p50']:.3f}", f"{a['p50'] / nginx:.1f}", f"{a['p99']:.3f}"])
    figures["added_normal"] = added["normal"]["p50"] / nginx
    figures["added_full"] = (added["full"]["p50"] - fsync) / nginx
    return [f"Added to the latency at one connection, where an fsync takes {fsync:.3f} ms:", "",
            *table(["target", "added p50, ms", "÷ nginx's", "added p99, ms"], rows)]


def forward(load, figures):
    rows = []
    with Stage(load.tmp) as stage:
        targets = usual(stage) | {"bare": stage.bare()}
        m = load.in_turns(targets, lambda t: alone(load, t))
        rows += forward_rows("1 × 1 KB", m)
        added = added_at_one(m, figures)
        for connections, size in ((16, SMALL), (64, SMALL), (256, SMALL), (8, LARGE)):
            m = load.in_turns(targets, lambda t, c=connections, s=size: load.wrk(t, c, s))
            rows += forward_rows(f"{connections} × {size // 1000} KB", m)
            if connections == 64:
                for name in ("normal", "full"):
                    figures[f"rate_{name}"] = m[name]["rate"] / m["nginx"]["rate"]
                    figures[f"cpu_{name}"] = m[name]["cpu_us"]
    head = ["load", "target", "requests/s", "÷ direct", "÷ nginx", "÷ bare", "p50 ms", "p99 ms", "CPU µs/request"]
    return ["`bare` is the shape of tokencapd and nothing else: a thread a connection, the bounded queue, workers with "
            "blocking libcurl handles. It bounds what can be reached.", "", *table(head, rows), "", *added]


def h2load(load, _):
    """A second opinion on the middle of the table above."""
    with Stage(load.tmp) as stage:
        targets = {"direct": stage.sim, "nginx": stage.nginx(), "normal": stage.tokencapd("normal")}
        m = load.in_turns(targets, lambda t: load.h2load(t, 64, SMALL))
    return ["64 × 1 KB again, but by h2load (HTTP/1.1):", "",
            *table(["target", "requests/s", "÷ direct", "÷ nginx", "CPU µs/request"],
                   [[n, f"{r['rate']:,.0f}", f"{r['rate'] / m['direct']['rate']:.2f}",
                     f"{r['rate'] / m['nginx']['rate']:.2f}", f"{r['cpu_us']:.0f}"] for n, r in m.items()])]


def rivals(load, figures):
    if not RIVAL.exists():
        return ["Not measured: Portkey's gateway is not there, because Node or npm is missing."]
    with Stage(load.tmp) as stage:
        targets = {"full": stage.tokencapd("full"), "Portkey": stage.portkey()}
        m = load.in_turns(targets, lambda t: load.wrk(t, 64, SMALL))
        memory = {n: t.rss_kib() / 1024 for n, t in targets.items()}
    figures["rival_rate"] = m["full"]["rate"] / m["Portkey"]["rate"]
    figures["rival_cpu"] = m["full"]["cpu_us"] / m["Portkey"]["cpu_us"]
    return ["64 × 1 KB through Portkey's gateway (`@portkey-ai/gateway`), which neither counts nor holds:", "",
            *table(["target", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "memory, MiB"],
                   [[n, f"{r['rate']:,.0f}", f"{r['p50']:.2f}", f"{r['p99']:.2f}", f"{r['cpu_us']:.0f}",
                     f"{memory[n]:.0f}"] for n, r in m.items()])]


# ---- streams ----

def one_by_one(load, target):
    with load.streams(target, words=3) as s:
        s.tell("first", 20)
        return s.tell("first", 200)


def first_event(load, figures):
    with Stage(load.tmp) as stage:
        m = load.in_turns(usual(stage), lambda t: one_by_one(load, t))
    figures["first_event_us"] = m["normal"]["p50"] - m["direct"]["p50"]
    return ["Microseconds from the request to the first event, one stream after the other on one connection:", "",
            *table(["target", "p50", "p99", "added p50", "added p99"],
                   [[n, f"{r['p50']:.0f}", f"{r['p99']:.0f}", *(f"{r[k] - m['direct'][k]:.0f}" for k in ("p50", "p99"))]
                    for n, r in m.items()])]


def watch(load, target, path, count, pace_ms):
    """`count` streams of an event every `pace_ms`, with the CPU of the one between."""
    ms = load.seconds * 1000 if count > 1 else 1000
    with load.streams(target, path, delay_chunk_ms=pace_ms, words=3 * (ms + 2000) // pace_ms) as s:
        s.tell("open", count, 1000)
        cpu = target.cpu_us()
        seen = s.tell("watch", ms)
        seen["cpu_us"] = (target.cpu_us() - cpu) / seen["events"]
    return seen


def delay_rows(label, m, count):
    direct = m["direct"]
    for name, r in m.items():
        cpu = "" if name == "direct" or count == 1 else f"{r['cpu_us']:.0f}"  # of one, too little to be seen
        yield [label, name, *(f"{r[k]:.3f}" for k in ("p50", "p99")),
               *(f"{r[k] - direct[k]:.3f}" for k in ("p50", "p99")), cpu]


def events(load, figures):
    rows = []
    with Stage(load.tmp) as stage:
        targets = {"direct": stage.sim, "nginx": stage.nginx(streaming=True),
                   "normal": stage.tokencapd("normal", *MANY)}
        for label, path, count, pace_ms in (("1 of chat, 200/s", CHAT, 1, 5), ("1 of messages, 200/s", MESSAGES, 1, 5),
                                            ("1,000 of chat, 10/s each", CHAT, 1000, 100)):
            m = load.in_turns(targets, lambda t, p=path, c=count, ms=pace_ms: watch(load, t, p, c, ms))
            rows += delay_rows(label, m, count)
    for key in ("p50", "p99"):
        figures[f"event_{key}"] = m["normal"][key] - m["direct"][key]
    figures["event_cpu"] = m["normal"]["cpu_us"]
    return ["Milliseconds from the upstream's sending an event to the client's having it:", "",
            *table(["streams", "target", "p50", "p99", "added p50", "added p99", "CPU µs/event"], rows)]


def streams(load, figures):
    return [*first_event(load, figures), "", *events(load, figures)]


def fill_up(load, start_program):
    """A fresh program's memory a stream, and its open files, as slow streams are added."""
    found = {}
    with Stage(load.tmp) as stage:
        program = start_program(stage)
        idle = program.rss_kib()
        with load.streams(program, delay_chunk_ms=1000, words=60) as s:
            for count in (1000, 4000, 4900):
                s.tell("open", count, 3000)
                s.tell("watch", 1000)  # an event of each
                found[count] = (program.rss_kib() - idle) / count
            found["files"] = program.open_files()
    return found


def memory(load, figures):
    m = load.in_turns({"nginx": lambda stage: stage.nginx(streaming=True),
                       "tokencapd": lambda stage: stage.tokencapd("normal", *MANY)}, lambda t: fill_up(load, t))
    figures["stream_kib"] = m["tokencapd"][4000]
    figures["open_files"] = m["tokencapd"]["files"]
    return ["Memory a slow stream (an event a second), in KiB, of a fresh program; all 4,900 run at once:", "",
            *table(["target", "1,000 streams", "4,000", "4,900", "open files at 4,900"],
                   [[n, *(f"{r[c]:.0f}" for c in (1000, 4000, 4900)), f"{r['files']:,.0f}"] for n, r in m.items()])]


# ---- size ----

def flat(load, figures):
    """A whole request's CPU, with little and with much in the ledger."""
    sizes = {f"{rows:,} requests, {projects:,} project{'s' * (projects > 1)}": (rows, projects)
             for rows, projects in ((10, 1), (10, PROJECTS), (LEDGER_ROWS, 1), (LEDGER_ROWS, PROJECTS))}
    with Stage(load.tmp) as stage:
        targets = {}
        for name, (rows, projects) in sizes.items():
            db = load.tmp / f"flat-{rows}-{projects}.db"
            subprocess.run([BUILD / "test/ledger/scale", "--fill", str(rows), str(projects), db], check=True)
            targets[name] = stage.tokencapd("normal", db=db), projects
        m = load.in_turns(targets, lambda t: load.wrk(t[0], 16, SMALL, projects=t[1]))
    few, many_projects, many_rows, _ = (r["cpu_us"] for r in m.values())
    figures["flat_projects"] = many_projects / few
    figures["flat_rows"] = many_rows / few
    return ["16 × 1 KB (`normal`) with that in the ledger, each project with its budget; where there are many, "
            f"{ASKING:,} of them ask:", "",
            *table(["in the ledger", "requests/s", "CPU µs/request", "÷ the first", "KB written/request"],
                   [[n, f"{r['rate']:,.0f}", f"{r['cpu_us']:.0f}", f"{r['cpu_us'] / few:.2f}", f"{r['written_kb']:.0f}"]
                    for n, r in m.items()]), "",
            "What grows with the projects is what is written: requests of one project that are committed together change "
            "the same pages of the database, those of different projects do not."]


def ledger(load, figures):
    """The ledger alone, by its own program."""
    out = subprocess.run([BUILD / "test/ledger/bench", load.tmp], capture_output=True, text=True, check=True).stdout
    for waiters in (64, 256):
        rate, _, p99 = re.search(rf"^\| {waiters} \| hold \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", out, re.M).groups()
        figures[f"holds_{waiters}"] = float(rate)
        figures["holds_p99"] = max(float(p99), figures.get("holds_p99", 0))
    return ["Holds a second, each on disk before its waiter goes on:", "", *out.strip().splitlines()]


ROWS = {
    "start": ("Start", start),
    "forward": ("Requests", forward),
    "h2load": ("A second load generator", h2load),
    "rivals": ("Beside another gateway", rivals),
    "streams": ("Streams", streams),
    "memory": ("Many streams", memory),
    "flat": ("The same cost at any size", flat),
    "ledger": ("Holds", ledger),
}
