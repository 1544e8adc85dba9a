"""Updates that kill pycrdt kill the process they are tried in, and no other."""

from __future__ import annotations

import io
import struct
import time

import pytest
from pycrdt import Doc, Text

from collab.types.yjs_trial import EMPTY_UPDATE, Trial, main
from tests.fuzz.yjs_updates import NULL, anything, text, update

FINE = update((5, 0, [text("hello")]))
BOMB = update((5, 0, [anything(b"\x75\x01" * 26_000 + NULL)]))
# A client without a struct: what pycrdt 0.14.13 panics at, on a state that holds it.
PANIC = update((5, 0, []))


def test_what_pycrdt_takes_survives() -> None:
    document: Doc[Text] = Doc()
    document.get("t", type=Text).insert(0, "u" * 1_000_000)
    with Trial() as trial:
        assert trial.survives(document.get_update())
        assert trial.survives(FINE)
        assert trial.survives(update((6, 0, [text("a", origin=(5, 4))])), FINE)


def test_a_bomb_kills_only_the_process_it_is_tried_in() -> None:
    with Trial() as trial:
        for _ in range(2):
            assert not trial.survives(BOMB)
            assert trial.survives(FINE)


def test_errors_and_panics_do_not_survive_but_the_process_does() -> None:
    with Trial() as trial:
        assert trial.survives(FINE)
        process = trial._process
        assert not trial.survives(b"\xff")
        assert not trial.survives(PANIC, FINE)
        assert trial.survives(FINE)
        assert trial._process is process


def test_a_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with Trial(seconds=0) as trial:
        started = time.monotonic()
        assert not trial.survives(FINE)
        assert time.monotonic() - started < 5
        assert trial._process is None
        monkeypatch.setattr(trial, "_seconds", 10)
        assert trial.survives(FINE)


def test_an_update_that_would_keep_the_loop_for_seconds_does_not_survive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = 30_000
    chain = update(
        *[(client, 0, [text("a", origin=(client - 1, 0))]) for client in range(clients, 1, -1)],
        (1, 0, [text("a")]),
    )
    with Trial(seconds=0.1) as trial:
        assert not trial.survives(chain)
        monkeypatch.setattr(trial, "_seconds", 10)
        assert trial.survives(FINE)


def test_a_process_that_died_in_the_meantime_is_replaced() -> None:
    with Trial() as trial:
        assert trial.survives(FINE)
        process = trial._process
        assert process is not None
        process.kill()
        process.wait()
        assert trial.survives(FINE)


def test_the_program_answers_each_trial_and_ends_with_its_input() -> None:
    trials = [(EMPTY_UPDATE, FINE), (EMPTY_UPDATE, b"\xff"), (FINE, EMPTY_UPDATE)]
    source = io.BytesIO(
        b"".join(struct.pack(">II", len(a), len(b)) + a + b for a, b in trials) + b"\x00"
    )
    sink = io.BytesIO()
    main(source, sink)
    assert sink.getvalue() == b"\x02\x01\x00\x01"
