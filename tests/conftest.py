"""What all tests share: the event loop they run on, and a database server if one asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.requirements import require
from tests.services.postgres import PostgresServer, postgres_server, programs


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own; every test makes itself a database in it."""
    folder = programs()
    require(folder is not None, "PostgreSQL's server programs are not installed")
    assert folder is not None
    with postgres_server(folder) as server:
        yield server
