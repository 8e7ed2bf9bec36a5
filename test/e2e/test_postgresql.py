# SPDX-License-Identifier: MIT
"""Several daemons, one budget: the ledger on PostgreSQL. ROUNDS=20 is `make check-postgresql`."""

import collections
import json
import os
import re
import signal
import subprocess
import time

import pytest

from bodies import CHAT, project
from harness import BUILD, SANITIZED, TIMEOUT, Task, clean_environment, sim_header, together
from money import exactly
from postgres import Cut, Postgres
from wire import Broken

DAEMONS, CLIENTS, AFFORDABLE = 4, 64 if SANITIZED else 256, 100
ROUNDS = int(os.environ.get("ROUNDS", 2))
LEASE = "--ledger-lease=3s"

pytestmark = pytest.mark.skipif(not (BUILD / "lib/tokencap/ledger-postgresql.so").exists(),
                                reason="configured without PostgreSQL")


@pytest.fixture(scope="module")
def server():
    postgres = Postgres()
    yield postgres
    postgres.end()


@pytest.fixture
def postgres(server):
    """The server, running, without a ledger."""
    if server.process.poll() is not None:
        server.start()
    server.sql("SET client_min_messages = error; DROP SCHEMA IF EXISTS tokencap CASCADE")
    return server


@pytest.fixture
def start(start_proxy, postgres, tmp_path):
    """Starts a daemon on the ledger, or on the same one by another way."""
    def start_one(address=None, *flags, **more):
        folder = tmp_path / f"d{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return start_proxy(f"--ledger={address or postgres.url}", LEASE, *flags, folder=folder, **more)

    return start_one


@pytest.fixture
def daemons(start):
    return [start() for _ in range(DAEMONS)]


def tool(*args):
    return subprocess.run([BUILD / "bin/tokencap", *map(str, args)], capture_output=True, text=True,
                          env=clean_environment(), timeout=TIMEOUT)


def verify(postgres):
    done = tool("verify", postgres.url)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def eventually(work):
    """work() until it is true; the event is somebody else's, so all one can do is look again."""
    end = time.monotonic() + TIMEOUT
    while not (found := work()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


def statuses(answers):
    found = [a.status if a else None for a in answers]
    return {status: found.count(status) for status in set(found)}


def ask(daemon, headers=(), body=CHAT):
    """The answer, or None when the daemon died meanwhile."""
    try:
        return daemon.post("/v1/chat/completions", body, headers)
    except (Broken, OSError):
        return None


def a_hold(daemon):
    return exactly(daemon.estimate("chat/completions", CHAT)["maximumCostUsd"])


@pytest.mark.parametrize("round", range(ROUNDS))
def test_exactly_the_affordable_number(daemons, sim, postgres, round):
    """All at once, through all daemons, and nothing comes back before all have been decided."""
    one = daemons[0].estimate("chat/completions", CHAT)
    daemons[0].set_budget(float(AFFORDABLE * a_hold(daemons[0])), enforcement="strict")
    full = sim_header(gate=min(CLIENTS, AFFORDABLE), input=one["inputTokens"], output=CHAT["max_tokens"])
    answers = together(CLIENTS, lambda i: ask(daemons[i % DAEMONS], full))
    if CLIENTS > AFFORDABLE:
        assert statuses(answers) == {200: AFFORDABLE, 402: CLIENTS - AFFORDABLE}
    else:
        assert statuses(answers) == {200: CLIENTS}
    admitted = min(CLIENTS, AFFORDABLE)
    assert len(sim.journal(wait=admitted)) == admitted
    for daemon in daemons:  # what another one settles shows a moment after its answer
        eventually(lambda: daemon.budget()["reservedUsd"] == 0)
        budget = daemon.budget()
        assert exactly(budget["spentUsd"]) == admitted * a_hold(daemon)
        assert daemon.usage()["totalRequests"] == admitted
    verify(postgres)


def test_a_dead_daemons_holds_end_once(daemons, sim, postgres):
    dead, *living = daemons
    living[0].set_budget(1)
    for daemon in daemons:
        assert ask(daemon, sim_header(input=5, output=5)).status == 200
    hold = exactly(dead.estimate("chat/completions", CHAT)["holdUsd"])
    left = [Task(lambda: ask(dead, sim_header(gate="never"))) for _ in range(8)]
    sim.await_gate("never", waiting=8)
    eventually(lambda: exactly(living[0].budget()["reservedUsd"]) == 8 * hold)  # the four are settled
    before = living[0].budget()
    dead.kill()
    for task in left:
        task.result()
    eventually(lambda: living[0].budget()["reservedUsd"] == 0)
    for daemon in living:
        assert exactly(daemon.budget()["spentUsd"]) == exactly(before["spentUsd"]) + 8 * hold
    rows = living[1].history(limit=1000)
    assert sorted(r["status"] for r in rows) == 8 * ["interrupted"] + DAEMONS * ["settled"]
    assert postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]]
    verify(postgres)


