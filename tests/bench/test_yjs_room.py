"""The generator's updates are Yjs, and a room refuses what would hide a loss."""

from __future__ import annotations

from array import array

import pycrdt
import pytest

from tests.bench.room import BenchFailed
from tests.bench.yjs_room import START, Place, YjsRoom
from tests.bench.yjs_wire import (
    EMPTY_UPDATE,
    NotOurs,
    Writer,
    read_ranges,
    read_vector,
    typed_backwards,
)

ADA, GRACE = 3_000_000_000, 7


class Typist:
    """Somebody who has sent so many edits."""

    def __init__(self, client: int, sent: int) -> None:
        self.client = client
        self.place = START
        self.sent_at = array("d", [0.0] * sent)
        self.writer = Writer(client)

    def updates(self, first: int, end: int) -> list[bytes]:
        return [self.writer.update(clock) for clock in range(first, end)]


def replica_of(updates: list[bytes]) -> tuple[str, bytes, bytes]:
    """What pycrdt makes of the updates: the text, its state vector and its state."""
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    text = doc.get("text", type=pycrdt.Text)
    for update in updates:
        doc.apply_update(update)
    return str(text), doc.get_state(), doc.get_update()


def room_with(*typists: Typist) -> YjsRoom:
    room = YjsRoom("r")
    for typist in typists:
        room.admit(typist)
    return room


def test_one_character_updates_are_what_yjs_takes() -> None:
    ada, grace = Typist(ADA, 300), Typist(GRACE, 2)
    updates = ada.updates(0, 300) + grace.updates(0, 2)
    text, vector, state = replica_of(updates)
    assert text == "x" * 302
    assert read_vector(vector) == {ADA: 300, GRACE: 2}
    assert sorted(read_ranges(state)) == [(GRACE, 0, 2), (ADA, 0, 300)]
    assert all(len(update) <= 30 for update in updates)


def test_words_that_are_typed_backwards_stay_items() -> None:
    first, newest = typed_backwards(ADA, 0, [b"c", b"bb"], None)
    second, newest = typed_backwards(ADA, 3, [b"aaa", b"z" * 200], newest)
    assert newest == 6
    text, _, state = replica_of([first, second])
    assert text == "z" * 200 + "aaabbc"
    assert read_ranges(state) == [(ADA, 0, 206)]
    assert state[1] == 4  # structs


def test_runs_lead_from_place_to_place_however_they_are_merged() -> None:
    ada, grace = Typist(ADA, 3), Typist(GRACE, 1)
    room = room_with(ada, grace)
    early = room.read(pycrdt.merge_updates(*ada.updates(0, 2)), START).after
    both = pycrdt.merge_updates(*ada.updates(2, 3), *grace.updates(0, 1))
    late = room.read(both, early).after
    assert (early.edits, late.edits, late.clocks) == (2, 4, {ADA: 3, GRACE: 1})
    assert room.read(pycrdt.merge_updates(*ada.updates(0, 3)), START).after.edits == 3
    ada.place = grace.place = late
    room.acks = 4
    assert room.is_still
    room.check_everyone()


def test_a_gap_a_repetition_and_what_nobody_sent_are_refused() -> None:
    ada = Typist(ADA, 3)
    room = room_with(ada)
    once = room.read(ada.writer.update(0), START).after
    for update in (ada.writer.update(2), ada.writer.update(0), Typist(GRACE, 1).writer.update(0)):
        with pytest.raises(BenchFailed):
            room.read(update, once)
    with pytest.raises(BenchFailed, match="nobody sent"):
        room.read(pycrdt.merge_updates(*ada.updates(1, 4)), once)


def test_two_orders_are_noticed() -> None:
    ada, grace = Typist(ADA, 1), Typist(GRACE, 1)
    room = room_with(ada, grace)
    room.read(ada.writer.update(0), START)
    with pytest.raises(BenchFailed, match="not the same for everyone"):
        room.read(grace.writer.update(0), START)


def test_an_edit_that_never_came_is_missed() -> None:
    ada, grace = Typist(ADA, 2), Typist(GRACE, 0)
    room = room_with(ada, grace)
    ada.place = grace.place = room.read(ada.writer.update(0), START).after
    room.acks = 1
    assert not room.is_still
    with pytest.raises(BenchFailed, match="2 sent, 1 acknowledged"):
        room.check_everyone()


def test_a_newcomer_and_the_server_must_have_everything() -> None:
    room = room_with(Typist(ADA, 2))
    vector = replica_of(Typist(ADA, 2).updates(0, 2))[1]
    room.check_newcomer(vector, Place({ADA: 2}))
    with pytest.raises(BenchFailed, match="newcomer"):
        room.check_newcomer(vector, Place({ADA: 1}))
    with pytest.raises(BenchFailed, match="state vector"):
        room.check_newcomer(b"\0", Place({ADA: 2}))


def test_deletions_and_cut_updates_are_not_ours() -> None:
    assert read_ranges(EMPTY_UPDATE) == []
    for update in (bytes.fromhex("00010a010102"), Writer(ADA).update(5)[:-3]):
        with pytest.raises(NotOurs):
            read_ranges(update)
