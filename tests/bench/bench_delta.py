"""What an edit in the middle of a large text costs: `python tests/bench/bench_delta.py`.

Prints microseconds and the ratio between 4 MB and 10 KB, then the cost of the algebra on the edits
that people make. Exits with 1 if an edit in the large text costs more than three times as much.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from collab.ot.delta import Delta, compose, delete, insert, retain
from collab.ot.rope import Rope
from collab.ot.transform import transform, transform_any
from collab.types.delta import RICHTEXT, TEXT

MAX_RATIO = 3.0
SMALL, LARGE = 10 * 1024, 4 * 1024 * 1024
WORDS = {
    "ascii": "the quick brown fox jumps over the lazy dog\n",
    "mixed": "naïve café — 漢字かな 😀 e\u0301 plain words\n",
}


def microseconds(*calls: Callable[[], object], times: int = 200, rounds: int = 40) -> list[float]:
    """The time of one call of each in its best round; rounds alternate, so that what else the
    machine does meets all alike."""
    best = [float("inf")] * len(calls)
    gc.collect()
    for _ in range(rounds):
        for index, call in enumerate(calls):
            start = time.perf_counter()
            for _ in range(times):
                call()
            best[index] = min(best[index], time.perf_counter() - start)
    return [seconds / times * 1e6 for seconds in best]


def document(words: str, size: int) -> Rope:
    text = (words * (size // len(words.encode()) + 1)).encode()[:size].decode(errors="ignore")
    rope = Rope.of((insert(text),))
    # Edits all over, as a text has that people wrote: leaves that are no longer evenly full.
    for step in range(400):
        place = rope.units_at(step * 7919 % rope.points)
        rope = rope.apply((retain(place), insert("x")) if place else (insert("x"),))
    return rope


def rich_document(size: int) -> Rope:
    """Bold and coloured runs of a few words each, about `size` bytes."""
    formats: list[dict[str, Any] | None] = [{"bold": True}, {"color": "red"}, None]
    return Rope.of(
        tuple(insert(f"some words, {step} ", formats[step % 3]) for step in range(size // 26))
    )


def typing(rope: Rope) -> Callable[[], object]:
    """Ten edits in a row at the middle, each on the result of the one before."""
    middle = rope.units_at(rope.points // 2)
    edits: list[Delta] = [(retain(middle + place), insert("a")) for place in range(10)]

    def run() -> object:
        state = rope
        for edit in edits:
            state = state.apply(edit)
        return state

    return run


def whole_path(rope: Rope) -> Callable[[], object]:
    """What the server does for an edit that is one version behind."""
    middle = rope.units_at(rope.points // 2)
    raw = TEXT.encode((retain(middle), insert("a")))
    committed: Delta = (retain(middle - 100), insert("hello"))
    state = TEXT.apply(rope, committed)

    def run() -> object:
        operation = transform(committed, TEXT.parse(raw), True)
        TEXT.size(TEXT.apply(state, operation))
        return TEXT.encode(operation)

    return run


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def compare_sizes() -> float:
    """Prints each measure for both sizes; the worst ratio."""
    worst = 0.0
    say(f"{'microseconds per edit':34}{'10 KB':>10}{'4 MB':>10}{'ratio':>8}")
    pairs = {
        name: (document(words, SMALL), document(words, LARGE)) for name, words in WORDS.items()
    }
    pairs["rich"] = (rich_document(SMALL), rich_document(LARGE))
    for name, (small, large) in pairs.items():
        for label, measure, edits in (("apply", typing, 10), ("parse..encode", whole_path, 1)):
            costs = microseconds(measure(small), measure(large), times=200 // edits)
            ten_kb, four_mb = (cost / edits for cost in costs)
            ratio = four_mb / ten_kb
            worst = max(worst, ratio)
            say(f"{name + ' ' + label:34}{ten_kb:10.2f}{four_mb:10.2f}{ratio:8.2f}")
    return worst


def time_algebra() -> None:
    typed: Delta = (retain(500), insert("a"))
    erased: Delta = (retain(480), delete(30))
    bold: Delta = (retain(490), retain(20, {"bold": True}))
    long: Delta = tuple(op for _ in range(50) for op in (retain(9), insert("b"), delete(1)))
    pairs = {
        "insert, insert": (typed, typed),
        "insert, delete": (typed, erased),
        "delete, insert": (erased, typed),
        "bold, insert": (bold, typed),
        "150 ops, insert": (long, typed),
        "150 ops, 150 ops": (long, long),
    }
    say(f"\n{'microseconds':34}{'transform':>10}{'general':>10}{'compose':>10}")
    for name, (a, b) in pairs.items():
        moved, general, composed = microseconds(
            partial(transform, a, b, True),
            partial(transform_any, a, b, True),
            partial(compose, a, b),
        )
        say(f"{name:34}{moved:10.2f}{general:10.2f}{composed:10.2f}")


def time_whole_documents() -> None:
    say(f"\n{'milliseconds for 4 MB':34}")
    for name, words in WORDS.items():
        rope = document(words, LARGE)
        calls: dict[str, Callable[[], object]] = {
            "build": partial(Rope.of, rope.to_delta()),
            "to_delta": rope.to_delta,
            "text": rope.text,
            "dump text": partial(TEXT.dump, rope),
            "load text": partial(TEXT.load, TEXT.dump(rope)),
            "dump richtext": partial(RICHTEXT.dump, rope),
            "load richtext": partial(RICHTEXT.load, RICHTEXT.dump(rope)),
        }
        for label, call in calls.items():
            (cost,) = microseconds(call, times=1, rounds=5)
            say(f"{name + ' ' + label:34}{cost / 1000:10.2f}")


def main() -> int:
    worst = compare_sizes()
    time_algebra()
    time_whole_documents()
    if worst > MAX_RATIO:
        say(f"\nFAILED: an edit in 4 MB costs {worst:.2f} times one in 10 KB, not {MAX_RATIO}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