def test_killed_in_the_middle_of_a_crowd(daemons, sim, postgres):
    """Each client is a project, so that its rows can be laid beside its requests. They are the same, but for
    the one that each client of the dead daemon waited for: its hold may be there, and charged, though its
    request never went out, for the only one who knew is dead."""
    dead, *living = daemons
    clients = 32
    living[0].set_budget(100, scope="global")
    answers = [[] for _ in range(clients)]

    def client(i):
        body = CHAT | {"user": f"c{i}"}
        for _ in range(6):
            answer = ask(daemons[i % DAEMONS], project(f"c{i}") | sim_header(input=5, output=5), body)
            if not answer:
                return
            answers[i].append(answer)
            if i == 0 and sum(map(len, answers)) > 40 and dead.process.poll() is None:
                dead.kill()

    together(clients, client)
    if dead.process.poll() is None:
        dead.kill()
    eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]])
    sent, spent = collections.Counter(e.json()["user"] for e in sim.journal()), 0
    for i in range(clients):
        told = {a.headers["X-Tokencap-Request-Id"] for a in answers[i] if a.status == 200 and a.end == "complete"}
        rows = {r["requestId"]: r for r in living[0].history(f"c{i}", limit=1000)}
        untold = [r for r in rows if r not in told]
        assert told <= set(rows) and len(told) <= sent[f"c{i}"]
        spent += sum(exactly(r["costUsd"]) for r in rows.values())
        if daemons[i % DAEMONS] is dead and len(rows) > sent[f"c{i}"]:
            [surplus] = untold
            assert rows[surplus]["status"] == "interrupted" and len(rows) == sent[f"c{i}"] + 1
        else:
            assert len(rows) == sent[f"c{i}"] and len(untold) <= (daemons[i % DAEMONS] is dead)
    assert exactly(living[0].get("/v1/budget?scope=global").json()["budget"]["spentUsd"]) == spent
    verify(postgres)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_the_server_restarts_under_load(daemons, sim, postgres, how):
    daemons[0].set_budget(100)
    answers, stopped = [], []

    def client(i):
        for n in range(8):
            answers.append(ask(daemons[i % DAEMONS], sim_header(input=5, output=5)))
            if i == 0 and n == 3:
                postgres.stop(how)
                stopped.append(ask(daemons[1]))
                postgres.start()

    together(16, client)
    assert stopped[0].status == 503  # nothing is admitted without a ledger
    assert set(statuses(answers)) <= {200, 503}
    for daemon in daemons:
        eventually(lambda: ask(daemon, sim_header(input=5, output=5)).status == 200)
        assert daemon.process.poll() is None
    eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]])
    rows = daemons[0].history(limit=1000)
    done = [a.headers["X-Tokencap-Request-Id"] for a in answers if a.status == 200]
    assert set(done) <= {r["requestId"] for r in rows}
    assert len(rows) == len(sim.journal())
    assert {r["status"] for r in rows} == {"settled"}  # nobody died, so nothing is charged unseen
    assert exactly(daemons[0].budget()["spentUsd"]) == sum(exactly(r["costUsd"]) for r in rows)
    verify(postgres)


