# SPDX-License-Identifier: MIT
"""make install by the GNU rules: staged, moved, working from there, and taken away again."""

import os
import re
import subprocess

import pytest

from harness import BUILD, SANITIZED, TIMEOUT, clean_environment

ROOT = BUILD.resolve().parent


def make(*args):
    # The make that runs the tests must not hand this one its own settings.
    env = {k: v for k, v in clean_environment().items() if not k.startswith(("MAKE", "MFLAGS"))}
    sanitizer = BUILD.name.removeprefix("build").lstrip("-").replace("-", ",")
    done = subprocess.run(["make", "-s", f"SAN={sanitizer}", *args], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=TIMEOUT * 10)
    assert done.returncode == 0, done.stdout + done.stderr


def files(folder):
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder) for name in names}


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's build is hardened otherwise")
@pytest.mark.parametrize("program", ["tokencap", "tokencapd"])
def test_hardening(program):
    """At a place of its own each time, tables read-only before it runs, buffers checked where their
    size is known."""
    def elf(what):
        return subprocess.run(["readelf", "-W", what, BUILD / "bin" / program], capture_output=True,
                              text=True, check=True, timeout=TIMEOUT).stdout

    assert re.search(r"Type: +DYN", elf("-h"))
    assert "GNU_RELRO" in elf("-l") and re.search(r"GNU_STACK .* RW +0x", elf("-l"))
    assert "BIND_NOW" in elf("-d") and " PIE" in elf("-d")
    imported = elf("--dyn-syms")
    assert "__snprintf_chk" in imported and "__stack_chk_fail" in imported


@pytest.mark.parametrize("prefix, config", [("/usr", "etc"), ("/opt/tokencap", "opt/tokencap/etc")])
def test_install(tmp_path, prefix, config):
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    below = prefix.lstrip("/")
    found = files(tmp_path)
    for name in ("bin/tokencap", "sbin/tokencapd", "share/man/man1/tokencap.1",
                 "share/man/man5/tokencap.conf.5", "share/man/man5/tokencap-pricing.5",
                 "share/man/man8/tokencapd.8", "share/tokencap/vocab/o200k_base.vocab",
                 "share/tokencap/pricing/openai.json", "share/zsh/site-functions/_tokencap",
                 "share/bash-completion/completions/tokencap"):
        assert f"{below}/{name}" in found, name
    assert f"{config}/tokencap/tokencap.conf" in found

    # The programs find what was installed beside them, wherever that was put.
    counted = subprocess.run([tmp_path / below / "bin/tokencap", "count"], input="hello world",
                             capture_output=True, text=True, timeout=TIMEOUT,
                             env=clean_environment())
    assert counted.stdout == "2\n", counted.stderr
    shown = subprocess.run([tmp_path / below / "sbin/tokencapd", "--dump-config"],
                           capture_output=True, text=True, timeout=TIMEOUT, env=clean_environment())
    assert f"data-dir = {tmp_path}/{below}/share/tokencap" in shown.stdout

    # An administrator's configuration survives both a second installation and the removal.
    conf = tmp_path / config / "tokencap/tokencap.conf"
    conf.write_text("port = 1234\n")
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    make("uninstall", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    assert files(tmp_path) == {f"{config}/tokencap/tokencap.conf"}
    assert conf.read_text() == "port = 1234\n"
