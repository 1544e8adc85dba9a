"""How much of request bodies is held at a time for one user, or one address.

Owns the counts and their limit. Knows nothing of what the bodies mean.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import HTTPException
from starlette.types import Message, Receive

from collab.errors import TooManyRequests

ALWAYS_HELD_BYTES: Final = 64 * 1024
"""So much of each body is taken whatever else is held."""

_RETRY_SECONDS: Final = 1.0


class HeldBodies:
    """The bytes of bodies that have come for requests that are not answered, by sender."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Hashable, int] = {}

    @contextmanager
    def counted(self, sender: Hashable, receive: Receive) -> Iterator[Receive]:
        """`receive`, refusing with 429 what is too much; it counts until the block ends."""
        total = 0

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            size = len(message.get("body", b""))
            held = self._held.get(sender, 0)
            if total + size > ALWAYS_HELD_BYTES and held + size > self._most:
                # FastAPI lets only its own kind of exception out of reading a body.
                raise HTTPException(429) from TooManyRequests(
                    f"the bodies of your requests have more than {self._most} bytes together",
                    _RETRY_SECONDS,
                )
            if size:
                total += size
                self._held[sender] = held + size
            return message

        try:
            yield receive_counted
        finally:
            if total:
                self._held[sender] -= total
                if not self._held[sender]:
                    del self._held[sender]
