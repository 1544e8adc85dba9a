"""What the compatibility tests share: a server, and Node full of the editors' own providers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.driver import Driver, require_node, running_driver
from tests.compat.rooms import Room
from tests.integration.process import ServerProcess, server


@pytest.fixture
def driver() -> Iterator[Driver]:
    require_node()
    with running_driver() as running:
        yield running


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server, whose log may hold nothing that must never happen."""
    with server(tmp_path) as running:
        yield running
    assert running.defects() == []


@pytest.fixture
def room(driver: Driver, process: ServerProcess) -> Room:
    return Room(driver, process)
