# SPDX-License-Identifier: MIT
"""The load: wrk, h2load, and streams.c for streams; and runs of it, in turns, as medians."""

import json
import re
import statistics
import subprocess
import sys

from programs import BUILD

ASKING = 1000  # of many projects
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HEADERS = [("Content-Type", "application/json"), ("Authorization", "Bearer sk-bench")]

LUA = """
local headers = {{ {headers} }}
local f = io.open("{body}", "rb"); local body = f:read("*a"); f:close()
local projects, asking = {projects}, {asking}
wrk.method = "POST"; wrk.headers = headers; wrk.body = body
if projects > 0 then
  request = function()
    headers["X-Tokencap-Project-Id"] = "project-" .. math.random(0, asking - 1) * projects / asking
    return wrk.format("POST", nil, headers, body)
  end
end
"""


def chat_body(size):
    """Has as many tokens as the simulator tells, a quarter of its bytes, or more: as with a real upstream, no request
    costs more than was held for it, and none waits for its settlement."""
    words = "The quick brown fox jumps over the lazy dog, and then it asks: is it done, or is it not? "
    text = (words * (size // len(words) + 1))[: size - 120]
    return json.dumps({"model": "gpt-4o-mini", "max_tokens": 200, "messages": [{"role": "user", "content": text}]})


class Load:
    """What the rows send with, its length, and the files that it needs."""

    def __init__(self, tmp, rounds, seconds):
        self.tmp, self.rounds, self.seconds = tmp, rounds, seconds

    def in_turns(self, targets, once):
        """Medians of all rounds for each target: {name: {figure: value}}."""
        runs = {name: [] for name in targets}
        for _ in range(self.rounds):
            for name, target in targets.items():
                runs[name].append(once(target))
        return {name: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for name, rs in runs.items()}

    def _body(self, size):
        path = self.tmp / f"body-{size}.json"
        if not path.exists():
            path.write_text(chat_body(size))
        return path

    def wrk(self, program, connections, size, projects=0):
        """projects: how many there are, ASKING of which ask; 0: none is named."""
        headers = ", ".join(f'["{n}"] = "{v}"' for n, v in HEADERS + program.headers)
        script = self.tmp / "wrk.lua"
        script.write_text(LUA.format(headers=headers, body=self._body(size), projects=projects,
                                     asking=min(projects, ASKING)))
        cpu, written = program.cpu_us(), program.written_kb()
        out = run(["wrk", "-t2" if connections > 1 else "-t1", f"-c{connections}", f"-d{self.seconds}s", "--latency",
                   "-s", script, f"http://127.0.0.1:{program.port}{CHAT}"])
        cpu, written = program.cpu_us() - cpu, program.written_kb() - written
        if bad := re.search(r"Non-2xx or 3xx responses: \d+|(?:connect|read|write) [1-9]\d*", out):
            sys.exit(f"bench: {program.process.args[0]}: {bad[0]}")
        requests = int(re.search(r"(\d+) requests in", out)[1])
        return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), "p50": latency_ms(out, "50%"),
                "p99": latency_ms(out, "99%"), "cpu_us": cpu / requests, "written_kb": written / requests,
                "requests": requests}

    def h2load(self, program, connections, size):
        headers = [f"-H{n}: {v}" for n, v in HEADERS + program.headers]
        cpu = program.cpu_us()
        out = run(["h2load", "--h1", "-t2", f"-c{connections}", f"-D{self.seconds}", f"-d{self._body(size)}", *headers,
                   f"http://127.0.0.1:{program.port}{CHAT}"])
        cpu = program.cpu_us() - cpu
        good, bad = re.search(r"status codes: (\d+) 2xx, ([^\n]*)", out).groups()
        if re.search(r"[1-9]", re.sub(r"[345]xx", "", bad)):
            sys.exit(f"bench: {program.process.args[0]}: {bad}")
        return {"rate": float(re.search(r"([\d.]+) req/s", out)[1]), "cpu_us": cpu / int(good)}

    def streams(self, program, path=CHAT, **script):
        """A client of streams that the simulator makes by that script (its X-Sim header)."""
        model = "claude-haiku-4-5" if path == MESSAGES else "gpt-4o-mini"
        body = json.dumps({"model": model, "max_tokens": 500, "stream": True,
                           "messages": [{"role": "user", "content": "Hello"}]})
        values = ";".join(f"{k}={v}" for k, v in {"stamp": 1, **script}.items())
        headers = [*HEADERS, *program.headers, ("Host", "localhost"), ("X-Sim", values), ("Content-Length", len(body))]
        head = "".join(f"{n}: {v}\r\n" for n, v in headers)
        request = self.tmp / "stream.http"
        request.write_bytes(f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        return Streams(program.port, request)


class Streams:
    """streams.c at the other end of a pipe. `with` one: its streams end with it."""

    def __init__(self, port, request):
        self.process = subprocess.Popen([BUILD / "test/bench/streams", str(port), request], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else sys.exit("bench: the streams' client gave up")


def run(argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True).stdout


def latency_ms(out, label):
    value, unit = re.search(rf"{label}\s+([\d.]+)(us|ms|s)", out).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