def test_a_connection_that_is_cut_again_and_again(start, sim, postgres):
    way = Cut(postgres.folder)
    try:
        daemon = start(postgres.address(way.folder))
        daemon.set_budget(100)
        answers = []

        def client(i):
            for n in range(20):
                answers.append(ask(daemon, sim_header(input=5, output=5)))
                if i == 0:
                    way.hang_up()

        together(16, client)
        assert set(statuses(answers)) <= {200, 503}
        assert statuses(answers).get(200, 0) > 0
        eventually(lambda: ask(daemon, sim_header(input=5, output=5)).status == 200)
        eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]])
        rows = daemon.history(limit=1000)
        assert len(rows) == len(sim.journal()) == 1 + statuses(answers)[200]
        assert {r["status"] for r in rows} == {"settled"}
        assert daemon.budget()["reservedUsd"] == 0
        verify(postgres)
        daemon.stop()
    finally:
        way.end()


def test_commits_in_doubt_count_once(start, sim, postgres):
    """The server commits, the daemon never hears of it: every hold and every end is there once."""
    way = Cut(postgres.folder)
    try:
        daemon = start(postgres.address(way.folder))
        one = daemon.estimate("chat/completions", CHAT)
        daemon.set_budget(float(24 * a_hold(daemon)), enforcement="strict")
        full = sim_header(input=one["inputTokens"], output=CHAT["max_tokens"])
        for _ in range(6):
            way.doubt(times=3)
            assert statuses(together(4, lambda i: ask(daemon, full))) == {200: 4}
        way.doubt(times=0)
        assert ask(daemon, full).status == 402
        budget = daemon.budget()
        assert exactly(budget["spentUsd"]) == 24 * a_hold(daemon) and budget["reservedUsd"] == 0
        assert len(daemon.history(limit=1000)) == len(sim.journal()) == 24
        assert postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]]
        assert "is lost" in daemon.log.text  # it did happen
        verify(postgres)
        daemon.stop()
    finally:
        way.end()


def test_cut_off_for_longer_than_the_lease(start, sim, postgres):
    """It admits nothing any more; what it holds is charged once, by the other, and not again when it
    comes back and settles."""
    way = Cut(postgres.folder)
    try:
        lonely, other = start(postgres.address(way.folder)), start()
        other.set_budget(1)
        hold = exactly(other.estimate("chat/completions", CHAT)["holdUsd"])
        late = Task(lambda: ask(lonely, sim_header(gate="late", input=5, output=5)))
        sim.await_gate("late")
        way.cut()
        eventually(lambda: ask(lonely).status == 503)
        eventually(lambda: other.budget()["reservedUsd"] == 0)
        assert exactly(other.budget()["spentUsd"]) == hold
        assert ask(lonely).status == 503
        way.mend()
        sim.open("late")
        assert late.result().status == 200
        eventually(lambda: ask(lonely, sim_header(input=5, output=5)).status == 200)
        [_, row] = eventually(lambda: len(rows := other.history(limit=10)) == 2 and rows)
        assert row["status"] == "interrupted" and exactly(row["costUsd"]) == hold
        assert lonely.log.wait_for("its lease was over|lease was over")
        verify(postgres)
        lonely.stop()
    finally:
        way.end()


