# SPDX-License-Identifier: MIT
"""Bodies, headers, paths and queries made at random pass both ways to the byte. FIDELITY_SEED repeats a
run, FIDELITY_ROUNDS makes it longer."""

import json
import os
import random

import pytest

from harness import sim_header

SEED = int(os.environ.get("FIDELITY_SEED", "0")) or random.SystemRandom().getrandbits(32)
ROUNDS = int(os.environ.get("FIDELITY_ROUNDS", "60"))

# Written as JSON allows and few libraries would write them.
NUMBERS = ["0", "-0", "-0.0", "0.7", "0.70", "1.10", "1e5", "1E+5", "1e-7", "2.50", "12345678901234567890",
           "123456789012345678901234567890", "9007199254740993", "0.1000000000000000055511151231257827",
           "1e400", "-1E-400", "3.0"]
TEXTS = ["", "plain", "caf\\u00e9", "café", "\\ud83d\\ude00", "😀", "\\/", "/", "\\u0000", "\\u2028", "\u2028",
         "\\b\\f\\n\\r\\t", "\\\"quoted\\\"", "data: x\\n\\n", "\\u0041", "ﬃ", "e\u0301", "\\u000a", "\x7f",
         "</script>", "\ufeff", "نص", "日本語"]
SPACES = ["", "", "", " ", "\n", "\t", "\r\n", "  "]


class Writer:
    """Random JSON as text, so that no library has a say in how it looks."""

    def __init__(self, rng):
        self.rng, self.keys = rng, 0

    def space(self):
        return self.rng.choice(SPACES)

    def text(self):
        return '"' + "".join(self.rng.choices(TEXTS, k=self.rng.randrange(4))) + '"'

    def key(self):
        self.keys += 1  # never twice in an object, never with a NUL: that is refused
        text = self.rng.choice([t for t in TEXTS if t != "\\u0000"])
        return f'"{text}{self.keys}"'

    def value(self, depth=0):
        kinds = ["number", "text", "literal"] + (["list", "object"] if depth < 4 else [])
        kind = self.rng.choice(kinds)
        if kind == "number":
            return self.rng.choice(NUMBERS)
        if kind == "text":
            return self.text()
        if kind == "literal":
            return self.rng.choice(["true", "false", "null"])
        values = [self.value(depth + 1) for _ in range(self.rng.randrange(4))]
        if kind == "list":
            return self.bracket("[", values, "]")
        return self.bracket("{", [self.member(self.key(), v) for v in values], "}")

    def member(self, key, value):
        return f"{key}{self.space()}:{self.space()}{value}"

    def bracket(self, first, parts, last):
        s = self.space
        return first + s() + f"{s()},{s()}".join(parts) + s() + last

    def body(self, members):
        """An object with these members, as text, and others that nobody knows, in any order."""
        all_members = [self.member(f'"{k}"', v) for k, v in members.items()]
        all_members += [self.member(self.key(), self.value()) for _ in range(self.rng.randrange(6))]
        self.rng.shuffle(all_members)
        return (self.space() + self.bracket("{", all_members, "}") + self.space()).encode()

    def message(self):
        content = self.text() if self.rng.random() < .5 else self.bracket("[", [self.bracket("{", [
            self.member('"type"', '"text"'), self.member('"text"', self.text())], "}")], "]")
        return self.bracket("{", [self.member('"role"', '"user"'), self.member('"content"', content)],
                            "}")


def make_request(w):
    """path, body, of any priced endpoint; streams only where nothing is spliced."""
    limit = str(w.rng.randrange(1, 500))
    messages = w.bracket("[", [w.message() for _ in range(w.rng.randrange(1, 4))], "]")
    stream = {"stream": w.rng.choice(["true", "false"])} if w.rng.random() < .6 else {}
    asked = stream | ({"stream_options": '{"include_usage":true}'} if stream else {})
    path, members = w.rng.choice([
        ("/v1/chat/completions", {"model": '"gpt-4o"', "messages": messages, "max_tokens": limit} | asked),
        ("/v1/messages", {"model": '"claude-haiku-4-5"', "messages": messages, "max_tokens": limit}
         | stream),
        ("/v1/responses", {"model": '"gpt-4o"', "input": w.text(), "max_output_tokens": limit} | stream),
        ("/v1/completions", {"model": '"gpt-3.5-turbo-instruct"', "prompt": w.text(),
                             "max_tokens": limit} | asked),
        ("/v1/embeddings", {"model": '"text-embedding-3-small"', "input": w.text()}),
    ])
    return path, w.body(members)


