"""Transformation: an operation, made on the same document as another, moved to after it.

Owns `transform`, `transform_over` and `transform_position`. Operations are transformed over each
other one by one, never over their composition, which may give something else.
"""

from __future__ import annotations

from collections.abc import Sequence

from collab.ot import attributes as maps
from collab.ot import utf16
from collab.ot.delta import Delta, Embed, Op, normalize


def transform(a: Delta, b: Delta, priority: bool) -> Delta:
    """`b` as it has to be after `a`, both made on the same document.

    With `priority`, `a` goes first where both insert and wins where both format. Law (TP1):
    compose(a, transform(a, b, p)) == compose(b, transform(b, a, not p)).
    """
    if len(a) < 3 and len(b) < 3:
        # One insert or one delete against another is what nearly all edits are.
        moved = _transform_simple(a, b, priority)
        if moved is not None:
            return moved
    return transform_any(a, b, priority)


def transform_over(history: Sequence[Delta], b: Delta, priority: bool) -> Delta:
    """`b` as it has to be after all of `history`, each made on what those before it have left.

    The same as `transform` for each in turn; while `b` and they are one insert or delete each,
    nothing but its position is computed.
    """
    simple = _simple(b)
    for a in history:
        if simple is not None:
            position, new, deleted, op = simple
            moved = _moved(a, position, new is not None, deleted, priority)
            if moved is not None:
                if moved != position:
                    simple = moved, new, deleted, op
                continue
            b = _placed(position, op)
        b = transform(a, b, priority)
        simple = _simple(b)
    return b if simple is None else _placed(simple[0], simple[3])


def _moved(a: Delta, position: int, inserting: bool, deleted: int, priority: bool) -> int | None:
    """Where an insert, or a delete of so many units, is after `a`; None if it changes in itself, or
    `a` is not just one insert or delete."""
    one = _simple(a)
    if one is None:
        return None
    at, content, removed, _ = one
    if content is not None:
        if at > position or (at == position and inserting and not priority):
            return position if inserting or at >= position + deleted else None
        return position + (utf16.length(content) if isinstance(content, str) else 1)
    if position <= at if inserting else position + deleted <= at:
        return position
    if position >= at + removed:
        return position - removed
    return at if inserting else None


def transform_any(a: Delta, b: Delta, priority: bool) -> Delta:
    """`transform` for operations of every shape."""
    ops: list[Op] = []
    count = len(a)
    index = left = 0  # the op of `a` after the current one, and what is left of the current one
    current = Op()
    for op in b:
        if op.insert is not None:
            if priority and not left:
                while index < count and a[index].insert is not None:
                    ops.append(Op(None, None, a[index].length))
                    index += 1
            ops.append(op)
            continue
        deleting = op.delete is not None
        wanted = op.delete or op.retain or 0
        attributes = op.attributes
        while wanted:
            if not left:
                if index == count:
                    break
                current = a[index]
                index += 1
                if current.insert is not None:
                    ops.append(Op(None, None, current.length))
                    continue
                left = current.delete or current.retain or 0
            step = left if left < wanted else wanted
            left -= step
            wanted -= step
            if current.delete is not None:
                continue
            if deleting:
                ops.append(Op(None, step))
            else:
                kept = maps.transform(current.attributes, attributes, priority)
                ops.append(Op(None, None, step, kept))
        if wanted:
            ops.append(Op(None, wanted) if deleting else Op(None, None, wanted, attributes))
    return normalize(ops)


def transform_position(delta: Delta, position: int, priority: bool = False) -> int:
    """Where `position` is after `delta`; with `priority` it stays before what is inserted there."""
    offset = 0
    for op in delta:
        if offset > position:
            break
        length = op.length
        if op.delete is not None:
            position -= min(length, position - offset)
            continue
        if op.insert is not None and (offset < position or not priority):
            position += length
        offset += length
    return position


def _simple(delta: Delta) -> tuple[int, str | Embed | None, int, Op] | None:
    """(position, content inserted, units deleted, op) of a Delta that does just one such thing."""
    match len(delta):
        case 1:
            position = 0
            op = delta[0]
        case 2:
            first, op = delta
            if first.retain is None or first.attributes is not None:
                return None
            position = first.retain
        case _:
            return None
    if op.retain is not None:
        return None
    return position, op.insert, op.delete or 0, op


def _transform_simple(a: Delta, b: Delta, priority: bool) -> Delta | None:
    """`transform` of one insert or delete over one; None if either is of another shape."""
    one = _simple(a)
    if one is None:
        return None
    two = _simple(b)
    if two is None:
        return None
    at, content, removed, _ = one
    position, new, deleted, op = two
    if content is not None:
        if at > position or (at == position and new is not None and not priority):
            if new is not None or at >= position + deleted:
                return b
            added = utf16.length(content) if isinstance(content, str) else 1
            head = at - position
            return _placed(
                position, Op(None, head), Op(None, None, added), Op(None, deleted - head)
            )
        added = utf16.length(content) if isinstance(content, str) else 1
        return (Op(None, None, position + added), op)
    end = at + removed
    if new is not None:
        if position <= at:
            return b
        return _placed(position - removed if position >= end else at, op)
    if position + deleted <= at:
        return b
    if position >= end:
        return _placed(position - removed, op)
    kept = deleted - (min(end, position + deleted) - max(at, position))
    if not kept:
        return ()
    return _placed(min(at, position), Op(None, kept))


def _placed(position: int, *ops: Op) -> Delta:
    return (Op(None, None, position), *ops) if position else ops
