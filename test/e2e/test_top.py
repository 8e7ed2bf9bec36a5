# SPDX-License-Identifier: MIT
"""`tokencap top`: the spending at the terminal."""

import contextlib
import http.server
import os
import re
import subprocess
import threading

import pytest

from bodies import CHAT, project
from harness import BUILD, TIMEOUT, Task, clean_environment, sim_header
from terminal import Terminal

PATH = "/v1/chat/completions"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*3[1-7]m")


def environment(proxy, **env):
    return clean_environment() | {"TOKENCAP_URL": proxy.url, "LC_ALL": "C.UTF-8", "TERM": "vt100",
                                  "COLUMNS": "", "LINES": ""} | env


def once(proxy, *args, columns=80, lines=24, **env):
    done = subprocess.run([BUILD / "bin/tokencap", "top", *args], capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=TIMEOUT, env=environment(
                              proxy, COLUMNS=str(columns), LINES=str(lines), **env))
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.decode()


@pytest.fixture
def top():
    """Starts it at a terminal: top(proxy, flags…)."""
    with contextlib.ExitStack() as open_ones:
        def start(proxy, *args, columns=80, lines=24, **env):
            terminal = Terminal([BUILD / "bin/tokencap", "top", *args], environment(proxy, **env),
                                columns, lines)
            open_ones.callback(terminal.close)
            return terminal

        yield start


def spend(proxy, name="team-a", model="gpt-4o", **used):
    used = {"input": 1000, "output": 30} | used
    answer = proxy.post(PATH, CHAT | {"model": model}, project(name) | sim_header(**used))
    assert answer.status == 200, answer


# ---- one screen ----

def test_once(proxy):
    proxy.set_budget(0.01, "team-a", periodDays=30)
    proxy.post("/v1/budget", {"scope": "global", "limitUsd": 100})
    spend(proxy)
    spend(proxy, "team-b", "gpt-4o-mini")
    shown = once(proxy)
    assert re.search(r"^tokencap  live  \d\d:\d\d:\d\d UTC  " + re.escape(proxy.url), shown)
    assert "Today $0.002968  2 requests  2000 tokens in  60 out" in shown
    assert "0 in flight  0 refused" in shown
    assert re.search(r"^team-a +█+·+ +28 % +0\.002800 +0\.000000 +0\.007200 +29d 23h$", shown, re.M)
    assert re.search(r"^\(everything\) +·+ +0 % .* -$", shown, re.M)
    assert re.search(r"^gpt-4o +1 +1000 +30 +0\.002800$", shown, re.M)
    newest = shown[shown.index("REQUEST▾"):].splitlines()
    assert re.match(r"\d\d:\d\d:\d\d  team-b +gpt-4o-mini +1000 +30 +0\.000168 .*settled", newest[1])
    assert re.match(r"\d\d:\d\d:\d\d  team-a +gpt-4o +1000 +30 +0\.002800 .*settled", newest[2])
    assert once(proxy, "--once").splitlines()[1:] == shown.splitlines()[1:]


def test_once_of_one_project_and_by_project(proxy):
    for name in ("team-a", "team-b", "team-b"):
        proxy.set_budget(1, name)
        spend(proxy, name)
    shown = once(proxy, "--project=team-b")
    assert "project team-b" in shown and "team-a" not in shown and "  2 requests" in shown
    shown = once(proxy, "--by", "project")
    assert re.search(r"PROJECT TODAY.*\n^team-b +2 .*\n^team-a +1 ", shown, re.M)


@pytest.mark.parametrize("columns, lines", [(80, 24), (60, 24), (40, 16), (20, 9), (8, 3), (1, 1)])
def test_it_fits(proxy, columns, lines):
    proxy.set_budget(1, "a-project-with-a-name-that-is-longer-than-most-of-them-are")
    for i in range(30):
        spend(proxy, "a-project-with-a-name-that-is-longer-than-most-of-them-are")
    shown = once(proxy, columns=columns, lines=lines).splitlines()
    assert 1 <= len(shown) <= lines and max(map(len, shown)) <= columns
    if columns >= 20:
        assert "$0.084000" in shown[1] and shown[3 if lines < 24 else 4].startswith("BUDGET")


def test_nothing_but_ascii_where_there_is_nothing_else(proxy):
    proxy.set_budget(0.01, "team-a")
    spend(proxy, model="模型")
    shown = once(proxy, LC_ALL="C")
    assert shown.isascii() and re.search(r"team-a +#+\.+ ", shown) and "????" in shown


def test_hostile_names_are_text(proxy):
    names = ["<b>\"'&=+@", "\u202egpt\u202c\u2066", "a\u200bb\ufeff", "e\u0301" * 20, "\ud7ff\ue000"]
    for name in names:
        spend(proxy, model=name)
    shown = once(proxy, columns=120, lines=40)
    for text in ("<b>\"'&=+@", "?gpt??", "a?b?", "e?e?e?"):
        assert shown.count(text) >= 2, text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown)


def test_no_daemon_is_an_error_without_a_terminal(proxy):
    proxy.stop()
    done = subprocess.run([BUILD / "bin/tokencap", "top", "--once"], capture_output=True,
                          timeout=TIMEOUT, env=environment(proxy))
    assert done.returncode == 1 and not done.stdout and b"no daemon answers" in done.stderr


# ---- live ----

