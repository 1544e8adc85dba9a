"""Writes Yjs updates by hand, well formed or not: what no honest editor would send.

Owns an encoder of its own, so that the reader is not tested against itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Id: TypeAlias = tuple[int, int]

EMPTY = b"\x00\x00"
NULL = b"\x7e"


def number(value: int) -> bytes:
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return number(len(raw)) + raw


def identity(item: Id) -> bytes:
    return number(item[0]) + number(item[1])


def item(
    reference: int,
    payload: bytes,
    *,
    origin: Id | None = None,
    right: Id | None = None,
    parent: Id | str = "root",
    key: str | None = None,
) -> bytes:
    """One item. Its parent and its key are written only where it has no neighbours."""
    info = reference
    body = b""
    if origin is not None:
        info |= 0x80
        body += identity(origin)
    if right is not None:
        info |= 0x40
        body += identity(right)
    if key is not None:
        info |= 0x20
    if not info & 0xC0:
        body += b"\x01" + string(parent) if isinstance(parent, str) else b"\x00" + identity(parent)
        body += b"" if key is None else string(key)
    return bytes([info]) + body + payload


def text(
    content: str | bytes,
    *,
    origin: Id | None = None,
    right: Id | None = None,
    parent: Id | str = "root",
) -> bytes:
    return item(4, string(content), origin=origin, right=right, parent=parent)


def anything(
    *values: bytes, origin: Id | None = None, parent: Id | str = "root", key: str | None = None
) -> bytes:
    payload = number(len(values)) + b"".join(values)
    return item(8, payload, origin=origin, parent=parent, key=key)


def shared(
    kind: int,
    name: bytes = b"",
    *,
    origin: Id | None = None,
    parent: Id | str = "root",
    key: str | None = None,
) -> bytes:
    return item(7, bytes([kind]) + name, origin=origin, parent=parent, key=key)


def collected(length: int) -> bytes:
    return b"\x00" + number(length)


def skipped(length: int) -> bytes:
    return b"\x0a" + number(length)


def update(
    *sections: tuple[int, int, Sequence[bytes]],
    deletes: Mapping[int, Sequence[tuple[int, int]]] | None = None,
) -> bytes:
    """Sections are `(client, first clock, structs)`, deletions `client: [(clock, length)]`."""
    raw = number(len(sections))
    for client, clock, structs in sections:
        raw += number(len(structs)) + number(client) + number(clock) + b"".join(structs)
    deletes = deletes or {}
    raw += number(len(deletes))
    for client, ranges in deletes.items():
        raw += number(client) + number(len(ranges))
        raw += b"".join(number(clock) + number(length) for clock, length in ranges)
    return raw
