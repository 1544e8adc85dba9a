"""A benchmark that does not notice losses measures nothing: what a room must refuse."""

from __future__ import annotations

import msgspec
import pytest

from collab.protocols import native
from tests.bench.room import BenchFailed, Room, read_welcome


class Writer:
    """A peer whose edit `seq` is under way."""

    def __init__(self, author: str, seq: int = 1) -> None:
        self.author = author
        self.version = 0
        self.seq = seq
        self.placed_seq = seq - 1
        self.sent_at = 0.0
        self.delivered = 0


def room_with(*writers: Writer) -> Room:
    room = Room("r")
    for writer in writers:
        room.admit(writer)
        room.peers.append(writer)
    return room


def frame(*edits: tuple[int, str, int, str]) -> bytes:
    """The server's frame of edits (version, author, seq, operation)."""
    events = [
        native.EditEvent(version, author, seq, None, msgspec.Raw(operation.encode()))
        for version, author, seq, operation in edits
    ]
    return native.encode(native.Edits(events)).encode()


def welcome(version: int, contents: str) -> bytes:
    return f'{{"type":"welcome","version":{version},"author":"n","contents":"{contents}"}}'.encode()


def test_the_text_is_what_the_operations_make() -> None:
    room = room_with(Writer("a"), Writer("b"))
    run = room.read(
        frame((1, "a", 1, '[{"insert":"xyz"}]'), (2, "b", 1, '[{"retain":1},{"delete":1}]'))
    )
    assert (run.first, run.last, run.newest) == (1, 2, {"a": 1, "b": 1})
    assert room.text == "xz"
    assert room.lengths == [0, 3, 2]


def test_overlapping_frames_must_agree() -> None:
    room = room_with(Writer("a"), Writer("b"))
    room.read(frame((1, "a", 1, "[]")))
    room.read(frame((1, "a", 1, "[]"), (2, "b", 1, "[]")))
    with pytest.raises(BenchFailed, match="two edits"):
        room.read(frame((1, "b", 1, "[]")))


@pytest.mark.parametrize(
    "bad",
    [
        frame((2, "a", 1, "[]")),
        frame((1, "a", 1, "[]"), (3, "b", 1, "[]")),
        frame((1, "a", 2, "[]")),
        frame((1, "c", 1, "[]")),
        frame((1, "a", 1, "[]"), (2, "a", 1, "[]")),
        native.encode(native.ErrorReport("malformed", "no")).encode(),
    ],
    ids=["starts late", "gap", "not sent", "nobody's", "twice", "error"],
)
def test_what_nobody_sent_or_what_is_out_of_place_is_refused(bad: bytes) -> None:
    with pytest.raises(BenchFailed):
        room_with(Writer("a"), Writer("b")).read(bad)


def test_an_edit_that_never_came_is_missed() -> None:
    room = room_with(Writer("a"), Writer("b"))
    room.read(frame((1, "a", 1, "[]")))
    room.acks = 1
    assert not room.is_still
    with pytest.raises(BenchFailed, match="peers are at"):
        room.check_everyone()


def test_a_newcomer_must_be_shown_the_same() -> None:
    room = room_with(Writer("a"))
    room.read(frame((1, "a", 1, '[{"insert":"x"}]')))
    room.check_newcomer(read_welcome(welcome(1, "x")))
    with pytest.raises(BenchFailed, match="the head is"):
        room.check_newcomer(read_welcome(welcome(0, "")))
    with pytest.raises(BenchFailed, match="the text is not"):
        room.check_newcomer(read_welcome(welcome(1, "y")))
