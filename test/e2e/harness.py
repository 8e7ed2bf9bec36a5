# SPDX-License-Identifier: MIT
"""The simulator and the daemon as the tests handle them."""

import base64
import collections
import datetime
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import threading
import urllib.parse

import pytest

from wire import SANITIZED, TIMEOUT, Wire, render

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / os.environ.get("TOKENCAP_BUILD", "build")
UTC = datetime.timezone.utc
SANITIZER_REPORT = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer")


# For `make check-hostile`: how many hostile inputs and faults there were, and what was measured.
COUNTS = collections.Counter()
FIGURES = {}


def figures_follow():
    """What comes after measures the program, and a sanitizer would be measured with it."""
    if SANITIZED:
        pytest.skip("all but the figures was tested: they mean nothing under a sanitizer")


class Server:
    """Something that answers HTTP on a port of its own choice."""

    address = None

    @property
    def url(self):
        return "http://{}:{}".format(*self.address)

    def connect(self):
        return Wire(self.address)

    def ask(self, method, target, body=None, headers=()):
        """One request on a connection of its own; the whole answer."""
        with self.connect() as wire:
            wire.request(method, target, body, headers)
            return wire.read_answer(method)

    def get(self, target, headers=()):
        return self.ask("GET", target, None, headers)

    def post(self, target, body, headers=()):
        return self.ask("POST", target, body, headers)

    def delete(self, target, headers=()):
        return self.ask("DELETE", target, None, headers)

    def raw(self, data):
        """Sends bytes as they are; the answer."""
        with self.connect() as wire:
            wire.send(data)
            return wire.read_answer(data.split(b" ", 1)[0].decode("latin-1"))

    def set_address(self, line):
        host, _, port = line.rstrip("/").rpartition("http://")[2].rpartition(":")
        self.address = (host.strip("[]"), int(port))


class Entry:
    """One request as the simulator's journal has it."""

    def __init__(self, data):
        self.data = data
        self.method = data["method"]
        self.target = data["target"]
        self.headers = [tuple(pair) for pair in data["headers"]]
        self.body = base64.b64decode(data["body_base64"])
        self.answer = data["answer"]
        self.usage = self.answer["usage"] if self.answer else None
        self.answer_body = base64.b64decode(self.answer["body_base64"]) if self.answer else None

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.method} {self.target} {self.body[:200]!r} -> {self.answer}>"


class Sim(Server):
    def __init__(self, *flags):
        self.process = subprocess.Popen([BUILD / "bin/tokencap-sim", "--port", "0", *flags],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("tokencap-sim: ready on "), line
        self.set_address(line.strip())

    def stop(self):
        self.process.terminate()
        status = self.process.wait(TIMEOUT)
        self.process.stdout.close()
        assert status == 0, f"the simulator ended with {status}"

    def control(self, method, path, body=None, **query):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        answer = self.ask(method, target, body)
        assert answer.status == 200, answer
        return answer.json()

    def script(self, *behaviours, **behaviour):
        """Queues behaviours for the next requests that bring no X-Sim of their own."""
        return self.control("POST", "/_sim/script", list(behaviours) or behaviour)

    def journal(self, wait=0, **query):
        """All requests so far, once `wait` of them are finished."""
        found = self.control("GET", "/_sim/journal", wait=wait, **query)
        return [Entry(e) for e in found["requests"]]

    def one(self):
        """The only request that came."""
        entries = self.journal(wait=1)
        assert len(entries) == 1, entries
        return entries[0]

    def open(self, gate, passes=0):
        self.control("POST", "/_sim/open", gate=gate, passes=passes)

    def await_gate(self, gate, waiting=1):
        self.control("GET", "/_sim/gate", gate=gate, waiting=waiting)


def sim_header(**behaviour):
    """The X-Sim header that scripts the very request which carries it."""
    COUNTS["faults"] += "fault" in behaviour or behaviour.get("status", 200) >= 400
    return {"X-Sim": ";".join(f"{k}={urllib.parse.quote(str(v), safe='')}"
                              for k, v in behaviour.items())}


class Lines:
    """Collects a pipe's lines; lets others wait for one."""

    def __init__(self, pipe):
        self.lines = []
        self.changed = threading.Condition()
        self.ended = False
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe):
        for line in pipe:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, pattern):
        """The first line that matches, or None when the pipe ends without one."""
        def found():
            return next((line for line in self.lines if re.search(pattern, line)), None)

        with self.changed:
            ok = self.changed.wait_for(lambda: found() or self.ended, TIMEOUT)
            assert ok, f"no line like {pattern!r} in time; so far:\n{self.text}"
            return found()

    @property
    def text(self):
        return "\n".join(self.lines)


def newest_node():
    """(version, program): the machine's own, or the one that comes with the SDKs, which want a newer."""
    known = [shutil.which("node"), *map(str, (HERE / "node/node_modules").glob("node-linux-*/bin/node"))]
    return max((node_version(program), program) for program in known if program)


def node_version(program):
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=TIMEOUT)
    return int(shown.stdout.lstrip("v").split(".")[0])


