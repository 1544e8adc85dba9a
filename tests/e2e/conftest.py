"""A server and a browser for the tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, browser, require_browser
from tests.e2e.guarded import SECRET
from tests.e2e.lines import Line, line_to
from tests.integration.process import ServerProcess, server


@pytest.fixture(scope="session")
def standing_browser() -> Iterator[Browser]:
    """One browser for all tests: its windows share nothing."""
    require_browser()
    with browser() as running:
        yield running


@pytest.fixture
def the_browser(standing_browser: Browser) -> Iterator[Browser]:
    """A browser without windows."""
    yield standing_browser
    standing_browser.close_windows()


@pytest.fixture(scope="session")
def standing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it alone and keep to documents of their own."""
    with server(tmp_path_factory.mktemp("standing")) as running:
        yield running


@pytest.fixture
def running_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A real `collab serve` over an empty SQLite file, to be stopped and killed at will."""
    with server(tmp_path) as running:
        yield running


@pytest.fixture
def line(standing_server: ServerProcess) -> Iterator[Line]:
    """A line to the standing server that can be cut."""
    with line_to(standing_server.port) as line:
        yield line


@pytest.fixture(scope="session")
def standing_guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One that wants tokens, for all tests that leave it alone."""
    with server(tmp_path_factory.mktemp("guarded"), COLLAB_SECRET_KEY=SECRET) as running:
        yield running


@pytest.fixture
def guarded_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """One that wants tokens, to be stopped and killed at will."""
    with server(tmp_path, COLLAB_SECRET_KEY=SECRET) as running:
        yield running
