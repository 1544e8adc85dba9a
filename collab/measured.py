"""Calls of the store, timed, counted and traced wherever the runtime makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from collab.errors import StoreFailure
from collab.metrics import STORE_FAILURES, STORE_SECONDS
from collab.tracing import Attribute, root_span, span

_OWN = frozenset({"append", "poll", "read", "snapshot"})  # made by the node, for everybody


@contextmanager
def store_call(call: str, **attributes: Attribute) -> Iterator[None]:
    """The block is one call of the store: append, load, read, poll or snapshot."""
    traced = root_span if call in _OWN else span
    started = perf_counter()
    try:
        with traced(f"store {call}", **attributes):
            yield
    except StoreFailure:
        STORE_FAILURES.labels(call).inc()
        raise
    finally:
        STORE_SECONDS.labels(call).observe(perf_counter() - started)
