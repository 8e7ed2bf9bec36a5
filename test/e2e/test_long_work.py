# SPDX-License-Identifier: MIT
"""What takes minutes on a large ledger shows how far it is on a terminal, and stops at a signal, leaving
the ledger sound and nothing half done. What verify finds is named."""

import contextlib
import os
import pathlib
import pty
import re
import signal
import sqlite3
import subprocess

import pytest

from bodies import CHAT
from harness import BUILD, TIMEOUT, clean_environment, sim_header

WORK = {
    "verify": lambda db, copy: ["verify", db],
    "backup": lambda db, copy: ["backup", f"--db={db}", copy],
    "compact": lambda db, copy: ["usage", "compact", "--before=2099-01-01", db],
}
works = pytest.mark.parametrize("work", WORK.values(), ids=WORK)


def tool(*args):
    return subprocess.run([BUILD / "bin/tokencap", *args], capture_output=True, text=True, timeout=TIMEOUT,
                          env=clean_environment())


class OnTerminal:
    """The tool with a terminal for its messages."""

    def __init__(self, *args):
        ours, theirs = pty.openpty()
        self.terminal = os.fdopen(ours, "rb", buffering=0)
        self.process = subprocess.Popen([BUILD / "bin/tokencap", *args], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=theirs, env=clean_environment())
        os.close(theirs)

    def await_handler(self, number):
        """Until it expects that signal."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status")
        while not int(re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.M)[1], 16) >> number - 1 & 1:
            assert self.process.poll() is None

    def end(self):
        """Its exit status, and what the terminal has shown."""
        shown = b""
        with contextlib.suppress(OSError):  # EIO: it has gone
            while data := self.terminal.read(4096):
                shown += data
        self.terminal.close()
        return self.process.wait(TIMEOUT), shown.decode()


@pytest.fixture
def database(proxy):
    """Of a daemon that has stopped: rows of two projects, one of them with a strict budget."""
    proxy.set_budget(1, enforcement="strict", periodDays=1)
    for name in ("default", "other"):
        for status in (200, 500, 200):
            proxy.post("/v1/chat/completions", CHAT, {"X-Tokencap-Project-Id": name} | sim_header(status=status))
    proxy.stop()
    return str(proxy.database)


@works
def test_its_progress_on_a_terminal(database, tmp_path, work):
    status, shown = OnTerminal(*work(database, str(tmp_path / "copy.db"))).end()
    assert status == 0
    assert re.fullmatch(r"(\r *\d+ %)+\r     \r", shown), repr(shown)


@works
def test_nothing_of_it_elsewhere(database, tmp_path, work):
    assert tool(*work(database, str(tmp_path / "copy.db"))).stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@works
def test_it_stops_at_a_signal(database, tmp_path, work, number):
    copy = tmp_path / "copy.db"
    before = tool("usage", f"--db={database}", "--json").stdout
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")  # so that the work waits until the signal has come
        other.execute("BEGIN EXCLUSIVE")
        running = OnTerminal(*work(database, str(copy)))
        running.await_handler(number)
        running.process.send_signal(number)
    status, shown = running.end()
    assert (status, "interrupted" in shown) == (130, True), shown
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("copy")]
    assert tool("verify", database).returncode == 0
    assert tool("usage", f"--db={database}", "--json").stdout == before
    assert tool(*work(database, str(copy))).returncode == 0  # the next time it is not
    assert tool("usage", f"--db={database}", "--json").stdout == before


# Each invariant that verify proves: a figure of it falsified, and how that is named.
VIOLATED = {
    "rows make the totals": ("UPDATE total SET output = output + 1", "the total of project"),
    "rows make the days": ("UPDATE daily SET cost = cost + 1", "the roll-up of project"),
    "rows make the hours": ("UPDATE series SET cost = cost + 1 WHERE view = 0", "hourly sums"),
    "rows make what was spent": ("UPDATE period SET spent = spent + 1", "keeps"),
    "open holds make what is held": ("UPDATE period SET held = held + 1", "as held"),
    "a hold ends once": ("INSERT INTO voided SELECT id, lag, amount, at1, at2, at3, at4 FROM usage LIMIT 1",
                         "ended more than once"),
    "no figure is negative": ("UPDATE usage SET t0 = -1", "negative figure"),
    "an admission is within its limit": ("UPDATE period_cap SET cap = 1; UPDATE budget SET cap = 1",
                                         "above its limit"),
    "limits are on record": ("UPDATE budget SET cap = cap + 1", "is not the one on record"),
    "the overrun is that of the rows": ("UPDATE ledger SET overrun = 1", "overrun"),
}


@pytest.mark.parametrize("lie, named", VIOLATED.values(), ids=VIOLATED)
def test_verify_names_what_is_violated(database, lie, named):
    assert tool("verify", database).returncode == 0
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.executescript(lie)
    found = tool("verify", database)
    assert found.returncode == 1
    assert named in found.stderr, found.stderr
