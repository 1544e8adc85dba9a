"""Laws of masking: nothing of it is left anywhere, and nothing else changes."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collab.ot.delta import Delta, Op, document_length, normalize
from collab.ot.masking import FILLER, Span, after, before, joined, masked, readable
from collab.ot.rope import Rope
from tests.properties.random_deltas import random_operation, widths

SECRET = "\u0416"  # in no random operation, and as long as any letter in UTF-16


def history(random: Random, length: int) -> list[Delta]:
    rope = Rope.empty()
    operations = []
    for _ in range(length):
        operation = following(random, rope)
        operations.append(operation)
        rope = rope.apply(operation)
    return operations


def following(random: Random, rope: Rope) -> Delta:
    """An operation that fits the document."""
    operation, _ = random_operation(random, widths(list(rope.to_delta())))
    return normalize(operation)


def states(operations: list[Delta]) -> list[Rope]:
    found = [Rope.empty()]
    for operation in operations:
        found.append(found[-1].apply(operation))
    return found


def redact(
    operations: list[Delta], version: int, span: Span
) -> tuple[list[Delta], list[list[Span]]]:
    """The history without what was in `span` at `version`, and where that is at each version."""
    spans = readable(states(operations)[version].to_delta(), span)
    origins: dict[int, list[Span]] = {}
    for number in range(version, 0, -1):
        spans, origins[number] = before(spans, operations[number - 1])
    rewritten = []
    places = [spans]
    for number, operation in enumerate(operations, start=1):
        inserted = origins.get(number, [])
        rewritten.append(masked(operation, spans, inserted))
        spans = joined([*after(spans, operation), *inserted])
        places.append(spans)
    return rewritten, places


@given(seed=st.integers(0, 2**32), length=st.integers(1, 12), data=st.data())
def test_a_masked_history_is_that_of_masked_documents(
    seed: int, length: int, data: st.DataObject
) -> None:
    operations = history(Random(seed), length)
    version = data.draw(st.integers(1, length))
    old = states(operations)
    end = document_length(old[version].to_delta())
    start, stop = sorted(data.draw(st.tuples(st.integers(0, end), st.integers(0, end))))
    start, stop = aligned(old[version], start), aligned(old[version], stop)
    rewritten, places = redact(operations, version, (start, stop))
    new = states(rewritten)
    for before_it, after_it, spans in zip(old, new, places, strict=True):
        assert after_it == Rope.of(masked(before_it.to_delta(), [], spans))
        assert after_it.length == before_it.length
    covered = new[version].slice(start, stop)
    assert set("".join(text(op) for op in covered)) <= {FILLER, "\n"}
    assert new[version].slice(0, start) == old[version].slice(0, start)
    assert new[version].slice(stop, end) == old[version].slice(stop, end)


def aligned(rope: Rope, unit: int) -> int:
    """The position, or the next if it is inside a character."""
    plain = "".join(text(op) for op in rope.to_delta())
    units = 0
    for character in plain:
        if units >= unit:
            break
        units += 2 if character > "\uffff" else 1
    return units


def text(op: Op) -> str:
    return op.insert if isinstance(op.insert, str) else "\0"


def test_of_what_is_masked_nothing_is_left() -> None:
    for seed in range(200):
        random = Random(seed)
        operations = history(random, 10)
        version = random.randint(1, 10)
        end = states(operations)[version].length
        operations.insert(version, (*([Op(retain=end)] if end else []), Op(insert=SECRET * 5)))
        for later in range(version + 1, len(operations)):  # others edit it meanwhile
            rope = states(operations[:later])[later]
            operations[later] = following(random, rope)
        rewritten, _ = redact(operations, version + 1, (end, end + 5))
        assert SECRET in repr(operations)
        assert SECRET not in repr(rewritten)
