# SPDX-License-Identifier: MIT
"""The demonstration that the README promises runs through, and shows what it should."""

import re
import subprocess

from harness import BUILD, TIMEOUT, clean_environment


def test_demo():
    script = BUILD.resolve().parent / "test/demo/demo.sh"
    done = subprocess.run([script, BUILD], capture_output=True, text=True, timeout=TIMEOUT * 2,
                          env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    assert len(re.findall(r"X-Tokencap-Estimated-Cost-USD: 0\.\d{6}", shown)) == 5
    assert len(re.findall(r"X-Tokencap-Cost-USD: 0\.\d{6}", shown)) == 3
    assert "trailer X-Tokencap-Cost-USD" in shown
    assert "HTTP/1.1 402" in shown and "budget_exceeded" in shown
    assert shown.rstrip().endswith("\x1b[0m") and "All as it should be" in shown
