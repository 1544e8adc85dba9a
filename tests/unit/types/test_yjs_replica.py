"""The yjs replica: a batch is one commit, gaps are refused, only committed state leaves."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pycrdt
import pytest

from collab.errors import DocumentTooLarge, InvalidOperation, UpdateGap
from collab.types import Candidate, Placement
from collab.types.yjs import YJS
from collab.types.yjs_edits import TextChange, TextEdit
from collab.types.yjs_guard import read_update
from collab.types.yjs_replica import Change, Replica, Seed, _ApplyFailed, merge


class Editor:
    """A Yjs client: its document and the updates it has made."""

    def __init__(self, state: bytes | None = None, client: int | None = None) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
        if state is not None:
            self.doc.apply_update(state)
        self.text = self.doc.get("text", type=pycrdt.Text)
        self.updates: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.updates.append(event.update))

    def type(self, text: str) -> bytes:
        self.text += text
        return self.updates[-1]


def candidate(update: bytes, *, named: bool = False, user: str | None = None) -> Candidate:
    return Candidate(YJS.parse(update), None, named, user)


def place(state: Replica, *candidates: Candidate, max_bytes: int = 1 << 20) -> Placement:
    return YJS.place(state, candidates, max_bytes=max_bytes)


def commit(state: Replica, *candidates: Candidate) -> list[Change]:
    placement = place(state, *candidates)
    assert placement.refused == {}
    YJS.settle(placement.state)
    return [change for change, _ in placement.commits]


def text(update: bytes) -> str:
    return str(Editor(update).text)


def test_a_batch_becomes_one_commit_with_everybody_in_it() -> None:
    ada, bob, state = Editor(), Editor(), YJS.empty()
    updates = [ada.type("a"), bob.type("b"), ada.type("c")]
    placement = place(state, *map(candidate, updates))
    ((change, members),) = placement.commits
    assert members == [0, 1, 2]
    assert sorted(text(change.update)) == ["a", "b", "c"]


@pytest.mark.parametrize("in_row", [False, True], ids=["one each", "one after the other"])
def test_what_is_typed_on_is_committed_as_it_was_sent(in_row: bool) -> None:
    ada, state = Editor(), YJS.empty()
    first = ada.type("a")
    bob = Editor(first)
    log = [*commit(state, candidate(first)), *commit(state, candidate(bob.type("b")))]
    typed = [ada.type("x"), ada.type("y") if in_row else bob.type("y")]
    (change,) = commit(state, *map(candidate, typed))
    log.append(change)
    assert text(merge([each.update for each in log])) == text(state.committed())
    assert sorted(text(state.committed())) == ["a", "b", "x", "y"]
    # One client's characters come to one item, as in the document.
    structs = [len(each) for _, _, each in read_update(change.update).sections]
    assert structs == ([1] if in_row else [1, 1])
    assert not state.guard.check(read_update(change.update)).gap
    assert state.guard.check(read_update(change.update)).empty


@pytest.mark.parametrize("clients", [(1, 2), (2, 1)], ids=str)
def test_one_may_type_on_from_what_another_types_in_the_same_batch(
    clients: tuple[int, int],
) -> None:
    ada, bob = (Editor(client=client) for client in clients)
    state = YJS.empty()
    first, own = ada.type("a"), bob.type("-")
    commit(state, candidate(first), candidate(own))
    ada.doc.apply_update(own)
    bob.doc.apply_update(first)
    typed = ada.type("b")
    bob.doc.apply_update(typed)
    log = [YJS.update_since(state, None)]
    (change,) = commit(state, candidate(typed), candidate(bob.type("c")))
    assert text(state.committed()) == str(bob.text)
    assert text(merge([*log, change.update])) == str(bob.text)


def test_one_that_types_is_committed_to_the_byte() -> None:
    ada, state = Editor(), YJS.empty()
    commit(state, candidate(ada.type("a")))
    typed = ada.type("b")
    assert commit(state, candidate(typed)) == [Change(typed)]


def test_what_is_not_committed_does_not_leave() -> None:
    ada, state = Editor(), YJS.empty()
    commit(state, candidate(ada.type("a")))
    placement = place(state, candidate(ada.type("b")))
    assert text(YJS.update_since(state, None)) == "a"
    assert YJS.vector(state) == pycrdt.get_state(state.committed())
    assert text(YJS.update_since(state, b"\x00")) == "a"
    YJS.settle(placement.state)
    assert text(YJS.update_since(state, None)) == "ab"


def test_an_update_that_is_known_already_makes_no_commit() -> None:
    ada, state = Editor(), YJS.empty()
    update = ada.type("a")
    commit(state, candidate(update))
    assert commit(state, candidate(update), candidate(b"\x00\x00")) == []
    assert YJS.adds_nothing(state, YJS.parse(ada.doc.get_update()))


def test_a_name_is_recorded_even_without_an_effect() -> None:
    ada, state = Editor(), YJS.empty()
    update = ada.type("a")
    commit(state, candidate(update))
    assert [change.update for change in commit(state, candidate(update, named=True))] == [
        b"\x00\x00"
    ]


def test_an_update_with_a_gap_is_refused_whole_and_alone() -> None:
    ada, bob, state = Editor(), Editor(), YJS.empty()
    first, second = ada.type("a"), ada.type("b")
    placement = place(state, candidate(second), candidate(bob.type("x")))
    assert {index: type(error) for index, error in placement.refused.items()} == {0: UpdateGap}
    YJS.settle(placement.state)
    commit(state, candidate(first))
    assert "b" not in text(state.committed())
    commit(state, candidate(second))
    assert sorted(text(state.committed())) == ["a", "b", "x"]


def test_staged_again_after_a_conflict_the_same_update_is_committed() -> None:
    ada, other, state = Editor(), Editor(), YJS.empty()
    mine = candidate(ada.type("mine"))
    before = place(state, mine).commits[0][0]
    YJS.apply(state, Change(other.type("theirs")))
    assert text(state.committed()) == "theirs"
    ((change, members),) = place(state, mine).commits
    assert (change, members) == (before, [0])
    YJS.settle(state)
    fresh = YJS.load(YJS.dump(state))
    assert sorted(text(fresh.committed())) == sorted("minetheirs")


def test_what_is_no_longer_wanted_after_a_conflict_is_taken_back() -> None:
    ada, bob, state = Editor(), Editor(), YJS.empty()
    kept, dropped = candidate(ada.type("kept")), candidate(bob.type("dropped"))
    place(state, kept, dropped)
    ((change, members),) = place(state, kept).commits
    assert (text(change.update), members) == ("kept", [0])
    YJS.settle(state)
    assert text(state.committed()) == "kept"


def test_an_update_that_breaks_pycrdt_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob, state = Editor(), Editor(), YJS.empty()
    commit(state, candidate(ada.type("before ")))
    killer, good = bob.type("killer"), ada.type("good")
    apply = Replica._apply

    def panicking(self: Replica, updates: Sequence[bytes]) -> bytes | None:
        if killer in updates:
            apply(self, updates)
            raise _ApplyFailed  # as after a panic: the update is in the replica by half
        return apply(self, updates)

    monkeypatch.setattr(Replica, "_apply", panicking)
    placement = place(state, candidate(killer), candidate(good))
    assert {index: type(error) for index, error in placement.refused.items()} == {
        0: InvalidOperation
    }
    ((change, members),) = placement.commits
    assert members == [1]
    YJS.settle(placement.state)
    assert text(state.committed()) == "before good"
    assert "killer" not in text(merge([ada.updates[0], change.update]))


def test_a_seed_has_an_effect_only_in_an_empty_document() -> None:
    one, two, state = Editor(), Editor(), YJS.empty()
    first = Candidate(Seed(YJS.parse(one.type("one"))), None, True)
    second = Candidate(Seed(YJS.parse(two.type("two"))), None, True)
    placement = place(state, first, second)
    ((change, members),) = placement.commits
    assert members == [0, 1]
    assert text(change.update) == "one"


def test_a_seed_is_judged_again_after_a_conflict() -> None:
    one, other, state = Editor(), Editor(), YJS.empty()
    seed = Candidate(Seed(YJS.parse(one.type("seed"))), None, True)
    place(state, seed)
    YJS.apply(state, Change(other.type("theirs")))
    ((change, _),) = place(state, seed).commits
    assert change.update == b"\x00\x00"
    YJS.settle(state)
    assert text(state.committed()) == "theirs"


def test_growing_past_the_bound_is_refused() -> None:
    ada, state = Editor(), YJS.empty()
    placement = place(state, candidate(ada.type("x" * 500)), max_bytes=100)
    assert type(placement.refused[0]) is DocumentTooLarge
    assert place(state).commits == ()


def test_whom_a_yjs_client_belonged_to_first_is_remembered() -> None:
    ada, state = Editor(), YJS.empty()
    commit(state, candidate(ada.type("a"), user="ada"))
    commit(state, candidate(ada.type("b"), user="mallory"))
    again = YJS.load(YJS.dump(state))
    assert again.owners == {ada.doc.client_id: "ada"}


def test_an_operation_and_a_state_come_back_from_the_store() -> None:
    ada, state = Editor(), YJS.empty()
    (change,) = commit(state, candidate(ada.type("é😀"), user="ada"))
    assert YJS.decode(YJS.encode(change)) == change
    assert text(YJS.load(YJS.dump(state)).committed()) == "é😀"


def test_half_a_surrogate_pair_is_deleted_as_a_whole_character() -> None:
    """pycrdt would lose a clock; the guard widens the deletion, and that is what is applied."""
    ada, state = Editor(), YJS.empty()
    client = ada.doc.client_id
    commit(state, candidate(ada.type("x😀y")))
    half = b"\x00\x01" + _varuint(client) + b"\x01\x01\x01"
    commit(state, candidate(half))
    assert text(state.committed()) == "xy"
    assert pycrdt.get_state(state.committed()) == state.vector()


def _varuint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


@contextmanager
def nothing_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of all pycrdt documents that are made in the block none may be left after it."""
    made: list[weakref.ref[Any]] = []

    init = pycrdt.Doc.__init__

    def noted(doc: Any, *arguments: Any, **named: Any) -> None:
        init(doc, *arguments, **named)
        made.append(weakref.ref(doc))

    with monkeypatch.context() as patched:
        patched.setattr(pycrdt.Doc, "__init__", noted)
        yield
    gc.collect()
    assert made
    assert [each() for each in made if each() is not None] == []


def test_a_replica_that_nobody_needs_any_more_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was done with it: each that stays would take what its document has, for ever."""
    ada, bob = Editor(), Editor()
    first, second, other = ada.type("a"), ada.type("b"), bob.type("b")
    with nothing_stays(monkeypatch):
        state = YJS.load(YJS.dump(YJS.empty()))
        commit(state, candidate(first), candidate(other))
        place(state, candidate(second))
        place(state, candidate(other))  # the batch is another one: the replica is made anew
        YJS.settle(state)
        YJS.render(state, "text")
        del state


def test_a_text_that_is_edited_or_not_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    state = YJS.empty()
    commit(state, candidate(Editor().type("abc")))
    still = YJS.still(state)
    with nothing_stays(monkeypatch):
        YJS.text_edit(still, TextEdit("text", (TextChange(0, 1, "x"),)), 7)
        with pytest.raises(InvalidOperation):
            YJS.text_edit(still, TextEdit("text", (TextChange(9, 1, "x"),)), 7)
