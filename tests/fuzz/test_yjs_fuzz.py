"""Whatever passes the guard neither kills pycrdt nor does anything that the guard did not foresee.

COLLAB_FUZZ_COUNT bad updates (20,000), from COLLAB_FUZZ_SEED (0).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

COUNT = int(os.environ.get("COLLAB_FUZZ_COUNT", "20000"))
SEED = int(os.environ.get("COLLAB_FUZZ_SEED", "0"))


def test_what_passes_the_guard_kills_nothing(tmp_path: Path) -> None:
    last = tmp_path / "last"
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.yjs_fuzzer", str(SEED), str(COUNT), str(last)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    report = f"exit {run.returncode}\n{run.stdout}{run.stderr}\nlast tried:\n{last.read_text()}"
    assert run.returncode == 0, report
    happened = json.loads(run.stdout)
    for what in ("mutants", "nonsense"):
        assert all(
            happened[f"{what} {fate}"] > COUNT / 200
            for fate in ("refused", "with a gap", "applied")
        ), happened
