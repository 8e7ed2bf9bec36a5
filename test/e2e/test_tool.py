# SPDX-License-Identifier: MIT
"""The operator's tool where it needs no daemon: counting, predicting, prices."""

import csv
import ctypes
import io
import json
import os
import re
import socket
import subprocess

import pytest

from harness import BUILD, TIMEOUT, clean_environment

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}


def tool(*args, stdin=b"", **env):
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run([BUILD / "bin/tokencap", *args], input=stdin, capture_output=True,
                          timeout=TIMEOUT, env=clean_environment() | env)


def lines(*args, stdin):
    return tool(*args, "--jsonl", stdin=stdin).stdout.decode().splitlines()


# ---- count ----

@pytest.mark.parametrize("text, flags, expected", [
    ("hello world", [], "2"),
    ("", [], "0"),
    ("こんにちは、世界！お元気ですか？", [], "10"),
    ("こんにちは、世界！お元気ですか？", ["--encoding", "cl100k_base"], "12"),
    ("こんにちは、世界！お元気ですか？", ["--encoding=p50k_base"], "26"),
    ("こんにちは、世界！お元気ですか？", ["--model", "gpt-4"], "12"),
    ("こんにちは、世界！お元気ですか？", ["--model", "gpt-5.1"], "10"),
    ("hello world", ["--ids"], "24912 2375"),
    ("<|endoftext|>", ["--ids"], "27 91 419 1440 919 91 29"),
])
def test_count(text, flags, expected):
    done = tool("count", *flags, stdin=text)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, expected + "\n", b"")


def test_count_of_files(tmp_path):
    (tmp_path / "a").write_text("hello world")
    (tmp_path / "b").write_text("hello")
    done = tool("count", str(tmp_path / "a"), "-", str(tmp_path / "b"), stdin="")
    assert done.stdout == b"2\n0\n1\n"
    missing = tool("count", str(tmp_path / "nothing"))
    assert missing.returncode == 1 and b"nothing" in missing.stderr and not missing.stdout


def test_invalid_utf8_counts_as_the_replacement_character():
    for raw in (b"a\xffb", b"a\xf0\x9f\x98b", b"a\xed\xa0\x80b"):
        mended = raw.decode("utf-8", "replace")
        if raw == b"a\xed\xa0\x80b":
            mended = "a\ufffd\ufffd\ufffdb"  # three maximal subparts, says Unicode
        assert tool("count", "--ids", stdin=raw).stdout == \
            tool("count", "--ids", stdin=mended).stdout


def test_claude_is_counted_by_ratio():
    text = "def f(x):\n    return x + 1\n" * 20
    o200k, claude = (int(tool("count", *flags, stdin=text).stdout)
                     for flags in ([], ["--model", "claude-opus-4-8"]))
    assert o200k < claude < 2 * o200k
    assert tool("count", "--ids", "--model", "claude-opus-4-8", stdin=text).returncode == 64


def test_a_model_without_a_known_encoding_is_said_aloud():
    done = tool("count", "--model", "gemini-2.0-flash", stdin="hello world")
    assert done.stdout == b"2\n" and b"gemini-2.0-flash" in done.stderr


def test_jsonl_is_one_line_for_one():
    asked = [r'{"text":"hello world"}', "", '{"text":"a\\ud800b"}', "[]", '{"text":5}', "nope",
             r'{"text":"\ud83d\ude00"}', '{"text":"x","text":"y"}', r'{"text":"a\u0000b","id":7}',
             r'{"text":"\\ud800"}', '{"text":"last"}']
    answers = lines("count", stdin="\n".join(asked))
    assert len(answers) == len(asked)
    good = {0: "hello world", 2: "a\ufffdb", 6: "\U0001f600", 8: "a\0b", 9: "\\ud800", 10: "last"}
    for i, answer in enumerate(answers):
        if i in good:
            assert answer.encode() + b"\n" == tool("count", stdin=good[i]).stdout
        else:
            assert json.loads(answer)["error"]


def test_jsonl_status_says_whether_all_was_good():
    assert tool("count", "--jsonl", stdin='{"text":"x"}\n').returncode == 0
    assert tool("count", "--jsonl", stdin='{"text":"x"}\n{').returncode == 1
    assert tool("count", "--jsonl", stdin="").stdout == b""


def test_jsonl_ids_and_bytes_that_are_not_utf8():
    assert lines("count", "--ids", stdin=b'{"text":"a\xffb"}\n') == \
        tool("count", "--ids", stdin="a\ufffdb").stdout.decode().splitlines()


