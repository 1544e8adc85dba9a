"""The guard against pycrdt: honest documents pass, and do what the guard foresaw; and its sets of
clocks against plain ones."""

from __future__ import annotations

import os
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collab.errors import InvalidOperation
from collab.types import yjs_update
from collab.types.yjs_guard import Guard, read_update
from collab.types.yjs_known import Ranges, Runs
from tests.fuzz.yjs_documents import deliveries, typing
from tests.fuzz.yjs_replicas import Replica

DOCUMENTS = int(os.environ.get("COLLAB_TEST_YJS_DOCUMENTS", "300"))


def test_honest_documents_pass_and_do_what_was_foreseen() -> None:
    found = {"gap": 0, "empty": 0, "news": 0}
    for seed in range(DOCUMENTS):
        replica = Replica()
        for raw in deliveries(Random(seed)):
            checked = replica.offer(raw)
            found["gap" if checked.gap else "empty" if checked.empty else "news"] += 1
    assert min(found.values()) > DOCUMENTS


def test_a_guard_that_was_loaded_judges_like_one_that_saw_it_all() -> None:
    for seed in range(DOCUMENTS // 3):
        replica = Replica()
        for raw in deliveries(Random(seed)):
            loaded = Guard.of(read_update(replica.document.get_update()))
            seen = replica.guard.check(read_update(raw))
            again = loaded.check(read_update(raw))
            assert (seen.gap, seen.empty) == (again.gap, again.empty)
            replica.offer(raw)


def test_typing_on_is_judged_and_held_as_by_a_whole_walk() -> None:
    extended = others = 0
    for seed in range(DOCUMENTS // 3):
        quick, thorough = Guard(), Guard()
        for raw in typing(Random(seed)):
            update = read_update(raw)
            checked = thorough.check(update)
            if not checked.gap:
                thorough.adopt(checked)
            if quick.extend(update):
                assert quick.only_extended
                extended += 1
                assert not checked.gap and not checked.empty and checked.update is update
            else:
                others += 1
                again = quick.check(update)
                if not again.gap:
                    quick.adopt(again)
                    assert not quick.only_extended
            quick.applied(None)
            thorough.applied(None)
            assert facts(quick) == facts(thorough)
    assert min(extended, others) > DOCUMENTS


def facts(guard: Guard) -> object:
    held = guard._held
    runs = {client: (list(each.starts), list(each.codes)) for client, each in held._runs.items()}
    return (
        held.clocks,
        runs,
        held.tells,
        held._roots,
        {c: list(r) for c, r in held._deletes.items()},
    )


def test_an_update_that_types_on_reads_as_by_the_whole_reader() -> None:
    read = 0
    for seed in range(DOCUMENTS // 3):
        random = Random(seed)
        for raw in typing(random):
            for _ in range(4):
                update = yjs_update._read_typing(raw)
                if update is not None:
                    read += 1
                    sections, deletes_at = yjs_update._read_sections(raw)
                    deletes, end = yjs_update._read_deletes(raw, deletes_at)
                    assert (update.sections, update.deletes) == (sections, deletes)
                    assert (update.deletes_at, end) == (deletes_at, len(raw))
                at = random.randrange(len(raw))
                raw = raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
                if not reads(raw):
                    break
    assert read > DOCUMENTS


def reads(raw: bytes) -> bool:
    try:
        read_update(raw)
    except InvalidOperation:
        return False
    return True


ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair))),
    max_size=12,
)


@given(st.lists(ranges, max_size=6), st.integers(0, 70), st.integers(0, 9))
def test_ranges_are_a_set_of_clocks(
    batches: list[list[tuple[int, int]]], start: int, n: int
) -> None:
    held = Ranges()
    model: set[int] = set()
    for batch in batches:
        held.add(batch)
        model.update(clock for low, high in batch for clock in range(low, high))
    listed = list(held)
    assert {clock for low, high in listed for clock in range(low, high)} == model
    assert all(high < low for (_, high), (low, _) in pairwise(listed))
    missing = held.missing(start, start + n)
    assert [clock for low, high in missing for clock in range(low, high)] == [
        clock for clock in range(start, start + n) if clock not in model
    ]


@given(st.lists(st.integers(0, 3), min_size=1), st.lists(st.integers(0, 3), min_size=1))
def test_runs_are_a_number_for_each_clock(first: list[int], second: list[int]) -> None:
    def runs(numbers: list[int], start: int) -> Runs:
        made = Runs(start, numbers[0])
        for clock, number in enumerate(numbers, start):
            made.append(clock, number)
        return made

    whole = runs(first, 5)
    whole.extend(runs(second, 5 + len(first)))
    numbers = first + second
    assert [whole.at(5 + index) for index in range(len(numbers))] == numbers
    changes = sum(a != b for a, b in pairwise(numbers))
    assert len(whole.starts) == 1 + changes
