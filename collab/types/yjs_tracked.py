"""What came and what went of a yjs root's words between two states, told by the items they are.

Owns which items are in both. Nothing that was deleted ever comes back as the same item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from collab.ot import utf16
from collab.ot.tracked import Marked
from collab.types.yjs_content import Still
from collab.types.yjs_origins import Origins, Removals
from collab.types.yjs_prose import Word, prose
from collab.types.yjs_roots import Root

By = tuple[int | None, int | None]
"""The version that did it, None if that is not known, and the Yjs client whose item it is."""


def came_and_went(
    old: Still, new: Still, root: Root, origins: Origins, removals: Removals
) -> tuple[list[Marked], list[Marked]]:
    """The words of both states, with the line end after the last line of XML.

    Of the old one: who deleted what is not in the new one; of the new one: who inserted what is not
    in the old one. `origins` and `removals` are of the versions between. Raises InvalidContent as
    `prose`.
    """
    olds, news = (list(_units(prose(each, root, last_line_end=True))) for each in (old, new))
    both = {key for key, _ in olds} & {key for key, _ in news}

    def who_deleted(key: tuple[int, int, bool]) -> By | None:
        return None if key in both else (removals.of(key[0], key[1]), None)

    def who_inserted(key: tuple[int, int, bool]) -> By | None:
        if key in both:
            return None
        [(_, version)] = origins.of(key[0], key[1], key[1] + 1)
        return version, key[0]

    return list(_marked(olds, who_deleted)), list(_marked(news, who_inserted))


def _units(words: Iterable[Word]) -> Iterator[tuple[tuple[int, int, bool], Any]]:
    """Each character or embed under a key of its own, that of its item."""
    for content, client, clock, count in words:
        if not isinstance(content, str):
            yield (client, clock, False), content
            continue
        for character in content:
            yield (client, clock, not count), character
            clock += utf16.length(character)


def _marked(units: Iterable[tuple[tuple[int, int, bool], Any]], who: Any) -> Iterator[Marked]:
    texts: list[str] = []
    held: By | None = None
    for key, content in units:
        by = who(key)
        if texts and (by != held or not isinstance(content, str)):
            yield "".join(texts), held
            texts = []
        if isinstance(content, str):
            held = by
            texts.append(content)
        else:
            yield content, by
    if texts:
        yield "".join(texts), held
