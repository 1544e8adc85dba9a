"""How long things took, told where people find it.

Each figure is logged (pytest shows it with -rP), and with COLLAB_TEST_REPORT=FILE appended to that
file as a row of a table. The promise is held loosely, times `TOLERANCE`: machines that run tests
are busy, and a test that fails for that reason only is of no use.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

TOLERANCE = 10.0
LONG = os.environ.get("COLLAB_TEST_LONG") == "1"
"""Whether faults last as long as they may in operation, or only as long as a test has time."""


def measured(what: str, seconds: float, promised: float) -> None:
    """Tell what it came to, and fail if that is far from what is promised."""
    row = f"| {what} | {seconds:.2f} s | {promised:g} s |"
    logging.getLogger(__name__).warning("MEASURED %s", row)
    if file := os.environ.get("COLLAB_TEST_REPORT"):
        with Path(file).open("a") as report:
            report.write(row + "\n")
    assert seconds <= promised * TOLERANCE
