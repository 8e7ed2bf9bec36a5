# SPDX-License-Identifier: MIT
"""What the programs know is documented: options, commands, endpoints, metrics, exit statuses."""

import re
import shutil
import subprocess

import pytest

from harness import BUILD, TIMEOUT, clean_environment

ROOT = BUILD.resolve().parent
PAGES = ["tokencapd.8", "tokencap.1", "tokencap.conf.5", "tokencap-pricing.5"]


def page(name):
    return (BUILD / "man" / name).read_text()


def plain(name):
    """The page without what only mdoc reads."""
    return re.sub(r" Ns ", "", re.sub(r"\\&", "", page(name)))


def rows(source, pattern):
    found = re.findall(pattern, (ROOT / source).read_text(), re.M)
    assert len(found) > 3, f"{source} has another shape now: {pattern}"
    return found


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT,
                          env=clean_environment()).stdout


@pytest.mark.parametrize("name", PAGES)
def test_lint(name):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", BUILD / "man" / name], capture_output=True,
                          text=True, timeout=TIMEOUT)
    # Pages that are not installed yet cannot be found by their names.
    assert not [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]


@pytest.mark.parametrize("name", PAGES)
def test_no_marker_is_left(name):
    assert not re.search(r"@[A-Z]+@", page(name))


def test_every_option():
    options = rows("include/proxy/options.h", r'^X\((\w+), \w+, "([a-z-]+)", "([A-Z_]+)"')
    conf, daemon = plain("tokencap.conf.5"), plain("tokencapd.8")
    sample = (BUILD / "etc/tokencap.conf").read_text()
    completions = [(BUILD / "completion" / n).read_text() for n in ("tokencap.bash", "_tokencap")]
    for kind, flag, env in options:
        if kind == "SECRET":
            assert f".It Ev {env}" in conf and f".It Ev {env}" in daemon and env in sample
            continue
        assert f".Ev {env} ." in conf
        assert f".It Ic {flag} " in conf
        assert re.search(rf"^\.It Fl -{flag}\b", daemon, re.M)
        assert f"#{flag} =" in sample
        assert all(f"--{flag}" in c for c in completions)


def test_every_word_of_the_daemons_command_line():
    daemon = plain("tokencapd.8")
    for word in rows("src/proxy/config.c", r'\{"--([a-z-]+)", CONFIG_') + ["config"]:
        assert f".It Fl -{word}" in daemon


def test_every_provider_key():
    conf = plain("tokencap.conf.5")
    keys = rows("src/proxy/provider.c", r'\{"([a-z-]+)", +set_') + \
        re.findall(r', +\{"([a-z-]+)", +set_', (ROOT / "src/proxy/provider.c").read_text())
    for key in keys:
        assert f".It Ic {key} " in conf


def test_every_command():
    manual = plain("tokencap.1")
    completions = [(BUILD / "completion" / n).read_text() for n in ("tokencap.bash", "_tokencap")]
    commands = rows("src/cli/commands.c", r'^    \{"([a-z ]+)", "')
    for command in commands:
        assert re.search(rf"^\.It Cm {command}( |$)", manual, re.M)
        for flag in re.findall(r"^  --([a-z-]+)", output(BUILD / "bin/tokencap", *command.split(),
                                                         "--help"), re.M):
            assert f".It Fl -{flag}" in manual
            assert all(f"--{flag}" in c for c in completions)


def test_every_endpoint():
    daemon = page("tokencapd.8")
    for path, methods in rows("src/proxy/route.c", r'^    \{"(/[^"]*)", +([A-Z |]+),'):
        row = re.search(rf"^\.It ([A-Z, ]+) Pa (?:.*, )?{re.escape(path)}(?: ,.*)?$", daemon, re.M)
        assert row, f"{path} is not in tokencapd(8)"
        named = row[1].replace("DELETE", "DEL").split(", ")
        assert [m.strip() for m in methods.split("|")] == named, path


def test_every_metric(proxy):
    daemon = page("tokencapd.8")
    for name in re.findall(r"^# TYPE (\S+)", proxy.get("/metrics").text, re.M):
        assert f".It Li {name}\n" in daemon, f"{name} is not in tokencapd(8)"


def test_every_header():
    daemon = page("tokencapd.8")
    source = "".join(p.read_text() for p in (ROOT / "src/proxy").glob("*.c"))
    names = set(re.findall(r'"(x-tokencap-[a-z-]+[a-z])', source, re.I))
    assert len(names) > 8
    documented = {n.lower() for n in re.findall(r"^\.(?:It )?Li (X-Tokencap-[\w-]+)", daemon, re.M)}
    assert {n.lower() for n in names} <= documented


def test_every_exit_status():
    daemon, tool = page("tokencapd.8"), page("tokencap.1")
    for status in ("0", "1", "64", "74", "78"):
        assert f"\n.It {status}\n" in daemon
    for status in ("0", "1", "64"):
        assert f"\n.It {status}\n" in tool
    enums = re.findall(r"EXIT_\w+ = (\d+)", (ROOT / "src/tokencapd.c").read_text())
    assert set(enums) <= {"0", "1", "64", "74", "78"}


def test_the_sample_is_a_valid_configuration(tmp_path):
    sample = (BUILD / "etc/tokencap.conf").read_text()
    everything = tmp_path / "all.conf"
    everything.write_text(re.sub(r"^#([a-z-]+ =)", r"\1", sample.split("# ---- More")[0],
                                 flags=re.M))
    for path in (BUILD / "etc/tokencap.conf", everything):
        done = subprocess.run([BUILD / "bin/tokencapd", "--check-config", "--config", path],
                              capture_output=True, text=True, timeout=TIMEOUT,
                              env=clean_environment())
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{path}: the configuration is valid\n"


@pytest.mark.parametrize("shell, name", [("bash", "tokencap.bash"), ("zsh", "_tokencap")])
def test_completions_parse(shell, name):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", BUILD / "completion" / name], capture_output=True, text=True,
                          timeout=TIMEOUT)
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("words, expected", [
    (["tokencap", ""], "budget"), (["tokencap", "budget", ""], "reset"),
    (["tokencap", "budget", "set", "--per"], "--per-request"), (["tokencap", "count", "--i"], "--ids"),
    (["tokencap", "price", "--"], "--list"), (["tokencap", "price", "import", "--"], "--as-of"),
    (["tokencapd", "--work"], "--workers"), (["tokencapd", "--enforce", "=", ""], "strict"),
])
def test_bash_completes(words, expected):
    quoted = " ".join(f"'{w}'" for w in words)
    script = (f"source {BUILD / 'completion/tokencap.bash'}; COMP_WORDS=({quoted}); "
              f"COMP_CWORD={len(words) - 1}; _{words[0]}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    assert expected in output("bash", "-c", script).splitlines()
