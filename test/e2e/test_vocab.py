# SPDX-License-Identifier: MIT
"""Vocabularies that users bring: imported by the tool, used by the tool and the daemon."""

import base64
import json
import pathlib
import struct
import subprocess

import pytest

from harness import BUILD, TIMEOUT, clean_environment

MERGES = pathlib.Path(__file__).parents[2] / "vocab" / "r50k_base.merges"
TEXT = "The quick brown fox's naïve 12345 tests, in French: «déjà vu»!"


def rank_file():
    """A rank file of a real vocabulary, made from the list of its merges."""
    data = MERGES.read_bytes()
    tokens, lines = [], []
    for rank in range(struct.unpack("<I", data[20:24])[0]):
        at = 56 + 6 * rank
        left, right = (int.from_bytes(data[at + i:at + i + 3], "little") for i in (0, 3))
        tokens.append(bytes([left]) if right == 0xFFFFFF else tokens[left] + tokens[right])
        lines.append(base64.b64encode(tokens[-1]) + b" %d" % rank)
    return b"\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of vocabularies with one in it."""
    home = tmp_path_factory.mktemp("vocab")
    (home / "ranks.tiktoken").write_bytes(rank_file())
    done = tool(home / "own", "vocab", "import", str(home / "ranks.tiktoken"), "--pattern", "r50k_base",
                "--models", "llama-3*, meta/llama-?", "--name", "mine")
    assert done.returncode == 0, done.stderr
    return home / "own"


def tool(folder, *args, stdin=b""):
    return subprocess.run([BUILD / "bin/tokencap", *args], input=stdin, capture_output=True,
                          timeout=TIMEOUT, env=clean_environment() | {"TOKENCAP_VOCAB_DIR": str(folder)})


def count(folder, *flags):
    return tool(folder, "count", *flags, stdin=TEXT.encode()).stdout


def test_the_tool_counts_by_it(folder):
    rows = json.loads(tool(folder, "vocab", "list", "--json").stdout)
    assert {"encoding": "mine", "models": "llama-3*, meta/llama-?"} in rows
    ids = count(folder, "--encoding", "r50k_base", "--ids")
    assert count(folder, "--encoding", "mine", "--ids") == ids
    assert count(folder, "--model", "llama-3.1-8b", "--ids") == ids
    assert count(folder, "--model", "meta/llama-4", "--ids") == ids
    assert count(folder, "--model", "gpt-4o", "--ids") != ids


def test_the_daemon_counts_by_it(folder, start_proxy):
    proxy = start_proxy("--vocab-dir", str(folder))
    body = {"model": "llama-3.1-8b", "messages": [{"role": "user", "content": TEXT}], "max_tokens": 10}
    mine = proxy.estimate("chat/completions", body)
    other = proxy.estimate("chat/completions", body | {"model": "llama-2-7b"})
    assert (mine["inputTokensMethod"], other["inputTokensMethod"]) == ("near", "approximate")
    difference = int(count(folder, "--encoding", "mine")) - int(count(folder))
    assert mine["inputTokens"] - other["inputTokens"] == difference != 0


@pytest.mark.parametrize("flags, words", [
    (["--models", "m"], b"--pattern"),
    (["--pattern", "."], b"--models"),
    (["--pattern", "(", "--models", "m"], b"pattern is not understood"),
    (["--pattern", ".", "--models", "m", "--name", "a/b"], b"cannot be called"),
    (["--pattern", ".", "--models", "m", "--name", "gpt2"], b"cannot be called"),
    (["--pattern", ".", "--models", "m"], b"line 1 is not a token"),
])
def test_what_cannot_be_imported(tmp_path, flags, words):
    (tmp_path / "ranks").write_text("not ranks\n")
    done = tool(tmp_path / "own", "vocab", "import", str(tmp_path / "ranks"), *flags)
    assert done.returncode != 0 and words in done.stderr
    assert not (tmp_path / "own").exists()


def test_a_damaged_vocabulary_is_refused(folder, tmp_path):
    data = bytearray((folder / "mine.vocab").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "mine.vocab").write_bytes(data)
    done = tool(tmp_path, "count", stdin=b"x")
    assert done.returncode == 1 and b"mine.vocab" in done.stderr and b"damaged" in done.stderr
