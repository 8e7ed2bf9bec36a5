#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What governing costs: requests through tokencapd with everything on (exact count, durable hold, settlement,
access checks), beside the same requests through nginx as a plain reverse proxy and straight to the upstream
simulator. Interleaved runs, medians, ratios within the same run. Writes docs/performance.md."""

import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("TOKENCAP_BUILD", "build")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS", "3"))
SMALL, LARGE = 1000, 85_000

LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-bench"
local f = io.open("{body}", "rb"); wrk.body = f:read("*a"); f:close()
"""

NGINX = """
worker_processes 2; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 32m; client_body_buffer_size 128k;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream sim {{ server 127.0.0.1:{sim}; keepalive 256; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port} backlog=1024; keepalive_requests 1000000;
    location / {{ proxy_pass http://sim; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """A server under test: its process tree, its port, its CPU time."""

    def __init__(self, name, argv, ready=None, stream="stdout", env=None):
        self.name = name
        pipes = {stream: subprocess.PIPE}
        other = "stderr" if stream == "stdout" else "stdout"
        pipes[other] = subprocess.DEVNULL
        started = time.monotonic()
        self.process = subprocess.Popen(argv, env=env, text=True, **pipes)
        self.port = None
        if ready:
            for line in getattr(self.process, stream):
                if (m := re.search(ready, line)):
                    self.port = int(m[1])
                    break
            else:
                sys.exit(f"{name} did not start")
        self.start_ms = (time.monotonic() - started) * 1000

    def pids(self):
        kids = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid] + [int(p) for p in kids.read_text().split()]

    def cpu_seconds(self):
        ticks = 0
        for pid in self.pids():
            f = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(f[11]) + int(f[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def request_body(size):
    words = "The quick brown fox jumps over the lazy dog, and then it thinks about what it has done. "
    text = (words * (size // len(words) + 1))[: size - 120]
    return json.dumps({"model": "gpt-4o-mini", "max_tokens": 200, "messages": [{"role": "user", "content": text}]})


def wrk(port, connections, script):
    out = subprocess.run(
        ["wrk", "-t2" if connections > 1 else "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", script,
         f"http://127.0.0.1:{port}/v1/chat/completions"],
        capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        sys.exit(f"{bad[1]} requests failed on port {port}:\n{out}")

    def ms(label):
        value, unit = re.search(rf"{label}\s+([\d.]+)(us|ms|s)", out).groups()
        return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]

    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), "p50": ms("50%"), "p99": ms("99%"),
            "count": int(re.search(r"(\d+) requests in", out)[1])}


def measure(targets, connections, script):
    """Medians of ROUNDS interleaved runs, for each target."""
    runs = {t: [] for t in targets}
    for _ in range(ROUNDS):
        for name, (program, port) in targets.items():
            before = program.cpu_seconds()
            r = wrk(port, connections, script)
            r["cpu_us"] = (program.cpu_seconds() - before) / r["count"] * 1e6
            runs[name].append(r)
    return {t: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for t, rs in runs.items()}


def start_all(tmp):
    sim = Program("simulator", [BUILD / "bin/tokencap-sim", "--port", "0", "--journal-limit", "0"],
                  r"ready on http://[\d.]+:(\d+)")
    nginx_port = free_port()
    (tmp / "nginx.conf").write_text(NGINX.format(dir=tmp, sim=sim.port, port=nginx_port))
    nginx = Program("nginx", [shutil.which("nginx") or "/usr/sbin/nginx", "-c", tmp / "nginx.conf"])
    programs = {"direct": (sim, sim.port), "nginx": (nginx, nginx_port)}
    for durability in ("full", "normal"):
        env = {"PATH": os.environ["PATH"], "DB_PATH": str(tmp / f"{durability}.db"), "PORT": "0", "HOST": "127.0.0.1",
               "OPENAI_UPSTREAM_URL": f"http://127.0.0.1:{sim.port}/v1"}
        p = Program("tokencapd", [BUILD / "bin/tokencapd", "--durability", durability, "--log-level", "warn"],
                    r"ready on http://[\d.]+:(\d+)", "stderr", env)
        budget = json.dumps({"projectId": "default", "limitUsd": 1000000}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{p.port}/v1/budget", budget).read()
        programs[durability] = (p, p.port)
    while True:
        try:
            socket.create_connection(("127.0.0.1", nginx_port), 1).close()
            return programs
        except ConnectionRefusedError:
            time.sleep(0.05)


def table(rows, head):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(r) + " |" for r in rows]


def rate_rows(label, m):
    for name, r in m.items():
        yield [label, name, f"{r['rate']:,.0f}", f"{r['rate'] / m['direct']['rate']:.2f}",
               f"{r['rate'] / m['nginx']['rate']:.2f}", f"{r['p50']:.3f}", f"{r['p99']:.3f}", f"{r['cpu_us']:.0f}"]


def main():
    rows, added = [], []
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        for name, size in (("small", SMALL), ("large", LARGE)):
            (tmp / f"{name}.json").write_text(request_body(size))
            (tmp / f"{name}.lua").write_text(LUA.format(body=tmp / f"{name}.json"))
        programs = start_all(tmp)
        idle = programs["full"][0].rss_mib()
        start = programs["full"][0].start_ms
        for connections in (1, 16, 64, 256):
            m = measure(programs, connections, tmp / "small.lua")
            rows += rate_rows(f"{connections} × 1 KB", m)
            if connections == 1:
                base = m["direct"]["p50"]
                added = [[n, f"{m[n]['p50'] - base:.3f}", f"{(m[n]['p50'] - base) / (m['nginx']['p50'] - base):.2f}"]
                         for n in ("nginx", "full", "normal")]
        rows += rate_rows("8 × 85 KB", measure(programs, 8, tmp / "large.lua"))
        for p, _ in reversed(programs.values()):
            p.stop()
    head = ["load", "target", "requests/s", "÷ direct", "÷ nginx", "p50 ms", "p99 ms", "CPU µs/request"]
    text = [
        "# Performance", "",
        f"Written by `make bench` on {datetime.date.today()}: {os.cpu_count()} cores of {platform.machine()}, "
        f"{platform.system()} {platform.release()}. The load generator (wrk), the upstream simulator and what is measured share "
        "these cores, so only ratios within one run mean something. `full` and `normal` are tokencapd's durabilities, "
        f"with everything on. Medians of {ROUNDS} interleaved runs of {SECONDS} s.", "",
        *table(rows, head), "",
        "Added to the median latency at one connection, in ms, and ÷ what nginx adds:", "",
        *table(added, ["target", "added p50", "÷ nginx"]), "",
        f"Start to ready: {start:.0f} ms. Resident memory after the start: {idle:.0f} MiB.", ""]
    (ROOT / "docs/performance.md").write_text("\n".join(text))
    print("\n".join(text))


main()
