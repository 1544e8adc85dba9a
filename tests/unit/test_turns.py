"""Who was slower goes first once: for as long as it needs, and never for longer than is fair."""

from __future__ import annotations

import pytest

from collab.turns import LONGEST_SECONDS, Turns


def test_nobody_waits_for_nobody() -> None:
    assert Turns().wait(5.0) == 0


def test_who_asks_goes_first_until_it_has_committed() -> None:
    turns = Turns()
    turns.asked("far", 0.25, now=5.0)
    assert turns.wait(5.0) == pytest.approx(0.25)
    assert turns.wait(5.125) == pytest.approx(0.125)
    turns.taken("far")
    assert turns.wait(5.2) == 0


def test_all_who_ask_go_first() -> None:
    turns = Turns()
    turns.asked("far", 0.2, now=5.0)
    turns.asked("farther", 0.3, now=5.0)
    turns.taken("farther")
    assert turns.wait(5.0) == pytest.approx(0.2)
    turns.asked("farther", 0.3, now=5.1)
    turns.taken("far")
    assert turns.wait(5.1) == pytest.approx(0.3)


def test_who_is_not_heard_of_again_is_waited_for_as_long_as_it_said() -> None:
    turns = Turns()
    turns.asked("dead", 0.25, now=5.0)
    assert turns.wait(5.2) == pytest.approx(0.05)
    assert turns.wait(5.25) == 0


def test_the_time_begins_with_the_asking_not_with_the_waiting() -> None:
    turns = Turns()
    turns.asked("far", 0.25, now=5.0)
    assert turns.wait(6.0) == 0


def test_who_asks_for_ever_is_not_waited_for_for_ever() -> None:
    turns = Turns()
    turns.asked("greedy", 1e9, now=0.0)
    assert turns.wait(0.0) == LONGEST_SECONDS
    for tenth in range(1, 10):
        turns.asked("greedy", 1e9, now=tenth / 10)
        assert turns.wait(tenth / 10) == pytest.approx(LONGEST_SECONDS - tenth / 10)
    turns.asked("greedy", 1e9, now=LONGEST_SECONDS)
    assert turns.wait(LONGEST_SECONDS) == 0


def test_who_has_waited_has_the_same_time_for_itself() -> None:
    turns = Turns()
    turns.asked("far", 0.2, now=5.0)
    turns.wait(5.0)
    turns.taken("far")
    assert turns.wait(5.2) == 0
    turns.asked("far", 1.0, now=5.2)
    assert turns.wait(5.39) == 0
    assert turns.wait(5.41) == pytest.approx(0.79)


def test_its_own_time_is_the_share_of_one() -> None:
    turns = Turns()
    for node in ("one", "two"):
        turns.asked(node, 0.25, now=5.0)
    turns.wait(5.0)
    for node in ("one", "two"):
        turns.taken(node)
    assert turns.wait(5.2) == 0
    turns.asked("one", 1.0, now=5.2)
    assert turns.wait(5.29) == 0
    assert turns.wait(5.31) > 0


def test_nodes_that_are_none_cannot_fill_the_memory() -> None:
    turns = Turns()
    for number in range(1000):
        turns.asked(f"n{number}", 0.5, now=5.0)
    assert len(turns._until) <= 100
    assert turns.wait(5.5) == 0
    assert not turns._until
