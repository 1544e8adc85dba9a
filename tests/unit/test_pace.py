"""How fast something may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab.pace import BURST_SECONDS, Pace, Paces


def test_a_burst_then_the_rate() -> None:
    pace = Pace(10)
    taken = sum(pace.wait(100.0) == 0 for _ in range(1000))
    assert taken == 10 * BURST_SECONDS
    assert pace.wait(100.0) == pytest.approx(0.1)
    assert pace.wait(100.1) == 0
    assert pace.wait(100.1) > 0


def test_what_is_refused_costs_nothing() -> None:
    pace = Pace(10)
    while pace.wait(0.0) == 0:
        pass
    for _ in range(1000):
        assert pace.wait(0.0) == pytest.approx(0.1)


def test_slower_than_one_in_a_burst_is_still_one() -> None:
    pace = Pace(0.1)
    assert pace.wait(0.0) == 0
    assert pace.wait(0.0) == pytest.approx(10)
    assert pace.wait(9.9) == pytest.approx(0.1)
    assert pace.wait(10.0) == 0


@given(rate=st.floats(0.1, 1000), steps=st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_never_more_than_the_burst_and_the_rate(rate: float, steps: list[float]) -> None:
    pace = Pace(rate)
    now = 0.0
    taken: list[float] = []
    for step in steps:
        now += step
        if pace.wait(now) == 0:
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            allowed = rate * (taken[last] - start + max(BURST_SECONDS, 1 / rate)) + 1e-3
            assert last - first + 1 <= allowed


def test_what_weighs_more_leaves_less() -> None:
    pace = Pace(10)
    assert pace.wait(0.0, 40) == 0
    assert pace.wait(0.0, 11) > 0
    assert pace.wait(0.0, 10) == 0
    assert pace.wait(0.0) > 0
    heavy = Pace(10)
    assert heavy.wait(0.0, 1000) == 0  # alone it may come
    assert heavy.wait(0.0) == pytest.approx(95.1)


def test_senders_have_a_share_each() -> None:
    paces = Paces(1)
    while paces.wait("ann", 0.0) == 0:
        pass
    assert paces.wait("ben", 0.0) == 0
    assert paces.wait("ann", 0.0) > 0


def test_only_the_busy_are_remembered() -> None:
    paces = Paces(1)
    while paces.wait("busy", 1000.0) == 0:
        pass
    for count in range(5000):
        paces.wait(count, float(count) / 5)
    assert len(paces._paces) < 2500
    assert paces.wait("busy", 1000.0) > 0