def clean_environment():
    """Ours, without what a developer may have set for real."""
    dropped = ("OPENAI", "ANTHROPIC", "TOKENCAP", "DB_PATH", "PORT", "HOST", "DEFAULT_",
               "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    env = {k: v for k, v in os.environ.items() if not k.upper().startswith(dropped)}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    env.setdefault("TSAN_OPTIONS", "exitcode=99:halt_on_error=0")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    return env


class Daemon(Server):
    """A running tokencapd; its database lives in `folder`."""

    def __init__(self, folder, sim, *flags, env=None, ready=True, program="tokencapd"):
        """Starts it and waits for its ready line; ready=False: only launches it."""
        self.program = program
        self.database = folder / "tokencap.db"
        self.folder = folder
        self.flags = ["--port", "0", "--host", "127.0.0.1", *flags]
        self.env = clean_environment() | ({"TOKENCAP_WORKERS": "80"} if SANITIZED else {}) | {
            "DB_PATH": str(self.database),
            "OPENAI_UPSTREAM_URL": f"{sim.url}/v1",
            "ANTHROPIC_UPSTREAM_URL": sim.url,
            "OPENAI_API_KEY": "sk-configured-openai",
            "ANTHROPIC_API_KEY": "sk-configured-anthropic",
        } | (env or {})
        self.launch()
        if ready:
            self.await_ready()

    def connect(self):
        COUNTS["inputs"] += 1
        return super().connect()

    def launch(self):
        self.process = subprocess.Popen([BUILD / "bin" / self.program, *self.flags], env=self.env,
                                        cwd=self.folder, stderr=subprocess.PIPE, text=True,
                                        errors="replace")
        self.log = Lines(self.process.stderr)

    def await_ready(self):
        line = self.log.wait_for(r"^tokencapd: ready on ")
        assert line, f"it ended with {self.process.wait(TIMEOUT)}:\n{self.log.text}"
        self.set_address(line)

    def kill(self):
        """SIGKILL, to its pid; waits until it is gone."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT)
        self.collect()

    def stop(self):
        """SIGTERM; a clean end and no sanitizer's report are part of every test."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(TIMEOUT)
        self.collect()
        assert status == 0, f"tokencapd ended with {status}:\n{self.log.text}"

    def failure(self):
        """Waits for it to end by itself; its exit status."""
        status = self.process.wait(TIMEOUT)
        self.collect()
        return status

    def end(self):
        """At the end of a test: stops it, if it still runs."""
        if self.process.poll() is None:
            self.stop()
        elif self.process.stderr and not self.process.stderr.closed:
            self.collect()

    def collect(self):
        self.log.thread.join(TIMEOUT)
        self.process.stderr.close()
        assert not SANITIZER_REPORT.search(self.log.text), self.log.text

    # the management interface

    def set_budget(self, limit, project="default", **more):
        answer = self.post("/v1/budget", {"projectId": project, "limitUsd": limit, **more})
        assert answer.status == 200, answer
        return answer.json()["budget"]

    def budget(self, project="default"):
        answer = self.get("/v1/budget", {"X-Tokencap-Project-Id": project})
        assert answer.status == 200, answer
        return answer.json()["budget"]

    def usage(self, project="default"):
        answer = self.get("/v1/usage", {"X-Tokencap-Project-Id": project})
        assert answer.status == 200, answer
        return answer.json()["usage"]

    def history(self, project="default", **query):
        target = "/v1/usage/history"
        if query:
            target += "?" + urllib.parse.urlencode(query)
        answer = self.get(target, {"X-Tokencap-Project-Id": project})
        assert answer.status == 200, answer
        return answer.json()["records"]

    def estimate(self, path, body, headers=()):
        answer = self.post(f"/v1/estimate/{path}", body, headers)
        assert answer.status == 200, answer
        return answer.json()

    # the ledger, from outside

    def rows(self, sql):
        """Reads the database, which stays the daemon's."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def verify(self):
        """The operator's proof of the ledger's invariants."""
        done = subprocess.run([BUILD / "bin/tokencap", "verify", str(self.database)],
                              capture_output=True, text=True, env=clean_environment(),
                              timeout=TIMEOUT)
        assert done.returncode == 0, done.stdout + done.stderr


class Clock:
    """The wall clock of a tokencapd-rigged with CLOCK_FILE=`path`."""

    def __init__(self, folder):
        self.path = folder / "clock"
        self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)
        self.ahead = datetime.timedelta()

    def advance(self, **time):
        self.ahead += datetime.timedelta(**time)
        self.map[:] = struct.pack("=q", int(self.ahead.total_seconds() * 1000))

    def go_to(self, moment):
        self.advance(seconds=(moment - self.now()).total_seconds())

    def now(self):
        return datetime.datetime.now(UTC) + self.ahead


def together(count, work):
    """Runs work(0) … work(count - 1) in threads that start at once; the results in order."""
    results, errors = [None] * count, []
    start = threading.Barrier(count)

    def run(i):
        try:
            start.wait(TIMEOUT)
            results[i] = work(i)
        except Exception as error:  # shown by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(TIMEOUT * 2)
    assert not errors, errors
    return results


class Task(threading.Thread):
    """work() in a thread; result() waits for it."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.value, self.error = work, None, None
        self.start()

    def run(self):
        try:
            self.value = self.work()
        except Exception as error:
            self.error = error

    def result(self):
        self.join(TIMEOUT)
        assert not self.is_alive(), "still busy"
        if self.error:
            raise self.error
        return self.value


__all__ = ["BUILD", "COUNTS", "Clock", "Daemon", "Entry", "FIGURES", "HERE", "Lines", "ROOT", "SANITIZED", "Server",
           "Sim", "TIMEOUT", "Task", "UTC", "clean_environment", "figures_follow", "newest_node", "render", "sim_header",
           "together"]
