# SPDX-License-Identifier: MIT
"""A PostgreSQL server of a test's own, on a socket in a temporary folder, as an unprivileged user."""

import glob
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

import pytest

from harness import TIMEOUT


def server_folder():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
    return found[-1] if found else None


class Postgres:
    """One server; `url` is the address of its database `tokencap`."""

    def __init__(self):
        self.bin = server_folder()
        if not self.bin:
            pytest.skip("PostgreSQL's server is not installed (./deps.sh postgresql-15)")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tokencap-pg-"))
        self.folder.chmod(0o755)
        self.as_user = []
        if os.geteuid() == 0:  # the server refuses to run as root
            self.as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            shutil.chown(self.folder, "nobody", "nogroup")
        self.tool("initdb", "-D", self.folder / "data", "-U", "tokencap", "-A", "trust", "--no-sync",
                  "--encoding=UTF8", "--locale=C")
        self.process = None
        self.start()
        self.tool("createdb", "-h", self.folder, "-U", "tokencap", "tokencap")

    @property
    def url(self):
        return self.address()

    def address(self, folder=None, user="tokencap", database="tokencap"):
        return f"postgresql://{user}@/{database}?host={folder or self.folder}"

    def tool(self, name, *args):
        done = subprocess.run([*self.as_user, f"{self.bin}/{name}", *map(str, args)], text=True,
                              capture_output=True, timeout=TIMEOUT, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self):
        self.process = subprocess.Popen(
            [*self.as_user, f"{self.bin}/postgres", "-D", self.folder / "data", "-k", self.folder, "-c",
             "listen_addresses=", "-c", "max_connections=200"], cwd="/",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(TIMEOUT * 10):
            ready = subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.folder, "-U", "tokencap",
                                    "-d", "postgres"], timeout=TIMEOUT)
            if ready.returncode == 0:
                return
            assert self.process.poll() is None, "the server ended"
            threading.Event().wait(0.1)
        raise AssertionError("the server is not ready")

    def demand(self, user, password):
        """A user who may do all that a ledger needs, with that password alone."""
        quoted = password.replace("'", "''")
        self.sql(f"DROP ROLE IF EXISTS {user}; CREATE ROLE {user} LOGIN PASSWORD '{quoted}';"
                 f"GRANT CREATE ON DATABASE tokencap TO {user}")
        rules = self.folder / "data/pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")
        self.sql("SELECT pg_reload_conf()")

    def stop(self, how=signal.SIGINT):
        """SIGINT cuts all sessions and ends; SIGQUIT is a crash."""
        self.process.send_signal(how)
        self.process.wait(TIMEOUT)

    def end(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def sql(self, text, database="tokencap"):
        """Rows of a query, as lists of strings."""
        out = self.tool("psql", "-qXAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U",
                        "tokencap", "-d", database, "-c", text)
        return [line.split("\t") for line in out.splitlines()]


class Cut:
    """Stands between a daemon and the server: passes all on, until it is cut. Its own folder holds the
    socket by the name that libpq looks for."""

    def __init__(self, server, version=None):
        """version: what the server then seems to be of."""
        self.target = str(server / ".s.PGSQL.5432")
        self.version = version
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tokencap-cut-"))
        self.pairs, self.lock = [], threading.Lock()
        self.doubt(times=0)
        self.listener = None
        self.mend()

    def mend(self):
        """Lets connections through from now on."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.pairs.append((client, server))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.carry, args=(a, b, a is client), daemon=True).start()

    def doubt(self, about=b"", times=1, for_good=False):
        """So many commits, of groups that mention it, reach the server, and their answers nobody; for_good:
        and nothing new passes after the last."""
        with self.lock:
            self.doubts, self.about, self.for_good = times, about, for_good

    def in_doubt(self, data):
        with self.lock:
            lost = self.doubts > 0 and b"COMMIT" in data and self.about in data
            self.doubts -= lost
        if lost and self.for_good and not self.doubts:
            self.refuse()
        return lost

    def as_told(self, data):
        """The server's answer to a connection tells its version: a message S, its length, name and value."""
        if not self.version:
            return data
        told = b"server_version\0" + self.version.encode() + b"\0"
        return re.sub(rb"S....server_version\0[^\0]*\0",
                      lambda _: b"S" + struct.pack(">I", 4 + len(told)) + told, data, flags=re.DOTALL)

    def carry(self, a, b, from_client):
        try:
            while data := a.recv(65536):
                if from_client and self.in_doubt(data):
                    a.shutdown(socket.SHUT_RDWR)  # before the server can answer
                    b.sendall(data)
                    b.shutdown(socket.SHUT_WR)
                    while b.recv(65536):
                        pass
                    return
                b.sendall(data if from_client else self.as_told(data))
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hang_up(self):
        """Cuts what is connected; new connections pass."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def refuse(self):
        """Lets nothing new through."""
        with self.lock:
            listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            (self.folder / ".s.PGSQL.5432").unlink()

    def cut(self):
        """Cuts what is connected, and lets nothing new through."""
        self.refuse()
        self.hang_up()

    def end(self):
        self.cut()
        shutil.rmtree(self.folder)
