# SPDX-License-Identifier: MIT
"""The pages that runs write: on which machine, and the parts between their marks."""

import os
import pathlib
import platform
import sys

BUSY = os.getloadavg()[0]  # before anything is measured


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def machine():
    return (f"{os.cpu_count()} cores of {processor()}, {platform.system()} {platform.release()}, load {BUSY:.1f} at the "
            "start")


def replace_part(page, mark, text):
    """Puts text between `<!-- mark -->` and the next `<!-- end -->`."""
    begin, end = f"<!-- {mark} -->\n", "<!-- end -->\n"
    before, found, rest = page.read_text().partition(begin)
    if not found:
        sys.exit(f"{page.name} has no place for it")
    page.write_text(before + begin + "\n" + text + "\n" + end + rest.split(end, 1)[1])
