"""Work on long values, in threads beside the event loop.

Owns how much of it goes on at a time. Threads share one interpreter with the loop: each that works
takes its turn from everybody, so few may, however many ask; and what is short does not wait behind
what is long. Knows nothing of what is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

# Work on so much or more goes to a thread, so that the others are not kept waiting.
_THREAD_BYTES: Final = 8 * 1024
# From here on it may take seconds: then it waits for its like.
_LONG_BYTES: Final = 512 * 1024

_SHORT, _LONG = ("short work aside", 2), ("long work aside", 2)
"""Each lane's name and threads. Some calls do not let go of the interpreter before they are done:
the loop may wait for as many of those in a row as there are threads."""

_limiters: RunVar[dict[str, anyio.CapacityLimiter]] = RunVar("limiters of work aside")


async def aside(size: int, function: Callable[..., T], *arguments: Any) -> T:
    """Call a pure function on values of `size` bytes together: here, or in a thread if large."""
    if size < _THREAD_BYTES:
        return function(*arguments)
    lane = _SHORT if size < _LONG_BYTES else _LONG
    return await anyio.to_thread.run_sync(function, *arguments, limiter=_limiter(*lane))


def _limiter(lane: str, threads: int) -> anyio.CapacityLimiter:
    """That of this event loop."""
    limiters = _limiters.get({})
    if lane not in limiters:
        limiters[lane] = anyio.CapacityLimiter(threads)
        _limiters.set(limiters)
    return limiters[lane]
