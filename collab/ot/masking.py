"""Which characters of a history are which, and how some of them are made unreadable.

Owns spans of positions, followed through operations backwards and forwards, and the filler that
stands for what they covered. A character is the same from the insert that made it to the delete
that took it, wherever it stands in between. Lengths stay, so that every operation still applies.

A span is `(start, end)` in UTF-16 units; spans are in order, not empty and apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from collab.ot import utf16
from collab.ot.delta import Delta, Op, insert, normalize, retain

Span: TypeAlias = tuple[int, int]

FILLER = "\u2588"
_KEPT = "\n"


def readable(document: Delta, span: Span) -> list[Span]:
    """The parts of a span of a document that say something: line breaks, which hold the formats of
    lines and nothing else, are left out."""
    found: list[Span] = []
    at = 0
    for op in document:
        if isinstance(op.insert, str):
            for line in op.insert.split(_KEPT):
                end = at + utf16.length(line)
                found.append((at, end))
                at = end + 1
            at -= 1  # the last has no line break behind it
        else:
            found.append((at, at + 1))
            at += 1
    return joined(_within(found, span))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in any order, perhaps empty or touching, as they should be."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def before(spans: list[Span], operation: Delta) -> tuple[list[Span], list[Span]]:
    """Where the characters of `spans`, which are of the document after an operation, were before
    it; and those spans of the document after it that the operation has inserted."""
    earlier: list[Span] = []
    inserted: list[Span] = []
    for op, start, end, old in _steps(operation):
        for first, last in _within(spans, (start, end)):
            if op is not None and op.insert is not None:
                inserted.append((first, last))
            else:
                earlier.append((first - start + old, last - start + old))
    return joined(earlier), joined(inserted)


def after(spans: list[Span], operation: Delta) -> list[Span]:
    """Where those characters of `spans` are after an operation that it leaves."""
    later: list[Span] = []
    for op, start, end, old in _steps(operation):
        if op is None or op.insert is None:
            for first, last in _within(spans, (old, old + end - start)):
                later.append((first - old + start, last - old + start))
    return joined(later)


def masked(operation: Delta, spans: list[Span], inserted: list[Span]) -> Delta:
    """The operation with filler for the characters of `inserted`, which are positions after it, and
    without formats for them or for those of `spans`, which are positions before it."""
    ops: list[Op] = []
    at = old = 0
    for op in operation:
        if op.insert is not None:
            ops += _masked_insert(op, at, inserted)
            at += op.length
        elif op.retain is not None:
            ops += _masked_retain(op, old, spans) if op.attributes else [op]
            at += op.length
            old += op.length
        else:
            ops.append(op)
            old += op.length
    return normalize(ops)


def _masked_insert(op: Op, at: int, inserted: list[Span]) -> Iterator[Op]:
    reached = 0
    for first, last in _within(inserted, (at, at + op.length)):
        if not isinstance(op.insert, str):
            yield insert(FILLER)
            return
        if first - at > reached:
            yield insert(utf16.cut(op.insert, reached, first - at), op.attributes)
        yield insert(FILLER * (last - first))
        reached = last - at
    if reached == 0:
        yield op
    elif isinstance(op.insert, str) and reached < op.length:
        yield insert(utf16.cut(op.insert, reached, op.length), op.attributes)


def _masked_retain(op: Op, old: int, spans: list[Span]) -> Iterator[Op]:
    reached = old
    for first, last in _within(spans, (old, old + op.length)):
        if first > reached:
            yield retain(first - reached, op.attributes)
        yield retain(last - first)
        reached = last
    if reached < old + op.length:
        yield retain(old + op.length - reached, op.attributes)


_END = 2**62


def _steps(operation: Delta) -> Iterator[tuple[Op | None, int, int, int]]:
    """The stretches of the document after an operation, and where each was before it: the op, None
    being what stays at the end."""
    at = old = 0
    for op in operation:
        if op.delete is not None:
            old += op.length
            continue
        yield op, at, at + op.length, old
        at += op.length
        if op.retain is not None:
            old += op.length
    yield None, at, _END, old


def _within(spans: Iterable[Span], bounds: Span) -> Iterator[Span]:
    """The parts of spans that lie within bounds."""
    low, high = bounds
    for start, end in spans:
        if end > low and start < high:
            yield max(start, low), min(end, high)