def make_query(rng):
    parts = ["beta=true", "a=1", "a=2", "empty=", "bare", "", "q=%2F%20+", "u=%C3%A9", "s=a/b?c",
             "x=[1]", "semi=a;b", "t=~!$'()*,"]
    return "&".join(rng.choices(parts, k=rng.randrange(5)))


def make_headers(rng):
    values = ["1", "a, b,c", "two  spaces", "\"quoted; x=y\"", "", "tab\there", "café", "=?utf-8?q?x?=",
              "(comment)", "Mon, 01 Jan 2026 00:00:00 GMT", "x" * 900]
    names = ["X-Custom", "x-lower", "X-UPPER", "anthropic-beta", "OpenAI-Beta", "X-Stainless-Lang",
             "Idempotency-Key", "User-Agent", "Accept", "Accept-Language", "Origin-Agent", "X-Multi",
             "X-Multi", "If-None-Match", "Range-Unit", "Referer", "x.dot_under~tilde", "Traceparent"]
    return [(name, rng.choice(values)) for name in rng.sample(names, rng.randrange(len(names)))]


OURS = {"host", "content-length", "content-type", "accept-encoding", "via", "authorization", "x-sim"}


def end_to_end(headers):
    return [(n, v) for n, v in headers if n.lower() not in OURS]


@pytest.mark.parametrize("part", range(4))
def test_requests_pass_to_the_byte(proxy, sim, part):
    rng = random.Random(SEED + part)
    print(f"FIDELITY_SEED={SEED}")
    with proxy.connect() as wire:
        for i in range(ROUNDS):
            path, body = make_request(Writer(rng))
            json.loads(body)  # it is JSON, at least
            query = make_query(rng)
            target = path + ("?" + query if query else "")
            headers = make_headers(rng)
            wire.request("POST", target, body, [
                (n, v.encode().decode("latin-1")) for n, v in headers] +
                [("Authorization", "Bearer sk-mine"), *sim_header(split=rng.choice([0, 1, 3, 50]) if
                                                                  rng.random() < .3 else 0).items()])
            answer = wire.read_answer()
            assert answer.status == 200, (i, target, body, answer)
            entry = sim.journal(wait=1)[-1]
            assert entry.target == target
            assert entry.body == body
            sent = [(n, v.encode().decode("latin-1").strip()) for n, v in headers]
            assert end_to_end(entry.headers) == sent, i
            assert answer.body == entry.answer_body
            sim.control("DELETE", "/_sim/journal")


def as_written(body):
    """Members in their order, numbers in their letters."""
    return json.loads(body, object_pairs_hook=list, parse_int=str, parse_float=str)


def without(members, name):
    return [member for member in members if member[0] != name]


def edit(before, after):
    """What was taken out in one place, and what was put there."""
    start = os.path.commonprefix([before, after])
    before, after = before[len(start):], after[len(start):]
    end = len(os.path.commonprefix([before[::-1], after[::-1]]))
    return before[:len(before) - end], after[:len(after) - end]


OPTIONS = [None, "null", "{}", '{ "include_usage" :\tfalse }', '{"include_obfuscation":false}',
           '{"x":[0.70,1E+5],"include_usage":false,"y":"\\u00e9"}', "{\n}"]