def test_a_hold_in_doubt_is_voided_by_its_own_daemon(start, sim, postgres):
    """A hold is committed, but nobody hears of it; then the server is away from all, until all leases are
    over. Who comes back first must not charge what the other one has still to look for."""
    ways = [Cut(postgres.folder) for _ in range(2)]
    try:
        first, second = (start(postgres.address(way.folder), "--ledger-lease=6s") for way in ways)
        first.set_budget(1)
        beats = "SELECT count(*) FROM tokencap.daemon WHERE ended IS NULL AND expires > clock_timestamp()"
        ways[1].doubt(b"req_", for_good=True)
        refused = Task(lambda: ask(second))
        eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.hold") == [["1"]])
        for way in ways:
            way.cut()
        assert refused.result().status == 503
        eventually(lambda: postgres.sql(beats) == [["0"]])
        ways[0].mend()
        [[back]] = eventually(lambda: postgres.sql("SELECT expires FROM tokencap.daemon WHERE ended IS NULL"
                                                   " AND expires > clock_timestamp()"))
        # It looks for leases that are over between two renewals.
        eventually(lambda: postgres.sql(f"SELECT 1 FROM tokencap.daemon WHERE expires > '{back}'"))
        ways[1].mend()
        eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]])
        assert first.history() == [] and first.budget()["spentUsd"] == first.budget()["reservedUsd"] == 0
        assert postgres.sql("SELECT count(*) FROM tokencap.voided") == [["1"]]
        assert postgres.sql(beats) == [["2"]]  # both leases live on
        for daemon in (first, second):
            assert ask(daemon, sim_header(input=5, output=5)).status == 200
        eventually(lambda: len(first.history()) == len(sim.journal()) == 2)
        verify(postgres)
        first.stop()
        second.stop()
    finally:
        for way in ways:
            way.end()


@pytest.mark.skipif(ROUNDS < 20, reason="a minute's absence is for make check-postgresql")
def test_a_hold_in_doubt_waits_for_a_server_that_is_long_away(start, postgres):
    way = Cut(postgres.folder)
    try:
        daemon = start(postgres.address(way.folder))
        daemon.set_budget(1)
        way.doubt(b"req_", for_good=True)
        assert ask(daemon).status == 503
        way.cut()
        time.sleep(65)  # longer than a transaction may stay on the server that has lost its client
        assert postgres.sql("SELECT count(*) FROM tokencap.hold") == [["1"]]
        way.mend()
        eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.voided") == [["1"]])
        assert daemon.history() == [] and daemon.budget()["reservedUsd"] == 0
        verify(postgres)
        daemon.stop()
    finally:
        way.end()


def test_changes_reach_all_daemons_at_once(start, postgres):
    admin = {"TOKENCAP_ADMIN_TOKEN": "an-admin-token-of-length"}
    one, two = start(env=admin), start(env=admin)
    auth = {"Authorization": "Bearer an-admin-token-of-length"}
    made = one.post("/v1/tokens", {"projectId": "p"}, auth)
    assert made.status in (200, 201), made
    token = made.json()["token"]
    text = token["token"] if isinstance(token, dict) else token
    number = token["id"] if isinstance(token, dict) else made.json()["id"]
    bearer = {"Authorization": f"Bearer {text}"}
    eventually(lambda: two.get("/v1/usage", bearer).status == 200)
    assert one.delete(f"/v1/tokens/{number}", auth).status == 200
    eventually(lambda: two.get("/v1/usage", bearer).status == 401)
    one.set_budget(0, project="q")
    assert two.post("/v1/chat/completions", CHAT, project("q")).status == 402


def test_prices_are_read_anew_by_all(start, tmp_path):
    tables = tmp_path / "prices-of-all"
    tables.mkdir()

    def price(dollars):
        (tables / "own.json").write_text(json.dumps({"provider": "openai", "models": [{
            "id": "gpt-4o", "input": dollars, "output": dollars, "as_of": "2026-01-01", "source": "test"}]}))

    def estimated(daemon):
        return exactly(daemon.estimate("chat/completions", CHAT)["maximumCostUsd"])

    price("20")
    one, two = (start(env={"TOKENCAP_PRICING_DIR": str(tables)}) for _ in range(2))
    before = estimated(two)
    price("40")
    one.process.send_signal(signal.SIGHUP)
    eventually(lambda: estimated(one) == 2 * before and estimated(two) == 2 * before)


def copy(proxy, postgres):
    return tool("ledger", "copy", f"sqlite:{proxy.database}", postgres.url)


