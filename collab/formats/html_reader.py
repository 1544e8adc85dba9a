"""Reads html, anybody's: what a browser shows of it as a tree, nothing that it might do.

Owns what tags mean for the tree. Tags that mean nothing here are left out and their text is kept;
what is nested wrongly or too deep is set right as browsers do. Takes tokens one by one, so that
`markdown.py` can mix its own with those of raw html.
"""

from __future__ import annotations

import re
from typing import Any

from collab.formats import html_attributes as attributes
from collab.formats.html_frames import Formats, Frame, line_of, split_list
from collab.formats.normal import normal
from collab.formats.tags import tokens
from collab.formats.tree import MAX_DEPTH, MAX_MARKS, Builder, Mark, Node

_SPACE = re.compile(r"[ \t\n\f\r]+")
# Room for the nodes that are put around what stands where it cannot.
_DEEPEST = MAX_DEPTH - 8


def read(source: str) -> Node:
    """The tree that `source` shows, in normal form."""
    reader = TreeReader()
    reader.feed(source)
    return reader.finish()


class TreeReader:
    """Makes a tree from tags and texts."""

    def __init__(self) -> None:
        self._builder = Builder()
        self._frames = [Frame("", "blocks", {}, False, 0)]
        self._tables: list[int] = []  # where in the frames they are
        self._generics: list[int] = []
        self._counts: list[dict[str, int]] = [{}]  # open tags, for each frame that bounds a search
        self._dropped: dict[str, int] = {}
        self._formats = Formats()
        self._fresh = True  # at the beginning of a line
        self._pending: tuple[Mark, ...] | None = None  # a space that may yet be at an end

    def feed(self, source: str) -> None:
        """Read html."""
        for kind, value, attrs in tokens(source):
            if kind == "text":
                self.text(value)
            elif kind == "start":
                self.start(value, attrs)
            else:
                self.end(value)

    def finish(self) -> Node:
        """The tree of all that was read, in normal form."""
        self._pop_to(1)
        return normal(self._builder.finish())

    # Text ----------------------------------------------------------------------------------------

    def text(self, data: str, verbatim: bool = False) -> None:
        """A piece of text; `verbatim` if its white space is meant."""
        top = self._frames[-1]
        if top.kind == "silent" or not data:
            return
        if top.kind == "pre":
            if top.first and data[0] == "\n":
                data = data[1:]
            top.first = False
            self._builder.text(data, self._formats.marks)
            return
        if verbatim or self._formats.pre or top.pre:
            if not verbatim and top.kind in {"blocks", "list", "table", "row"} and data.isspace():
                return
            self._inline()
            self._builder.text(data, self._formats.marks)
            return
        data = _SPACE.sub(" ", data)
        if data[0] == " ":
            if not self._fresh and self._pending is None:
                self._pending = self._formats.marks
            data = data[1:]
        if data:
            trailing = data[-1] == " "
            self._inline()
            self._builder.text(data[:-1] if trailing else data, self._formats.marks)
            if trailing:
                self._pending = self._formats.marks

    def _inline(self) -> None:
        """Make room for inline content, and settle a space before it."""
        self._make_room()
        if self._frames[-1].kind == "blocks":
            self._push("", "implied", "paragraph", {})
        if self._pending is not None:
            self._builder.text(" ", self._pending)
            self._pending = None
        self._fresh = False

    # Tags ----------------------------------------------------------------------------------------

    def start(self, tag: str, given: dict[str, str]) -> None:
        """A start tag with its attributes."""
        top = self._frames[-1]
        if top.kind == "silent":
            top.plain += tag == top.tag
        elif tag in attributes.FORMATS:
            self._start_inline(tag, given)
        elif tag in attributes.LEAVES:
            self._leaf(tag, given)
        elif top.kind != "pre" and tag in attributes.BLOCK_TAGS:
            if len(self._frames) > _DEEPEST or self._builder.depth > _DEEPEST:
                self._dropped[tag] = self._dropped.get(tag, 0) + 1
            else:
                self._start_block(tag, given)

    def end(self, tag: str) -> None:
        """An end tag."""
        if self._dropped.get(tag):
            self._dropped[tag] -= 1
        elif tag in {"div", "span"}:
            self._end_plain(tag)
        elif tag in attributes.FORMATS:
            self._end_format(tag)
        elif tag in {"table", "tr", "td", "th"}:
            depth = {"table": 0, "tr": 1}.get(tag, 2)
            if self._tables and len(self._frames) > self._tables[-1] + depth:
                self._pop_to(self._tables[-1] + depth)
        elif self._counts[-1].get(tag):
            index = len(self._frames) - 1
            while self._frames[index].tag != tag:
                index -= 1
            self._pop_to(index + (tag == "li"))  # an item ends where the next one begins
        elif tag in attributes.BLOCK_TAGS:
            self._end_line()

    def _start_inline(self, tag: str, given: dict[str, str]) -> None:
        top = self._frames[-1]
        if tag == "span" and "ql-formula" in given.get("class", "").split():
            self._inline()
            self._builder.leaf("formula", attributes.of_formula(given), self._formats.marks)
            self._push("span", "silent", None, {})
        elif tag == "span" and "data-type" in given:
            self._start_generic(tag, given)
        elif top.kind == "pre" and tag == "code":
            top.first = False
            top.attrs.update(attributes.language(given))
        elif len(self._formats) - self._bound() >= MAX_MARKS:
            self._dropped[tag] = self._dropped.get(tag, 0) + 1
        else:
            pre = "pre-wrap" in given.get("style", "") if tag == "span" else False
            marks = attributes.marks(tag, given)
            self._formats.start(tag, marks, pre)

    def _end_format(self, tag: str) -> bool:
        return self._formats.end(tag, self._bound(), self._hidden())

    def _bound(self) -> int:
        """Where the formats begin that an end tag can reach."""
        reach = max(self._generics[-1:] + self._tables[-1:], default=0)
        return self._frames[reach].formats

    def _hidden(self) -> int:
        """How many formats count for nothing: those outside the innermost generic node."""
        return self._frames[self._generics[-1]].formats if self._generics else 0

    def _leaf(self, tag: str, given: dict[str, str]) -> None:
        top = self._frames[-1]
        if tag == "input":
            frame = self._frames[-2] if top.kind == "implied" else top
            if given.get("type", "").lower() == "checkbox" and frame.tag == "li":
                frame.task = True
                frame.attrs.setdefault("checked", "checked" in given)
        elif tag == "hr":
            if top.kind != "pre":
                self._end_line()
                self._make_room()
                self._builder.leaf("horizontalRule", attributes.extra(given))
        elif tag == "br":
            if top.kind == "pre":
                self._builder.text("\n", self._formats.marks)
                return
            self._pending = None
            self._inline()
            self._builder.leaf("hardBreak", attributes.extra(given), self._formats.marks)
            self._fresh = True
        else:
            type = "image" if tag == "img" else "video"
            self._inline()
            self._builder.leaf(type, attributes.of_embed(type, given), self._formats.marks)

    def _start_generic(self, tag: str, given: dict[str, str]) -> None:
        """A node that html has no tag for."""
        if self._builder.depth > _DEEPEST:
            self._dropped[tag] = self._dropped.get(tag, 0) + 1
            return
        if tag == "div":
            self._end_line()
            self._make_room()
        elif self._frames[-1].kind != "generic" or self._pending is not None:
            self._inline()
        attrs = attributes.extra(given)
        marks = (*self._formats.marks, *attributes.listed_marks(given))[:MAX_MARKS]
        self._push(tag, "generic", given["data-type"], attrs, given, marks)

    def _end_plain(self, tag: str) -> None:
        """The end of a div or span: of the innermost generic node, unless of one that is none."""
        generics = self._generics
        reachable = generics and (not self._tables or generics[-1] > self._tables[-1])
        if tag == "span" and self._end_format(tag):
            return
        if reachable:
            frame = self._frames[generics[-1]]
            if frame.plain and (tag == "div" or frame.kind == "silent"):
                frame.plain -= 1
            elif frame.tag == tag:
                self._pop_to(generics[-1])
                return
        if tag == "div":
            self._end_line()

    def _start_block(self, tag: str, given: dict[str, str]) -> None:
        if tag in {"tr", "td", "th"}:
            if self._tables:
                self._start_part(tag, given)
            return
        self._end_line()
        match tag:
            case "div" if "data-type" in given:
                self._start_generic(tag, given)
            case "ul" | "ol":
                self._make_room()
                type, attrs = attributes.of_list(tag, given)
                self._push(tag, "list", type, attrs)
            case "li":
                self._start_item(given)
            case "table":
                self._make_room()
                self._push(tag, "table", "table", attributes.extra(given))
            case _ if tag in attributes.BLOCKS:
                self._make_room()
                kind, type, attrs = attributes.of_block(tag, given)
                self._push(tag, kind, type, attrs, given)
            case "div" if self._generics:
                self._frames[self._generics[-1]].plain += 1

    def _start_item(self, given: dict[str, str]) -> None:
        count = self._counts[-1]
        if not (count.get("ul") or count.get("ol")):
            self._make_room()
            self._push("ul", "list", "bulletList", {})
        index = len(self._frames) - 1
        while self._frames[index].kind != "list":
            index -= 1
        self._pop_to(index + 1)
        self._push("li", "blocks", "listItem", attributes.of_item(given))
        self._frames[-1].task = attributes.is_task(given)

    def _start_part(self, tag: str, given: dict[str, str]) -> None:
        """A row or a cell of the innermost table."""
        table = self._tables[-1]
        self._pop_to(table + (1 if tag == "tr" else 2))
        if len(self._frames) == table + 1:
            self._push("tr", "row", "tableRow", attributes.extra(given) if tag == "tr" else {})
        if tag != "tr":
            type = "tableHeader" if tag == "th" else "tableCell"
            self._push(tag, "blocks", type, attributes.of_cell(given), given)

    # Frames --------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Open what has to be around content here."""
        kind = self._frames[-1].kind
        if kind == "list":
            self._push("li", "blocks", "listItem", {})
        elif kind in {"table", "row"}:
            self._start_part("td", {})

    def _push(
        self,
        tag: str,
        kind: str,
        type: str | None,
        attrs: dict[str, Any],
        given: dict[str, str] | None = None,
        marks: tuple[Mark, ...] = (),
    ) -> None:
        pre = self._frames[-1].pre or bool(given and "pre-wrap" in given.get("style", ""))
        frame = Frame(tag, kind, attrs, pre, len(self._formats))
        if type is not None:
            self._builder.open(type, attrs, marks)
        if kind in {"generic", "silent"}:
            self._generics.append(len(self._frames))
        elif kind == "table":
            self._tables.append(len(self._frames))
        if kind in {"generic", "silent", "table", "row"} or tag in {"td", "th"}:
            self._counts.append({})
        else:
            self._counts[-1][tag] = self._counts[-1].get(tag, 0) + 1
        self._frames.append(frame)
        if kind in {"generic", "silent"}:
            self._formats.again(self._hidden())

    def _pop_to(self, count: int) -> None:
        """Close frames until `count` are left."""
        while len(self._frames) > count:
            self._pop()

    def _pop(self) -> None:
        frame = self._frames.pop()
        kind = frame.kind
        if kind in {"generic", "silent", "table", "row"} or frame.tag in {"td", "th"}:
            self._counts.pop()
            if kind in {"generic", "silent"}:
                self._generics.pop()
            elif kind == "table":
                self._tables.pop()
            if kind != "row":
                if kind == "generic" and frame.tag == "span" and self._pending is not None:
                    self._builder.text(" ", self._pending)
                    self._pending = None
                self._formats.cut(frame.formats)
                self._formats.again(self._hidden())
        else:
            self._counts[-1][frame.tag] -= 1
        if kind == "silent":
            return
        if frame.tag == "span":
            self._fresh = False
        else:
            self._pending = None
            self._fresh = True
        node = self._builder.close()
        if kind in {"text", "implied"}:
            self._builder.take_back()
            self._builder.add(*line_of(node, kind == "implied"))
        elif frame.task:
            self._builder.take_back()
            self._builder.add(Node("taskItem", node.attrs, node.content))
        elif kind == "list":
            self._builder.take_back()
            self._builder.add(*split_list(node))

    def _end_line(self) -> None:
        """End the text block that is being filled, if one is."""
        while self._frames[-1].kind in {"text", "implied"}:
            self._pop()
        self._pending = None
        self._fresh = True
