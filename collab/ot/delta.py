"""Deltas: what an operation is, its normal form, and how operations follow one another.

Owns the operation format and `compose` and `invert`; `transform` is in `transform.py`. Knows
nothing of untrusted input (`check.py`), of how a document is kept (`rope.py`) or of versions.

The format
----------
A Delta is an array of ops, walked from the start of the document. Each op is an object with exactly
one of

    insert  a non-empty string, or an object (an embed, e.g. {"image": "…"}) of length 1
    retain  a positive integer: that much of the document stays
    delete  a positive integer: that much of the document goes

and, on inserts and retains only, optionally `attributes`, a non-empty object: on an insert what the
new content has, on a retain what changes, null taking an attribute away. What follows the last op
stays. A document is a Delta of inserts alone. Lengths are UTF-16 code units, and no op may begin
or end between the two surrogates of one character. Objects as `retain` (quill-delta's embed
handlers) are not part of the format. The results equal those of npm quill-delta 5.

Normal form, which every function here takes and gives: adjacent ops of one kind and equal
attributes are one op (embeds stay single); where content is both inserted and deleted the insert
comes first; no plain retain at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from collab.errors import InvalidOperation
from collab.ot import attributes as maps
from collab.ot import utf16
from collab.ot.attributes import Attributes

Embed: TypeAlias = dict[str, Any]


class Op(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One op; exactly one of `insert`, `delete`, `retain` is not None."""

    insert: str | Embed | None = None
    delete: int | None = None
    retain: int | None = None
    attributes: Attributes | None = None

    @property
    def length(self) -> int:
        """UTF-16 units of the document, or of the new content, that the op is about."""
        if isinstance(self.insert, str):
            return utf16.length(self.insert)
        return self.delete or self.retain or 1


Delta: TypeAlias = tuple[Op, ...]


# Making ------------------------------------------------------------------------------------------


def insert(content: str | Embed, attributes: Attributes | None = None) -> Op:
    """An op that inserts a text or an embed."""
    return Op(insert=content, attributes=attributes or None)


def retain(length: int, attributes: Attributes | None = None) -> Op:
    """An op that keeps `length` units, changing their attributes."""
    return Op(retain=length, attributes=attributes or None)


def delete(length: int) -> Op:
    """An op that deletes `length` units."""
    return Op(delete=length)


def normalize(ops: Iterable[Op]) -> Delta:
    """The normal form of any ops; those without length are left out. Linear, however many join."""
    normal: list[Op] = []
    text: Op | None = None  # a text that the next insert may join, and what has joined it
    joined: list[str] = []
    removed = 0  # deleted since the last retain; goes after all that is inserted there
    for op in ops:
        content = op.insert
        if content is not None:
            if content == "":
                continue
            if text is not None:
                if isinstance(content, str) and maps.same(text.attributes, op.attributes or None):
                    joined.append(content)
                    continue
                normal.append(_joined(text, joined))
                text = None
            clean = op if op.attributes != {} else Op(content)
            if isinstance(content, str):
                text = clean
            else:
                normal.append(clean)
        elif op.delete is not None:
            removed += op.delete
        elif op.retain:
            if text is not None:
                normal.append(_joined(text, joined))
                text = None
            if removed:
                normal.append(Op(None, removed))
                removed = 0
            attributes = op.attributes or None
            last = normal[-1] if normal else _NOTHING
            if last.retain is not None and maps.same(last.attributes, attributes):
                normal[-1] = Op(None, None, last.retain + op.retain, attributes)
            else:
                normal.append(op if op.attributes != {} else Op(None, None, op.retain))
    if text is not None:
        normal.append(_joined(text, joined))
    if removed:
        normal.append(Op(None, removed))
    elif normal and normal[-1].retain is not None and normal[-1].attributes is None:
        normal.pop()
    return tuple(normal)


def _joined(text: Op, more: list[str]) -> Op:
    """A text insert with `more` at its end; empties `more`."""
    if not more:
        return text
    assert isinstance(text.insert, str)
    whole = text.insert + "".join(more)
    more.clear()
    return Op(whole, None, None, text.attributes)


# Measuring ---------------------------------------------------------------------------------------


def base_length(delta: Delta) -> int:
    """Units that a document must have at least for `delta` to fit it."""
    return sum(op.length for op in delta if op.insert is None)


