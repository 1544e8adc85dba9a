"""The tail keeps the newest commits within its bounds and says what it no longer has."""

from __future__ import annotations

from collab.tail import Tail
from collab.words import Commit, Credit


def commit(version: int, size: int = 1) -> Commit:
    return Commit(version, 0, (Credit("a", version, None, b""),), b"x" * size)


def filled(count: int, *, max_commits: int = 8, max_bytes: int = 1 << 20, size: int = 1) -> Tail:
    tail = Tail(0, max_commits=max_commits, max_bytes=max_bytes)
    for version in range(1, count + 1):
        tail.append(commit(version, size), f"operation {version}")
    return tail


def test_everything_after_a_kept_version_comes_in_order() -> None:
    tail = filled(5)
    assert [each.version for each in tail.commits_after(2) or ()] == [3, 4, 5]
    assert tail.operations_after(4) == ["operation 5"]
    assert tail.commits_after(5) == []


def test_a_full_tail_drops_its_oldest_commits_and_says_so() -> None:
    tail = filled(9)
    assert tail.oldest == 3
    assert tail.commits_after(2) is None
    assert tail.operations_after(2) is None
    assert [each.version for each in tail.commits_after(3) or ()] == [4, 5, 6, 7, 8, 9]


def test_the_bound_in_bytes_counts_too_but_keeps_the_newest_commit() -> None:
    tail = filled(3, max_bytes=5_000, size=100_000)
    assert tail.oldest == 2
    assert [each.version for each in tail.commits_after(2) or ()] == [3]


def test_a_frame_is_bounded_but_never_empty() -> None:
    tail = filled(5, size=100)
    assert [each.version for each in tail.slice_after(0, max_commits=2, max_bytes=10_000)] == [1, 2]
    assert [each.version for each in tail.slice_after(1, max_commits=9, max_bytes=250)] == [2, 3]
    assert [each.version for each in tail.slice_after(1, max_commits=9, max_bytes=1)] == [2]
