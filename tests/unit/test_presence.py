"""Presence and messages: readers follow with a cursor and get the newest, within bounds."""

from __future__ import annotations

from collab.presence import Message, MessageBoard, Presence, PresenceBoard


def present(author: str, state: object = "here") -> Presence:
    return Presence(author, None, state, 0)


def test_a_reader_gets_only_the_newest_state_of_each_author() -> None:
    board = PresenceBoard()
    board.put(present("ada", 1), "c1")
    cursor = board.stamp
    board.put(present("ada", 2), "c1")
    board.put(present("bob", 3), "c2")
    board.put(present("ada", 4), "c1")
    assert board.changes_after(cursor) == ([present("bob", 3), present("ada", 4)], False)


def test_a_departure_is_told_once() -> None:
    board = PresenceBoard()
    board.put(present("ada"), "c1")
    cursor = board.stamp
    assert board.remove("ada", "c1")
    assert board.changes_after(cursor) == ([present("ada", None)], False)
    assert board.changes_after(board.stamp) == ([], False)
    assert board.everyone() == []


def test_a_replaced_connection_does_not_take_its_successor_away() -> None:
    board = PresenceBoard()
    board.put(present("ada", 1), "old")
    board.put(present("ada", 2), "new")
    assert not board.remove("ada", "old")
    assert board.everyone() == [present("ada", 2)]


def test_whoever_missed_too_many_departures_is_told_all_there_are() -> None:
    board = PresenceBoard()
    board.put(present("ada"), "c")
    cursor = board.stamp
    for number in range(300):
        board.put(present(f"guest {number}"), "c")
        board.remove(f"guest {number}", "c")
    assert board.changes_after(cursor) == ([present("ada")], True)


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
