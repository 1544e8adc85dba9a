"""The memory of names: newest per author, bounded by days and number, and honest about it."""

from __future__ import annotations

import pytest

from collab.errors import DocumentBroken
from collab.names import Names
from collab.words import Commit, Credit

DAY = 86_400_000


def commit(version: int, author: str, *, seq: int = 1, time: int = 0) -> Commit:
    return Commit(version, time, (Credit(author, seq, None, b"digest"),), b"[]")


def test_only_the_newest_commit_of_an_author_is_known() -> None:
    names = Names(keep_days=1, keep_max=10)
    names.record(commit(1, "ada", seq=1))
    names.record(commit(2, "ada", seq=2))
    known = names.get("ada")
    assert known is not None
    assert (known.seq, known.version) == (2, 2)
    assert names.forgotten == 0


def test_names_are_forgotten_after_their_days() -> None:
    names = Names(keep_days=1, keep_max=10)
    names.record(commit(1, "ada", time=0))
    names.record(commit(2, "bob", time=DAY))
    assert names.get("ada") is not None
    names.record(commit(3, "bob", seq=2, time=DAY + 1))
    assert names.get("ada") is None
    assert names.forgotten == 1


def test_beyond_their_number_the_oldest_go_first() -> None:
    names = Names(keep_days=1, keep_max=2)
    names.record(commit(1, "ada"))
    names.record(commit(2, "bob"))
    names.record(commit(3, "ada", seq=2))
    names.record(commit(4, "cy"))
    assert names.get("bob") is None
    assert names.get("ada") is not None
    assert names.forgotten == 2


def test_a_dump_carries_everything() -> None:
    names = Names(keep_days=1, keep_max=2)
    for version, author in enumerate(["ada", "bob", "cy"], 1):
        names.record(commit(version, author))
    again = Names(keep_days=1, keep_max=2, dump=names.dump())
    assert again.get("cy") == names.get("cy")
    assert again.get("ada") is None
    assert again.forgotten == 1


def test_a_dump_that_does_not_decode_is_a_broken_document() -> None:
    with pytest.raises(DocumentBroken):
        Names(keep_days=1, keep_max=2, dump=b"\xc1")
