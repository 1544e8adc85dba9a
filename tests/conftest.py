"""What all tests share: the event loop they run on, a database server if one asks for it, and how
hypothesis runs: without deadlines, which only measure how busy the machine is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.requirements import require
from tests.services.postgres import PostgresServer, postgres_server, programs

settings.register_profile(
    "collab",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("collab")


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
