"""The words of a yjs document with the items that they are: who wrote what is found by these.

Owns reading a text root, or the text of an XML root as its rendering has it, item by item. The line
end after a paragraph is the paragraph's own item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import pycrdt

from collab.errors import InvalidContent
from collab.formats.tree import TEXTBLOCKS
from collab.ot import utf16
from collab.ot.delta import Embed
from collab.types.yjs_content import Still
from collab.types.yjs_misplaced import has_text_in_arrays
from collab.types.yjs_order import Order
from collab.types.yjs_roots import Root
from collab.types.yjs_update import ARRAY, Id, read_update

Word: TypeAlias = tuple[str | Embed, int, int, int]
"""Content, and the items that it is made of: client, clock of the first, how many; 0 means the line
end that comes after an element."""


def prose(still: Still, root: Root, *, last_line_end: bool = False) -> list[Word]:
    """What is written in a root, in order; raises InvalidContent if it holds what no editor puts
    there. After the last line of XML there is no line end, unless one asks for it."""
    if has_text_in_arrays(still.update):
        raise InvalidContent("there is text in an array, where no editor puts it")
    order = Order(read_update(still.update))
    doc = still.document()
    name, kind = root
    if kind == "text":
        shared: Any = doc.get(name, type=pycrdt.Text)
        return list(_text(order, name, shared, embeds=True))
    words = list(_xml(order, name, doc.get(name, type=pycrdt.XmlFragment)))
    if words and not words[-1][3] and not last_line_end:
        words.pop()  # as the rendering has it
    return words


def _text(order: Order, container: Id | str, text: Any, *, embeds: bool) -> Iterator[Word]:
    spans = order.visible(container)
    client = clock = left = 0
    for run, _ in text.diff():
        content = run if isinstance(run, str) else "\0"
        start, units = 0, utf16.length(content)
        while units:
            if not left:
                client, clock, left, _ = next(spans, (0, 0, 0, 0))
                if not left:
                    raise InvalidContent("a text holds what no editor puts there")
            step = min(units, left)
            end = utf16.advance(content, start, step)
            if isinstance(run, str):
                yield content[start:end], client, clock, step
            elif embeds:
                yield _embed(run), client, clock, step
            start, clock = end, clock + step
            units -= step
            left -= step


def _embed(run: Any) -> Embed:
    """What stands for something in a text that is none; of a shared type only that it is one."""
    if isinstance(run, dict):
        return run
    plain = isinstance(run, (int, float, bool)) or run is None
    return {"value": run if plain else type(run).__name__.lower()}


def _xml(order: Order, name: str, fragment: Any) -> Iterator[Word]:
    todo: list[tuple[Any, Id | str | None]] = [(fragment, name)]
    while todo:
        shared, id = todo.pop()
        if shared is None:
            client, clock = id if isinstance(id, tuple) else (0, 0)
            yield "\n", client, clock, 0
            continue
        assert id is not None
        if isinstance(shared, pycrdt.XmlText):
            yield from _text(order, id, shared, embeds=False)
            continue
        children = list(shared.children)
        held = [
            (client, clock) for client, clock, _, content in order.visible(id) if content >= ARRAY
        ]
        if len(held) != len(children):
            raise InvalidContent("XML holds what no editor puts there")
        tag = shared.tag if isinstance(shared, pycrdt.XmlElement) else None
        runs = any(_has_words(child) for child in children)
        if runs or tag in TEXTBLOCKS:
            todo.append((None, id))
        if tag == "hardBreak":
            todo.append((None, id))
        todo += reversed(list(zip(children, held, strict=True)))


def _has_words(child: Any) -> bool:
    return isinstance(child, pycrdt.XmlText) and any(
        isinstance(run, str) for run, _ in child.diff()
    )