def test_a_ledger_moves_from_sqlite(start_proxy, start, sim, postgres):
    old = start_proxy()
    old.set_budget(1, alertPercents=[50, 80])
    for i in range(30):
        assert ask(old, sim_header(input=5, output=i + 1)).status == 200
    assert ask(old, sim_header(status=429)).status == 429  # voided
    held = Task(lambda: ask(old, sim_header(gate="never")))
    sim.await_gate("never")
    busy = copy(old, postgres)
    assert busy.returncode != 0 and "another process" in busy.stderr
    old.kill()  # what is open is charged by the copy, as by a start
    held.result()
    assert "31 usage rows" in copy(old, postgres).stdout
    verify(postgres)

    # Interrupted behind some row, it goes on there; meanwhile no daemon opens it.
    [[middle]] = postgres.sql("SELECT id FROM tokencap.usage ORDER BY id OFFSET 10 LIMIT 1")
    postgres.sql(f"DELETE FROM tokencap.usage WHERE id > {middle}; UPDATE tokencap.version SET version = -1")
    refused = start(ready=False)
    assert refused.failure() == 74 and "ledger copy again" in refused.log.text
    assert "31 usage rows" in copy(old, postgres).stdout
    verify(postgres)

    fresh = start()
    again = start_proxy()  # the old one, to compare
    assert fresh.history(limit=1000) == again.history(limit=1000)
    assert fresh.budget() == again.budget() and fresh.usage() == again.usage()
    assert ask(fresh, sim_header(input=5, output=5)).status == 200
    assert len(fresh.history(limit=1000)) == 32
    verify(postgres)
    again.stop()
    used = copy(again, postgres)
    assert used.returncode != 0 and "in use" in used.stderr


def test_compacting_beside_daemons(daemons, postgres):
    for daemon in daemons:
        assert ask(daemon, sim_header(input=5, output=5)).status == 200
    eventually(lambda: daemons[0].usage()["totalRequests"] == len(daemons))
    before = daemons[0].usage()
    done = tool("usage", "compact", "--before=2099-01-01", postgres.url)
    assert done.returncode == 0 and f"{len(daemons)} rows" in done.stdout
    verify(postgres)
    assert all(daemon.usage() == before and daemon.history() == [] for daemon in daemons)
    for daemon in daemons:
        assert ask(daemon, sim_header(input=5, output=5)).status == 200
    eventually(lambda: len(daemons[0].history()) == len(daemons))
    verify(postgres)


def test_backups_are_the_servers_own(daemons, postgres, tmp_path):
    assert ask(daemons[0], sim_header(input=5, output=5)).status == 200
    eventually(lambda: daemons[1].usage()["totalRequests"] == 1)
    refused = tool("backup", f"--db={postgres.url}", tmp_path / "copy")
    assert refused.returncode == 1 and "pg_dump --schema=tokencap" in refused.stderr
    assert not (tmp_path / "copy").exists()

    dump = tmp_path / "dump.sql"
    dump.write_text(postgres.tool("pg_dump", "--schema=tokencap", postgres.url))
    postgres.tool("createdb", "-h", postgres.folder, "-U", "tokencap", "restored")
    restored = postgres.address(database="restored")
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", restored, "-f", dump], check=True,
                   stdout=subprocess.DEVNULL, timeout=TIMEOUT)
    proof = tool("verify", restored)
    assert proof.returncode == 0 and "1 usage rows" in proof.stdout, proof.stdout + proof.stderr


AT, NOBODY = "postgresql://tokencap@/tokencap?host={folder}", "postgresql://nobody_special@/tokencap?host={folder}"
FOREIGN = "CREATE SCHEMA tokencap; CREATE TABLE tokencap.version(version {}); CREATE TABLE tokencap.ledger(x int)"
ALL = ("GRANT USAGE ON SCHEMA tokencap TO nobody_special; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN"
       " SCHEMA tokencap TO nobody_special; GRANT ALL ON ALL SEQUENCES IN SCHEMA tokencap TO nobody_special;")

