# SPDX-License-Identifier: MIT
"""A ledger in trouble: nothing is admitted that could not be written down."""

import contextlib
import re
import sqlite3

import pytest

from bodies import CHAT
from harness import ROOT

CHAT_PATH = "/v1/chat/completions"


def test_a_database_locked_by_another_program(start_proxy, sim):
    proxy = start_proxy("--busy-timeout", "200ms")
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    with contextlib.closing(sqlite3.connect(proxy.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = proxy.post(CHAT_PATH, CHAT)
        assert refused.status == 503
        assert refused.json()["error"]["code"] == "ledger_unavailable"
        assert proxy.get("/health").status == 200
        other.execute("ROLLBACK")
    assert proxy.post(CHAT_PATH, CHAT).status == 200
    assert len(sim.journal(wait=2)) == 2
    proxy.verify()


@pytest.mark.parametrize("content", [b"this is no database" * 100,
                                     b"SQLite format 3\0" + b"x" * 5000], ids=["text", "header"])
def test_what_is_no_database_is_left_alone(start_proxy, tmp_path, content):
    (tmp_path / "tokencap.db").write_bytes(content)
    proxy = start_proxy(ready=False)
    assert proxy.failure() == 74
    assert str(proxy.database) in proxy.log.text
    assert (tmp_path / "tokencap.db").read_bytes() == content


def test_a_damaged_database_is_refused_and_left_alone(start_proxy):
    proxy = start_proxy()
    for _ in range(30):
        proxy.post(CHAT_PATH, CHAT)
    proxy.stop()
    data = bytearray(proxy.database.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    for at in range(size, len(data) - size, size):
        data[at:at + size] = b"\xa5" * size
    proxy.database.write_bytes(data)
    again = start_proxy(ready=False)
    assert again.failure() == 74
    assert proxy.database.read_bytes() == bytes(data)


def test_a_newer_schema_is_refused(start_proxy):
    proxy = start_proxy()
    proxy.stop()
    with contextlib.closing(sqlite3.connect(proxy.database)) as db:
        db.execute("PRAGMA user_version = 9999")
    assert start_proxy(ready=False).failure() == 74


def test_wal_and_no_second_writer(proxy):
    proxy.post(CHAT_PATH, CHAT)
    assert proxy.rows("PRAGMA journal_mode") == [("wal",)]
    assert proxy.rows("PRAGMA quick_check") == [("ok",)]


SCHEMAS = sorted((ROOT / "test/ledger").glob("schema-*.sql"))


def test_a_ledger_of_every_released_schema_is_known():
    header = (ROOT / "include/ledger/sqlite/schema.h").read_text()
    now = int(re.search(r"SCHEMA_VERSION (\d+)", header)[1])
    assert [path.stem for path in SCHEMAS] == [f"schema-{n}" for n in range(1, now + 1)]


@pytest.mark.parametrize("old", SCHEMAS, ids=lambda path: path.stem)
def test_a_ledger_of_an_older_schema_is_brought_up(start_proxy, tmp_path, old):
    """What was spent stays, what the crash left open is charged, budgets and tokens are in force."""
    with contextlib.closing(sqlite3.connect(tmp_path / "tokencap.db")) as db:
        db.executescript(old.read_text())
        [requests, cost], [held] = (db.execute(sql).fetchone() for sql in (
            "SELECT sum(requests), sum(cost) FROM total", "SELECT sum(amount) FROM hold"))
        budgets = db.execute("SELECT count(*) FROM budget WHERE deleted = 0 AND scope <> 4").fetchone()[0]
    proxy = start_proxy()
    assert proxy.rows("SELECT sum(requests), sum(cost) FROM total") == [(requests + 1, cost + held)]
    assert len(proxy.get("/v1/budgets").json()["budgets"]) == budgets
    assert proxy.post(CHAT_PATH, CHAT, {"X-Tokencap-Project-Id": "strict"}).status == 200
    assert [token["label"] for token in proxy.get("/v1/tokens").json()["tokens"]] == ["ci"]
    proxy.verify()