def test_jsonl_answers_while_the_pipe_is_open():
    with subprocess.Popen([BUILD / "bin/tokencap", "count", "--jsonl"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, env=clean_environment()) as child:
        for text, count in (("hello world", b"2\n"), ("hello", b"1\n")):
            child.stdin.write(json.dumps({"text": text}).encode() + b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == count


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base", "p50k_base", "r50k_base"])
def test_counts_without_executable_memory(encoding):
    """As under the packaged unit, whose MemoryDenyWriteExecute no just-in-time compiler survives."""
    libc = ctypes.CDLL(None, use_errno=True)
    set_mdwe, refuse_exec_gain = 65, 1
    if os.fork() == 0:  # asked in a child, because it cannot be taken back
        os._exit(libc.prctl(set_mdwe, refuse_exec_gain, 0, 0, 0) != 0)
    if os.wait()[1]:
        pytest.skip("this kernel has no PR_SET_MDWE")
    text = "It's 12345 naïve cafés,\r\n\tодин два 三つ 🙂 don't  stop!   \n" * 50
    command = [BUILD / "bin/tokencap", "count", "--ids", "--encoding", encoding]
    plain, denied = (subprocess.run(
        command, input=text.encode(), capture_output=True, timeout=TIMEOUT, env=clean_environment(),
        preexec_fn=prepare).stdout for prepare in
        (None, lambda: libc.prctl(set_mdwe, refuse_exec_gain, 0, 0, 0)))
    assert plain and plain == denied


# ---- estimate ----

def estimate(body, *flags, **env):
    done = tool("estimate", *flags, stdin=json.dumps(body), **env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_estimate():
    found = estimate(CHAT)
    assert found["provider"] == "openai" and found["model"] == "gpt-4o"
    assert found["inputTokens"] == 8 and found["inputTokensMethod"] == "exact"
    assert found["estimatedOutputTokens"] == 75 and found["maxOutputTokens"] == 100
    assert found["confidence"] == "high"
    assert found["estimatedCostUsd"] == 0.00077 == found["holdUsd"]
    assert estimate(CHAT, "--strict")["holdUsd"] == found["maximumCostUsd"] == 0.00102


@pytest.mark.parametrize("body, provider, api", [
    ({"model": "claude-sonnet-4-5", "max_tokens": 100,
      "messages": [{"role": "user", "content": "hi"}]}, "anthropic", "messages"),
    ({"model": "gpt-5", "input": "hi"}, "openai", "responses"),
    ({"model": "text-embedding-3-small", "input": "hi"}, "openai", "embeddings"),
    ({"model": "gpt-3.5-turbo-instruct", "prompt": "hi"}, "openai", "completions"),
    (CHAT, "openai", "chat.completions"),
])
def test_the_api_is_told_from_the_body(body, provider, api):
    found = estimate(body)
    assert found["provider"] == provider
    assert found == estimate(body, "--api", api)


def test_default_max_tokens_is_the_daemons():
    body = {k: v for k, v in CHAT.items() if k != "max_tokens"} | {"model": "nobody-knows-it"}
    assert estimate(body, DEFAULT_MAX_TOKENS="1000")["maxOutputTokens"] == 1000
    assert tool("estimate", stdin="{}", DEFAULT_MAX_TOKENS="x").returncode == 1


def test_estimate_jsonl():
    answers = lines("estimate", stdin=json.dumps(CHAT) + '\n{"model":1}\n\n' + json.dumps(CHAT))
    assert len(answers) == 4 and answers[0] == answers[3]
    assert "model" in json.loads(answers[1])["error"] and json.loads(answers[2])["error"]


def test_a_bad_body_is_an_error():
    done = tool("estimate", stdin='{"model":"gpt-4o"}')
    assert done.returncode == 1 and not done.stdout and b"messages" in done.stderr


# ---- price ----

def test_price():
    found = json.loads(tool("price", "--json", "gpt-4o", "nobody-knows-it", "gpt-4o-latest").stdout)
    assert [row["rule"] for row in found] == ["exact", "fallback", "suffix"]
    assert found[0]["inputUsdPerMillion"] == 2.5 and found[0]["outputUsdPerMillion"] == 10
    listed = json.loads(tool("price", "--list", "--json").stdout)
    assert len(listed) >= 369 and "gpt-4o" in {row["model"] for row in listed}


def test_price_import(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps({"new-model": {
        "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6}}))
    own = tmp_path / "pricing.d"
    own.mkdir()
    env = {"TOKENCAP_PRICING_DIR": str(own)}
    assert tool("price", "import", str(tmp_path / "list.json"), **env).returncode == 0
    assert (own / "litellm.json").exists()
    [row] = json.loads(tool("price", "--json", "new-model", **env).stdout)
    assert row["rule"] == "exact" and row["outputUsdPerMillion"] == 2
    shown = tool("price", "import", str(tmp_path / "list.json"), "--output=-", "--as-of=2026-11-01",
                 TOKENCAP_PRICING_DIR=str(tmp_path / "empty"))
    assert "new-model" in shown.stdout.decode() and "2026-11-01" in shown.stdout.decode()


# ---- the command line ----

@pytest.mark.parametrize("args, said", [
    ([], "Usage"), (["cuont"], "did you mean count?"), (["budget"], "budget list"),
    (["budget", "frob"], "no command"), (["count", "--modle", "x"], "did you mean --model?"),
    (["count", "--model"], "needs a value"), (["count", "--jsonl=yes"], "takes no value"),
    (["count", "--jsonl", "--jsonl"], "twice"), (["count", "-x"], "start with --"),
    (["count", "--encoding", "x"], "no encoding"), (["price"], "needs MODEL"),
    (["count", "--encoding=cl100k_base", "--model=o3"], "exclude"),
    (["estimate", "a", "b"], "too many"), (["estimate", "--api", "x"], "no API"),
    (["budget", "set"], "needs"), (["budget", "set", "5"], "needs PROJECT"),
    (["token", "create"], "--project"), (["token", "revoke"], "needs ID"),
    (["usage", "--by", "colour"], "colour"), (["usage", "--since", "7d"], "--by"),
    (["usage", "--by", "day", "--since", "soon"], "soon"),
])
def test_bad_usage_is_64(args, said):
    done = tool(*args)
    assert done.returncode == 64 and not done.stdout
    assert said in done.stderr.decode()


def test_every_command_has_help():
    listed = [line[2:17].strip() for line in tool("--help").stdout.decode().splitlines()
              if line.startswith("  ")]
    assert len(listed) >= 13
    for command in listed:
        shown = tool(*command.split(), "--help").stdout.decode()
        assert shown.startswith(f"Usage: tokencap {command}")
        assert max(map(len, shown.splitlines())) <= 80


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BUILD / "bin/tokencap", "price", "--list"], stdout=full,
                              stderr=subprocess.PIPE, timeout=TIMEOUT)
    assert done.returncode == 1 and b"cannot be written" in done.stderr


def test_no_daemon():
    with socket.socket() as nobody:  # bound, so that it is nobody's; it does not listen
        nobody.bind(("127.0.0.1", 0))
        done = tool("budget", "show", TOKENCAP_URL=f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert done.returncode == 1 and b"TOKENCAP_URL" in done.stderr


# ---- with a daemon ----

def ask(proxy, *args, **env):
    done = tool(*args, TOKENCAP_URL=proxy.url, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def rows(proxy, *args):
    return json.loads(ask(proxy, *args, "--json"))


def test_budgets(proxy):
    shown = rows(proxy, "budget", "set", "team-a", "12.50", "--period-days=30",
                 "--enforcement=strict", "--per-request", "0.75")
    assert shown[0]["limitUsd"] == 12.5 and shown[0]["enforcement"] == "strict"
    assert shown[0]["periodEnd"]
    assert proxy.budget("team-a")["limitUsd"] == 12.5
    assert rows(proxy, "budget", "show", "team-a") == shown
    ask(proxy, "budget", "set", "--scope=global", "100")
    assert {(b["scope"], b["projectId"], b["limitUsd"]) for b in rows(proxy, "budget", "list")} == \
        {("project", "team-a", 12.5), ("global", None, 100)}
    assert "team-a" in ask(proxy, "budget", "list")
    assert "team-a" in ask(proxy, "budget", "reset", "team-a")
    assert "team-a" in ask(proxy, "budget", "delete", "team-a")
    gone = tool("budget", "show", "team-a", TOKENCAP_URL=proxy.url)
    assert gone.returncode == 1 and not gone.stdout and b"budget" in gone.stderr.lower()
    assert tool("budget", "delete", "team-a", TOKENCAP_URL=proxy.url).returncode == 1


def test_the_daemons_refusal_is_shown(proxy):
    done = tool("budget", "set", "team-a", "1", "--period=fortnight", TOKENCAP_URL=proxy.url)
    assert done.returncode == 1 and b"period" in done.stderr
    done = tool("budget", "set", "not an id", "1", TOKENCAP_URL=proxy.url)
    assert done.returncode == 1 and b"projectId" in done.stderr


def test_tokens(proxy):
    made = tool("token", "create", "--project=team-a", "--models=gpt-4o*", "--expires=30d",
                "--label", "ci", TOKENCAP_URL=proxy.url)
    text = made.stdout.decode().strip()
    assert made.returncode == 0 and text.startswith("tcap_") and b"once" in made.stderr
    [listed] = rows(proxy, "token", "list")
    assert listed["projectId"] == "team-a" and listed["label"] == "ci" and listed["expiresAt"]
    assert text not in json.dumps(listed)
    ask(proxy, "token", "revoke", str(listed["id"]))
    assert rows(proxy, "token", "list")[0]["revokedAt"]
    assert tool("token", "revoke", "999", TOKENCAP_URL=proxy.url).returncode == 1


def test_usage(proxy, tmp_path):
    for project in ("a", "a", "b"):
        answer = proxy.post("/v1/chat/completions", CHAT, {"X-Tokencap-Project-Id": project})
        assert answer.status == 200
    [summary] = rows(proxy, "usage", "--project=a")
    assert summary["totalRequests"] == 2 and summary["totalCostUsd"] > 0
    by_project = rows(proxy, "usage", "--by=project", "--since=7d")
    assert {(g["key"], g["totalRequests"]) for g in by_project} == {("a", 2), ("b", 1)}
    assert rows(proxy, "usage", "--by=project", f"--db={proxy.database}") == by_project
    assert [g["totalRequests"] for g in rows(proxy, "usage", "--by=model", "--project=a")] == [2]
    assert rows(proxy, "usage", "--by=day", "--until=2020-01-01") == []
    assert rows(proxy, "usage", "--by=model", "--project=never") == []
    lines_of_csv = ask(proxy, "usage", "--by=model", "--csv").splitlines()
    assert lines_of_csv[0] == "key,totalRequests,totalInputTokens,totalOutputTokens,totalCostUsd"
    assert lines_of_csv[1].startswith("gpt-4o,3,")
    assert tool("usage", "--db", str(tmp_path / "none.db")).returncode == 1


def test_names_in_tables_csv_and_json(proxy):
    """Formulas are text to a spreadsheet, nothing steers the terminal, JSON has it as it is."""
    hostile = ["=1+1|cmd", "+1", "-1", "@sum(a)", 'a,"b"', "\u202eevil", "<b>"]
    for model in hostile:
        assert proxy.post("/v1/chat/completions", CHAT | {"model": model}).status == 200
    by_model = ["usage", "--by", "model", "--since", "7d"]
    assert {row["key"] for row in rows(proxy, *by_model)} == set(hostile)
    read = list(csv.DictReader(io.StringIO(ask(proxy, *by_model, "--csv"), newline="")))
    assert {row["key"] for row in read} == {"'=1+1|cmd", "'+1", "'-1", "'@sum(a)", *hostile[4:]}
    assert {row["totalRequests"] for row in read} == {"1"}
    shown = ask(proxy, *by_model)
    assert re.match(r"MODEL +REQUESTS +INPUT +OUTPUT +COST \$\n", shown)
    assert "\n?evil " in shown and "\u202e" not in shown and "\n<b> " in shown


def test_usage_of_all_projects_is_not_a_project_tokens(proxy):
    token = ask(proxy, "token", "create", "--project=a").strip()
    headers = {"Authorization": f"Bearer {token}"}
    assert proxy.get("/v1/usage?by=model&all=true", headers).status == 403
    assert proxy.get("/v1/usage?by=project", headers).status == 200
    assert proxy.get("/v1/usage?by=hour").status == 400


def test_verify_and_backup(proxy, tmp_path):
    proxy.post("/v1/chat/completions", CHAT)
    copy = tmp_path / "copy.db"
    assert tool("verify", str(proxy.database)).returncode == 0
    assert tool("backup", f"--db={proxy.database}", str(copy)).returncode == 0
    shown = tool("verify", str(copy))
    assert shown.returncode == 0 and shown.stdout
    assert tool("verify", DB_PATH=str(copy)).stdout == shown.stdout
    again = tool("backup", f"--db={proxy.database}", str(copy))
    assert again.returncode == 1 and b"exists" in again.stderr
    (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
    assert tool("verify", str(tmp_path / "bad.db")).returncode == 1
    assert tool("verify", str(tmp_path / "none.db")).returncode == 1


def test_compacting(proxy, tmp_path):
    proxy.post("/v1/chat/completions", CHAT)
    database = str(proxy.database)
    running = tool("usage", "compact", "--before=2020-01-01", database)
    assert running.returncode == 1 and b"tokencap" in running.stderr
    proxy.stop()
    before = tool("usage", f"--db={database}", "--json").stdout
    for when in ("1d", "2099-01-01"):
        assert tool("usage", "compact", f"--before={when}", database).returncode == 0
        assert tool("usage", f"--db={database}", "--json").stdout == before
        assert tool("verify", database).returncode == 0
    assert tool("usage", "compact", database).returncode == 64
    assert tool("usage", "compact", "--before=1d", str(tmp_path / "none.db")).returncode == 1
    assert not (tmp_path / "none.db").exists()


def test_the_admin_token_is_sent(start_proxy):
    proxy = start_proxy(env={"TOKENCAP_ADMIN_TOKEN": "0123456789abcdef-admin"})
    ask(proxy, "budget", "list", TOKENCAP_ADMIN_TOKEN="0123456789abcdef-admin")
