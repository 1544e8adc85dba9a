"""Reads Quill's Deltas: lines, whose ends say what they are, become blocks.

Owns which lines make one block: lists are nested by their indent, lines of code, of a quote and of
a table's row that follow each other belong together. Attributes of a line that mean nothing here
are kept on its text block.
"""

from __future__ import annotations

from typing import Any

from collab.formats import quill_inline as inline
from collab.formats.tree import Builder, Node, key_of
from collab.ot.attributes import Attributes
from collab.ot.delta import Delta, Op

_LISTS = {
    "bullet": ("bulletList", {}),
    "ordered": ("orderedList", {}),
    "checked": ("taskList", {"checked": True}),
    "unchecked": ("taskList", {"checked": False}),
}
_DEEPEST = 16  # lists in lists
# Attributes of text blocks that mean something else in the tree than in a line.
_TAKEN = {"level", "language"}
PREFIX = "quill:"


def read(document: Delta) -> Node:
    """The tree of a document."""
    reader = _Reader()
    for op in document:
        reader.take(op)
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._builder = Builder()
        self._line: list[Node] = []
        self._lists: list[str] = []  # the types of the open lists, each with an open item
        self._path: tuple[Any, ...] = ()  # an open quote, block of code or table's row

    def take(self, op: Op) -> None:
        """Read one insert."""
        if isinstance(op.insert, str):
            marks = inline.marks_of(op.attributes) if op.insert.strip("\n") else ()
            first = True
            for piece in op.insert.split("\n"):
                if not first:
                    self._end_line(op.attributes or {})
                first = False
                if piece:
                    self._line.append(Node("text", {}, (), marks, piece))
        elif op.insert is not None:
            node = inline.embed_of(op.insert, op.attributes, bool(self._line))
            if node.type in {"video", "horizontalRule"} and not self._line:
                self._leave()
                self._builder.add(node)
            else:
                self._line.append(node)

    def finish(self) -> Node:
        """The tree; a last line without an end is a line."""
        if self._line:
            self._end_line({})
        self._leave()
        return self._builder.finish()

    def _leave(self) -> None:
        """Close whatever is open."""
        while self._builder.depth:
            self._builder.close()
        self._lists.clear()
        self._path = ()

    def _end_line(self, given: Attributes) -> None:
        line, self._line = self._line, []
        attrs = {f"{PREFIX}{key}" if key in _TAKEN else key: given[key] for key in given}
        builder = self._builder
        row = attrs.get("table")
        if isinstance(row, str):
            del attrs["table"]
            self._enter(("table", row))
            builder.open("tableCell")
            self._block("paragraph", attrs, line)
            builder.close()
            return
        kind = attrs.get("list")
        listed = isinstance(kind, str) and kind in _LISTS
        quoted = attrs.get("blockquote") is True
        if listed:
            del attrs["list"]
            self._enter_item(str(kind), attrs)
        if quoted:
            del attrs["blockquote"]
        code = attrs.get("code-block")
        if code is True or (isinstance(code, str) and code):
            del attrs["code-block"]
            if code is not True:
                attrs["language"] = code
            if listed:
                self._inside(quoted, "codeBlock", attrs, line)
                return
            path = ("code", quoted, key_of(attrs))
            if path == self._path:
                line.insert(0, Node("text", {}, (), (), "\n"))
            else:
                self._enter(path, attrs)
            builder.add(*line)
            return
        type = "paragraph"
        header = attrs.get("header")
        if isinstance(header, int) and header is not True and 1 <= header <= 6:
            del attrs["header"]
            type = "heading"
            attrs["level"] = header
        if listed:
            self._inside(quoted, type, attrs, line)
        elif quoted:
            self._enter(("quote",))
            self._block(type, attrs, line)
        else:
            self._leave()
            self._block(type, attrs, line)

    def _inside(self, quoted: bool, type: str, attrs: dict[str, Any], line: list[Node]) -> None:
        """A text block in an item."""
        if quoted:
            self._builder.open("blockquote")
        self._block(type, attrs, line)
        if quoted:
            self._builder.close()

    def _block(self, type: str, attrs: dict[str, Any], line: list[Node]) -> None:
        self._builder.open(type, attrs)
        self._builder.add(*line)
        self._builder.close()

    def _enter(self, path: tuple[Any, ...], attrs: dict[str, Any] | None = None) -> None:
        """Have open what `path` names, and nothing else."""
        builder = self._builder
        if path == self._path:
            return
        if path[0] == "table" and self._path[:1] == ("table",):
            builder.close()
        else:
            self._leave()
        self._path = path
        match path[0]:
            case "table":
                if not builder.depth:
                    builder.open("table")
                builder.open("tableRow", {"id": path[1]})
            case "quote":
                builder.open("blockquote")
            case _:
                if path[1]:
                    builder.open("blockquote")
                builder.open("codeBlock", attrs)

    def _enter_item(self, kind: str, attrs: dict[str, Any]) -> None:
        """Begin an item of a list, in as many lists as it is indented; takes that from `attrs`."""
        builder = self._builder
        if self._path:
            self._leave()
        type, item_attrs = _LISTS[kind]
        depth = attrs.get("indent")
        if isinstance(depth, int) and depth is not True and 1 <= depth < _DEEPEST:
            del attrs["indent"]
        else:
            depth = 0
        while len(self._lists) > depth + 1 or (
            len(self._lists) > depth and self._lists[-1] != type
        ):
            builder.close()
            builder.close()
            self._lists.pop()
        if len(self._lists) > depth:
            builder.close()
        while len(self._lists) <= depth:
            builder.open(type)
            self._lists.append(type)
            if len(self._lists) <= depth:
                builder.open("taskItem" if type == "taskList" else "listItem")
        builder.open("taskItem" if type == "taskList" else "listItem", dict(item_attrs))
