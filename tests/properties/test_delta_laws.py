"""The laws of the Delta algebra, of the rope and of diff, on generated documents and operations."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import InvalidOperation
from collab.ot import check, utf16
from collab.ot.delta import (
    Delta,
    Op,
    base_length,
    compose,
    document_length,
    invert,
    length_change,
    normalize,
)
from collab.ot.diff import diff
from collab.ot.rope import Rope
from collab.ot.transform import transform, transform_any, transform_over, transform_position
from collab.types import OperationLimits
from collab.types.delta import RICHTEXT
from tests.properties import strategies as some

encoder = msgspec.json.Encoder(order="sorted")


def json(delta: Delta) -> bytes:
    """Equal for equal JSON alone; Python's == takes True for 1."""
    return encoder.encode(delta)


# The model: a document as a list, one entry for each character or embed ---------------------------

Entry = tuple[Any, dict[str, Any]]


def listed(document: Delta) -> list[Entry]:
    return [
        (content, dict(op.attributes or {}))
        for op in document
        for content in (op.insert if isinstance(op.insert, str) else [op.insert])
    ]


def apply_to_list(entries: list[Entry], operation: Delta) -> list[Entry]:
    """What an operation does, said as plainly as possible."""
    result: list[Entry] = []
    rest = list(entries)
    for op in operation:
        if op.insert is not None:
            result += listed((op,))
            continue
        units = op.length
        while units > 0:
            content, attributes = rest.pop(0)
            units -= 2 if isinstance(content, str) and content > "\uffff" else 1
            if op.retain is not None:
                merged = {**attributes, **(op.attributes or {})}
                kept = {
                    key: value
                    for key, value in merged.items()
                    if value is not None or key not in (op.attributes or {})
                }
                result.append((content, kept))
        assert units == 0, "the strategies never divide a character"
    return result + rest


def from_list(entries: list[Entry]) -> Delta:
    return normalize(Op(content, None, None, attributes or None) for content, attributes in entries)


# compose -----------------------------------------------------------------------------------------


@given(st.data())
def test_compose_on_a_document_does_what_the_list_model_does(data: st.DataObject) -> None:
    document = data.draw(some.documents)
    operation = data.draw(some.operations(document))
    expected = from_list(apply_to_list(listed(document), operation))
    assert json(compose(document, operation)) == json(expected)


@given(st.data())
def test_compose_is_associative(data: st.DataObject) -> None:
    document = data.draw(some.documents)
    a = data.draw(some.operations(document))
    after_a = compose(document, a)
    b = data.draw(some.operations(after_a))
    c = data.draw(some.operations(compose(after_a, b)))
    assert json(compose(compose(a, b), c)) == json(compose(a, compose(b, c)))
    assert json(compose(compose(document, a), b)) == json(compose(document, compose(a, b)))


@given(st.data())
def test_lengths_add_up(data: st.DataObject) -> None:
    document = data.draw(some.documents)
    operation = data.draw(some.operations(document))
    assert base_length(operation) <= document_length(document)
    after = document_length(compose(document, operation))
    assert after == document_length(document) + length_change(operation)


# transform ---------------------------------------------------------------------------------------


@given(some.concurrent(), st.booleans())
def test_both_orders_converge(case: tuple[Delta, Delta, Delta], priority: bool) -> None:
    document, a, b = case
    one = compose(a, transform(a, b, priority))
    other = compose(b, transform(b, a, not priority))
    assert json(one) == json(other)
    assert json(compose(document, one)) == json(compose(document, other))


@given(st.data(), st.booleans())
def test_the_fast_path_gives_what_the_general_one_gives(
    data: st.DataObject, priority: bool
) -> None:
    document = data.draw(some.documents)
    a = data.draw(some.simple_operations(document))
    b = data.draw(some.simple_operations(document))
    assert json(transform(a, b, priority)) == json(transform_any(a, b, priority))


@given(st.data(), st.booleans())
def test_over_a_history_is_over_each_of_it_in_turn(data: st.DataObject, priority: bool) -> None:
    document = first = data.draw(some.documents)
    history: list[Delta] = []
    for _ in range(data.draw(st.integers(0, 6))):
        made = data.draw(some.simple_operations(document) | some.operations(document))
        history.append(made)
        document = compose(document, made)
    b = data.draw(some.simple_operations(first) | some.operations(first))
    expected = b
    for each in history:
        expected = transform(each, expected, priority)
    assert json(transform_over(history, b, priority)) == json(expected)


@given(some.concurrent(), st.booleans())
def test_transform_gives_normal_form(case: tuple[Delta, Delta, Delta], priority: bool) -> None:
    _, a, b = case
    moved = transform(a, b, priority)
    assert normalize(moved) == moved


@given(st.data(), st.booleans())
def test_a_position_moves_as_an_insert_there_does(data: st.DataObject, priority: bool) -> None:
    document = data.draw(some.documents)
    a = data.draw(some.operations(document))
    characters = some.widths(document)
    position = sum(characters[: data.draw(st.integers(0, len(characters)))])
    marker = {"marker": 1}
    moved = transform(a, normalize([Op(retain=position), Op(marker)]), priority=not priority)
    place = sum(op.length for op in moved[:-1])
    assert moved[-1].insert == marker
    assert transform_position(a, position, priority) == place


# invert and diff ---------------------------------------------------------------------------------


