"""How long a worker that keeps dying has to wait."""

from __future__ import annotations

from collab.supervisor import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, pause_before


def test_the_pause_doubles_up_to_a_bound() -> None:
    pauses = [pause_before(attempts) for attempts in range(8)]
    assert pauses[:4] == [
        0.0,
        FIRST_PAUSE_SECONDS,
        2 * FIRST_PAUSE_SECONDS,
        4 * FIRST_PAUSE_SECONDS,
    ]
    assert pauses == sorted(pauses)
    assert pause_before(1_000_000) == LONGEST_PAUSE_SECONDS
