"""An asyncio event loop whose clock jumps to the next timer instead of waiting for it.

A run takes as long as its work takes, and depends on nothing but the code and its seed.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class Deadlock(Exception):
    """Every task waits and no timer is set: nothing would ever happen again."""


class _Selector(selectors.BaseSelector):
    """Knows of no real event; a wait moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._keys: dict[int, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock
        self.now += max(timeout, 0)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, _descriptor(fileobj), events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(_descriptor(fileobj))

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[_descriptor(fileobj)]

    def close(self) -> None:
        self._keys.clear()


def _descriptor(fileobj: Any) -> int:
    descriptor: int = fileobj if isinstance(fileobj, int) else fileobj.fileno()
    return descriptor


class VirtualLoop(asyncio.SelectorEventLoop):
    """Use through `run`."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


BACKEND: tuple[str, dict[str, object]] = ("asyncio", {"loop_factory": VirtualLoop})
"""What a module's `anyio_backend` returns for its tests to be in virtual time."""


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` to its end in virtual time; raises Deadlock if it can never get there."""
    return anyio.run(main, backend_options={"loop_factory": VirtualLoop})
