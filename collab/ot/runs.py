"""Runs: the pieces of content that a rope is made of, each measured once.

Owns the measures and how runs are divided and joined. Knows nothing of the tree above them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from collab.errors import InvalidOperation
from collab.ot import utf16
from collab.ot.attributes import Attributes, same, without_nulls
from collab.ot.delta import Delta, Embed, Op

PIECE_POINTS = 1536  # the longest run that `measure` makes; longer text becomes several

_encoder = msgspec.json.Encoder()


class Run(msgspec.Struct, frozen=True, gc=False):
    """Content with one set of attributes.

    `units` and `points` are 1 for an embed. `content_bytes` are those of the UTF-8 text or of the
    embed's JSON, `attributes_bytes` those of the attributes' JSON.
    """

    content: str | Embed
    attributes: Attributes | None
    units: int
    points: int
    content_bytes: int
    attributes_bytes: int


def measure(content: str | Embed, attributes: Attributes | None) -> Iterator[Run]:
    """`content` as runs; a null attribute takes nothing away from new content and is left out.
    Raises InvalidOperation for text that is not well formed."""
    attributes = without_nulls(attributes)
    attributes_bytes = len(_encoder.encode(attributes)) if attributes else 0
    if not isinstance(content, str):
        yield Run(content, attributes, 1, 1, len(_encoder.encode(content)), attributes_bytes)
        return
    for start in range(0, len(content), PIECE_POINTS):
        piece = content[start : start + PIECE_POINTS]
        points = units = content_bytes = len(piece)
        if not piece.isascii():
            units = utf16.length(piece)
            content_bytes = _utf8_length(piece)
        yield Run(piece, attributes, units, points, content_bytes, attributes_bytes)


def with_attributes(run: Run, attributes: Attributes | None) -> Run:
    """The run with other attributes (None or not empty)."""
    return Run(
        run.content,
        attributes,
        run.units,
        run.points,
        run.content_bytes,
        len(_encoder.encode(attributes)) if attributes else 0,
    )


def joins(left: Run, right: Run) -> bool:
    """Whether both are text with the same attributes, so that they are one run in normal form."""
    return (
        isinstance(left.content, str)
        and isinstance(right.content, str)
        and same(left.attributes, right.attributes)
    )


def join(left: Run, right: Run) -> Run:
    """Two runs that `joins` as one."""
    assert isinstance(left.content, str)
    assert isinstance(right.content, str)
    return Run(
        left.content + right.content,
        left.attributes,
        left.units + right.units,
        left.points + right.points,
        left.content_bytes + right.content_bytes,
        left.attributes_bytes,
    )


def joined(runs: Iterable[Run]) -> list[Run]:
    """Short runs with neighbours that belong together made one."""
    out: list[Run] = []
    for run in runs:
        if out and joins(out[-1], run):
            out[-1] = join(out[-1], run)
        else:
            out.append(run)
    return out


def to_ops(runs: Iterable[Run]) -> Delta:
    """Runs as inserts in normal form; costs as much as their content."""
    ops: list[Op] = []
    texts: list[str] = []
    held: Attributes | None = None
    for run in runs:
        content = run.content
        if isinstance(content, str):
            if texts and not same(held, run.attributes):
                ops.append(Op("".join(texts), None, None, held))
                texts.clear()
            held = run.attributes
            texts.append(content)
            continue
        if texts:
            ops.append(Op("".join(texts), None, None, held))
            texts.clear()
        ops.append(Op(content, None, None, run.attributes))
    if texts:
        ops.append(Op("".join(texts), None, None, held))
    return tuple(ops)


def split(run: Run, unit: int) -> tuple[Run, Run]:
    """The run before and after a position strictly inside it; raises InvalidOperation if that is
    inside a character."""
    assert isinstance(run.content, str)
    if run.points == run.units:
        return split_at_point(run, unit)
    return split_at_point(run, utf16.to_points(run.content, unit))


def split_at_point(run: Run, point: int) -> tuple[Run, Run]:
    """The run before and after an index strictly inside it."""
    text = run.content
    assert isinstance(text, str)
    before, after = text[:point], text[point:]
    units = content_bytes = point
    if run.content_bytes != run.points:
        content_bytes = _utf8_length(before)
        if run.points != run.units:
            units = utf16.length(before)
    attributes, attributes_bytes = run.attributes, run.attributes_bytes
    return (
        Run(before, attributes, units, point, content_bytes, attributes_bytes),
        Run(
            after,
            attributes,
            run.units - units,
            run.points - point,
            run.content_bytes - content_bytes,
            attributes_bytes,
        ),
    )


def without(runs: Sequence[Run], start: int, end: int) -> tuple[list[Run], list[Run]]:
    """What is left of `runs` before unit `start` and after unit `end`; raises InvalidOperation if
    either is inside a character."""
    before: list[Run] = []
    after: list[Run] = []
    position = 0
    for run in runs:
        stop = position + run.units
        if stop <= start:
            before.append(run)
        elif position >= end:
            after.append(run)
        else:
            rest = run
            if position < start:
                left, rest = split(run, start - position)
                before.append(left)
            if stop > end:
                if end > start:
                    rest = split(rest, end - max(start, position))[1]
                after.append(rest)
        position = stop
    return before, after


def within(runs: Sequence[Run], start: int, end: int) -> list[Run]:
    """The runs from unit `start` to unit `end`; raises InvalidOperation like `without`."""
    found: list[Run] = []
    position = 0
    for run in runs:
        stop = position + run.units
        if stop > start and position < end:
            piece = run
            if stop > end:
                piece = split(piece, end - position)[0]
            if position < start:
                piece = split(piece, start - position)[1]
            found.append(piece)
        position = stop
    return found


def _utf8_length(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidOperation("text with half a surrogate pair") from None
