"""A page of html on which one sees who wrote, and who deleted, what.

Owns the look: everybody has one of a few colours, the same on every page. All text is escaped, and
the page loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from html import escape
from typing import Final, Literal

import msgspec

_COLOURS: Final = 12
_STYLE: Final = "".join(
    [
        "body{margin:2rem;font:1rem/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff}",
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}",
        "ins{text-decoration:none;border-bottom:2px solid}del{opacity:.75}",
        *(
            f".author-{n}{{background:hsl({n * 360 // _COLOURS},80%,90%);"
            f"border-color:hsl({n * 360 // _COLOURS},70%,40%)}}"
            for n in range(_COLOURS)
        ),
    ]
)


class Piece(msgspec.Struct, frozen=True):
    """A stretch of text. With a `tag`, `who` is whose it is (their colour; None: nobody known) and
    `data` what else is told of it, those that are None being left out."""

    text: str
    tag: Literal["span", "ins", "del"] | None = None
    who: str | None = None
    data: Mapping[str, object] = {}


def colour_of(who: str) -> int:
    """The number of somebody's colour."""
    return blake2b(who.encode(), digest_size=2).digest()[0] % _COLOURS


def write(title: str, pieces: Iterable[Piece]) -> str:
    """The page."""
    content = "".join(map(_written, pieces))
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<pre>{content}</pre>\n</body></html>\n"
    )


def _written(piece: Piece) -> str:
    text = escape(piece.text, quote=False)
    if text.startswith("\n"):
        text = f"<!-- -->{text}"  # or the first line end in a pre would not count
    if piece.tag is None:
        return text
    attributes = "" if piece.who is None else f' class="author-{colour_of(piece.who)}"'
    for name, value in piece.data.items():
        if value is not None:
            attributes += f' data-{name}="{escape(str(value))}"'
    return f"<{piece.tag}{attributes}>{text}</{piece.tag}>"