def length_change(delta: Delta) -> int:
    """Units by which `delta` makes a document longer."""
    return sum(
        op.length if op.insert is not None else -(op.delete or 0)
        for op in delta
        if op.retain is None
    )


def document_length(document: Delta) -> int:
    """Units of a document."""
    return sum(op.length for op in document)


def is_document(delta: Delta) -> bool:
    """Whether there is nothing but inserts."""
    return all(op.insert is not None for op in delta)


# Combining ---------------------------------------------------------------------------------------


def compose(a: Delta, b: Delta) -> Delta:
    """The Delta with the effect of `a`, then `b`. With a document as `a`: the document after `b`.

    Law: compose(compose(a, b), c) == compose(a, compose(b, c)). Raises InvalidOperation where `b`
    would divide a character that `a` inserts.
    """
    ops: list[Op] = []
    count = len(a)
    index = left = start = 0  # the op of `a` after the current; the current one's rest
    content: str | Embed | None = None
    current = _NOTHING
    for op in b:
        if op.insert is not None:
            ops.append(op)
            continue
        deleting = op.delete is not None
        wanted = op.delete or op.retain or 0
        while wanted:
            if not left:
                if index == count:
                    break
                current = a[index]
                index += 1
                if current.delete is not None:
                    ops.append(current)
                    continue
                content = current.insert
                left = current.length
                start = 0
            step = left if left < wanted else wanted
            left -= step
            wanted -= step
            if content is None:
                if deleting:
                    ops.append(Op(None, step))
                else:
                    attributes = maps.compose(current.attributes, op.attributes, True)
                    ops.append(Op(None, None, step, attributes))
                continue
            piece = content
            if isinstance(content, str) and (start or left):
                end = utf16.advance(content, start, step) if left else len(content)
                piece = content[start:end]
                start = end
            if not deleting:
                attributes = maps.compose(current.attributes, op.attributes, False)
                ops.append(Op(piece, None, None, attributes))
        if wanted:
            ops.append(Op(None, wanted) if deleting else Op(None, None, wanted, op.attributes))
    if left:
        if isinstance(content, str):
            ops.append(Op(content[start:], None, None, current.attributes))
        else:
            ops.append(Op(None, None, left, current.attributes))
    ops.extend(a[index:])
    return normalize(ops)


def invert(delta: Delta, base: Delta) -> Delta:
    """The Delta that undoes `delta` on the document `base`.

    Law: compose(compose(base, delta), invert(delta, base)) == base. Raises InvalidOperation if
    `delta` does not fit `base`.
    """
    return invert_over(delta, reader(base))


def invert_over(delta: Delta, read: Callable[[int, int], Iterable[Op]]) -> Delta:
    """`invert` on a document known by `read(start, end)`, which is called for what `delta` deletes
    or reformats, in order, and gives the inserts that make up that stretch."""
    ops: list[Op] = []
    position = 0
    for op in delta:
        if op.insert is not None:
            ops.append(Op(None, op.length))
            continue
        start = position
        position += op.length
        if op.delete is not None:
            ops.extend(read(start, position))
        elif op.attributes is None:
            ops.append(op)
        else:
            for old in read(start, position):
                attributes = maps.invert(op.attributes, old.attributes)
                ops.append(Op(None, None, old.length, attributes))
    return normalize(ops)


def reader(document: Delta) -> Callable[[int, int], list[Op]]:
    """A function that gives the inserts between two positions of `document`.

    To be called for one stretch after the other: it goes only forward, so that reading all costs
    as much as the document once. Raises InvalidOperation past the end and inside a character.
    """
    rest = iter(document)
    position = 0
    held: Op | None = None

    def read(start: int, end: int) -> list[Op]:
        nonlocal position, held
        found: list[Op] = []
        while position < end:
            op = held or next(rest, None)
            if op is None:
                raise InvalidOperation("an operation past the end of its document")
            target = start if position < start else end
            length = op.length
            held = None
            if length > target - position and isinstance(op.insert, str):
                length = target - position
                index = utf16.to_points(op.insert, length)
                held = Op(op.insert[index:], attributes=op.attributes)
                op = Op(op.insert[:index], attributes=op.attributes)
            if position >= start:
                found.append(op)
            position += length
        return found

    return read


_NOTHING = Op()
