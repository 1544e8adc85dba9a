"""The yjs type keeps the laws of DocumentType."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from collab.errors import DocumentBroken, InvalidContent, InvalidOperation
from collab.types import Candidate, DocumentType
from collab.types.yjs import YJS
from collab.types.yjs_replica import Change, Replica, Seed
from collab.types.yjs_update import Update

MAX = 1_000_000


def update_of(text: str) -> bytes:
    doc = pycrdt.Doc[Any]()
    doc["t"] = pycrdt.Text(text)
    return doc.get_update()


def placed(state: Replica, *operations: Update | Seed) -> list[Any]:
    candidates = [Candidate(operation, None, True, "ann") for operation in operations]
    placement = YJS.place(state, candidates, max_bytes=MAX)
    assert not placement.refused
    YJS.settle(state)
    return [operation for operation, _ in placement.commits]


def text_of(state: Replica) -> str:
    return YJS.render(state, "text").decode()


def test_it_is_a_document_type() -> None:
    kind: DocumentType = YJS
    assert kind.name == "yjs"
    assert "text" in kind.formats


def test_what_is_placed_is_what_the_log_gives() -> None:
    state, follower = YJS.empty(), YJS.empty()
    for word in ("one", "two 😀"):
        for change in placed(state, YJS.parse(update_of(word))):
            assert YJS.decode(YJS.encode(change)) == change
            YJS.apply(follower, YJS.decode(YJS.encode(change)))
    loaded = YJS.load(YJS.dump(state))
    assert text_of(state) == text_of(follower) == text_of(loaded)
    assert loaded.owners == state.owners
    assert set(loaded.owners.values()) == {"ann"}


def test_a_difference_is_from_nothing_only() -> None:
    new = YJS.read_content(b"hello", "text")
    state = YJS.empty()
    YJS.apply(state, YJS.difference(YJS.empty(), new))
    assert text_of(state) == "hello"
    with pytest.raises(InvalidContent, match="edits"):
        YJS.difference(state, new)


def test_what_was_stored_and_does_not_decode_is_broken() -> None:
    for read in (YJS.decode, YJS.load):
        with pytest.raises(DocumentBroken):
            read(b"nonsense")


def test_a_seed_counts_only_where_nothing_was_written() -> None:
    state = YJS.empty()
    first = YJS.seed(b"first", "text", None, 11)
    second = YJS.seed(b"second", "text", None, 12)
    [commit] = placed(state, first, second)
    assert text_of(state) == "first"
    assert YJS.holds_seed(YJS.encode(commit), first)
    assert not YJS.holds_seed(YJS.encode(commit), second)
    assert (YJS.lacks(state, first), YJS.lacks(state, second)) == (False, True)
    [commit] = placed(state, second)
    assert commit == Change(b"\0\0")


def test_readers_may_send_what_is_here_already() -> None:
    state = YJS.empty()
    update = YJS.parse(update_of("x"))
    seed = YJS.seed(b"x", "text", None, 11)
    assert not YJS.adds_nothing(state, update)
    assert not YJS.adds_nothing(state, seed)
    placed(state, update)
    assert YJS.adds_nothing(state, update)
    assert YJS.weight(seed) == YJS.weight(update) == 1


def test_what_is_shown_stays_while_the_document_goes_on() -> None:
    state = YJS.empty()
    placed(state, YJS.parse(update_of("before")))
    still = YJS.still(state)
    ahead = [Candidate(YJS.parse(update_of("staged ")), None, True)]
    YJS.place(state, ahead, max_bytes=MAX)
    assert YJS.render(still, "text") == YJS.render(state, "text") == b"before"
    YJS.settle(state)
    assert YJS.render(still, "text") == b"before"
    assert len(text_of(state)) == len("before") + len("staged ")


def test_a_client_that_has_written_here_is_not_chosen_again() -> None:
    state = YJS.empty()
    client = YJS.new_client(state)
    assert 0 <= client < 2**32
    assert state.guard.clock(client) == 0


def test_only_what_a_vector_lacks_is_sent() -> None:
    state = YJS.empty()
    placed(state, YJS.parse(update_of("x" * 500)))
    still = YJS.still(state)
    assert YJS.missing(still, YJS.vector_of(still)) == b"\0\0"
    assert len(YJS.missing(still, b"\0")) > 500
    with pytest.raises(InvalidOperation):
        YJS.missing(still, bytes.fromhex("808080800f"))