# An address, what is done to the server before, exit status and sentence.
BAD = {
    "no server": ("postgresql://tokencap@/tokencap?host=/nonexistent", None, 74, "No such file"),
    "a closed port": ("postgresql://tokencap@127.0.0.1:1/tokencap", None, 74, "Connection refused"),
    "no database": ("postgresql://tokencap@/none?host={folder}", None, 74, '"none" does not exist'),
    "no user": ("postgresql://nobody_at_all@/tokencap?host={folder}", None, 74, '"nobody_at_all" does not exist'),
    "no address": ("postgresql://tokencap@[::1/tokencap", None, 78, "address: .*IPv6"),
    "a wrong port": ("postgresql://tokencap@127.0.0.1:99999/tokencap", None, 78, 'address: .*"99999"'),
    "a wrong option": (AT + "&nonsense=1", None, 78, 'address: .*"nonsense"'),
    "a wrong value": (AT + "&sslmode=nonsense", None, 78, 'address: .*"nonsense"'),
    "an empty schema": (AT, "CREATE SCHEMA tokencap", 74, "not tokencap's: give the ledger a database of its own"),
    "a foreign schema": (AT, FOREIGN.format("text"), 74, "not tokencap's"),
    "a similar schema": (AT, FOREIGN.format("int"), 74, "not tokencap's"),
    "no right to make it": (NOBODY, None, 74, "the user needs the right CREATE on the database"),
}
BAD_LATER = {
    "a newer schema": (AT, "UPDATE tokencap.version SET version = 99", 74, "schema 99, .* use the newer tokencap"),
    "no version": (AT, "DELETE FROM tokencap.version", 74, "lost its schema's version"),
    "a table gone": (AT, "DROP TABLE tokencap.hold", 74, "has lost tokencap.hold"),
    "no right to look": (NOBODY, None, 74, 'USAGE on its schema "tokencap"'),
    "no right to write": (NOBODY, ALL + "REVOKE INSERT ON tokencap.hold FROM nobody_special", 74,
                          "needs INSERT on tokencap.hold"),
    "no right to count": (NOBODY, ALL + "REVOKE ALL ON SEQUENCE tokencap.event FROM nobody_special", 74,
                          "needs UPDATE on tokencap.event"),
    "only to be read": (AT + "&options=-cdefault_transaction_read_only%3Don", None, 74, "read-only"),
}


def refused(daemon, status, said):
    """It ends with that, and with one clear sentence."""
    assert daemon.failure() == status, daemon.log.text
    [line] = [x for x in daemon.log.text.splitlines() if "error" in x]
    assert re.search(said, line) and len(line) < 300, line
    assert "ready" not in daemon.log.text


@pytest.fixture
def nobody(postgres):
    """A role that may do nothing."""
    postgres.sql("CREATE ROLE nobody_special LOGIN")
    yield
    postgres.sql("DROP OWNED BY nobody_special; DROP ROLE nobody_special")


@pytest.mark.parametrize("what", BAD | BAD_LATER)
def test_bad_input_is_one_clear_sentence(start, postgres, nobody, what):
    address, prepare, status, said = (BAD | BAD_LATER)[what]
    if what in BAD_LATER:
        start().stop()
    if prepare:
        postgres.sql(prepare)
    refused(start(address.format(folder=postgres.folder), ready=False), status, said)


@pytest.mark.parametrize("version, old", [("9.6.24", True), ("11.22 (Debian 11.22-1)", True), ("12.0", False)])
def test_a_server_that_is_too_old(start, postgres, version, old):
    way = Cut(postgres.folder, version)
    try:
        daemon = start(postgres.address(way.folder), ready=not old)
        if old:
            major = version.partition(".")[0]
            refused(daemon, 74, f"is of PostgreSQL {major}, but at least 12 is needed")
        else:
            assert ask(daemon, sim_header(input=5, output=5)).status == 200
            daemon.stop()
    finally:
        way.end()


def with_as_few_rights_as_it_asks_for(start, postgres):
    """Each start names one that is missing, until a daemon starts."""
    address, granted = NOBODY.format(folder=postgres.folder), 0
    while True:
        daemon = start(address, ready=False)
        said = daemon.log.wait_for("ready on|error")
        if "ready on" in said:
            assert granted > 20
            daemon.await_ready()
            return daemon
        right, table = re.search(r"it needs (\w+) on tokencap\.(\w+)$", said).groups()
        assert daemon.failure() == 74
        postgres.sql(f"GRANT {right} ON tokencap.{table} TO nobody_special")
        granted += 1


