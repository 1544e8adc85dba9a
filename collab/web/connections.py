"""How many websockets and event streams one address, and one user, have open on this node, and what
each may send.

Owns the counts, their limits, and the shares. Knows nothing of sockets: whoever opens something
counts it for as long as it is open.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import anyio
import structlog

from collab.errors import TooManyConnections
from collab.settings import Settings
from collab.shares import Lent, Share, Shares

RETRY_SECONDS = 10.0

_QUIET_SECONDS = 60.0
_IPV6_HOST_BITS = 64

_UNCOUNTED = nullcontext()
_log = structlog.stdlib.get_logger(__name__)


class Connections:
    """The counts of one process. `now` is a clock in seconds."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._addresses = _Limit("address", settings.connections_per_address, now)
        self._users = _Limit("user", settings.connections_per_user, now)
        self._shares = Shares(settings.edits_per_second, settings.presence_per_second)

    def address(self, host: str | None) -> AbstractContextManager[None]:
        """Count one more connection from the address `host`, until the block ends; raises
        TooManyConnections."""
        return self._addresses.one_more(network_of(host))

    def user(self, user: str | None) -> AbstractContextManager[None]:
        """Count one more connection of `user`, if it is anybody, until the block ends; raises
        TooManyConnections."""
        return _UNCOUNTED if user is None else self._users.one_more(user)

    def share(self, user: str | None, host: str | None) -> Lent:
        """What one connection to a document may send until the block ends. Whoever comes back, by
        the name of `user` or else from the same address, goes on with what is left."""
        key = ("address", network_of(host)) if user is None else ("user", user)
        return self._shares.lent(key, asyncio.get_running_loop().time)  # the clock of peers


async def breathe(share: Share) -> None:
    """Return when something is left of the share that somebody has come back to."""
    wait = share.held_back(asyncio.get_running_loop().time())
    if wait:
        await anyio.sleep(wait)


def network_of(host: str | None) -> str:
    """What stands for all that one client can call its address: the address, of IPv6 its /64. Empty
    for what is no address (a local socket, or what a proxy made of a name)."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_HOST_BITS), strict=False))


class _Counted:
    """One connection in the counts; a generator would take half a kilobyte for each."""

    __slots__ = ("_counts", "_key")

    def __init__(self, counts: dict[str, int], key: str) -> None:
        self._counts = counts
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._counts[self._key] -= 1
        if not self._counts[self._key]:
            del self._counts[self._key]


class _Limit:
    """Counts by key, none past `most`. Keys whose count is 0 take no memory."""

    def __init__(self, kind: str, most: int, now: Callable[[], float]) -> None:
        self._kind = kind
        self._most = most
        self._now = now
        self._counts: dict[str, int] = {}
        self._told: dict[str, float] = {}  # when the log was told of a key, oldest first

    def one_more(self, key: str) -> AbstractContextManager[None]:
        if self._counts.get(key, 0) >= self._most:
            self._tell(key)
            raise TooManyConnections(
                f"this {self._kind} has {self._most} connections open", RETRY_SECONDS
            )
        self._counts[key] = self._counts.get(key, 0) + 1
        return _Counted(self._counts, key)

    def _tell(self, key: str) -> None:
        """Log a refusal, of one key at most once a minute."""
        now = self._now()
        while self._told:
            oldest = next(iter(self._told))
            if now - self._told[oldest] < _QUIET_SECONDS:
                break
            del self._told[oldest]
        if key not in self._told:
            self._told[key] = now
            _log.warning("too many connections", limit=self._most, **{self._kind: key})
