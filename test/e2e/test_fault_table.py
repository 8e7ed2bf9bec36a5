# SPDX-License-Identifier: MIT
"""Every row of docs/faults.md names a test that exists, and no row was lost."""

import sys

from harness import ROOT

sys.path.insert(0, str(ROOT / "test/hostile"))
import rows  # noqa: E402


def test_every_row_is_shown():
    assert rows.problems(rows.rows()) == []
