"""What reading and checking Yjs updates costs: `python tests/bench/bench_guard.py`.

Prints microseconds of processor time for a keystroke, milliseconds for loading about a megabyte of
state, and the memory that its guard keeps. Exits with 1 if a keystroke takes more than 10 us to
read and check, or the load more than 300 ms.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from random import Random
from typing import Any

from pycrdt import Array, Doc, Map, Text

from collab.types.yjs_guard import Guard, read_update

KEYSTROKE_MICROSECONDS, LOAD_MILLISECONDS = 10.0, 300.0
KEYSTROKES = 5_000
FRAGMENTS = 56_000


def seconds(call: Callable[[], object], rounds: int = 5) -> float:
    """Processor time of the best round."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        call()
        best = min(best, time.process_time() - started)
    return best


def keystrokes(*, scattered: bool) -> list[bytes]:
    """Updates of one character each, in a row or all over the text."""
    random = Random(1)
    document: Doc[Text] = Doc(client_id=3_000_000_001)
    updates: list[bytes] = []
    subscription = document.observe(lambda event: updates.append(event.update))
    text = document.get("text", type=Text)
    for length in range(KEYSTROKES):
        text.insert(random.randrange(length + 1) if scattered else length, "x")
    document.unobserve(subscription)
    return updates


def check_all(updates: list[bytes]) -> None:
    guard = Guard()
    for update in updates:
        guard.adopt(guard.check(read_update(update)))


def write_all(updates: list[bytes]) -> None:
    """As the write path does it: a batch each, and the effective update is the same."""
    guard = Guard()
    for update in updates:
        guard.adopt(guard.check(read_update(update)))
        guard.applied(update)


def fragments() -> bytes:
    random = Random(1)
    document: Doc[Text] = Doc(client_id=3_000_000_001)
    text = document.get("text", type=Text)
    for length in range(FRAGMENTS):
        text.insert(random.randrange(length + 1), "x")
    return document.get_update()


def objects() -> bytes:
    document: Doc[Any] = Doc(client_id=3_000_000_001)
    rows = document.get("rows", type=Array)
    with document.transaction():
        for number in range(9_000):
            rows.append(Map({"id": number, "done": False, "title": f"row {number}"}))
    return document.get_update()


def kept(state: bytes) -> int:
    """Bytes that a guard keeps of a loaded state."""
    tracemalloc.start()
    guard = Guard.of(read_update(state))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert guard.roots()
    return size


def main() -> int:
    missed = False
    for name, scattered in (("typing in a row", False), ("typing all over", True)):
        updates = keystrokes(scattered=scattered)
        each = 1e6 / len(updates)
        checking = seconds(lambda updates=updates: check_all(updates)) * each  # type: ignore[misc]
        writing = seconds(lambda updates=updates: write_all(updates)) * each  # type: ignore[misc]
        missed = missed or checking > KEYSTROKE_MICROSECONDS
        sys.stdout.write(
            f"{name} ({len(updates[-1])} bytes): read, check and adopt {checking:.1f} us, "
            f"as a batch of its own {writing:.1f} us\n"
        )
    for name, state in (("text", fragments()), ("maps in an array", objects())):
        structs = sum(len(section[2]) for section in read_update(state).sections)
        loading = seconds(lambda state=state: Guard.of(read_update(state))) * 1e3  # type: ignore[misc]
        missed = missed or loading > LOAD_MILLISECONDS
        sys.stdout.write(
            f"{name}, {len(state) / 1e6:.2f} MB in {structs} structs: loaded in {loading:.0f} ms, "
            f"the guard keeps {kept(state) / 1024:.0f} KiB\n"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
