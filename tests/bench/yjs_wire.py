"""Yjs without a CRDT: the bytes of one-character updates, and what an update from the server holds.

A writer types one character after the other: each item's origin is the item before it, so that an
update is a template with two clocks in it. What the server sends is only walked through, to see
which clocks of which clients are in it. That reads no deletions and no nested types, because
nobody here makes any; the server that sends one is wrong.

An update is `n, n * (structs, client, clock, structs * struct), deletions`, all varUints; a struct
is an info byte, then what that says: 0x80 an origin, 0x40 a right origin (client and clock each);
with neither, the name of its root; then a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from collab.protocols import lib0

BINARY = 0x82
"""The first byte of a whole binary websocket frame."""

ROOT = b"text"
SYNC_STEP_1, SYNC_STEP_2, SYNC_UPDATE = b"\x00\x00", b"\x00\x01", b"\x00\x02"
EMPTY_VECTOR, EMPTY_UPDATE = b"\x00", b"\x00\x00"

_STRING = 4
_ORIGIN, _RIGHT_ORIGIN, _IN_MAP = 0x80, 0x40, 0x20
_ONE = b"\x01x"
_NO_DELETIONS = b"\x00"

Ranges: TypeAlias = list[tuple[int, int, int]]
"""(client, first clock, the clock after the last)."""


class NotOurs(Exception):
    """The update holds what nobody here has written."""


class Writer:
    """Makes the updates of one Yjs client that types into the root ROOT."""

    def __init__(self, client: int) -> None:
        self.client = client
        self._id = lib0.encode_uint(client)
        self._head = b"\x01\x01" + self._id

    def update(self, clock: int) -> bytes:
        """The update with the character at `clock`, which follows the one before."""
        if clock == 0:
            start = bytes((_STRING, 1, len(ROOT))) + ROOT
        else:
            start = bytes((_STRING | _ORIGIN,)) + self._id + lib0.encode_uint(clock - 1)
        return self._head + lib0.encode_uint(clock) + start + _ONE + _NO_DELETIONS


def typed_backwards(
    client: int, clock: int, words: Sequence[bytes], newest: int | None
) -> tuple[bytes, int | None]:
    """The update of words that are each put before the last, from `clock` on.

    `newest` is the clock where the word before them begins; the one of these is returned too. Yjs
    can join none of them: they stay as many items, as the history of real typing does. The words
    are ASCII, so that a letter is a byte and a clock.
    """
    id = lib0.encode_uint(client)
    structs = []
    at = clock
    for word in words:
        if newest is None:
            start = bytes((_STRING, 1, len(ROOT))) + ROOT
        else:
            start = bytes((_STRING | _RIGHT_ORIGIN,)) + id + lib0.encode_uint(newest)
        newest = at
        structs.append(start + lib0.encode_bytes(word))
        at += len(word)
    head = b"\x01" + lib0.encode_uint(len(words)) + id + lib0.encode_uint(clock)
    return head + b"".join(structs) + _NO_DELETIONS, newest


def sync_frame(kind: bytes, content: bytes) -> bytes:
    """A y-websocket message of sync: `kind` is one of SYNC_*."""
    return kind + lib0.encode_bytes(content)


def content_of(message: bytes) -> bytes:
    """The state vector or update in a message of sync; raises NotOurs."""
    size, at = _uint(message, 2)
    if at + size != len(message):
        raise NotOurs("the message does not end where its content ends")
    return message[at:]


def read_vector(raw: bytes) -> dict[int, int]:
    """A state vector."""
    count, at = _uint(raw, 0)
    clocks = {}
    for _ in range(count):
        client, at = _uint(raw, at)
        clocks[client], at = _uint(raw, at)
    return clocks


def read_ranges(update: bytes) -> Ranges:
    """What an update brings of which client; raises NotOurs."""
    try:
        return _walk(update)
    except IndexError:
        raise NotOurs("the update ends too early") from None


def _walk(update: bytes) -> Ranges:
    ranges = []
    sections, at = _uint(update, 0)
    for _ in range(sections):
        structs, at = _uint(update, at)
        client, at = _uint(update, at)
        first, at = _uint(update, at)
        clock = first
        for _ in range(structs):
            info = update[at]
            at += 1
            if info & ~(_ORIGIN | _RIGHT_ORIGIN | _IN_MAP) != _STRING:
                raise NotOurs(f"the update holds something that is no text: {info:#x}")
            if info & (_ORIGIN | _RIGHT_ORIGIN):
                for bit in (_ORIGIN, _RIGHT_ORIGIN):
                    if info & bit:
                        at = _after_uint(update, _after_uint(update, at))
            else:
                size, at = _uint(update, at + 1)
                at += size
            size = update[at]
            at += 1
            if size & 0x80:
                size, at = _uint(update, at - 1)
            at += size
            clock += size
        ranges.append((client, first, clock))
    if update[at:] != _NO_DELETIONS:
        raise NotOurs("the update holds deletions, or does not end where it should")
    return ranges


def _uint(data: bytes, at: int) -> tuple[int, int]:
    """The varUint at `at`, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _after_uint(data: bytes, at: int) -> int:
    while data[at] & 0x80:
        at += 1
    return at + 1
