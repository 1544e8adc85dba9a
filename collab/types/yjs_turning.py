"""Makes a yjs document equal to another one, as an update that touches no more than it has to.

Owns what counts as unchanged: texts are compared as `ot.diff` does, lists by equal items, maps by
their keys; a shared type that has changed is changed itself, if there is one of its kind in its
place. So what is typed meanwhile, wherever nothing has to be replaced, stays where it was typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pycrdt

from collab.errors import InvalidContent
from collab.ot.delta import Delta, Op, normalize, reader
from collab.ot.diff import diff
from collab.ot.myers import Budget, Hunk, common_prefix, hunks
from collab.types.yjs_content import Doc, Still
from collab.types.yjs_guard import RootKind
from collab.types.yjs_misplaced import has_text_in_arrays
from collab.types.yjs_replica import EMPTY_UPDATE
from collab.types.yjs_roots import joint_kinds
from collab.types.yjs_shapes import TEXTS, Run, Shape, shape_of_root

# For one document together, a second or two at worst; then what differs is replaced whole.
_MAX_STEPS = 1_500_000
_MAX_EDITS = 2000
# What one pass leaves different (a format that ends inside another) the next sees.
_PASSES = 3

_EMPTY: Final = {
    "map": pycrdt.Map,
    "array": pycrdt.Array,
    "text": pycrdt.Text,
    "xmltext": pycrdt.XmlText,
    "fragment": pycrdt.XmlFragment,
}


def turning(now: Still, then: Still, client: int) -> bytes:
    """The update by `client` that gives a document in the state `now` the content of `then`.

    Raises InvalidContent for what cannot be compared or made again.
    """
    for state in (now, then):
        if has_text_in_arrays(state.update):
            raise InvalidContent("there is text in an array, where no editor puts it")
    kinds = joint_kinds([now.kinds, then.kinds])
    doc: Doc = pycrdt.Doc(client_id=client)
    doc.apply_update(now.update)
    wanted = _shapes(then.document(), kinds)
    budget = Budget(_MAX_STEPS)
    events: list[bytes] = []
    subscription = doc.observe(lambda event: events.append(event.update))
    with doc.transaction():
        for _ in range(_PASSES):
            shapes = _shapes(doc, kinds)
            todo = [
                (shape, wanted[name])
                for name, shape in shapes.items()
                if shape.digest != wanted[name].digest
            ]
            if not todo:
                break
            while todo:
                shape, target = todo.pop()
                todo += _turn(shape, target, budget)
        else:
            if any(
                wanted[name].digest != each.digest for name, each in _shapes(doc, kinds).items()
            ):
                raise InvalidContent("the document holds something that cannot be made again")
    doc.unobserve(subscription)
    return events[0] if events else EMPTY_UPDATE


def _shapes(doc: Doc, kinds: Mapping[str, RootKind | None]) -> dict[str, Shape]:
    return {name: shape_of_root(doc, name, kind) for name, kind in kinds.items() if kind}


def _turn(now: Shape, then: Shape, budget: Budget) -> Iterator[tuple[Shape, Shape]]:
    """Make one shared type hold what another holds; yields what is still to be done inside."""
    shared = now.shared
    if isinstance(shared, TEXTS):
        yield from _turn_text(shared, now.runs, then.runs, budget)
    elif isinstance(shared, pycrdt.Array):
        yield from _turn_list(shared, now.items, then.items, budget)
    elif isinstance(shared, (pycrdt.XmlElement, pycrdt.XmlFragment)):
        yield from _turn_list(shared.children, now.items, then.items, budget)
    if isinstance(shared, pycrdt.Map):
        yield from _turn_members(shared, now.members, then.members)
    elif isinstance(shared, (pycrdt.XmlElement, pycrdt.XmlText)):
        yield from _turn_members(shared.attributes, now.members, then.members)


# Under keys ---------------------------------------------------------------------------------------


def _turn_members(
    holder: Any, now: dict[str, Shape], then: dict[str, Shape]
) -> Iterator[tuple[Shape, Shape]]:
    for key in now:
        if key not in then:
            del holder[key]
    for key, wanted in then.items():
        known = now.get(key)
        if known is not None and known.digest == wanted.digest:
            continue
        if known is not None and wanted.kin is not None and known.kin == wanted.kin:
            yield known, wanted
            continue
        made = _made(wanted)
        holder[key] = made
        yield from _filling(made, wanted)


def _made(wanted: Shape) -> Any:
    """A value to put somewhere; of a shared type an empty one."""
    if wanted.kin is None:
        if isinstance(wanted.shared, pycrdt.Doc):
            return pycrdt.Doc(guid=wanted.shared.guid)
        return _plain(wanted.shared)
    kind, tag = wanted.kin
    return pycrdt.XmlElement(tag) if kind == "element" else _EMPTY[kind]()


def _plain(value: Any) -> Any:
    """A value as pycrdt takes it, not always as it gives it; the guard bounds its depth."""
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _filling(made: Any, wanted: Shape) -> Iterator[tuple[Shape, Shape]]:
    if wanted.kin is not None:
        yield Shape(made), wanted


# In order -----------------------------------------------------------------------------------------


def _turn_list(
    holder: Any, now: Sequence[Shape], then: Sequence[Shape], budget: Budget
) -> Iterator[tuple[Shape, Shape]]:
    replaced: list[Hunk] = []
    ids: dict[Any, int] = {}
    old = [ids.setdefault(each.digest, len(ids)) for each in now]
    new = [ids.setdefault(each.digest, len(ids)) for each in then]
    for hunk in _hunks(old, new, budget):
        # Among what differs there may be shared types that only hold something else now.
        a = [_relation(now[at], at, "old") for at in range(hunk.a_start, hunk.a_end)]
        b = [_relation(then[at], at, "new") for at in range(hunk.b_start, hunk.b_end)]
        at_a, at_b = hunk.a_start, hunk.b_start
        for part in [*_hunks(a, b, budget), Hunk(len(a), len(a), len(b), len(b))]:
            while at_a < hunk.a_start + part.a_start:
                yield now[at_a], then[at_b]
                at_a += 1
                at_b += 1
            at_a, at_b = hunk.a_start + part.a_end, hunk.b_start + part.b_end
            start = hunk.a_start + part.a_start, hunk.b_start + part.b_start
            replaced.append(Hunk(start[0], at_a, start[1], at_b))
    for hunk in reversed(replaced):  # so that the places before stay what they are
        if hunk.a_end > hunk.a_start:
            del holder[hunk.a_start : hunk.a_end]
        for offset in range(hunk.b_end - hunk.b_start):
            wanted = then[hunk.b_start + offset]
            made = _made(wanted)
            try:
                holder.insert(hunk.a_start + offset, made)
            except TypeError:
                raise InvalidContent(
                    "XML lies in an array, where it cannot be made again"
                ) from None
            yield from _filling(made, wanted)


def _relation(shape: Shape, at: int, side: str) -> object:
    """Equal for what can be changed into each other."""
    return (side, at) if shape.kin is None else shape.kin


def _hunks(a: Sequence[object], b: Sequence[object], budget: Budget) -> list[Hunk]:
    found = hunks(a, b, _MAX_EDITS, budget)
    if found is not None:
        return found
    prefix = common_prefix(a, b)
    suffix = common_prefix(a[prefix:][::-1], b[prefix:][::-1])
    return [Hunk(prefix, len(a) - suffix, prefix, len(b) - suffix)]


# Texts --------------------------------------------------------------------------------------------


def _turn_text(
    text: Any, now: list[Run], then: list[Run], budget: Budget
) -> Iterator[tuple[Shape, Shape]]:
    """Positions of pycrdt are bytes of UTF-8; an embed takes one."""
    embeds = {each.digest.hex(): each for each, _ in then if isinstance(each, Shape)}
    old = _delta(now)
    read = reader(old)
    at = place = 0
    for op in diff(old, _delta(then), budget):
        if op.insert is not None:
            attributes = dict(op.attributes or {})
            if isinstance(op.insert, str):
                text.insert(at, op.insert, attributes)
            else:
                wanted = embeds[op.insert["is"]]
                made = _made(wanted)
                try:
                    text.insert_embed(at, made, attributes)
                except (AttributeError, TypeError):
                    raise InvalidContent(
                        "XML lies in a text, where it cannot be made again"
                    ) from None
                yield from _filling(made, wanted)
            at += _bytes((op,))
            continue
        size = _bytes(read(place, place + op.length))
        place += op.length
        if op.delete is not None:
            del text[at : at + size]
            continue
        if op.attributes is not None:
            text.format(at, at + size, dict(op.attributes))
        at += size


def _delta(runs: list[Run]) -> Delta:
    return normalize(
        Op(
            insert=content if isinstance(content, str) else {"is": content.digest.hex()},
            attributes=attributes or None,
        )
        for content, attributes in runs
    )


def _bytes(inserts: Sequence[Op]) -> int:
    return sum(len(op.insert.encode()) if isinstance(op.insert, str) else 1 for op in inserts)
