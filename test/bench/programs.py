# SPDX-License-Identifier: MIT
"""The servers that are measured: how each is started, what it has used of the machine so far."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("TOKENCAP_BUILD", "build")
RIVAL = pathlib.Path(__file__).with_name("node_modules") / "@portkey-ai/gateway"
READY = r"ready on http://[\d.]+:(\d+)"

NGINX = """
worker_processes 2; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_max_body_size 32m; client_body_buffer_size 128k;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream sim {{ server 127.0.0.1:{sim}; keepalive 256; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; keepalive_requests 1000000;
    location / {{ proxy_pass http://sim; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering {buffering}; }} }}
}}
"""


class Program:
    """A server under test: its processes, its port, its headers for clients."""

    def __init__(self, argv, port=None, stream="stdout", env=None, headers=()):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if not port:  # it tells which one it took
            pipes[stream] = subprocess.PIPE
        self.headers = list(headers)
        began = time.monotonic()
        self.process = subprocess.Popen([str(a) for a in argv], env=env, text=True, **pipes)
        self.port = port or self._port_told(getattr(self.process, stream))
        self._await_connection()
        self.start_ms = (time.monotonic() - began) * 1000

    def _port_told(self, lines):
        for line in lines:
            if found := re.search(READY, line):
                return int(found[1])
        sys.exit(f"{self.process.args[0]} did not start")

    def _await_connection(self):
        while self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.01)
        sys.exit(f"{self.process.args[0]} ended")

    def _processes(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pathlib.Path(f"/proc/{p}") for p in (pid, *children)]

    def cpu_us(self):
        ticks = 0
        for p in self._processes():
            fields = (p / "stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks * 1e6 / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        return sum(int(re.search(r"VmRSS:\s+(\d+)", (p / "status").read_text())[1]) for p in self._processes())

    def written_kb(self):
        return sum(int(re.search(r"wchar: (\d+)", (p / "io").read_text())[1]) for p in self._processes()) / 1000

    def open_files(self):
        return sum(len(list((p / "fd").iterdir())) for p in self._processes())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Stage:
    """Starts programs before one simulator, and stops those that are left. `with` one."""

    def __init__(self, tmp):
        self.tmp = tmp
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.sim = self._keep(Program([BUILD / "bin/tokencap-sim", "--port", "0", "--journal-limit", "0"]))
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _keep(self, program):
        self.stack.callback(program.stop)
        return program

    def _folder(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.tmp))

    def nginx(self, streaming=False):
        folder, port = self._folder(), free_port()
        (folder / "nginx.conf").write_text(
            NGINX.format(dir=folder, sim=self.sim.port, port=port, buffering="off" if streaming else "on"))
        return self._keep(Program([shutil.which("nginx") or "/usr/sbin/nginx", "-c", folder / "nginx.conf"], port))

    def tokencapd(self, durability, *flags, db=None, extra=None):
        """With everything on, and a budget for who names no project."""
        env = {"PATH": os.environ["PATH"], "DB_PATH": str(db or self._folder() / "tokencap.db"), "PORT": "0",
               "HOST": "127.0.0.1", "OPENAI_UPSTREAM_URL": f"http://127.0.0.1:{self.sim.port}/v1",
               "ANTHROPIC_UPSTREAM_URL": f"http://127.0.0.1:{self.sim.port}", **(extra or {})}
        p = self._keep(Program([BUILD / "bin/tokencapd", "--durability", durability, "--log-level", "error", *flags],
                               stream="stderr", env=env))
        budget = json.dumps({"projectId": "default", "limitUsd": 1000000}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{p.port}/v1/budget", budget).read()
        return p

    def bare(self):
        """tokencapd's shape, and nothing else."""
        return self._keep(Program([BUILD / "test/bench/bare", f"http://127.0.0.1:{self.sim.port}"]))

    def portkey(self):
        port = free_port()
        return self._keep(Program(
            ["node", RIVAL / "build/start-server.js", "--headless", f"--port={port}"], port,
            env=os.environ | {"NODE_ENV": "production"},
            headers=[("x-portkey-provider", "openai"),
                     ("x-portkey-custom-host", f"http://127.0.0.1:{self.sim.port}/v1")]))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
