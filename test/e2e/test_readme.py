# SPDX-License-Identifier: MIT
"""What the README names exists: make targets, flags, variables, files, commands."""

import re
import subprocess

from harness import BUILD, TIMEOUT, clean_environment

ROOT = BUILD.resolve().parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_make_targets():
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"`(?:sudo )?make ([a-z][a-z-]*)", page.read_text()):
            assert re.search(rf"^[\w $()/-]*\b{target}\b[\w -]*:", makefile, re.M), f"{page.name}: {target}"


def test_every_longer_proof_is_listed():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^((?:check|bench)-[a-z-]+|bench|fuzz|accuracy):", makefile, re.M))
    missing = {t for t in targets if not re.search(rf"`(?:make )?{t}\b", README)}
    assert missing <= {"check-tokens-short", "check-instructions"}  # parts of make check


def test_links_and_files():
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            path = (page.parent / link).resolve()
            written = f"writes {path.relative_to(ROOT)}" in makefile  # by a longer proof
            assert path.exists() or written, f"{page.name}: {link}"
        for path in re.findall(r"`((?:src|include|docs|man|tools|test)/[\w./-]+\.\w+)`", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_flags_and_variables():
    known = subprocess.run([BUILD / "bin/tokencapd", "--help-all"], capture_output=True, text=True,
                           timeout=TIMEOUT, env=clean_environment()).stdout
    tool = (BUILD / "man/tokencap.1").read_text()
    for flag in re.findall(r"--([a-z][a-z-]+)", README):
        assert f"--{flag}" in known or f"Fl -{flag}" in tool or flag in ("prefix", "help"), flag
    for variable in re.findall(r"`([A-Z]+_[A-Z_]+)`", README):
        assert variable in known, variable


def test_commands():
    listed = subprocess.run([BUILD / "bin/tokencap", "--help"], capture_output=True, text=True,
                            timeout=TIMEOUT).stdout
    for words in re.findall(r"(?:^|`)tokencap ([a-z]+(?: [a-z]+)?)", README, re.M):
        first = words.split()[0]
        assert f"  {words} " in listed or f"  {first} " in listed, words
