"""A pycrdt replica behind its guard, and what must be true of the two after every update.

Owns the comparison: what the guard foresaw against what pycrdt then has.
"""

from __future__ import annotations

from typing import Any

from pycrdt import Doc

from collab.types.yjs_guard import Checked, Guard, check_state_vector, read_update


class Mismatch(AssertionError):
    """pycrdt did something else than the guard foresaw."""


class Replica:
    """One document. `offer` is the write path in small: check, apply, learn, compare."""

    def __init__(self, state: bytes = b"\x00\x00") -> None:
        self.document: Doc[Any] = Doc()
        self.document.apply_update(state)
        self.guard = Guard.of(read_update(state))
        self._events: list[bytes] = []
        self._subscription = self.document.observe(lambda event: self._events.append(event.update))

    def offer(self, raw: bytes) -> Checked:
        """Apply `raw` unless it has a gap. Raises InvalidOperation, or Mismatch if the replica then
        differs from what the guard holds; whatever else comes out of it is pycrdt's."""
        checked = self.guard.check(read_update(raw))
        if not checked.gap:
            self.guard.adopt(checked)
            self._events.clear()
            self.document.apply_update(checked.update.raw)
            self._compare(checked)
        return checked

    def _compare(self, checked: Checked) -> None:
        if len(self._events) > 1:
            raise Mismatch("one update, several events")
        effective = self._events[0] if self._events else None
        self.guard.applied(effective)
        if _adds(effective) == checked.empty:
            raise Mismatch(f"foreseen as {'empty' if checked.empty else 'adding something'}")
        state = self.document.get_update()
        loaded = Guard.of(read_update(state))
        clocks = check_state_vector(self.document.get_state())
        if self.guard._held.clocks != clocks:
            raise Mismatch("other clocks than foreseen")
        if loaded._held.clocks != clocks:
            raise Mismatch("other clocks after a load")
        if _deletes(self.guard) != _deletes(loaded):
            raise Mismatch("other deletions than foreseen")


def _adds(effective: bytes | None) -> bool:
    if effective is None:
        return False
    update = read_update(effective)
    return bool(update.sections or any(update.deletes.values()))


def _deletes(guard: Guard) -> dict[int, list[tuple[int, int]]]:
    return {client: list(ranges) for client, ranges in guard._held._deletes.items()}
