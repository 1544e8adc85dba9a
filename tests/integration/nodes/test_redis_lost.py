"""Redis goes away and comes back while clients write: it is slower meanwhile, and that is all."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio.to_thread import run_sync

from collab_client import LiveDocument
from tests.integration.nodes.cluster import open_cluster
from tests.integration.nodes.measured import LONG, TOLERANCE, measured
from tests.integration.nodes.proof import prove
from tests.integration.nodes.writers import Crowd, writing
from tests.integration.talk import seeded_random, within
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AWAY_SECONDS = 30.0 if LONG else 3.0


async def shown_everywhere(crowd: Crowd, writer: LiveDocument, state: str, within: float) -> float:
    """Seconds until everybody at that document sees this presence of `writer`."""
    there = [each.live for each in crowd.writers if each.document == writer.id]
    others = [live for live in there if isinstance(live, LiveDocument) and live is not writer]

    def sees_it(other: LiveDocument) -> bool:
        peer = other.presence.peers.get(writer.author)
        return peer is not None and peer.state == {"is": state}

    def lacking() -> list[str]:
        return [f"{other.author} does not see it" for other in others if not sees_it(other)]

    return await crowd.until(lacking, within)


@within(300)
async def test_edits_cross_while_redis_is_away_and_presence_when_it_is_back(
    tmp_path: Path, durable_postgres: PostgresServer, redis: RedisServer
) -> None:
    random = seeded_random()
    async with open_cluster(tmp_path, durable_postgres, random, redis=redis) as cluster:
        async with writing(cluster, random) as crowd:
            await crowd.go_on()
            somebody = crowd.writers[0].live
            assert isinstance(somebody, LiveDocument)
            await somebody.presence.set({"is": "early"})
            await shown_everywhere(crowd, somebody, "early", 10)
            await run_sync(redis.kill)
            back = anyio.current_time() + AWAY_SECONDS
            crossing = 0.0
            while anyio.current_time() < back:
                began = anyio.current_time()
                writer = random.choice(crowd.writers)
                await writer.type()
                await writer.save()
                await crowd.converged(TOLERANCE)
                crossing = max(crossing, anyio.current_time() - began)
            await somebody.presence.set({"is": "late"})
            await run_sync(redis.start)
            began = anyio.current_time()
            converged = await crowd.converged(2 * TOLERANCE)
            await shown_everywhere(crowd, somebody, "late", 2 * TOLERANCE)
            shown = anyio.current_time() - began
            measured("Redis away: edits are everywhere meanwhile", crossing, 1)
            measured("Redis back: converged", converged, 2)
            measured("Redis back: presence of meanwhile is everywhere", shown, 2)
            await crowd.finish()
            assert await prove(crowd)
