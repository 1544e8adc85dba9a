"""What fits a replica: gaps of each kind, what is empty, depth across updates, whole characters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from collab.errors import DocumentBroken, InvalidOperation
from collab.types.yjs_guard import Checked, Guard, read_update
from tests.fuzz.yjs_updates import (
    EMPTY,
    NULL,
    anything,
    collected,
    item,
    number,
    shared,
    skipped,
    string,
    text,
    update,
)

HELLO = update((5, 0, [text("hello")]))


def holding(*updates: bytes) -> Guard:
    guard = Guard()
    for raw in updates:
        guard.adopt(check(guard, raw))
    return guard


def check(guard: Guard, raw: bytes) -> Checked:
    return guard.check(read_update(raw))


def refused(guard: Guard, raw: bytes) -> str:
    with pytest.raises(InvalidOperation) as refusal:
        check(guard, raw)
    return str(refusal.value)


# Gaps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(update((5, 6, [text("!", origin=(5, 4))])), id="a clock"),
        pytest.param(update((6, 1, [collected(1)])), id="the clock of an unknown client"),
        pytest.param(update((5, 5, [skipped(1), collected(1)])), id="a clock, by a skip"),
        pytest.param(update((6, 0, [text("!", origin=(5, 5))])), id="an origin"),
        pytest.param(update((6, 0, [text("!", right=(7, 0))])), id="a right origin"),
        pytest.param(update((6, 0, [text("!", parent=(5, 5))])), id="a parent"),
        pytest.param(update(deletes={5: [(0, 1), (4, 2)]}), id="a delete range"),
        pytest.param(update(deletes={7: [(0, 1)]}), id="a delete range of an unknown client"),
        pytest.param(
            update((6, 0, [text("!", origin=(7, 0))]), (7, 0, [text("?", origin=(6, 0))])),
            id="two that wait for each other",
        ),
        pytest.param(
            update((6, 0, [text("!")]), deletes={6: [(0, 2)]}), id="a delete range of its own item"
        ),
        pytest.param(update((5, 0, [text("hello", origin=(9, 9))])), id="an origin of a held item"),
    ],
)
def test_a_gap_is_found(raw: bytes) -> None:
    guard = holding(HELLO)
    checked = check(guard, raw)
    assert (checked.gap, checked.empty) == (True, False)
    with pytest.raises(ValueError, match="gap"):
        guard.adopt(checked)
    assert check(guard, HELLO).empty


def test_what_is_held_or_comes_along_is_no_gap() -> None:
    guard = holding(HELLO)
    for raw in (
        update((5, 5, [text("!", origin=(5, 4))])),
        update((5, 3, [skipped(2), text("!", origin=(5, 4))])),
        update((6, 0, [text("!", origin=(5, 4), right=(5, 3))])),
        update((6, 0, [text("!"), text("!", right=(6, 0))]), deletes={6: [(0, 2)], 5: [(4, 1)]}),
        # Sections in any order, and each waiting for another in turn.
        update(
            (9, 0, [text("a", origin=(8, 0)), text("b", origin=(8, 1))]),
            (8, 0, [text("c", origin=(7, 0)), text("d", origin=(9, 0))]),
            (7, 0, [text("e")]),
        ),
    ):
        assert not check(guard, raw).gap


def test_a_long_chain_of_clients_takes_linear_time() -> None:
    count = 20_000
    sections = [(client, 0, [text("a", origin=(client - 1, 0))]) for client in range(count, 1, -1)]
    assert not check(Guard(), update(*sections, (1, 0, [text("a")]))).gap


def test_an_item_does_not_refer_to_what_comes_after_it() -> None:
    guard = holding(HELLO)
    assert "after it" in refused(guard, update((5, 5, [text("!", origin=(5, 5))])))
    assert "after it" in refused(guard, update((6, 0, [text("!", right=(6, 1)), text("!")])))
    assert "after it" in refused(guard, update((6, 0, [text("!", parent=(6, 0))])))


# Empty --------------------------------------------------------------------------------------------


def test_an_empty_update_is_empty() -> None:
    assert check(Guard(), EMPTY).empty


def test_a_sync_step_2_in_sync_is_empty_with_all_its_deletions() -> None:
    guard = holding(HELLO, update(deletes={5: [(1, 2)]}))
    assert check(guard, update(deletes={5: [(1, 2)]})).empty
    assert check(guard, update((5, 0, [text("hello")]), deletes={5: [(2, 1)]})).empty
    assert check(guard, update((5, 3, [text("lo", origin=(5, 2))]))).empty
    assert not check(guard, update(deletes={5: [(1, 3)]})).empty
    assert not check(guard, update((5, 3, [text("lo!", origin=(5, 2))]))).empty


def test_what_a_replica_deletes_by_itself_is_learned_from_the_effective_update() -> None:
    server: Doc[Map[object]] = Doc()
    events: list[bytes] = []
    subscription = server.observe(lambda event: events.append(event.update))
    guard = Guard()
    for client in (1, 2):
        writer: Doc[Map[object]] = Doc(client_id=client)
        writer.get("m", type=Map)["key"] = client
        guard.adopt(check(guard, writer.get_update()))
        events.clear()
        server.apply_update(writer.get_update())
        guard.applied(events[0])
    server.unobserve(subscription)
    # The value that lost is deleted, though neither client ever said so.
    assert check(guard, server.get_update()).empty
    assert guard.is_deleted(1, 0, 1) != guard.is_deleted(2, 0, 1)


# Batches ------------------------------------------------------------------------------------------


def test_a_batch_builds_on_itself() -> None:
    guard = holding(HELLO)
    batch = [
        update((6, 0, [shared(1, origin=(5, 4))])),
        update((6, 1, [anything(NULL, parent=(6, 0), key="k")])),
        update((6, 2, [anything(NULL, origin=(6, 1))]), deletes={6: [(1, 1)]}),
    ]
    assert check(guard, batch[1]).gap
    for raw in batch:
        checked = check(guard, raw)
        assert not checked.gap
        assert not checked.empty
        guard.adopt(checked)
        assert check(guard, raw).empty
    guard.applied(None)
    assert all(check(guard, raw).empty for raw in batch)
    assert guard.clock(6) == 3


def test_a_judgement_is_void_once_something_else_is_held() -> None:
    guard = holding(HELLO)
    late = check(guard, update((6, 0, [text("b")])))
    guard.adopt(check(guard, update((6, 0, [text("c")]))))
    with pytest.raises(ValueError, match="another state"):
        guard.adopt(late)


def test_what_is_added_is_told_by_client() -> None:
    guard = holding(HELLO)
    raw = update((6, 0, [text("a")]), (5, 0, [text("hello")]))
    assert check(guard, raw).added == {6: 1}


# Depth --------------------------------------------------------------------------------------------


def nest(guard: Guard, count: int) -> None:
    """Nest maps in maps, each in an update of its own."""
    depth = guard.clock(5)
    for clock in range(depth, depth + count):
        parent: Any = (5, clock - 1) if clock else "root"
        guard.adopt(check(guard, update((5, clock, [shared(1, parent=parent, key="k")]))))


def test_shared_types_nest_256_deep_across_updates() -> None:
    guard = Guard()
    nest(guard, 256)
    check(guard, update((5, 256, [anything(NULL, parent=(5, 255), key="k")])))
    for kind in (0, 1, 2, 4, 6):
        deeper = update((5, 256, [shared(kind, parent=(5, 255))]))
        assert "too deep" in refused(guard, deeper)


@pytest.mark.parametrize("count", [50_000, 100_000])
def test_maps_nested_by_the_thousands_in_small_updates_and_then_deleted(count: int) -> None:
    guard = Guard()
    document: Doc[Map[Any]] = Doc()
    refusals = gaps = 0
    for clock in range(count):
        parent: Any = (5, clock - 1) if clock else "root"
        raw = update((5, clock, [shared(1, parent=parent, key="k")]))
        try:
            checked = check(guard, raw)
        except InvalidOperation:
            refusals += 1
        else:
            if checked.gap:
                gaps += 1
                continue
            guard.adopt(checked)
            document.apply_update(raw)
    assert (guard.clock(5), refusals, gaps) == (256, 1, count - 257)
    deletion = update(deletes={5: [(0, 1)]})
    assert len(deletion) == 6
    assert not check(guard, deletion).gap
    document.apply_update(deletion)
    assert document.get("root", type=Map).to_py() == {}


def test_depth_is_known_again_after_a_load() -> None:
    document: Doc[Map[Any]] = Doc(client_id=5)
    outer: Map[Any] = document.get("root", type=Map)
    for _ in range(256):
        outer["k"] = Map()
        outer = outer["k"]
    guard = Guard.of(read_update(document.get_update()))
    assert "too deep" in refused(guard, update((5, 256, [shared(0, parent=(5, 255), key="k")])))
    outer["k"] = Map()
    with pytest.raises(DocumentBroken, match="too deep"):
        Guard.of(read_update(document.get_update()))


def test_depth_follows_the_neighbours_where_no_parent_is_written() -> None:
    guard = Guard()
    nest(guard, 255)
    guard.adopt(check(guard, update((5, 255, [anything(NULL, NULL, parent=(5, 254))]))))
    guard.adopt(check(guard, update((6, 0, [shared(0, origin=(5, 255))]))))
    assert "too deep" in refused(guard, update((6, 1, [shared(0, parent=(6, 0))])))
    guard.adopt(check(guard, update((6, 1, [anything(NULL, parent=(6, 0))]))))
    assert "too deep" in refused(guard, update((6, 2, [shared(0, origin=(6, 1))])))
    # Beside what was collected there is no depth: it is collected too.
    guard.adopt(check(guard, update((7, 0, [collected(3)]))))
    guard.adopt(check(guard, update((7, 3, [shared(0, origin=(7, 2)), text("a", parent=(7, 1))]))))


# What does not fit --------------------------------------------------------------------------------


def test_only_a_shared_type_is_a_parent() -> None:
    guard = holding(HELLO, update((6, 0, [shared(1), item(1, number(2))])))
    assert "not a shared type" in refused(guard, update((7, 0, [text("a", parent=(5, 0))])))
    # A type that is deleted cannot be told from other deleted items: what is in it is deleted too.
    assert not check(guard, update((7, 0, [text("a", parent=(6, 2))]))).gap


def test_neighbours_belong_to_one_type() -> None:
    guard = holding(HELLO, update((6, 0, [text("b", parent="other")])))
    raw = update((7, 0, [item(4, string("a"), origin=(5, 0), right=(6, 0))]))
    assert "different types" in refused(guard, raw)


def test_an_item_that_is_held_in_part_goes_on_where_it_began() -> None:
    guard = holding(HELLO)
    assert "continues" in refused(guard, update((5, 0, [text("hello!", parent="other")])))
    assert not check(guard, update((5, 0, [text("hello!")]))).gap


def test_a_key_has_one_value() -> None:
    """Of several that came as one item pycrdt kept one when their map was deleted, and so a
    pointer to freed memory."""
    guard = holding(update((5, 0, [shared(1)])))
    several = anything(NULL, NULL, parent=(5, 0), key="k")
    assert "several" in refused(guard, update((5, 1, [several])))
    # What replaced each other may be merged once all of it is deleted.
    assert not check(guard, update((5, 1, [several]), deletes={5: [(1, 2)]})).gap
    value = anything(NULL, parent=(5, 0), key="k")
    beside = item(8, number(1) + NULL, origin=(5, 1), right=(5, 1))
    assert "neighbour" in refused(guard, update((5, 1, [value, beside])))


def test_a_state_with_a_gap_is_broken() -> None:
    with pytest.raises(DocumentBroken, match="gap"):
        Guard.of(read_update(update((5, 1, [text("a")]))))


# Whole characters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "whole"),
    [
        ([(1, 1)], [(1, 2)]),
        ([(2, 1)], [(1, 2)]),
        ([(0, 2)], [(0, 3)]),
        ([(2, 2)], [(1, 3)]),
        ([(1, 2)], [(1, 2)]),
        ([(0, 1), (3, 1)], [(0, 1), (3, 1)]),
    ],
)
def test_half_of_a_character_takes_the_other_half_with_it(
    sent: list[tuple[int, int]], whole: list[tuple[int, int]]
) -> None:
    """pycrdt loses a unit of what follows, and with it the clocks of all that is loaded later."""
    held = update((5, 0, [text("x😀y")]))
    guard = holding(held)
    checked = check(guard, update(deletes={5: sent}))
    assert checked.update.raw == update(deletes={5: whole})
    document: Doc[Text] = Doc()
    document.apply_update(held)
    document.apply_update(checked.update.raw)
    again: Doc[Text] = Doc()
    again.apply_update(document.get_update())
    assert again.get_state() == document.get_state()
    guard.adopt(checked)
    assert check(guard, update(deletes={5: sent})).empty


def test_nothing_stands_inside_a_character() -> None:
    guard = holding(update((5, 0, [text("x😀y")])))
    for raw in (
        update((6, 0, [text("!", origin=(5, 1))])),
        update((6, 0, [text("!", right=(5, 2))])),
        update((6, 0, [text("!", origin=(5, 1), right=(5, 2))])),
    ):
        assert "inside a character" in refused(guard, raw)
    for raw in (
        update((6, 0, [text("!", origin=(5, 0), right=(5, 1))])),
        update((6, 0, [text("!", origin=(5, 2), right=(5, 3))])),
    ):
        assert not check(guard, raw).gap


def test_half_of_a_character_is_never_held_alone() -> None:
    guard = holding(update((5, 0, [text("x")])))
    assert not check(guard, update((5, 0, [text("x😀")]))).gap
    assert "half" in refused(guard, update((5, 0, [text("😀")])))


# Roots --------------------------------------------------------------------------------------------


def test_roots_are_known_by_what_is_in_them() -> None:
    document: Doc[Any] = Doc()
    document.get("text", type=Text).insert(0, "a")
    document.get("array", type=Array).extend([1, Map()])
    document.get("map", type=Map)["k"] = Text("inner")
    document.get("xml", type=XmlFragment).children.append(XmlElement("p"))
    raw = document.get_update()
    expected = {"text": "text", "array": "array", "map": "map", "xml": "xml"}
    assert Guard.of(read_update(raw)).roots() == expected
    guard = Guard()
    guard.adopt(check(guard, raw))
    assert guard.roots() == expected


def test_a_root_is_known_by_what_replaced_its_first_item() -> None:
    guard = holding(update((5, 0, [item(1, number(3))])))
    assert guard.roots() == {"root": None}
    guard.adopt(check(guard, update((6, 0, [text("a", origin=(5, 2))]))))
    assert guard.roots() == {"root": "text"}


def test_values_under_a_key_are_told_from_items_though_only_the_first_says_so() -> None:
    guard = holding(update((5, 0, [anything(NULL, key="k")])))
    guard.adopt(check(guard, update((5, 1, [anything(NULL, origin=(5, 0))]))))
    assert guard.roots() == {"root": "map"}


def test_typing_keeps_one_note_for_a_client() -> None:
    guard = holding(update((5, 0, [text("a")])))
    for clock in range(1, 1000):
        guard.adopt(check(guard, update((5, clock, [text("a", origin=(5, clock - 1))]))))
    [runs] = guard._held._runs.values()
    assert len(runs.starts) == 1
    assert all(left < right for left, right in pairwise([*runs.starts, 1000]))
