"""Several nodes over one PostgreSQL, perhaps with Redis between them, behind one load balancer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import anyio
from anyio.to_thread import run_sync

from collab.storage.postgres import PostgresStore, open_postgres
from collab.storage.postgres_url import parse_target
from tests.integration.nodes.balancer import Balancer, open_balancer
from tests.integration.process import ServerProcess
from tests.proxy import Proxy, open_proxy
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

NODES = 3
# Few, so that snapshots and the end of what a node keeps in memory are met in a short test.
SNAPSHOT_EVERY = 50
TAIL_COMMITS = 100


class Cluster:
    """Made by `open_cluster`. Each node reaches the database through a proxy of its own, that of
    the same index; `store` is a way to it that no fault of the network lies on."""

    def __init__(
        self,
        nodes: list[ServerProcess],
        proxies: list[Proxy],
        balancer: Balancer,
        store: PostgresStore,
        postgres: PostgresServer,
    ) -> None:
        self.nodes = nodes
        self.proxies = proxies
        self.balancer = balancer
        self.store = store
        self.postgres = postgres

    def defects(self) -> list[str]:
        """What the nodes' logs tell of that must never happen."""
        return [line for node in self.nodes for line in node.defects()]


@asynccontextmanager
async def open_cluster(
    folder: Path, postgres: PostgresServer, random: Random, *, redis: RedisServer | None
) -> AsyncIterator[Cluster]:
    """Running nodes on a new database, ended at the end whatever state they are in."""
    database = await run_sync(postgres.create_database)
    async with AsyncExitStack() as stack:
        nodes: list[ServerProcess] = []
        proxies: list[Proxy] = []
        for number in range(NODES):
            proxy = await stack.enter_async_context(open_proxy(postgres.port))
            own = folder / f"node-{number}"
            own.mkdir()
            url = postgres.url(database, port=proxy.port) + "?sslmode=disable"
            variables = {
                "DATABASE_URL": url,
                "COLLAB_SNAPSHOT_EVERY": str(SNAPSHOT_EVERY),
                "COLLAB_TAIL_COMMITS": str(TAIL_COMMITS),
            }
            if redis is not None:
                variables["REDIS_URL"] = redis.url
            node = ServerProcess(own, **variables)
            stack.callback(node.kill)
            nodes.append(node)
            proxies.append(proxy)
        async with anyio.create_task_group() as starting:
            for node in nodes:
                starting.start_soon(run_sync, node.start)
        ports = [node.port for node in nodes]
        balancer = await stack.enter_async_context(open_balancer(ports, random))
        target = parse_target(postgres.socket_url(database))
        store = await stack.enter_async_context(open_postgres(target))
        yield Cluster(nodes, proxies, balancer, store, postgres)