@given(st.data())
def test_the_inverse_undoes(data: st.DataObject) -> None:
    document = data.draw(some.documents)
    operation = data.draw(some.operations(document))
    inverse = invert(operation, document)
    assert json(compose(compose(document, operation), inverse)) == json(document)
    assert normalize(inverse) == inverse


@given(st.data())
def test_diff_turns_one_document_into_the_other(data: st.DataObject) -> None:
    old = data.draw(some.documents)
    edited = compose(old, data.draw(some.operations(old)))
    new = data.draw(st.just(edited) | some.documents)
    difference = diff(old, new)
    assert json(compose(old, difference)) == json(new)
    assert normalize(difference) == difference


@given(some.documents)
def test_diff_of_equals_is_empty(document: Delta) -> None:
    assert diff(document, document) == ()


@given(some.long_documents, st.data())
@settings(max_examples=30)
def test_diff_holds_on_long_documents(old: Delta, data: st.DataObject) -> None:
    new = compose(old, data.draw(some.operations(old, some.long_inserts)))
    assert json(compose(old, diff(old, new))) == json(new)


# Normal form and the wire ------------------------------------------------------------------------


@given(st.lists(some.inserts | st.builds(Op, retain=st.integers(1, 5), attributes=some.changes)))
def test_normal_form_is_idempotent(ops: list[Op]) -> None:
    once = normalize(ops)
    assert normalize(once) == once


@given(some.concurrent())
def test_the_wire_gives_back_what_it_was_given(case: tuple[Delta, Delta, Delta]) -> None:
    _, a, _ = case
    assert json(RICHTEXT.decode(RICHTEXT.encode(a))) == json(a)
    assert json(RICHTEXT.parse(RICHTEXT.encode(a))) == json(a)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_make_parse_raise_anything_but_invalid_operation(raw: bytes) -> None:
    with suppress(InvalidOperation):
        check.parse(raw, OperationLimits())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
nearly_ops = st.lists(
    st.dictionaries(
        st.sampled_from(["insert", "delete", "retain", "attributes", "__proto__"]),
        json_values | st.integers(-1, 3) | st.text(max_size=3),
        max_size=3,
    ),
    max_size=4,
)


@given(nearly_ops)
def test_what_parse_lets_in_can_be_used(ops: list[dict[str, Any]]) -> None:
    try:
        operation = check.parse(encoder.encode(ops), OperationLimits())
    except InvalidOperation:
        return
    assert normalize(operation) == operation
    assert json(RICHTEXT.parse(RICHTEXT.encode(operation))) == json(operation)
    document: Delta = (Op("x" * min(base_length(operation), 1000)),)
    try:
        after = Rope.of(normalize(document)).apply(operation)
    except InvalidOperation:
        return
    assert RICHTEXT.load(RICHTEXT.dump(after)) == after


# The rope ----------------------------------------------------------------------------------------


@given(some.documents | some.long_documents)
def test_a_rope_holds_its_document(document: Delta) -> None:
    rope = Rope.of(document)
    assert json(rope.to_delta()) == json(document)
    assert rope.length == document_length(document)
    assert rope.points == len(listed(document))
    assert rope.size == size_by_definition(document)
    assert rope.text() == "".join(op.insert for op in document if isinstance(op.insert, str))


def size_by_definition(document: Delta) -> int:
    return sum(
        len(op.insert.encode() if isinstance(op.insert, str) else encoder.encode(op.insert))
        + len(encoder.encode(op.attributes) if op.attributes else b"")
        for op in document
    )


@given(some.documents | some.long_documents, st.data())
@settings(max_examples=60)
def test_a_rope_goes_through_edits_as_the_algebra_says(
    document: Delta, data: st.DataObject
) -> None:
    rope = Rope.of(document)
    for _ in range(4):
        operation = data.draw(some.operations(document, some.long_inserts))
        edited = rope.apply(operation)
        after = compose(document, operation)
        assert json(edited.to_delta()) == json(after)
        assert edited == Rope.of(after)
        assert edited.size == size_by_definition(after)
        assert json(rope.to_delta()) == json(document), "the old value stays what it was"
        inverse = rope.invert(operation)
        assert json(inverse) == json(invert(operation, document))
        assert edited.apply(inverse) == rope
        rope, document = edited, after


@given(some.documents | some.long_documents, st.data())
@settings(max_examples=60)
def test_positions_and_slices_of_a_rope(document: Delta, data: st.DataObject) -> None:
    rope = Rope.of(document)
    characters = some.widths(document)
    point = data.draw(st.integers(0, len(characters)))
    unit = sum(characters[:point])
    assert rope.units_at(point) == unit
    assert rope.points_at(unit) == point
    end = data.draw(st.integers(point, len(characters)))
    part = rope.slice(unit, sum(characters[:end]))
    assert json(part) == json(from_list(listed(document)[point:end]))


# UTF-16 ------------------------------------------------------------------------------------------


@given(some.texts, st.data())
def test_units_and_points_convert_back(text: str, data: st.DataObject) -> None:
    point = data.draw(st.integers(0, len(text)))
    unit = utf16.to_units(text, point)
    assert unit == len(text[:point].encode("utf-16-le")) // 2
    assert utf16.to_points(text, unit) == point
    assert utf16.cut(text, 0, unit) == text[:point]
