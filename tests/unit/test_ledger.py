"""Who made which version: of one person, of several, of several clients."""

from __future__ import annotations

from collab.ledger import Attribution, Ledger
from collab.words import Commit, Credit


def commit(version: int, *people: tuple[str, str | None]) -> Commit:
    credits = tuple(Credit(author, 1, user, b"") for author, user in people)
    return Commit(version, version * 1000, credits, b"")


def test_a_version_is_its_author_s() -> None:
    ledger = Ledger(5)
    ledger.note(commit(6, ("a", "ann")))
    ledger.note(commit(7, ("b", None)))
    assert (ledger.since, ledger.version) == (5, 7)
    assert ledger.attribution(6) == Attribution(6, "a", "ann", 6000)
    assert ledger.attribution(7) == Attribution(7, "b", None, 7000)


def test_several_edits_of_one_person_are_that_person_s() -> None:
    ledger = Ledger(0)
    ledger.note(commit(1, ("a", "ann"), ("a", "ann")))
    assert ledger.attribution(1, 9) == Attribution(1, "a", "ann", 1000)


def test_of_a_version_of_several_people_the_client_tells_whose_a_part_is() -> None:
    ledger = Ledger(0)
    ledger.note(commit(1, ("a", "ann"), ("b", "bob")))
    owners = {1: "ann", 2: "bob", 3: "eve"}
    assert ledger.attribution(1, 1, owners) == Attribution(1, "a", "ann", 1000)
    assert ledger.attribution(1, 2, owners) == Attribution(1, "b", "bob", 1000)
    # Brought by one of them, but not by which.
    assert ledger.attribution(1, 3, owners) == Attribution(1, None, "eve", 1000)
    assert ledger.attribution(1, 4, owners) == Attribution(1, None, None, 1000)


def test_two_windows_of_one_user_are_not_told_apart() -> None:
    ledger = Ledger(0)
    ledger.note(commit(1, ("a", "ann"), ("b", "ann")))
    assert ledger.attribution(1, 1, {1: "ann"}) == Attribution(1, None, "ann", 1000)
