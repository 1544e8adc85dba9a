"""Two versions of a document as one: what stayed, what came in between and what went.

Owns laying one beside the other. Whoever asks knows of every part of both whether it is in the
other; what stayed is in both in the same order. Knows nothing of how that is found out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, TypeAlias

from collab.ot import utf16
from collab.ot.delta import Embed


class Kind(Enum):
    """What became of a part."""

    KEPT = "kept"
    INSERTED = "inserted"
    DELETED = "deleted"


Marked: TypeAlias = tuple[str | Embed, Any]
"""Content, and who inserted or deleted it; None: it stayed."""
Tracked: TypeAlias = tuple[Kind, str | Embed, Any]


def tracked(old: Iterable[Marked], new: Iterable[Marked]) -> Iterator[Tracked]:
    """Everything of both, what was deleted before what was inserted at the same place; neighbours
    of one kind and mark are one."""
    kind, held = Kind.KEPT, None
    texts: list[str] = []
    for each, content, mark in _laid(old, new):
        if texts and (each is not kind or mark != held or not isinstance(content, str)):
            yield kind, "".join(texts), held
            texts = []
        if isinstance(content, str):
            kind, held = each, mark
            texts.append(content)
        else:
            yield each, content, mark
    if texts:
        yield kind, "".join(texts), held


def _laid(old: Iterable[Marked], new: Iterable[Marked]) -> Iterator[Tracked]:
    olds, news = _Parts(old), _Parts(new)
    while True:
        while olds.left and olds.mark is not None:
            yield Kind.DELETED, olds.take(olds.left), olds.mark
            olds.skip()
        while news.left and news.mark is not None:
            yield Kind.INSERTED, news.take(news.left), news.mark
            news.skip()
        if not news.left:
            return
        step = min(olds.left or news.left, news.left)
        if olds.left:
            olds.take(step)
            olds.skip()
        yield Kind.KEPT, news.take(step), None
        news.skip()


class _Parts:
    """Parts one after the other; `left` is how many units of the current one are, 0 at the end."""

    def __init__(self, parts: Iterable[Marked]) -> None:
        self._parts = iter(parts)
        self._content: str | Embed = ""
        self._start = 0
        self.left = 0
        self.mark: Any = None
        self.skip()

    def take(self, units: int) -> str | Embed:
        """The next units of the current part."""
        content = self._content
        self.left -= units
        if not isinstance(content, str):
            return content
        start = self._start
        self._start = utf16.advance(content, start, units)
        return content[start : self._start]

    def skip(self) -> None:
        """On to the next part, if this one is used up."""
        while not self.left:
            found = next(self._parts, None)
            if found is None:
                return
            self._content, self.mark = found
            self._start = 0
            content = self._content
            self.left = utf16.length(content) if isinstance(content, str) else 1
