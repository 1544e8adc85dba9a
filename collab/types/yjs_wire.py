"""The other two things that a Yjs client sends: state vectors, and awareness.

Owns their bounds. Knows nothing of documents or of who may speak for which client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from collab.errors import InvalidOperation
from collab.types.yjs_lib0 import check_json, read_clock, read_count, read_varuint, write_varuint

MAX_AWARENESS_BYTES: Final = 64 * 1024
"""Of one client's state, as JSON."""

MAX_AWARENESS_CLOCK: Final = 2**32 - 1
"""What pycrdt's own clients can read."""


class AwarenessEntry(msgspec.Struct, frozen=True):
    """One client's state as it said it: a JSON text, or None once it is gone."""

    client: int
    clock: int
    state: str | None


def check_state_vector(raw: bytes) -> dict[int, int]:
    """A state vector, client -> clock; raises InvalidOperation."""
    clocks: dict[int, int] = {}
    try:
        count, at = read_count(raw, 0)
        for _ in range(count):
            client, at = read_varuint(raw, at)
            clocks[client], at = read_clock(raw, at)
    except IndexError:
        raise InvalidOperation("the state vector ends too early") from None
    if at != len(raw) or len(clocks) != count:
        raise InvalidOperation("the state vector is not well formed")
    return clocks


def write_state_vector(clocks: Mapping[int, int]) -> bytes:
    """The state vector of these clients; those at 0 have written nothing and are left out."""
    held = {client: clock for client, clock in clocks.items() if clock}
    out = bytearray(write_varuint(len(held)))
    for client, clock in held.items():
        out += write_varuint(client) + write_varuint(clock)
    return bytes(out)


def check_awareness(raw: bytes) -> list[AwarenessEntry]:
    """An awareness update (the bytes inside a message); raises InvalidOperation.

    A state is an object or null and nests at most 64 deep.
    """
    entries: list[AwarenessEntry] = []
    try:
        count, at = read_count(raw, 0)
        for _ in range(count):
            client, at = read_varuint(raw, at)
            clock, at = read_varuint(raw, at)
            if clock > MAX_AWARENESS_CLOCK:
                raise InvalidOperation("an awareness clock is out of range")
            size, at = read_count(raw, at)
            if size > MAX_AWARENESS_BYTES:
                raise InvalidOperation("an awareness state is too large")
            state = raw[at : at + size]
            at += size
            check_json(state)
            text = state.decode().strip()
            if text != "null" and text[0] != "{":
                raise InvalidOperation("an awareness state is neither an object nor null")
            entries.append(AwarenessEntry(client, clock, None if text == "null" else text))
    except IndexError:
        raise InvalidOperation("the awareness update ends too early") from None
    except UnicodeDecodeError:
        raise InvalidOperation("a string is not UTF-8") from None
    if at != len(raw):
        raise InvalidOperation("the awareness update does not end where its bytes end")
    return entries