def test_the_rights_that_are_asked_for_are_enough(start, sim, postgres, nobody):
    start().stop()
    postgres.sql("GRANT USAGE ON SCHEMA tokencap TO nobody_special")
    daemon = with_as_few_rights_as_it_asks_for(start, postgres)
    daemon.set_budget(0.001, alertPercents=[1])
    run = {"X-Tokencap-Run-Id": "night", "X-Tokencap-Run-Limit-Usd": "0.5"}
    for status in (200, 429):  # settled, voided
        assert ask(daemon, run | sim_header(input=5, output=5, status=status)).status == status
    left = Task(lambda: ask(daemon, run | sim_header(gate="never")))
    sim.await_gate("never")
    made = daemon.post("/v1/tokens", {"projectId": "p"}).json()
    assert daemon.delete(f"/v1/tokens/{made['id']}").status == 200
    assert daemon.post("/v1/budget/reset", {"projectId": "default"}).status == 200
    daemon.set_budget(2)
    assert daemon.delete("/v1/budget").status == 200
    for page in ("/v1/usage", "/v1/usage/history", "/v1/usage/series", "/metrics"):
        assert daemon.get(page).status == 200, page
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.log.wait_for("reloaded")
    daemon.kill()
    left.result()
    heir = start(NOBODY.format(folder=postgres.folder))
    eventually(lambda: postgres.sql("SELECT count(*) FROM tokencap.hold") == [["0"]])
    heir.stop()
    for log in (daemon.log, heir.log):
        assert not re.search("denied|error", log.text), log.text
    verify(postgres)


@pytest.mark.parametrize("address", ["me:hunter2@/tokencap", "/tokencap?password=hunter2",
                                     "/tokencap?user=me&%70assword=hunter2"])
def test_a_password_has_no_place_in_the_address(start, address):
    daemon = start("postgresql://" + address, ready=False)
    assert daemon.failure() in (64, 78)
    assert "hunter2" not in daemon.log.text and "PGPASSFILE" in daemon.log.text


def test_a_password_is_taken_out_of_the_environment(start, postgres):
    """And serves as long as the daemon runs, through reloads and restarts of the server."""
    password, address = "it's a cañary/1f0e", postgres.address(user="walled")
    postgres.demand("walled", password)
    daemon = start(address, env={"PGPASSWORD": password})
    assert daemon.post("/v1/chat/completions", CHAT).status == 200
    with open(f"/proc/{daemon.process.pid}/environ", "rb") as environ:
        assert password.encode() not in environ.read()
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.log.wait_for("tokencapd: reloaded")
    postgres.stop()
    postgres.start()
    eventually(lambda: daemon.post("/v1/chat/completions", CHAT).status == 200)
    assert eventually(lambda: daemon.get("/v1/usage").status == 200)
    told = daemon.log.text + daemon.get("/metrics").text
    refused = start(address, env={"PGPASSWORD": "wr0ng/one"}, ready=False)
    assert refused.failure() in (74, 78)
    told += refused.log.text
    for secret in (password, "cañary", "wr0ng"):
        assert secret not in told
    daemon.stop()
    postgres.sql("DROP SCHEMA tokencap CASCADE; DROP OWNED BY walled; DROP ROLE walled")


def test_without_the_module(tmp_path, sim):
    """The package without PostgreSQL says what is missing."""
    prefix = tmp_path / "prefix"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib/tokencap").mkdir(parents=True)
    (prefix / "bin/tokencapd").write_bytes((BUILD / "bin/tokencapd").read_bytes())
    (prefix / "bin/tokencapd").chmod(0o755)
    (prefix / "share").symlink_to(BUILD / "share")
    done = subprocess.run([prefix / "bin/tokencapd", "--port=0", "--ledger=postgresql://h/d"],
                          capture_output=True, text=True, env=clean_environment(), timeout=TIMEOUT)
    assert done.returncode == 78
    assert "tokencap-postgresql" in done.stderr
