#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tokencapd adds to each event of a stream: the simulator stamps every event with the time at which it
is sent, here is looked when it has come, straight and through the daemon, in turns. Writes
docs/performance-events.md; ends 1 where the 99th percentile grows by a millisecond or more. On a machine
that is not idle, REALTIME=1 (as root) runs all three ahead of everybody else."""

import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("TOKENCAP_BUILD", "build")
STREAMS = int(os.environ.get("STREAMS", "40"))  # of each kind
EVENTS = 100
PACE_MS = 5
LIMIT_MS = 1.0
STAMP = re.compile(rb": sent (\d+)\n")
BODIES = {
    "chat": ("/v1/chat/completions", {"model": "gpt-4o", "max_tokens": 500, "stream": True}),
    "messages": ("/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 500, "stream": True}),
}


def start(words, pattern, stream, env=None):
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: subprocess.PIPE}
    process = subprocess.Popen(words, env=env, text=True, **pipes)
    for line in getattr(process, stream):
        if found := re.search(pattern, line):
            return process, int(found[1])
    sys.exit(f"{words[0]} did not start")


def delays(port, path, body):
    """Of one stream's events, in milliseconds."""
    data = json.dumps(body | {"messages": [{"role": "user", "content": "Hello"}]}).encode()
    found = []
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     b"Authorization: Bearer sk-bench\r\nConnection: close\r\n"
                     b"X-Sim: stamp=1;words=%d;delay_chunk_ms=%d\r\nContent-Length: %d\r\n\r\n%s" % (
                         path.encode(), EVENTS, PACE_MS, len(data), data))
        rest = b""
        while more := wire.recv(65536):
            now = time.monotonic_ns()
            rest += more
            for stamp in STAMP.finditer(rest):
                found.append((now - int(stamp[1])) / 1e6)
            rest = rest[rest.rfind(b"\n") + 1:]
    return found


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def measure(sim, daemon):
    found = {}
    for _ in range(STREAMS):
        for kind, (path, body) in BODIES.items():
            for target, port in (("direct", sim), ("tokencapd", daemon)):
                found.setdefault((kind, target), []).extend(delays(port, path, body))
    return found


def report(found):
    lines, worst = [], 0
    for kind in BODIES:
        direct, through = found[kind, "direct"], found[kind, "tokencapd"]
        for target, values in (("direct", direct), ("tokencapd", through)):
            cells = " | ".join(f"{percentile(values, p):.3f}" for p in (50, 90, 99))
            lines.append(f"| {kind} | {target} | {len(values):,} | {cells} |")
        added = [percentile(through, p) - percentile(direct, p) for p in (50, 90, 99)]
        lines.append(f"| {kind} | **added** | | {' | '.join(f'**{a:.3f}**' for a in added)} |")
        worst = max(worst, added[-1])
    return lines, worst


def go_first():
    """All that is started from here comes before the machine's other work."""
    if os.environ.get("REALTIME"):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    return os.sched_getscheduler(0) == os.SCHED_FIFO


def main():
    first = go_first()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        sim, sim_port = start([BUILD / "bin/tokencap-sim", "--port", "0", "--journal-limit", "0"],
                              r"ready on http://[^:]+:(\d+)", "stdout")
        env = os.environ | {"OPENAI_UPSTREAM_URL": f"http://127.0.0.1:{sim_port}/v1",
                            "ANTHROPIC_UPSTREAM_URL": f"http://127.0.0.1:{sim_port}",
                            "DB_PATH": f"{folder}/tokencap.db", "TOKENCAP_LOG_LEVEL": "warn"}
        daemon, port = start([BUILD / "bin/tokencapd", "--port", "0", "--host", "127.0.0.1"],
                             r"ready on http://[^:]+:(\d+)", "stderr", env)
        try:
            found = measure(sim_port, port)
        finally:
            for process in (daemon, sim):
                process.terminate()
                process.wait(30)
    lines, worst = report(found)
    text = f"""# What a stream's events are delayed by

Written by `make bench-events`: {os.cpu_count()} cores of {platform.machine()}, load {load:.1f} at the start{
', all that is measured ahead of it (real-time priority)' if first else ''}. An
event every {PACE_MS} ms, one stream at a time; milliseconds from the upstream's sending to the client's having it.

| stream | way | events | p50 | p90 | p99 |
|---|---|---|---|---|---|
""" + "\n".join(lines) + "\n"
    print(text)
    (ROOT / "docs/performance-events.md").write_text(text)
    if worst >= LIMIT_MS:
        sys.exit(f"the 99th percentile grew by {worst:.3f} ms; the limit is {LIMIT_MS} ms (on an idle machine)")


main()
