"""Several nodes over one PostgreSQL, perhaps with Redis, all on one core.

On one core nothing is gained by more of them: what they come to together shows what they cost each
other. Owns their lives and how much processor time each kind of them has used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from tests.bench.process import Cores, Server, ServerFailed, cpu_seconds, on_core, running_server
from tests.services.postgres import PostgresServer, postgres_server, programs
from tests.services.redis import PROGRAM, RedisServer, redis_server

# Of the tests' server, what a server in operation has otherwise.
DURABLE = """
fsync = on
full_page_writes = on
synchronous_commit = on
max_connections = 100
shared_buffers = 128MB
"""


def missing() -> str | None:
    """What is not installed of what a fleet needs."""
    if programs() is None:
        return "PostgreSQL's server programs"
    return None if PROGRAM is not None else "redis-server"


class Spent(msgspec.Struct, frozen=True):
    """Processor seconds, user and system."""

    nodes: float
    postgres: float
    redis: float


class Fleet:
    """Made by `running_fleet`."""

    def __init__(
        self, nodes: list[Server], postgres: PostgresServer, redis: RedisServer | None
    ) -> None:
        self.nodes = nodes
        self._postgres = postgres
        self._redis = redis

    @property
    def ports(self) -> list[int]:
        return [node.port for node in self.nodes]

    def spent(self) -> Spent:
        """What they have used since they were started. Processes of PostgreSQL that have ended
        are left out; those that nodes are connected to stay."""
        postgres = [self._postgres.pid, *_children(self._postgres.pid)]
        return Spent(
            nodes=sum(node.cpu_seconds() for node in self.nodes),
            postgres=sum(cpu_seconds(pid) for pid in postgres),
            redis=cpu_seconds(self._redis.pid) if self._redis else 0.0,
        )


@contextmanager
def running_fleet(
    command: Sequence[str], cores: Cores, nodes: int, *, redis: bool
) -> Iterator[Fleet]:
    """So many nodes on an empty database; raises ServerFailed if something is not installed."""
    folder = programs()
    if folder is None or missing():
        raise ServerFailed(f"not installed: {missing()}")
    with ExitStack() as stack:
        with on_core(cores.server, cores.generator):
            postgres = stack.enter_context(postgres_server(folder))
            with (postgres.folder / "data" / "postgresql.conf").open("a") as configuration:
                configuration.write(DURABLE)
            postgres.stop()
            postgres.start()
            news = stack.enter_context(redis_server()) if redis else None
        url = f"{postgres.url(postgres.create_database())}?sslmode=disable"
        variables = {"DATABASE_URL": url, "REDIS_URL": news.url if news else ""}
        running = []
        for _ in range(nodes):
            own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="collab-bench-")))
            running.append(
                stack.enter_context(running_server(command, own, cores, variables=variables))
            )
        yield Fleet(running, postgres, news)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
