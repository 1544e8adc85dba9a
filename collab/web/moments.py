"""Moments in a query: as RFC 3339 has them, or in milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, TypeAlias

from fastapi import Query

from collab.contents import Contents
from collab.errors import Malformed
from collab.protocols.native import MAX_INTEGER

Moment: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=64,
        description="As it was at this moment: RFC 3339 with an offset, or ms since 1970.",
        examples=["2026-01-31T12:00:00Z"],
    ),
]

_MS = re.compile(r"[0-9]{1,15}")
# In a query a plus that is not escaped is a space.
_LOST_PLUS = re.compile(r" (?=[0-9]{2}:[0-9]{2}$)")


def moment_ms(text: str) -> int:
    """Milliseconds since 1970; raises Malformed."""
    if _MS.fullmatch(text):
        return min(int(text), MAX_INTEGER)
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Malformed(
            "a moment is RFC 3339 with an offset, 2026-01-31T12:00:00Z, or ms"
        ) from None
    return int(moment.timestamp() * 1000)


async def version_of(
    contents: Contents, id: str, version: int | None, at: str | None
) -> int | None:
    """The version that a request names by itself or by a moment; None: the newest.

    Raises Malformed (both), DocumentNotFound, VersionUnavailable.
    """
    if at is None:
        return version
    if version is not None:
        raise Malformed("either a version or a moment")
    return (await contents.version_at(id, moment_ms(at))).version
