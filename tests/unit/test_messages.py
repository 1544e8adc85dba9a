"""Messages: readers follow with a cursor and get those that are still kept."""

from __future__ import annotations

from collab.messages import Message, MessageBoard


def message(body: str, size: int = 10) -> Message:
    return Message("ada", None, body, size)


def test_messages_come_in_order_and_once() -> None:
    board = MessageBoard()
    board.post(message("1"))
    cursor = board.count
    board.post(message("2"))
    board.post(message("3"))
    assert [each.body for each in board.after(cursor)] == ["2", "3"]
    assert board.after(board.count) == []


def test_a_reader_that_falls_behind_misses_the_oldest_messages() -> None:
    board = MessageBoard(max_messages=2, max_bytes=100)
    for body in "123":
        board.post(message(body))
    assert [each.body for each in board.after(0)] == ["2", "3"]
    board.post(message("big", size=1000))
    assert [each.body for each in board.after(0)] == ["big"]
