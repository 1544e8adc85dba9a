"""Which of many operations brought each part of a document, and which took a part away.

Owns a document whose runs carry a mark instead of formats: the number of the operation that
inserted them. Formats are nobody's; embeds are parts like any other. Knows nothing of commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from collab.ot.delta import Delta, Embed, Op, reader
from collab.ot.rope import Rope

Part: TypeAlias = tuple[str | Embed, int | None]
"""Content, and the number it is marked with; None: it was there before."""

_MARK: Final = "by"
_STAND_IN: Final = "\0"


def unmarked(document: Rope) -> Rope:
    """The document without formats: all of it was there before."""
    return Rope.of(tuple(Op(op.insert) for op in document.to_delta()))


def marked(document: Rope, operation: Delta, number: int) -> Rope:
    """The document after an operation, what it inserts being marked with its number."""
    mark = {_MARK: number}
    return document.apply(
        tuple(
            op
            if op.delete is not None
            else Op(op.insert, attributes=mark)
            if op.insert is not None
            else Op(retain=op.retain)
            for op in operation
        )
    )


def unwound(document: Rope, operation: Delta, number: int) -> Rope:
    """The document before an operation, as far as its length goes: what was deleted is as many
    stand-ins, marked with the number."""
    mark = {_MARK: number}
    return document.apply(
        tuple(
            Op(retain=op.retain)
            if op.retain is not None
            else Op(delete=op.length)
            if op.insert is not None
            else Op(_STAND_IN * op.length, attributes=mark)
            for op in operation
        )
    )


def parts(document: Rope) -> Iterator[Part]:
    """All of it in order, neighbours with one mark being one part (embeds stay single)."""
    for op in document.to_delta():
        assert op.insert is not None
        yield op.insert, None if op.attributes is None else op.attributes[_MARK]


def lengths(document: Rope) -> Iterator[tuple[int, int | None]]:
    """How long each part is, and its mark."""
    for op in document.to_delta():
        yield op.length, None if op.attributes is None else op.attributes[_MARK]


def taken(before: Rope, unwound: Rope) -> Iterator[Part]:
    """The parts of a document, each with what took it away (None: nothing did), as `unwound` says,
    which is as long."""
    read = reader(before.to_delta())
    at = 0
    for length, number in lengths(unwound):
        for op in read(at, at + length):
            assert op.insert is not None
            yield op.insert, number
        at += length
