"""Memory that nobody uses any more, given back to the system.

The C library keeps what was freed, and the more the larger the pieces were: without a word it keeps
what an unloaded document took until another one needs it. Knows nothing of documents.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from threading import Thread
from typing import Any


@lru_cache(1)
def _trim() -> Any:
    """glibc's malloc_trim; None where there is none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None


def give_back() -> bool:
    """Give back what is free; whether there was any. Blocks for some milliseconds."""
    trim = _trim()
    return trim is not None and bool(trim(0))


def give_back_aside() -> None:
    """The same in a thread of its own, which nobody waits for."""
    Thread(target=give_back, name="collab-heap", daemon=True).start()
