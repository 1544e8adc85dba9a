"""Reads a Yjs update (v1): which structs it carries, what they hang on, and what it deletes.

Owns the walk over the whole of an untrusted update. Says nothing about whether it fits a document
(that is the guard's), and does not know pycrdt - except that it refuses the few encodings which
pycrdt and Yjs read differently, because what we checked must be what is applied:

- content 2 (`JSON`, which Yjs 13 no longer writes): pycrdt reads one value too many;
- type 5 (`XmlHook`, likewise): pycrdt does not read its key; types above 6: Yjs does not know them;
- a client named twice, info bits that one of them ignores, numbers longer than needed;
- a client without a struct, where pycrdt panics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from collab.errors import InvalidOperation
from collab.types.yjs_lib0 import (
    MAX_CLOCK,
    read_any,
    read_clock,
    read_count,
    read_json,
    read_string,
    read_varuint,
    write_varuint,
)

GC: Final = 0
DELETED: Final = 1
BINARY: Final = 3
STRING: Final = 4
EMBED: Final = 5
FORMAT: Final = 6
ANY: Final = 8
SUBDOCUMENT: Final = 9
SKIP: Final = 10
ARRAY: Final = 16
MAP: Final = 17
TEXT: Final = 18
XML_ELEMENT: Final = 19
XML_FRAGMENT: Final = 20
XML_TEXT: Final = 22
"""What a struct holds: the content number of the format; shared types are 16 + their number."""

_TYPED: Final = 0x80 | STRING
"""The info byte of a string with a left neighbour only."""

_SHARED_TYPES: Final = frozenset({0, 1, 2, 3, 4, 6})

Id: TypeAlias = tuple[int, int]
"""`(client, clock)`."""

Struct: TypeAlias = tuple[
    int, int, Id | None, Id | None, Id | str | None, bool, tuple[int, ...] | None
]
"""`(length, content, origin, right origin, parent, keyed, pairs)`.

