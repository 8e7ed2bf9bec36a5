# SPDX-License-Identifier: MIT
"""The daemon as a program: flags, variables, ready line, exit status, signals."""

import os
import re
import signal
import socket
import subprocess

import pytest

from bodies import CHAT
from harness import BUILD, TIMEOUT, clean_environment


def run(*flags, program="tokencapd", **env):
    return subprocess.run([BUILD / "bin" / program, *flags], capture_output=True, text=True,
                          timeout=TIMEOUT, env=clean_environment() | env)


def test_exactly_one_ready_line(proxy):
    proxy.stop()
    ready = [line for line in proxy.log.lines if line.startswith("tokencapd: ready on ")]
    assert len(ready) == 1
    assert re.fullmatch(r"tokencapd: ready on http://127\.0\.0\.1:\d+", ready[0])
    assert "sk-configured" not in proxy.log.text


def test_ipv6(start_proxy):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 loopback here")
    proxy = start_proxy("--host", "::1")
    assert "ready on http://[::1]:" in proxy.log.text
    assert proxy.get("/health").status == 200


def test_the_environment_configures_and_flags_win(start_proxy, sim):
    proxy = start_proxy("--default-project-id", "from-flag",
                        env={"DEFAULT_PROJECT_ID": "from-variable", "HOST": "0.0.0.0"})
    proxy.post("/v1/chat/completions", CHAT)
    assert proxy.usage("from-flag")["totalRequests"] == 1
    other = start_proxy(env={"DEFAULT_PROJECT_ID": "from-variable",
                             "DB_PATH": str(proxy.folder / "other.db")})
    other.post("/v1/chat/completions", CHAT)
    assert other.get("/v1/usage").json()["usage"]["projectId"] == "from-variable"


def test_default_max_tokens(start_proxy):
    proxy = start_proxy(env={"DEFAULT_MAX_TOKENS": "1000"})
    found = proxy.estimate("chat/completions", {"model": "no-such-model", "messages": []})
    assert found["estimatedOutputTokens"] == 500


def test_a_busy_port(start_proxy, proxy):
    second = start_proxy("--port", str(proxy.address[1]), ready=False,
                         env={"DB_PATH": str(proxy.folder / "second.db")})
    assert second.failure() == 1
    assert str(proxy.address[1]) in second.log.text


@pytest.mark.parametrize("flags, status", [
    (["--no-such-flag"], 64), (["--port"], 64), (["extra"], 64), (["--port", "99999"], 64),
    (["--port", "x"], 64), (["--durability", "sometimes"], 64),
])
def test_bad_usage(flags, status):
    done = run(*flags)
    assert done.returncode == status
    assert done.stderr.startswith("tokencapd: ") and flags[0].lstrip("-") in done.stderr


@pytest.mark.parametrize("env", [{"PORT": "99999"}, {"HOST": "nowhere"},
                                 {"OPENAI_UPSTREAM_URL": "ftp://x"},
                                 {"DEFAULT_PROJECT_ID": "not valid"}])
def test_bad_configuration(env):
    done = run("--check-config", **env)
    assert done.returncode == 78
    [name] = env
    assert name in done.stderr


MISTAKES = {  # what the operator did: flags, environment, exit status, what the one sentence says
    "an option's name": (["--worker=3"], {}, 64, "did you mean --workers?"),
    "an option's value": (["--workers=3x"], {}, 64, '"3x" is not a whole number'),
    "no price folder": (["--pricing-dir={}/none"], {}, 64, "{}/none cannot be read"),
    "no price folder, by variable": ([], {"TOKENCAP_PRICING_DIR": "{}/none"}, 78,
                                     "TOKENCAP_PRICING_DIR: pricing-dir: {}/none"),
    "no configuration file": (["--config={}/none"], {}, 78, "{}/none"),
    "an unreadable credential": ([], {"CREDENTIALS_DIRECTORY": "{}"}, 78,
                                 "credential {}/OPENAI_API_KEY cannot be read"),
    "a database that is a folder": (["--db-path={}"], {}, 74, "cannot open the database {}"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_a_status(mistake, tmp_path):
    flags, env, status, said = MISTAKES[mistake]
    (tmp_path / "OPENAI_API_KEY").mkdir()  # what not even root can read as a file
    done = run("--port=0", *(flag.format(tmp_path) for flag in flags),
               **{"DB_PATH": str(tmp_path / "x.db")} | {k: v.format(tmp_path) for k, v in env.items()})
    assert done.returncode == status
    [line] = done.stderr.splitlines()
    assert line.startswith("tokencapd: error: ") and said.format(tmp_path) in line


def test_a_folder_that_it_may_not_write_to(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    without_powers = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    done = subprocess.run([*without_powers, BUILD / "bin/tokencapd", "--port=0", f"--db-path={folder}/x.db"],
                          capture_output=True, text=True, timeout=TIMEOUT, env=clean_environment())
    assert done.returncode == 74
    assert f"cannot open the database {folder}/x.db: Permission denied" in done.stderr


@pytest.mark.parametrize("program", ["tokencapd", "tokencap"])
def test_help_and_version(program):
    shown = run("--help", program=program)
    assert shown.returncode == 0 and shown.stdout.lower().startswith("usage") and not shown.stderr
    version = run("--version", program=program)
    assert version.returncode == 0
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\S*", version.stdout.strip())


def test_sighup_keeps_it_running(proxy):
    proxy.process.send_signal(signal.SIGHUP)
    assert proxy.log.wait_for("(?i)reload")
    assert proxy.post("/v1/chat/completions", CHAT).status == 200


def test_sighup_changes_the_level_of_the_log(start_proxy, tmp_path):
    config = tmp_path / "tokencap.conf"
    config.write_text("log-level = error\n")
    proxy = start_proxy("--config", str(config))
    assert proxy.post("/v1/chat/completions", CHAT).status == 200
    config.write_text("log-level = info\n")
    proxy.process.send_signal(signal.SIGHUP)
    assert proxy.log.wait_for("tokencapd: reloaded")
    assert proxy.post("/v1/chat/completions", CHAT).status == 200
    assert proxy.log.wait_for("request_id=.* status=200")
    assert proxy.log.text.count("status=200") == 1


def test_a_limit_that_follows_another_says_which(start_proxy):
    proxy = start_proxy("--max-connections", "10", "--workers", "2")
    assert proxy.log.wait_for("queue-depth is 10 instead of 4096: max-connections allows no more")


def test_a_database_in_a_folder_that_is_not_there(start_proxy):
    proxy = start_proxy("--db-path", "/no/such/folder/tokencap.db", ready=False)
    assert proxy.failure() == 74
    assert "/no/such/folder/tokencap.db" in proxy.log.text


def test_the_operators_tool_talks_to_the_daemon(proxy):
    proxy.post("/v1/chat/completions", CHAT)
    env = {"TOKENCAP_URL": proxy.url}
    assert run("budget", "set", "p", "12.50", program="tokencap", **env).returncode == 0
    assert proxy.budget("p")["limitUsd"] == 12.5
    shown = run("usage", program="tokencap", **env)
    assert shown.returncode == 0 and "1" in shown.stdout
    assert run("budget", "list", program="tokencap", **env).returncode == 0


@pytest.mark.parametrize("level", ["error", "warn"])
def test_the_ready_line_comes_at_any_level(start_proxy, level):
    start_proxy("--log-level", level)  # it is what start_proxy waits for
