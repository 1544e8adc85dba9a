"""Three nodes serve the same documents at the same time, and nobody can tell that from one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.nodes.cluster import open_cluster
from tests.integration.nodes.measured import measured
from tests.integration.nodes.proof import prove
from tests.integration.nodes.writers import CLIENTS, writing
from tests.integration.talk import seeded_random, within
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EDITS = 5


@within(120)
async def test_all_see_the_same_whatever_node_they_are_at(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            await crowd.go_on(EDITS)
            measured("no fault, with Redis", await crowd.converged(10), 1)
            await crowd.finish()
            assert await prove(crowd) >= CLIENTS * EDITS


@within(120)
async def test_they_do_so_without_redis(tmp_path: Path, durable_postgres: PostgresServer) -> None:
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=None) as cluster:
        async with writing(cluster, random) as crowd:
            await crowd.go_on(EDITS)
            measured("no fault, without Redis", await crowd.converged(10), 1)
            await crowd.finish()
            assert await prove(crowd) >= CLIENTS * EDITS
