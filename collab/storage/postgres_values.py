"""Which numbers and texts PostgreSQL's columns can hold, and what stands for those they cannot.

Pure functions. A caller may ask for anything; what no row can hold is not there.
"""

from __future__ import annotations

import re

LARGEST = 2**63 - 1  # of a bigint

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def bounded(number: int) -> int:
    """The number that a bigint can hold which compares like `number` with all that are stored."""
    return min(max(number, -1), LARGEST)


def bounded_time(time: int) -> int:
    """The same for times, of which there are some before 1970."""
    return min(max(time, -LARGEST), LARGEST)


def storable(*texts: str) -> bool:
    """Whether a row can hold `texts`: PostgreSQL takes neither NUL nor lone surrogates."""
    return not any(map(_UNSTORABLE.search, texts))


def until_unstorable(text: str) -> str:
    """The text that is below the same stored ones: what can be stored of `text`."""
    return _UNSTORABLE.split(text, maxsplit=1)[0]


def pair_until_unstorable(pair: tuple[str, str]) -> tuple[str, str]:
    """The same for a pair, in the order of first and second."""
    first, second = pair
    if storable(first):
        return first, until_unstorable(second)
    return until_unstorable(first) + "\1", ""
