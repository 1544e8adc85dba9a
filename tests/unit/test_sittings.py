"""Where one sitting ends and the next begins, and who did how much in it."""

from __future__ import annotations

from collab.sittings import MAX_PEOPLE, Part, Sittings
from collab.types.counting import Count
from collab.words import Commit, Credit

MINUTE = 60_000


def commit(version: int, minutes: float, *users: str | None) -> Commit:
    credits = tuple(Credit(f"author of {user}", 1, user, b"") for user in users)
    return Commit(version, int(minutes * MINUTE), credits, b"")


def short(part: Part) -> tuple[int, int, int, int, int]:
    return part.first, part.last, part.edits, part.inserted, part.deleted


def test_a_longer_pause_ends_a_sitting() -> None:
    sittings = Sittings(15 * MINUTE)
    for version, minutes in enumerate((0, 1, 16, 31.1, 40), 1):
        sittings.take(commit(version, minutes, "ann"), Count(2, 1))
    assert [short(each) for each in sittings.found] == [(1, 3, 3, 6, 3), (4, 5, 2, 4, 2)]
    assert [(each.began, each.ended) for each in sittings.found] == [
        (0, 16 * MINUTE),
        (int(31.1 * MINUTE), 40 * MINUTE),
    ]


def test_a_clock_that_goes_back_ends_nothing() -> None:
    sittings = Sittings(MINUTE)
    for version, minutes in enumerate((5, 3, 5.5), 1):
        sittings.take(commit(version, minutes, "ann"), Count(1, 0))
    assert [short(each) for each in sittings.found] == [(1, 3, 3, 3, 0)]


def test_everybody_s_part_of_a_sitting_is_told() -> None:
    sittings = Sittings(MINUTE)
    for version, user in enumerate(("ann", "bob", None, "ann"), 1):
        sittings.take(commit(version, 0, user), Count(version, 1))
    [sitting] = sittings.found
    assert [(each.user, each.author, *short(each)) for each in sitting.parts.values()] == [
        ("ann", None, 1, 4, 2, 5, 2),
        ("bob", None, 2, 2, 1, 2, 1),
        (None, "author of None", 3, 3, 1, 3, 1),
    ]


def test_of_a_shared_commit_each_has_what_their_clients_wrote() -> None:
    sittings = Sittings(MINUTE)
    count = Count(6, 4, {1: 3, 2: 2, 3: 1}, {1: "ann", 2: "bob"})
    sittings.take(commit(1, 0, "ann", "bob", "bob"), count)
    [sitting] = sittings.found
    assert short(sitting) == (1, 1, 3, 6, 4)
    parts = [(each.user, *short(each)) for each in sitting.parts.values()]
    assert parts == [("ann", 1, 1, 1, 3, 0), ("bob", 1, 1, 2, 2, 0)]


def test_of_one_user_the_edits_of_others_are_no_part() -> None:
    sittings = Sittings(MINUTE, "ann")
    for version, (minutes, users) in enumerate(
        ((0, ["bob"]), (0, ["ann"]), (0.9, ["bob"]), (1.5, ["ann", "bob"])), 1
    ):
        count = Count(3, 1, {1: 2, 2: 1}, {1: "ann", 2: "bob"})
        sittings.take(commit(version, minutes, *users), count)
    assert [short(each) for each in sittings.found] == [(2, 2, 1, 3, 1), (4, 4, 1, 2, 0)]


def test_of_a_crowd_only_so_many_are_told_apart() -> None:
    sittings = Sittings(MINUTE)
    for version in range(1, MAX_PEOPLE + 6):
        sittings.take(commit(version, 0, f"user {version}"), Count(1, 0))
    [sitting] = sittings.found
    assert len(sitting.parts) == MAX_PEOPLE + 1
    others = sitting.parts[None, None]
    assert (others.edits, others.inserted) == (5, 5)
