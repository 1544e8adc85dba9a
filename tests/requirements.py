"""What a test does when this machine lacks something it needs.

Owns the one rule: skip and say so, or fail where everything has to run (CI sets
COLLAB_TEST_REQUIRE_ALL=1).
"""

from __future__ import annotations

import os

import pytest

REQUIRE_ALL = "COLLAB_TEST_REQUIRE_ALL"


def require(available: bool, reason: str) -> None:
    """Go on if `available`; otherwise skip the test, or the whole module if called at import, with
    `reason`. Fails instead if COLLAB_TEST_REQUIRE_ALL=1."""
    if available:
        return
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{REQUIRE_ALL}=1, but {reason}", pytrace=False)
    pytest.skip(f"NOT PROVEN HERE: {reason}", allow_module_level=True)
