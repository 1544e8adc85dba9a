"""Commits that news brought: only a run that goes on from where the session is, and not much."""

from __future__ import annotations

from collab.heard import Heard
from collab.words import Commit


def run(first: int, last: int, size: int = 1) -> list[Commit]:
    return [Commit(version, 0, (), b"x" * size) for version in range(first, last + 1)]


def test_runs_that_go_on_from_each_other_are_one() -> None:
    heard = Heard()
    heard.offer(run(5, 6), version=4)
    heard.offer(run(7, 7), version=4)
    assert heard.take(4) == run(5, 7)
    assert heard.take(4) == []


def test_what_leaves_a_gap_or_overlaps_is_passed_over() -> None:
    heard = Heard()
    heard.offer(run(6, 7), version=4)
    assert heard.take(4) == []
    heard.offer(run(5, 6), version=4)
    heard.offer(run(6, 7), version=4)
    heard.offer(run(8, 8), version=4)
    heard.offer([], version=4)
    assert heard.take(4) == run(5, 6)


def test_what_the_session_has_meanwhile_from_elsewhere_is_dropped() -> None:
    heard = Heard()
    heard.offer(run(5, 6), version=4)
    assert heard.take(5) == []
    heard.offer(run(6, 6), version=5)
    assert heard.take(5) == run(6, 6)


def test_too_many_or_too_long_ones_are_left_to_the_log() -> None:
    heard = Heard()
    heard.offer(run(1, 1000), version=0)
    heard.offer(run(1001, 1001), version=0)
    assert len(heard.take(0)) == 1000
    heard.offer(run(1, 1, size=2_000_000), version=0)
    heard.offer(run(2, 2), version=0)
    assert len(heard.take(0)) == 1
