"""What was freed goes back to the system, where the C library can do that."""

from __future__ import annotations

import platform
import threading
from pathlib import Path

import pytest

from collab import heap

PIECE = 100_000
PIECES = 500


def resident_kb() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_what_was_freed_between_what_is_used_is_given_back() -> None:
    pieces = [bytes(PIECE) for _ in range(PIECES)]
    kept = pieces[-1:]  # above all that is freed
    del pieces
    before = resident_kb()
    heap.give_back()
    assert before - resident_kb() > PIECE * PIECES // 1024 // 2
    del kept


def test_it_happens_in_a_thread_that_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = threading.Event()
    monkeypatch.setattr(heap, "give_back", ran.set)
    heap.give_back_aside()
    assert ran.wait(10)


def test_without_such_a_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_trim", lambda: None)
    assert heap.give_back() is False