def test_live(proxy, sim, top):
    proxy.set_budget(0.01, "team-a")
    at = top(proxy)
    at.wait_for(r"^tokencap  live .*\n(.*\n)*^q quit +\? help")
    spend(proxy)
    at.wait_for(r"^team-a +█+·+ +28 % +0\.002800(.*\n)+^gpt-4o +1 (.*\n)+^\d\d:\d\d:\d\d  team-a +gpt-4o ")
    sim.script(gate="go")
    slow = Task(lambda: proxy.post(PATH, CHAT, project("team-a")))  # waits at the gate
    at.wait_for(r"  1 in flight")
    sim.open("go")
    assert slow.result().status == 200
    at.wait_for(r"  0 in flight")
    proxy.set_budget(0.000001, "poor")
    assert proxy.post(PATH, CHAT, project("poor")).status == 402
    at.wait_for(r"  1 refused")
    at.press("q")
    assert at.end() == 0


def test_keys(proxy, top):
    for i, name in enumerate(["team-a", "team-b", "team-c"]):
        proxy.set_budget(1 + i, name)
        spend(proxy, name, output=1000 * (3 - i))
    at = top(proxy)
    budgets = r"^team-{}.*%.*\n^team-{}.*%.*\n^team-{}.*%"
    at.wait_for(budgets.format("a", "b", "c"))
    at.press("r")
    at.wait_for(budgets.format("c", "b", "a"))
    at.press("sssssss")
    at.wait_for("USED▾")
    at.press("s" * 6)
    at.wait_for("BUDGET▴")
    at.wait_for(budgets.format("a", "b", "c"))
    at.press("?")
    at.wait_for(r"^Tab +The next pane")
    at.press("x")
    at.wait_for(r"^MODEL TODAY")
    at.press("b")
    at.wait_for(r"^PROJECT TODAY(.*\n)+^team-a +1 ")
    at.press("/team-bx\x7f\r")
    at.wait_for(r"^tokencap  live .*  project team-b(.*\n)+^MODEL TODAY", but_not="team-[ac]")
    at.wait_for(r"  1 requests")
    at.press("\x1b")
    at.wait_for(budgets.format("a", "b", "c"))
    at.press("\t\ts")  # the requests, by project
    at.wait_for(r"PROJECT▴.*\n.* team-a .*\n.* team-b .*\n.* team-c ")
    at.press("\x1b[B")
    at.press("q")
    assert at.end() == 0


def test_scrolling(proxy, top):
    for i in range(30):
        proxy.set_budget(1, f"p{i:02}")
    at = top(proxy, lines=16)
    at.wait_for(r"^p00 ")
    at.press("\x1bOB" * 3)
    at.wait_for(r"^BUDGET.*\n^p03 ")
    at.press("\x1bOA")
    at.wait_for(r"^BUDGET.*\n^p02 ")
    at.press("\x1bOB" * 50)
    at.wait_for(r"^p29 ")


def test_another_size(proxy, top):
    proxy.set_budget(1, "team-a")
    spend(proxy)
    at = top(proxy)
    at.wait_for(r"SPENT \$.*\n^team-a ")
    at.resize(40, 12)
    at.wait_for(r"^BUDGET +USED.*\n^team-a ", but_not=r"SPENT \$")
    at.resize(120, 50)
    at.wait_for(r"SPENT \$.*LIMIT \$")
    at.resize(3, 2)
    at.wait_for(r"^tok$")
    at.press("q")
    assert at.end() == 0


def test_colours(proxy, top):
    proxy.set_budget(1, "team-a")
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        at = top(proxy, TERM="xterm-256color", **env)
        at.screen.feed = lambda text: ""  # it is no VT100
        while "team-a" not in at.raw:
            assert at.read(TIMEOUT)
        at.press("q")
        assert at.end() == 0
        assert bool(COLOUR.search(at.raw)) == coloured, env


def test_a_restart_of_the_daemon(start_proxy, top):
    proxy = start_proxy()
    proxy.set_budget(1, "team-a")
    at = top(proxy)
    at.wait_for(r"^team-a ")
    proxy.stop()
    at.wait_for(r"^tokencap  NO CONNECTION (.*\n)+^Trying again: ")
    proxy.flags[1] = str(proxy.address[1])  # the same port
    proxy.launch()
    proxy.await_ready()
    at.wait_for(r"^tokencap  live (.*\n)+^Connected again at \d\d:\d\d:\d\d UTC; the daemon was restarted")
    spend(proxy)
    at.wait_for(r"^\d\d:\d\d:\d\d  team-a +gpt-4o ")
    at.press("q")
    assert at.end() == 0


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"error":{"message":"Say \\u001b[2J please."}}'
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def test_what_is_refused_is_told_in_plain_text(proxy, top):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = top(proxy, f"--url=http://127.0.0.1:{server.server_port}")
        at.wait_for(r"^tokencap  NO CONNECTION (.*\n)+^Trying again: Say \?\[2J please\. ")
        at.press("q")
        assert at.end() == 0
        server.shutdown()


def test_a_terminal_that_is_not_known(proxy, top):
    at = top(proxy, TERM="no-such-terminal")
    assert at.end() == 1
    assert "no-such-terminal" in at.raw and "--once" in at.raw


def test_it_leaves_the_terminal_as_it_was(proxy, top):
    """Also when it is interrupted, and when the terminal goes away it does not stay."""
    at = top(proxy, TERM="xterm")
    at.screen.feed = lambda text: ""
    while "live" not in at.raw:
        assert at.read(TIMEOUT)
    at.press("\x03")
    assert at.end() != 0 and "\x1b[?1049l" in at.raw
    gone = top(proxy)
    gone.wait_for("live")
    os.close(gone.master)
    gone.process.wait(TIMEOUT)
    gone.master = os.open(os.devnull, os.O_RDONLY)
