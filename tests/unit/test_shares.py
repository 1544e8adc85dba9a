"""A connection's share outlives it while it is not rested, for whoever comes back."""

from __future__ import annotations

import pytest

from collab.pace import BURST_SECONDS
from collab.shares import Share, Shares

RATE = 10
BURST = int(BURST_SECONDS * RATE)


def exhaust(share: Share, now: float) -> None:
    """Send as much as the share allows at once."""
    while share.edits.wait(now) == 0:
        pass


def fitting(share: Share, now: float) -> int:
    """How many edits fit into the share now; takes them."""
    count = 0
    while share.edits.wait(now) == 0:
        count += 1
    return count


def test_two_connections_at_once_have_a_share_each() -> None:
    shares = Shares(RATE, RATE)
    first = shares.take("ann", 0.0)
    exhaust(first, 0.0)
    assert fitting(shares.take("ann", 0.0), 0.0) == BURST


def test_who_comes_back_goes_on_with_what_is_left() -> None:
    shares = Shares(RATE, RATE)
    for _ in range(5):
        share = shares.take("ann", 0.0)
        exhaust(share, 0.0)
        shares.leave("ann", share, 0.0)
    assert fitting(shares.take("ann", 1.0), 1.0) == RATE
    assert fitting(shares.take("ben", 1.0), 1.0) == BURST


def test_signals_are_remembered_as_edits_are() -> None:
    shares = Shares(RATE, RATE)
    share = shares.take("ann", 0.0)
    while share.signals.wait(0.0) == 0:
        pass
    shares.leave("ann", share, 0.0)
    assert shares.take("ann", 0.0).signals.wait(0.0) > 0


def test_the_share_that_rests_longest_comes_back_first() -> None:
    shares = Shares(RATE, RATE)
    used, exhausted = shares.take("ann", 0.0), shares.take("ann", 0.0)
    used.edits.wait(0.0)
    exhaust(exhausted, 0.0)
    shares.leave("ann", exhausted, 0.0)
    shares.leave("ann", used, 0.0)
    assert shares.take("ann", 0.0) is exhausted
    assert shares.take("ann", 0.0) is used
    assert shares.take("ann", 0.0) not in (used, exhausted)


def test_what_is_rested_is_not_remembered() -> None:
    shares = Shares(RATE, RATE)
    share = shares.take("ann", 0.0)
    share.edits.wait(0.0)
    shares.leave("ann", share, 1.0)
    assert shares.remembered == 0
    assert shares.take("ann", 1.0) is not share


def test_memory_is_bounded_by_who_sends_much() -> None:
    shares = Shares(RATE, RATE)
    for count in range(20_000):
        now = count / 100
        share = shares.take(count, now)
        exhaust(share, now)
        shares.leave(count, share, now)
    assert shares.remembered < 3000


@pytest.mark.parametrize("fails", [False, True])
def test_a_share_is_left_behind_however_the_connection_ends(fails: bool) -> None:
    shares = Shares(RATE, RATE)
    try:
        with shares.lent("ann", lambda: 0.0) as share:
            exhaust(share, 0.0)
            if fails:
                raise ConnectionError
    except ConnectionError:
        pass
    assert shares.take("ann", 0.0) is share


def test_who_comes_back_exhausted_is_kept_waiting_for_a_breath() -> None:
    shares = Shares(RATE, RATE)
    share = shares.take("ann", 0.0)
    assert share.held_back(0.0) == 0
    for _ in range(BURST - RATE):
        assert share.edits.wait(0.0) == 0
    assert share.held_back(0.0) == 0
    exhaust(share, 0.0)
    assert share.held_back(0.0) == pytest.approx(1)
    assert share.held_back(0.6) == pytest.approx(0.4)
    assert share.held_back(1.0) == 0
    assert fitting(share, 1.0) == RATE


def test_a_slow_rate_keeps_nobody_waiting_longer() -> None:
    share = Share(0.1, RATE)
    share.edits.wait(0.0)
    assert share.held_back(0.0) == 1
