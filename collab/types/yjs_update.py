"""Reads a Yjs update (v1): which structs it carries, what they hang on, and what it deletes.

Owns the walk over the whole of an untrusted update. Says nothing about whether it fits a document
(that is the guard's), and does not know pycrdt - except that it refuses the few encodings which
pycrdt and Yjs read differently, because what we checked must be what is applied:

- content 2 (`JSON`, which Yjs 13 no longer writes): pycrdt reads one value too many;
- type 5 (`XmlHook`, likewise): pycrdt does not read its key; types above 6: Yjs does not know them;
- a client named twice, info bits that one of them ignores, numbers longer than needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from collab.errors import InvalidOperation
from collab.types.yjs_lib0 import (
    MAX_CLOCK,
    read_any,
    read_clock,
    read_count,
    read_json,
    read_string,
    read_varuint,
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

_SHARED_TYPES: Final = frozenset({0, 1, 2, 3, 4, 6})

Id: TypeAlias = tuple[int, int]
"""`(client, clock)`."""

Struct: TypeAlias = tuple[int, int, Id | None, Id | None, Id | str | None, bool]
"""`(length, content, origin, right origin, parent, keyed)`.

The parent is the name of a root, the id of a shared type's item, or None where it is that of the
origins; `keyed` means a value under a key (of a map, or an attribute). A plain tuple, because a
document of a megabyte has fifty thousand of them.
"""

Section: TypeAlias = tuple[int, int, list[Struct]]
"""`(client, clock of the first, structs)`: each struct starts where the one before it ends."""

Range: TypeAlias = tuple[int, int]
"""Clocks from the first up to, and without, the second."""


@dataclass(frozen=True, slots=True)
class Update:
    """A well-formed update. Its parts are shared, not copied: do not change them."""

    raw: bytes
    sections: list[Section]
    deletes: dict[int, list[Range]]


def read_update(raw: bytes) -> Update:
    """Walk the whole of `raw`; raises InvalidOperation unless it is one update and nothing more."""
    try:
        sections, at = _read_sections(raw)
        deletes, at = _read_deletes(raw, at)
    except IndexError:
        raise InvalidOperation("the update ends too early") from None
    except UnicodeDecodeError:
        raise InvalidOperation("a string is not UTF-8") from None
    if at != len(raw):
        raise InvalidOperation("the update does not end where its bytes end")
    return Update(raw, sections, deletes)


def _read_sections(raw: bytes) -> tuple[list[Section], int]:
    count, at = read_count(raw, 0)
    sections: list[Section] = []
    seen: set[int] = set()
    for _ in range(count):
        struct_count, at = read_count(raw, at)
        client, at = read_varuint(raw, at)
        clock, at = read_clock(raw, at)
        if client in seen:
            raise InvalidOperation("a client is named twice")
        seen.add(client)
        structs: list[Struct] = []
        end = clock
        for _ in range(struct_count):
            struct, at = _read_struct(raw, at)
            if struct[0]:  # items of no length, which old encoders wrote, have no effect
                structs.append(struct)
                end += struct[0]
        if end > MAX_CLOCK:
            raise InvalidOperation("a clock is out of range")
        sections.append((client, clock, structs))
    return sections, at


def _read_struct(raw: bytes, at: int) -> tuple[Struct, int]:
    info = raw[at]
    at += 1
    if not info or info == SKIP:
        length, at = read_clock(raw, at)
        if not length:
            raise InvalidOperation("a struct has no length")
        return (length, info, None, None, None, False), at
    origin: Id | None = None
    right: Id | None = None
    parent: Id | str | None = None
    if info & 0x80:
        client, at = read_varuint(raw, at)
        clock, at = read_clock(raw, at)
        origin = (client, clock)
    if info & 0x40:
        client, at = read_varuint(raw, at)
        clock, at = read_clock(raw, at)
        right = (client, clock)
    if not info & 0xC0:
        named = raw[at]
        at += 1
        if named == 1:
            parent, at = read_string(raw, at)
        elif named == 0:
            client, at = read_varuint(raw, at)
            clock, at = read_clock(raw, at)
            parent = (client, clock)
        else:
            raise InvalidOperation("a parent is neither named nor an item")
        if info & 0x20:
            _, at = read_string(raw, at)
    content = info & 0x1F
    length = 1
    if content == STRING:
        size, at = read_count(raw, at)
        end = at + size
        text = raw[at:end]
        length = size if text.isascii() else len(text.decode().encode("utf-16-le")) >> 1
        at = end
    elif content == FORMAT:
        _, at = read_string(raw, at)
        at = read_json(raw, at)
    elif content == DELETED:
        length, at = read_clock(raw, at)
    elif content == ANY:
        length, at = read_count(raw, at)
        for _ in range(length):
            at = read_any(raw, at)
    elif content == 7:
        number = raw[at]
        at += 1
        if number not in _SHARED_TYPES:
            raise InvalidOperation("a shared type is of an unknown kind")
        content = ARRAY + number
        if content == XML_ELEMENT:
            _, at = read_string(raw, at)
    elif content == EMBED:
        at = read_json(raw, at)
    elif content == BINARY:
        size, at = read_count(raw, at)
        at += size
    elif content == SUBDOCUMENT:
        _, at = read_string(raw, at)
        at = read_any(raw, at)
    else:
        raise InvalidOperation("an item's content is of an unknown kind")
    return (length, content, origin, right, parent, info & 0x20 != 0), at


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
