# SPDX-License-Identifier: MIT
"""A terminal with a program at it: a pty, and as much of a VT100 as ncurses asks for."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from harness import TIMEOUT

ESCAPE = re.compile(r"\x1b(?:\[([?>]?[\d;]*)([@-~])|([()].)|([78=>MDE]))")


class Screen:
    """What a VT100 of that size shows; one column a character."""

    def __init__(self, columns, lines):
        self.resize(columns, lines)

    def resize(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rows = [[" "] * columns for _ in range(lines)]
        self.x = self.y = 0
        self.region = (0, lines - 1)

    @property
    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.rows)

    def scroll(self, down):
        top, bottom = self.region
        blank = [" "] * self.columns
        if down:
            self.rows[top:bottom + 1] = [blank] + self.rows[top:bottom]
        else:
            self.rows[top:bottom + 1] = self.rows[top + 1:bottom + 1] + [blank]

    def line_feed(self):
        if self.y == self.region[1]:
            self.scroll(down=False)
        else:
            self.y = min(self.y + 1, self.lines - 1)

    def put(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.line_feed()
        elif c == "\b":
            self.x = max(0, self.x - 1)
        elif c == "\t":
            self.x = min(self.columns - 1, (self.x | 7) + 1)
        elif c >= " ":
            if self.x == self.columns:
                self.x = 0
                self.line_feed()
            self.rows[self.y][self.x] = c
            self.x += 1

    def erase(self, start, end):
        """Cells by their place in the whole screen."""
        for at in range(start, end):
            self.rows[at // self.columns][at % self.columns] = " "

    def control(self, arguments, final):
        if arguments[:1] in ("?", ">"):
            return
        numbers = [int(n) if n else 0 for n in arguments.split(";")]
        n, at = max(1, numbers[0]), self.y * self.columns + min(self.x, self.columns - 1)
        line = self.y * self.columns
        if final == "H":
            self.y = min(self.lines, n) - 1
            self.x = min(self.columns, max(1, (numbers + [1])[1])) - 1
        elif final in "ABCD":
            self.y = max(0, min(self.lines - 1, self.y + {"A": -n, "B": n}.get(final, 0)))
            self.x = max(0, min(self.columns - 1, self.x + {"C": n, "D": -n}.get(final, 0)))
        elif final == "J":
            self.erase(*{0: (at, self.lines * self.columns), 1: (0, at + 1)}.get(
                numbers[0], (0, self.lines * self.columns)))
        elif final == "K":
            self.erase(*{0: (at, line + self.columns), 1: (line, at + 1)}.get(
                numbers[0], (line, line + self.columns)))
        elif final == "r":
            last = (numbers + [0])[1] or self.lines
            self.region, self.x, self.y = (n - 1, last - 1), 0, 0
        else:
            assert final in "mhl", f"CSI {arguments}{final} is not understood"

    def feed(self, text):
        """Takes what it understands; the rest, the start of an escape, is to come again."""
        while text:
            if text[0] != "\x1b":
                self.put(text[0])
                text = text[1:]
                continue
            found = ESCAPE.match(text)
            if not found:
                assert len(text) < 20, f"{text[:20]!r} is not understood"
                return text
            if found[2]:
                self.control(found[1], found[2])
            elif found[4] == "M":
                self.scroll(down=True) if self.y == self.region[0] else self.control("", "A")
            text = text[found.end():]
        return text


class Terminal:
    """Runs a command at a terminal of its own."""

    def __init__(self, command, env, columns=80, lines=24):
        self.master, slave = pty.openpty()
        self.screen = Screen(columns, lines)
        self.raw, self.pending = "", ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.set_size(columns, lines)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env,
                                        start_new_session=True, preexec_fn=self.take_over)
        os.close(slave)

    @staticmethod
    def take_over():
        """In the child: what is typed there reaches it as signals, too."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def set_size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.screen.resize(columns, lines)
        self.set_size(columns, lines)  # the kernel tells the program

    def press(self, keys):
        os.write(self.master, keys.encode())

    def read(self, timeout):
        """Takes in what came; False when nothing did, or nothing will."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            return False
        text = self.decoder.decode(data)
        self.raw += text
        self.pending = self.screen.feed(self.pending + text)
        return bool(data)

    def wait_for(self, pattern, but_not=None):
        """Until the screen shows it, and does not show the other; the screen."""
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            text = self.screen.text
            if re.search(pattern, text, re.M) and not (but_not and re.search(but_not, text, re.M)):
                return text
            if not self.read(0.2) and self.process.poll() is not None:
                break
        raise AssertionError(f"the screen never shows {pattern!r}:\n{self.screen.text}")

    def end(self):
        """Waits until the program has ended by itself; its status."""
        until = time.monotonic() + TIMEOUT
        while (self.read(0.2) or self.process.poll() is None) and time.monotonic() < until:
            pass
        return self.process.wait(1)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)
        os.close(self.master)
