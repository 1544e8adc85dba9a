"""A server and a browser for the tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, browser, require_browser
from tests.e2e.guarded import SECRET
from tests.integration.process import ServerProcess, server


@pytest.fixture(scope="session")
def the_browser() -> Iterator[Browser]:
    """One browser for all tests: its windows share nothing."""
    require_browser()
    with browser() as running:
        yield running


@pytest.fixture
def running_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A real `collab serve` over an empty SQLite file."""
    with server(tmp_path) as running:
        yield running


@pytest.fixture
def guarded_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """One that wants tokens."""
    with server(tmp_path, COLLAB_SECRET_KEY=SECRET) as running:
        yield running
