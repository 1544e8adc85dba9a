"""What was lately, as sums that forget."""

from __future__ import annotations

import pytest

from collab.recent import KEPT_BATCHES, PAUSE_SECONDS, RATE_SECONDS, Recent


def test_before_anything_happens_there_is_nothing() -> None:
    recent = Recent()
    assert recent.edits_per_second(1000.0) == 0
    assert recent.latency(1000.0) is None


@pytest.mark.parametrize(("batch", "every"), [(1, 0.01), (10, 0.1), (100, 1.0)])
def test_a_steady_stream_shows_its_rate_whatever_its_batches(batch: int, every: float) -> None:
    recent = Recent()
    now = 50.0
    for _ in range(round(10 * RATE_SECONDS / every)):
        now += every
        recent.note(batch, 0.001, now)
    assert recent.edits_per_second(now) == pytest.approx(100, rel=0.11)


def test_the_rate_fades_when_nothing_comes() -> None:
    recent = Recent()
    recent.note(1000, 0.001, 0.0)
    rates = [recent.edits_per_second(now) for now in (0.0, 1.0, 5.0, 60.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1000 / RATE_SECONDS
    assert rates[-1] < 0.01


def test_the_latency_is_that_of_the_newest_batches() -> None:
    recent = Recent()
    for number in range(1000):
        recent.note(1, 9.0, float(number) / 100)
    assert recent.latency(10.0) == (9.0, 9.0)
    for number in range(KEPT_BATCHES):
        recent.note(1, number + 1.0, 10.0 + number / 100)
    p50, p99 = recent.latency(11.0) or (0, 0)
    assert p50 == KEPT_BATCHES / 2
    assert p99 == KEPT_BATCHES


def test_one_slow_batch_is_seen_in_the_tail_alone() -> None:
    recent = Recent()
    for number in range(KEPT_BATCHES):
        recent.note(1, 5.0 if number == 7 else 0.001, float(number) / 100)
    assert recent.latency(1.0) == (0.001, 5.0)


def test_what_was_before_a_pause_says_nothing() -> None:
    recent = Recent()
    recent.note(1, 9.0, 0.0)
    assert recent.latency(PAUSE_SECONDS) == (9.0, 9.0)
    assert recent.latency(PAUSE_SECONDS + 1) is None
    recent.note(1, 0.5, 2 * PAUSE_SECONDS)
    assert recent.latency(2 * PAUSE_SECONDS) == (0.5, 0.5)


def test_a_clock_that_seems_to_go_back_harms_nothing() -> None:
    recent = Recent()
    recent.note(5, 0.001, 10.0)
    assert recent.edits_per_second(9.0) == 1.0
