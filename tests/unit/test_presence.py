"""Presence: readers follow with a cursor and get the newest, within bounds, of the newest claim."""

from __future__ import annotations

from collab.presence import Presence, PresenceBoard, Shown


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


# Several nodes ------------------------------------------------------------------------------------


def heard(author: str, claim: int, change: int, state: object = "there", version: int = 0) -> Shown:
    return Shown(Presence(author, None, state, version, clocked=True), claim, change)


def test_the_newest_claim_wins_whichever_is_heard_first() -> None:
    for order in (1, -1):
        board = PresenceBoard()
        for claim, node in [(5, "two"), (9, "three")][::order]:
            board.hear(heard("ada", claim, claim), node)
        assert board.owner("ada") == "three"


def test_a_claim_made_here_is_above_all_that_were_heard_of() -> None:
    board = PresenceBoard()
    board.hear(heard("ada", 50, 70), "two")
    assert board.put(present("ada", "here"), "c")
    assert not board.hear(heard("ada", 50, 70), "two")
    assert not board.hear(heard("ada", 50, 71), "two"), "a change under the older claim"
    assert board.owner("ada") == "c"


def test_an_owner_that_lost_its_author_neither_changes_nor_takes_it_away() -> None:
    board = PresenceBoard()
    board.put(present("ada", "before"), "c")
    board.hear(heard("ada", 50, 50), "two")
    assert not board.put(present("ada", "late"), "c")
    assert not board.remove("ada", "c")
    assert board.owner("ada") == "two"
    assert board.put(present("ada", "back"), "c"), "it let go of it before"


def test_what_an_owner_showed_since_it_lost_its_author_is_shown_when_that_is_free_again() -> None:
    board = PresenceBoard()
    board.put(present("ada", "before"), "c")
    board.put(present("bob", "before"), "d")
    board.hear(heard("ada", 50, 50), "two")
    board.hear(heard("bob", 50, 50), "two")
    board.put(present("ada", "since"), "c")
    assert board.owner("ada") == "two"
    board.hear(heard("ada", 50, 51, state=None), "two")
    assert (board.owner("ada"), board.shown("ada")) == ("c", present("ada", "since"))
    board.forget("two")
    assert (board.owner("bob"), board.shown("bob")) == ("d", present("bob", "before"))


def test_a_departure_elsewhere_does_not_take_away_who_is_here() -> None:
    board = PresenceBoard()
    board.put(present("ada"), "c")
    assert board.hear(heard("ada", 50, 51, state=None), "two")
    assert board.owner("ada") == "c"
    assert board.own()[0].claim > 50, "so that all believe it who heard of the departure"


def test_a_departure_is_believed_while_older_news_may_be_under_way() -> None:
    now = 1000
    board = PresenceBoard(lambda: now)
    board.hear(heard("ada", 900, 901, state=None), "two")
    assert not board.hear(heard("ada", 800, 800), "three")
    now = 7000
    assert board.hear(heard("ada", 800, 800), "three")
    assert board.owner("ada") == "three"


def test_a_clock_heard_is_raised_above_what_readers_here_have_seen() -> None:
    board = PresenceBoard()
    board.hear(heard("7", 5, 5, version=9), "two")
    board.hear(heard("7", 6, 6, version=3), "three")
    assert board.last_version("7") == 10
    board.hear(heard("7", 6, 7, version=20), "three")
    assert board.last_version("7") == 20


def test_what_a_node_that_went_away_shows_is_back_when_it_is_heard_again() -> None:
    board = PresenceBoard()
    board.hear(heard("7", 5, 5, version=9), "two")
    assert board.forget("two")
    assert (board.everyone(), board.last_version("7")) == ([], 10)
    assert not board.forget("two")
    assert board.hear(heard("7", 5, 5, version=9), "two again")
    assert board.last_version("7") == 11


def test_only_what_owners_of_this_node_show_is_told_to_others() -> None:
    board = PresenceBoard()
    board.put(present("ada"), "c")
    board.hear(heard("bob", 5, 5), "two")
    board.put(present("eve"), "c")
    board.remove("eve", "c")
    assert [each.presence for each in board.own()] == [present("ada")]
    assert [each.presence.author for each in board.own_changes_after(0)] == ["ada", "eve"]
    assert board.own_changes_after(board.stamp) == []


def test_only_clocks_of_owners_here_are_renewed() -> None:
    board = PresenceBoard()
    board.put(present("native"), "c")
    board.put(Presence("7", None, "here", 4, clocked=True), "c")
    board.hear(heard("8", 5, 5, version=9), "two")
    assert board.renew(10.0) == 0
    versions = {author: board.last_version(author) for author in ("native", "7", "8")}
    assert versions == {"native": 0, "7": 5, "8": 9}
    assert board.renewals == 1, "the other nodes are asked for theirs"
    assert board.renew(10.1) > 0
