"""PostgreSQL, or the way to it, fails while clients write."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from tests.integration.nodes.cluster import open_cluster
from tests.integration.nodes.measured import LONG, TOLERANCE, measured
from tests.integration.nodes.proof import check_told, log_of, prove
from tests.integration.nodes.writers import DOCUMENTS, writing
from tests.integration.talk import seeded_random, within
from tests.proxy import Proxy
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

OUTAGES_SECONDS = (0.0, 20.0) if LONG else (0.0, 1.0)
"""Besides what stopping and starting takes."""
CLIENTS_LONGEST_PAUSE_SECONDS = 10
"""Between two attempts to connect, once they have been in vain for that long."""
FAULT_SECONDS = 20.0 if LONG else 2.0
BEHIND_SECONDS = 0.05


@within(300)
async def test_what_was_told_to_be_durable_is_there_when_postgres_is_stopped_at_once(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    """Looked at when the database is back and before any node can reach it: nobody can have
    repaired anything."""
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            for seconds in OUTAGES_SECONDS:
                await crowd.go_on()
                for proxy in cluster.proxies:
                    proxy.refusing = True
                await run_sync(durable_postgres.stop)
                for proxy in cluster.proxies:
                    proxy.cut()
                await anyio.sleep(seconds)
                await run_sync(durable_postgres.start)
                for document, type in DOCUMENTS.items():
                    log = await log_of(cluster, document)
                    check_told(type, log, crowd.at_document(document))
                for proxy in cluster.proxies:
                    proxy.refusing = False
                converged = await crowd.converged(5 * TOLERANCE)
                name = f"PostgreSQL away for {seconds:g} s more than a restart: converged"
                measured(name, converged, 5 if seconds < 5 else CLIENTS_LONGEST_PAUSE_SECONDS)
            await crowd.finish()
            assert await prove(crowd)


async def delayed(proxy: Proxy) -> None:
    proxy.delay_seconds = BEHIND_SECONDS
    await anyio.sleep(FAULT_SECONDS)
    proxy.delay_seconds = 0.0


async def cut_before_the_answer(proxy: Proxy) -> None:
    """Several times: a commit is made, and its answer lost."""
    for _ in range(5):
        proxy.answers.shut()
        await proxy.answers.arrival()
        proxy.cut()
        proxy.thaw()


async def cut_before_the_request(proxy: Proxy) -> None:
    for _ in range(5):
        proxy.requests.shut()
        await proxy.requests.arrival()
        proxy.cut()
        proxy.thaw()


async def half_open(proxy: Proxy) -> None:
    """What is asked is done, and nobody hears of it; then everything held is lost."""
    proxy.answers.shut()
    await anyio.sleep(FAULT_SECONDS)
    proxy.cut()
    proxy.thaw()


async def frozen(proxy: Proxy) -> None:
    proxy.freeze()
    await anyio.sleep(FAULT_SECONDS)
    proxy.thaw()


@within(300)
async def test_a_bad_way_to_postgres_loses_nothing_and_repeats_nothing(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    """Of one node after the other; the clients of the other two go on meanwhile."""
    random = seeded_random()
    faults: dict[str, Callable[[Proxy], Coroutine[Any, Any, None]]] = {
        f"slow by {BEHIND_SECONDS * 1000:g} ms": delayed,
        "cut before the answer": cut_before_the_answer,
        "cut before the request": cut_before_the_request,
        f"half-open for {FAULT_SECONDS:g} s": half_open,
        f"frozen for {FAULT_SECONDS:g} s": frozen,
    }
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            for name, fault in faults.items():
                await crowd.go_on()
                place = random.randrange(len(cluster.nodes))
                theirs = crowd.at(cluster.nodes[place])
                others = [writer for writer in crowd.writers if writer not in theirs]
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(fault, cluster.proxies[place])
                    await crowd.go_on(writers=others)
                converged = await crowd.converged(5 * TOLERANCE)
                measured(f"the way to PostgreSQL {name}: converged", converged, 5)
            await crowd.finish()
            assert await prove(crowd)