The parent is the name of a root, the id of a shared type's item, or None where it is that of the
origins; `keyed` means a value under a key (of a map, or an attribute); `pairs` tells where in a
string the characters of two units begin, if there are any. A plain tuple, because a document of a
megabyte has fifty thousand of them.
"""

Section: TypeAlias = tuple[int, int, list[Struct]]
"""`(client, clock of the first, structs)`: each struct starts where the one before it ends."""

Range: TypeAlias = tuple[int, int]
"""Clocks from the first up to, and without, the second."""


class Update(msgspec.Struct, frozen=True):
    """A well-formed update. Its parts are shared, not copied: do not change them."""

    raw: bytes
    sections: list[Section]
    deletes: dict[int, list[Range]]
    deletes_at: int
    """Where in `raw` the deletions begin."""

    def with_deletes(self, deletes: dict[int, list[Range]]) -> Update:
        """The same structs with other deletions."""
        raw = self.raw[: self.deletes_at] + _write_deletes(deletes)
        return Update(raw, self.sections, deletes, self.deletes_at)


def read_update(raw: bytes) -> Update:
    """Walk the whole of `raw`; raises InvalidOperation unless it is one update and nothing more."""
    try:
        typing = _read_typing(raw)
        if typing is not None:
            return typing
        sections, deletes_at = _read_sections(raw)
        deletes, at = _read_deletes(raw, deletes_at)
    except IndexError:
        raise InvalidOperation("the update ends too early") from None
    except UnicodeDecodeError:
        raise InvalidOperation("a string is not UTF-8") from None
    if at != len(raw):
        raise InvalidOperation("the update does not end where its bytes end")
    return Update(raw, sections, deletes, deletes_at)


def join(updates: Sequence[Update]) -> bytes:
    """One update of several that bring one section each, of different clients, and no deletions."""
    if len(updates) == 1:
        return updates[0].raw
    parts = [
        each.raw[1 : each.deletes_at]
        for each in sorted(updates, key=lambda each: each.sections[0][0], reverse=True)
    ]
    return b"".join((write_varuint(len(parts)), *parts, b"\0"))


def _read_typing(raw: bytes) -> Update | None:
    """One string after an item and no more, which nearly every update is, without what only others
    need; None for any other, and for what is wrong, so that it is judged in one place."""
    if not raw.startswith(b"\x01\x01") or raw[-1]:
        return None
    client, at = read_varuint(raw, 2)
    spelt = raw[2:at]
    clock, at = read_clock(raw, at)
    if raw[at] != _TYPED:
        return None
    at += 1
    if raw.startswith(spelt, at):
        before = client
        at += len(spelt)
    else:
        before, at = read_varuint(raw, at)
    origin, at = read_clock(raw, at)
    length = raw[at]
    at += 1
    end = at + length
    if not 0 < length < 128 or end != len(raw) - 1 or clock + length > MAX_CLOCK:
        return None
    if not raw[at:end].isascii():
        return None
    struct = (length, STRING, (before, origin), None, None, False, None)
    return Update(raw, [(client, clock, [struct])], {}, end)


def _read_sections(raw: bytes) -> tuple[list[Section], int]:
    count, at = read_count(raw, 0)
    sections: list[Section] = []
    seen: set[int] = set()
    for _ in range(count):
        struct_count, at = read_count(raw, at)
        client_at = at
        client, at = read_varuint(raw, at)
        spelt = raw[client_at:at]
        clock, at = read_clock(raw, at)
        if client in seen:
            raise InvalidOperation("a client is named twice")
        seen.add(client)
        structs: list[Struct] = []
        at = _read_structs(raw, at, struct_count, client, spelt, structs)
        if not structs:
            raise InvalidOperation("a client is named without a struct")
        if clock + sum([struct[0] for struct in structs]) > MAX_CLOCK:
            raise InvalidOperation("a clock is out of range")
        sections.append((client, clock, structs))
    return sections, at


def _read_structs(
    raw: bytes, at: int, count: int, client: int, spelt: bytes, structs: list[Struct]
) -> int:
    """Nearly all time goes into this loop, so it has few calls.

    `client` is the one that was named last, and `spelt` how: most ids name the same.
    """
    origin: Id | None
    right: Id | None
    parent: Id | str | None
    pairs: tuple[int, ...] | None
    for _ in range(count):
        info = raw[at]
        at += 1
        if info in (GC, SKIP):
            length, at = read_clock(raw, at)
            if not length:
                raise InvalidOperation("a struct has no length")
            structs.append((length, info, None, None, None, False, None))
            continue
        origin = right = parent = pairs = None
        if info & 0x80:
            if raw.startswith(spelt, at):
                at += len(spelt)
            else:
                start = at
                client, at = read_varuint(raw, at)
                spelt = raw[start:at]
            clock, at = read_clock(raw, at)
            origin = (client, clock)
        if info & 0x40:
            if raw.startswith(spelt, at):
                at += len(spelt)
            else:
                start = at
                client, at = read_varuint(raw, at)
                spelt = raw[start:at]
            clock, at = read_clock(raw, at)
            right = (client, clock)
        if not info & 0xC0:
            named = raw[at]
            at += 1
            if named == 1:
                parent, at = read_string(raw, at)
            elif named == 0:
                holder, at = read_varuint(raw, at)
                clock, at = read_clock(raw, at)
                parent = (holder, clock)
            else:
                raise InvalidOperation("a parent is neither named nor an item")
            if info & 0x20:
                _, at = read_string(raw, at)
        content = info & 0x1F
        length = 1
        if content == STRING:
            length = raw[at]
            at += 1
            if length > 127:
                length, at = read_count(raw, at - 1)
            end = at + length
            text = raw[at:end]
            if not text.isascii():
                length, pairs = _measure(text.decode())
            at = end
        else:
            content, length, at = _read_content(raw, at, content)
        if length:  # items of no length, which old encoders wrote, have no effect
            structs.append((length, content, origin, right, parent, info & 0x20 != 0, pairs))
    return at


def _read_content(raw: bytes, at: int, content: int) -> tuple[int, int, int]:
    """What an item holds, unless it is a string: its content, its length, where it ends."""
    if content == FORMAT:
        _, at = read_string(raw, at)
        return content, 1, read_json(raw, at)
    if content == DELETED:
        length, at = read_clock(raw, at)
        return content, length, at
    if content == ANY:
        length, at = read_count(raw, at)
        for _ in range(length):
            at = read_any(raw, at)
        return content, length, at
    if content == 7:
        number = raw[at]
        if number not in _SHARED_TYPES:
            raise InvalidOperation("a shared type is of an unknown kind")
        content = ARRAY + number
        at += 1
        if content == XML_ELEMENT:
            _, at = read_string(raw, at)
        return content, 1, at
    if content == EMBED:
        return content, 1, read_json(raw, at)
    if content == BINARY:
        size, at = read_count(raw, at)
        return content, 1, at + size
    if content == SUBDOCUMENT:
        _, at = read_string(raw, at)
        return content, 1, read_any(raw, at)
    raise InvalidOperation("an item's content is of an unknown kind")


def _measure(text: str) -> tuple[int, tuple[int, ...] | None]:
    """The length in UTF-16 units, and where the characters of two units begin."""
    if max(text) <= "\uffff":
        return len(text), None
    pairs = [index for index, character in enumerate(text) if character > "\uffff"]
    return len(text) + len(pairs), tuple(index + more for more, index in enumerate(pairs))


def _read_deletes(raw: bytes, at: int) -> tuple[dict[int, list[Range]], int]:
    count, at = read_count(raw, at)
    deletes: dict[int, list[Range]] = {}
    for _ in range(count):
        client, at = read_varuint(raw, at)
        if client in deletes:
            raise InvalidOperation("a client is named twice")
        range_count, at = read_count(raw, at)
        ranges: list[Range] = []
        for _ in range(range_count):
            clock, at = read_clock(raw, at)
            length, at = read_clock(raw, at)
            if clock + length > MAX_CLOCK:
                raise InvalidOperation("a clock is out of range")
            if length:
                ranges.append((clock, clock + length))
        deletes[client] = ranges
    return deletes, at


def _write_deletes(deletes: dict[int, list[Range]]) -> bytes:
    out = bytearray(write_varuint(len(deletes)))
    for client, ranges in deletes.items():
        out += write_varuint(client) + write_varuint(len(ranges))
        for start, end in ranges:
            out += write_varuint(start) + write_varuint(end - start)
    return bytes(out)
