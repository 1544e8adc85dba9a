"""A paced transport hands over little at a time, in order, and closes when all is written."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from collab.web.tls_transport import PIECE_BYTES, PacedTransport


class Below:
    """The transport below, which takes two pieces and then blocks until the test lets it go on."""

    def __init__(self) -> None:
        self.paced: PacedTransport
        self.taken = bytearray()
        self.pieces = 0
        self.ended = ""

    def write(self, data: memoryview) -> None:
        self.taken += data
        self.pieces += 1
        if self.pieces % 2 == 0:
            self.paced.pause_writing()

    def go_on(self) -> None:
        self.paced.resume_writing()

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, **_: Any) -> None:
        pass


class Above(asyncio.Protocol):
    """The protocol, which remembers whether it may write."""

    def __init__(self) -> None:
        self.may_write = True
        self.lost = False

    def pause_writing(self) -> None:
        assert self.may_write
        self.may_write = False

    def resume_writing(self) -> None:
        assert not self.may_write
        self.may_write = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


@pytest.fixture
def above() -> Above:
    return Above()


@pytest.fixture
def below(above: Above) -> Below:
    below = Below()
    below.paced = PacedTransport(above)
    below.paced.connection_made(cast(asyncio.Transport, below))
    return below


def may_write(above: Above) -> bool:
    return above.may_write


def end_of(below: Below) -> str:
    return below.ended


LONG = bytes(range(256)) * (5 * PIECE_BYTES // 256) + b"end"


def test_a_long_write_goes_in_pieces_and_in_order(above: Above, below: Below) -> None:
    below.paced.write(LONG)
    assert len(below.taken) == 2 * PIECE_BYTES
    assert below.paced.get_write_buffer_size() == len(LONG) - 2 * PIECE_BYTES
    assert not may_write(above)
    below.paced.write(b"more")
    below.go_on()
    assert not may_write(above)
    below.go_on()
    below.go_on()
    assert may_write(above)
    assert below.taken == LONG + b"more"
    assert below.paced.get_write_buffer_size() == 0


def test_what_fits_is_never_paused(above: Above, below: Below) -> None:
    below.paced.write(b"short")
    below.paced.write(b"")
    assert (bytes(below.taken), may_write(above)) == (b"short", True)


def test_closing_waits_for_what_is_written(above: Above, below: Below) -> None:
    below.paced.write(LONG)
    below.paced.close()
    below.paced.write(b"too late")
    assert below.paced.is_closing()
    assert not end_of(below)
    below.go_on()
    below.go_on()
    assert end_of(below) == "closed"
    assert below.taken == LONG


def test_closing_at_once_when_nothing_waits(below: Below) -> None:
    below.paced.close()
    assert end_of(below) == "closed"


def test_an_abort_forgets_what_waits(below: Below) -> None:
    below.paced.write(LONG)
    below.paced.abort()
    assert end_of(below) == "aborted"
    assert below.paced.get_write_buffer_size() == 0
    below.go_on()
    assert len(below.taken) == 2 * PIECE_BYTES


def test_a_loss_forgets_what_waits_and_is_passed_on(above: Above, below: Below) -> None:
    below.paced.write(LONG)
    below.paced.connection_lost(None)
    assert above.lost
    assert below.paced.get_write_buffer_size() == 0
