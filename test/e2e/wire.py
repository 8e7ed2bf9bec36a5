# SPDX-License-Identifier: MIT
"""HTTP/1.1 over a plain socket: shows what a library would hide (trailers, resets, bad framing)."""

import json
import os
import socket

SANITIZED = os.environ.get("TOKENCAP_BUILD", "build") != "build"
TIMEOUT = 30 * (5 if SANITIZED else 1)  # seconds after which a test is hung, not slow


class Headers(list):
    """(name, value) pairs in the order received; looked up by name in any case."""

    def all(self, name):
        return [v for n, v in self if n.lower() == name.lower()]

    def get(self, name, otherwise=None):
        values = self.all(name)
        return values[0] if values else otherwise

    def __contains__(self, name):
        return bool(self.all(name))

    def __getitem__(self, name):
        if isinstance(name, (int, slice)):
            return super().__getitem__(name)
        values = self.all(name)
        if not values:
            raise KeyError(f"no {name} among {[n for n, _ in self]}")
        return values[0]


class Answer:
    """status, headers, body, trailers; `end` is complete, closed (early) or reset."""

    def __init__(self):
        self.status = None
        self.reason = ""
        self.headers = Headers()
        self.body = bytearray()  # grows as it is read
        self.trailers = Headers()
        self.end = None

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def figure(self, name):
        """A header, or the trailer of that name, which is what counts at the end of a stream."""
        return self.trailers.get(name) or self.headers[name]

    def __repr__(self):
        return f"<{self.status} {self.end} {self.body[:300]!r}>"


class Broken(Exception):
    """The peer ended the connection where more was due; str() is closed or reset."""


class Wire:
    """One connection. Ends with its `with` block, or with close()."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.answer = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, target, body=None, headers=()):
        """Sends a request with just the headers that are needed, and those given."""
        self.send(render(method, target, body, headers))

    # receiving

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise Broken("reset") from None
        if not data:
            raise Broken("closed")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def read_head(self):
        """The head of the final answer; interim ones are passed over."""
        while True:
            answer = Answer()
            lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            _, status, *reason = lines[0].split(" ", 2)
            answer.status, answer.reason = int(status), "".join(reason)
            answer.headers = Headers(split_header(line) for line in lines[1:])
            if answer.status >= 200:
                self.answer = answer
                return answer

    def read_chunk(self):
        """The next chunk of a chunked body; b"" after the last, when the trailers are in too."""
        size = int(self.until(b"\r\n").split(b";")[0], 16)
        if size:
            data = self.exactly(size)
            self.exactly(2)
            self.answer.body += data
            return data
        while line := self.until(b"\r\n"):
            self.answer.trailers.append(split_header(line.decode("latin-1")))
        self.answer.end = "complete"
        return b""

    def read_event(self):
        """The next server-sent event of a chunked body, as bytes; b"" at the body's end."""
        at = getattr(self, "event_at", 0)
        while b"\n\n" not in self.answer.body[at:]:
            if not self.read_chunk():
                return bytes(self.answer.body[at:])
        self.event_at = self.answer.body.index(b"\n\n", at) + 2
        return bytes(self.answer.body[at:self.event_at])

    def read_answer(self, method="POST"):
        """The whole answer. How it ended is in its `end`; nothing is raised once a head is in."""
        try:
            answer = self.read_head()
        except Broken as broken:
            answer = self.answer = Answer()
            answer.end = str(broken)
            return answer
        try:
            self.read_body(answer, method)
        except Broken as broken:
            answer.end = str(broken)
        answer.body = bytes(answer.body)
        return answer

    def read_body(self, answer, method):
        if method == "HEAD" or answer.status in (204, 304):
            pass
        elif "Transfer-Encoding" in answer.headers:
            while self.read_chunk():
                pass
        elif "Content-Length" in answer.headers:
            wanted = int(answer.headers["Content-Length"])
            while len(answer.body) < wanted:
                if not self.buffer:
                    self.more()
                part = self.buffer[:wanted - len(answer.body)]
                self.buffer = self.buffer[len(part):]
                answer.body += part
        else:
            try:
                while True:
                    answer.body += self.buffer
                    self.buffer = b""
                    self.more()
            except Broken as broken:
                if str(broken) != "closed":
                    raise
        answer.end = "complete"


def split_header(line):
    name, _, value = line.partition(":")
    return name, value.strip()


def render(method, target, body=None, headers=()):
    headers = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in headers}
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    if "host" not in names:
        headers.insert(0, ("Host", "127.0.0.1"))
    if body is not None:
        if "content-type" not in names:
            headers.append(("Content-Type", "application/json"))
        if not names & {"content-length", "transfer-encoding"}:
            headers.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers)
    return head.encode("latin-1") + b"\r\n" + (body or b"")


def events_of(body):
    """The `data:` of each server-sent event, parsed where it is JSON."""
    found = []
    for event in body.decode().replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].lstrip(" ") for line in event.split("\n")
                         if line.startswith("data:"))
        if data:
            found.append(json.loads(data) if data.startswith(("{", "[")) and data != "[DONE]"
                         else data)
    return found


def without_usage(body):
    """What a client that did not ask should get of a stream that was asked for its usage."""
    kept = []
    for event in body.split(b"\n\n"):
        data = event.removeprefix(b"data: ")
        if data.startswith(b"{") and json.loads(data)["choices"] == []:
            continue
        kept.append(event.replace(b',"usage":null', b""))
    return b"\n\n".join(kept)
