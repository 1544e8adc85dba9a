"""From a REDIS_URL to a bus. The only place that knows which adapters there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from pydantic import SecretStr

from collab.bus import Bus

_log = structlog.stdlib.get_logger(__name__)


@asynccontextmanager
async def open_bus(
    redis_url: SecretStr | None, *, shared: bool, verify: bool = True
) -> AsyncIterator[Bus | None]:
    """The bus that `redis_url` names, for the length of the block; None without one.

    With `verify` the server's certificate has to hold, unless the URL says otherwise.

    Also None if the store is not `shared`: then there are no other nodes. Raises
    ConfigurationError, but not when Redis cannot be reached: it is tried again all the time.
    """
    if redis_url is not None and shared:
        # Only those who use it pay for importing the driver.
        from collab.bus.redis import open_redis

        async with open_redis(redis_url.get_secret_value(), verify=verify) as bus:
            yield bus
        return
    if redis_url is not None:
        _log.warning("REDIS_URL is not used: the store of DATABASE_URL is for one node only")
    elif shared:
        _log.info("without REDIS_URL presence and messages stay on their node")
    yield None
