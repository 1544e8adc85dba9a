"""Edits of a Yjs text by somebody who has no replica.

Owns the conversion: positions are UTF-16 code units of the text as it is, and what comes out is an
update of a new client, made on that state, which merges with whatever is typed meanwhile.
"""

from __future__ import annotations

import msgspec
import pycrdt

from collab.errors import InvalidOperation
from collab.types.yjs_content import Still
from collab.types.yjs_guard import Update, read_update

EMPTY_UPDATE = b"\x00\x00"


class TextChange(msgspec.Struct, frozen=True):
    """Replace `length` units at `at` by `text`."""

    at: int
    length: int = 0
    text: str = ""


class TextEdit(msgspec.Struct, frozen=True):
    """Changes of one root, each of the text that those before it have left."""

    root: str
    changes: tuple[TextChange, ...]


def make(still: Still, edit: TextEdit, client: int) -> Update:
    """The update that makes these changes; raises InvalidOperation if they do not fit the text."""
    kind = still.kinds.get(edit.root)
    if kind not in {None, "text"}:
        raise InvalidOperation(f"that root is no text: it looks like {kind}")
    doc = pycrdt.Doc[pycrdt.Text](client_id=client)
    doc.apply_update(still.update)
    text = doc.get(edit.root, type=pycrdt.Text)
    # An embed is one unit of UTF-16 and, to pycrdt, one byte: as NUL is in both encodings.
    runs = [run if isinstance(run, str) else "\0" for run, _ in text.diff()]
    units = bytearray("".join(runs).encode("utf-16-le"))
    events: list[bytes] = []
    subscription = doc.observe(lambda event: events.append(event.update))
    try:
        with doc.transaction():
            for change in edit.changes:
                start, end = change.at, change.at + change.length
                _check_boundary(units, start)
                _check_boundary(units, end)
                first = _bytes_before(units, start)
                if change.length:
                    removed = units[2 * start : 2 * end].decode("utf-16-le")
                    del text[first : first + len(removed.encode())]
                if change.text:
                    text.insert(first, change.text)
                units[2 * start : 2 * end] = change.text.encode("utf-16-le")
    finally:
        doc.unobserve(subscription)  # an observed document is never freed
    return read_update(events[0] if events else EMPTY_UPDATE)


def _check_boundary(units: bytearray, position: int) -> None:
    if 2 * position > len(units):
        raise InvalidOperation(
            f"position {position} is past the end of the text, which has {len(units) // 2} units"
        )
    if 2 * position < len(units) and 0xDC <= units[2 * position + 1] <= 0xDF:
        raise InvalidOperation(f"position {position} is inside a surrogate pair")


def _bytes_before(units: bytearray, position: int) -> int:
    """How many bytes of UTF-8 come before a position in units of UTF-16."""
    return len(units[: 2 * position].decode("utf-16-le").encode())