@pytest.mark.parametrize("part", range(2))
def test_a_splice_is_one_small_edit(proxy, sim, part):
    """Streams that do not ask for their usage are asked for it; all else is as it was."""
    rng = random.Random(SEED - 10 - part)
    print(f"FIDELITY_SEED={SEED}")
    with proxy.connect() as wire:
        for i in range(ROUNDS):
            w = Writer(rng)
            options = rng.choice(OPTIONS)
            members = {"model": '"gpt-4o"', "stream": "true"} | ({"stream_options": options} if options else {})
            path, more = rng.choice([
                ("/v1/chat/completions", {"messages": w.bracket("[", [w.message()], "]")}),
                ("/v1/completions", {"prompt": w.text()})])
            body = w.body(members | more)
            wire.request("POST", path, body, {"Authorization": "Bearer sk-mine"})
            assert wire.read_answer().status == 200, (i, body)
            after = sim.journal(wait=1)[-1].body
            taken, put = edit(body, after)
            assert len(taken) <= len("false") and len(put) <= len('"stream_options":{"include_usage":true},'), i
            assert without(as_written(after), "stream_options") == without(as_written(body), "stream_options")
            wanted = (json.loads(options) if options else None) or {}
            assert json.loads(after)["stream_options"] == wanted | {"include_usage": True}, (i, options)
            sim.control("DELETE", "/_sim/journal")


@pytest.mark.parametrize("part", range(2))
def test_answers_pass_to_the_byte(proxy, sim, part):
    """Bodies that the simulator is told to send, whole and as streams of whatever shape."""
    rng = random.Random(SEED - 1 - part)
    print(f"FIDELITY_SEED={SEED}")
    for i in range(ROUNDS):
        w = Writer(rng)
        stream = rng.random() < .5
        if stream:
            eol = rng.choice(["\n", "\r\n"])
            pieces = [rng.choice(["", ": a comment" + eol, "event: x" + eol, "id: 1" + eol, "retry: 5" + eol])
                      + "data: " + w.body({"choices": "[]"}).decode().replace("\n", " ").replace("\r", " ")
                      + eol + eol for _ in range(rng.randrange(1, 8))]
            text = "".join(pieces) + "data: [DONE]" + eol + eol
        else:
            text = w.body({"id": '"x"', "usage": '{"prompt_tokens":5,"completion_tokens":6}'}).decode()
        extra = [(f"X-Up-{k}", rng.choice(["1", "a,  b", "\"q\"", "Case Kept"])) for k in
                 range(rng.randrange(3))]
        sim.script(body=text, type="text/event-stream" if stream else "application/json",
                   header="\r\n".join(f"{n}: {v}" for n, v in extra) if len(extra) == 1 else "X-One: 1")
        asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "stream": stream,
                 "stream_options": {"include_usage": True}} if stream else \
            {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
        answer = proxy.post("/v1/chat/completions", asked)
        entry = sim.journal(wait=1)[-1]
        assert entry.answer_body == text.encode(), "the simulator sends what it was told"
        assert answer.status == 200, (i, text, answer)
        assert answer.body == text.encode(), i
        assert answer.end == "complete"
        if len(extra) == 1:
            assert answer.headers[extra[0][0]] == extra[0][1]
        sim.control("DELETE", "/_sim/journal")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_tokencap_behind_another(start_proxy, sim, tmp_path, stream):
    """Each counts for itself; the client hears of the near one alone."""
    (tmp_path / "far").mkdir()
    far = start_proxy(folder=tmp_path / "far")
    near = start_proxy(env={"OPENAI_UPSTREAM_URL": f"{far.url}/v1"})
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    answer = near.post("/v1/chat/completions", body, sim_header(input=40, output=30))
    assert (answer.status, answer.end) == (200, "complete")
    names = [n.lower() for n, _ in answer.headers if n.lower().startswith("x-tokencap-")]
    assert len(names) == len(set(names)) > 3
    assert answer.figure("X-Tokencap-Output-Tokens") == "30"
    assert near.history()[0]["requestId"] == answer.headers["X-Tokencap-Request-Id"]
    assert far.history()[0]["requestId"] != near.history()[0]["requestId"]
    assert near.history()[0]["costUsd"] == far.history()[0]["costUsd"] > 0
