"""Nodes that are killed, stopped and replaced while their clients write."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio.to_thread import run_sync

from tests.integration.nodes.cluster import open_cluster
from tests.integration.nodes.measured import LONG, TOLERANCE, measured
from tests.integration.nodes.proof import prove
from tests.integration.nodes.writers import writing
from tests.integration.process import ServerProcess
from tests.integration.talk import seeded_random, within
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KILLS = 5 if LONG else 2
STOPPED_SECONDS = 30.0 if LONG else 3.0
OTHERS_SECONDS = 10.0


@within(300)
async def test_a_killed_node_takes_nothing_with_it(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    """Its clients go on at the others, 1 s after they are back; it comes back for the next kill."""
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            away = converged = 0.0
            for _ in range(KILLS):
                await crowd.go_on()
                node = random.choice(cluster.nodes)
                theirs = crowd.at(node)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(run_sync, node.kill)
                    away = max(away, await crowd.reconnected(theirs, OTHERS_SECONDS))
                    converged = max(converged, await crowd.converged(TOLERANCE))
                await run_sync(node.start)
                await cluster.balancer.ready(node.port)
            measured("a node killed: its clients are back", away, 1)
            measured("a node killed: converged, after they are back", converged, 1)
            await crowd.finish()
            assert await prove(crowd)


@within(300)
async def test_a_node_that_stands_still_misses_nothing(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    """Its clients wait for it; the others go on meanwhile."""
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            await crowd.go_on()
            node = random.choice(cluster.nodes)
            theirs = crowd.at(node)
            others = [writer for writer in crowd.writers if writer not in theirs]
            node.suspend()
            resumed = anyio.current_time() + STOPPED_SECONDS
            among_others = 0.0
            while anyio.current_time() < resumed:
                await crowd.go_on(1, writers=others)
                among_others = max(among_others, await crowd.converged(OTHERS_SECONDS, others))
            node.resume()
            converged = await crowd.converged(10 * TOLERANCE)
            measured("a node stopped: the others converge meanwhile", among_others, 1)
            measured(f"a node stopped for {STOPPED_SECONDS:g} s: converged", converged, 5)
            await crowd.finish()
            assert await prove(crowd)


@within(300)
async def test_all_nodes_are_replaced_one_after_the_other(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    """SIGTERM and a new start, each when the one before is back, as a new version is put out."""
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            away = converged = 0.0
            for node in cluster.nodes:
                await crowd.go_on()
                theirs = crowd.at(node)
                codes: list[int] = []

                async def stop(node: ServerProcess, codes: list[int]) -> None:
                    codes.append(await run_sync(node.stop))

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(stop, node, codes)
                    away = max(away, await crowd.reconnected(theirs, OTHERS_SECONDS))
                    converged = max(converged, await crowd.converged(TOLERANCE))
                assert codes == [0]
                await run_sync(node.start)
                await cluster.balancer.ready(node.port)
            measured("a node replaced: its clients are back", away, 2)
            measured("a node replaced: converged, after they are back", converged, 1)
            await crowd.finish()
            assert await prove(crowd)
