"""What the tests of several nodes share: a database that keeps what it says it keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.requirements import require
from tests.services.postgres import PostgresServer, postgres_server, programs
from tests.services.redis import PROGRAM, RedisServer, redis_server

_DURABLE = """
fsync = on
full_page_writes = on
synchronous_commit = on
"""


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own that answers a commit when it is on disk."""
    folder = programs()
    require(folder is not None, "PostgreSQL's server programs are not installed")
    assert folder is not None
    with postgres_server(folder) as server:
        with (server.folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(_DURABLE)
        server.stop()
        server.start()
        [[settings]] = server.run("postgres", _SETTINGS)
        assert settings == "on on on"
        yield server


_SETTINGS = """
SELECT concat_ws(' ', current_setting('fsync'), current_setting('full_page_writes'),
    current_setting('synchronous_commit'))
"""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis server of our own."""
    require(PROGRAM is not None, "redis-server is not installed")
    with redis_server() as server:
        yield server
