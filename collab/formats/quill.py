"""Quill's Deltas: lines whose end says what they are, as a tree, and back.

Owns how the blocks of a tree become lines; `quill_reader.py` has the other way, `quill_inline.py`
what is within a line. Law: write(read(d)) == d for documents as Quill makes them. An unknown block
becomes an attribute of its lines.
"""

from __future__ import annotations

from typing import Any

from collab.formats import quill_inline as inline
from collab.formats.quill_reader import PREFIX, read
from collab.formats.tree import (
    CONTAINERS,
    EITHER,
    INLINE,
    KNOWN,
    TEXTBLOCKS,
    Mark,
    Node,
    blocky_in,
    walk,
)
from collab.ot.attributes import Attributes
from collab.ot.delta import Delta, Op, normalize

__all__ = ["read", "write"]


def write(tree: Node) -> Delta:
    """`tree` as a document in normal form; unless empty it ends with a line end."""
    writer = _Writer(tree)
    for node, entering in walk(tree):
        if node is not tree:
            writer.take(node, entering)
    writer.end_line_if_begun()
    return normalize(writer.ops)


class _Writer:
    def __init__(self, tree: Node) -> None:
        self.ops: list[Op] = []
        self._blocky = blocky_in(tree)
        self._begun = False  # whether something has been written in the current line
        self._block: Node | None = None  # the text block that is being written
        self._around: Attributes = {}  # what unknown inline nodes say about what is in them
        self._inline: list[Attributes] = []
        self._wraps: list[tuple[str, Any]] = []  # what unknown blocks say about their lines
        self._quotes = 0
        self._items: list[tuple[str, bool]] = []  # kind of list, and whether a line has said so
        self._types: list[str] = []
        self._cell: Node | None = None
        self._inside_cell = 0
        self._row = ""
        self._row_number = 0

    def take(self, node: Node, entering: bool) -> None:
        """Write what a node says where it begins or ends."""
        type = node.type
        if not node.content and (type in INLINE or type in EITHER or type not in KNOWN):
            if entering:
                self._leaf(node)
        elif node is self._cell:
            self._table_cell(node, entering)
        elif self._cell is not None:
            if id(node) in self._blocky:
                self._inside_cell = len(self.ops)  # a line ends here: a space goes between
        elif self._block is not None and node is not self._block:
            if entering:
                self._inline.append(self._around)
                self._around = {**self._around, type: inline.value_of(node.attrs)}
            else:
                self._around = self._inline.pop()
        elif type in TEXTBLOCKS and not any(id(child) in self._blocky for child in node.content):
            self._text_block(node, entering)
        else:
            self.end_line_if_begun()
            self._container(node, entering)

    def _leaf(self, node: Node) -> None:
        if node.type == "text" and self._cell is None and "\n" in node.text:
            first, *others = node.text.split("\n")
            self._put(first, node.marks)
            for other in others:
                self._end_line()
                self._put(other, node.marks)
        elif node.type == "text":
            self._put(node.text.replace("\n", " "), node.marks)
        elif node.type == "hardBreak":
            if self._cell is None:
                self._end_line()
            else:
                self._put(" ", ())
        else:
            content, attributes = inline.embed_from(node)
            alone = self._block is None and self._cell is None
            if alone:
                self.end_line_if_begun()
            self.ops.append(Op(content, None, None, {**self._around, **attributes} or None))
            self._begun = True
            if alone and node.type == "video":
                self._begun = False
            elif alone:
                self._end_line()

    def _put(self, text: str, marks: tuple[Mark, ...]) -> None:
        if not text:
            return
        if 0 < self._inside_cell == len(self.ops) and self._begun:
            text = f" {text}"
        attributes = {**self._around, **inline.attributes_from(marks)} if marks else self._around
        self.ops.append(Op(text, None, None, attributes or None))
        self._begun = True

    def end_line_if_begun(self) -> None:
        """End a line that is not one of a text block."""
        if self._begun:
            self._end_line()

    def _end_line(self) -> None:
        self._begun = False
        attributes: Attributes = dict(self._wraps)
        block = self._block
        if self._quotes:
            attributes["blockquote"] = True
        if self._items:
            kind, said = self._items[-1]
            depth = len(self._items) - 1 + said
            if not said:
                attributes["list"] = kind
                self._items[-1] = (kind, True)
            if depth:
                attributes["indent"] = depth
        if block is not None:
            attributes |= _line_attributes(block)
        self.ops.append(Op("\n", None, None, attributes or None))

    def _text_block(self, node: Node, entering: bool) -> None:
        if entering:
            self.end_line_if_begun()
            self._block = node
        else:
            self._end_line()
            self._block = None

    def _container(self, node: Node, entering: bool) -> None:
        match node.type:
            case "blockquote":
                self._quotes += 1 if entering else -1
            case "bulletList" | "orderedList" | "taskList":
                if entering:
                    self._types.append("ordered" if node.type == "orderedList" else "bullet")
                else:
                    self._types.pop()
            case "listItem" | "taskItem" if entering:
                kind = self._types[-1] if self._types else "bullet"
                if node.type == "taskItem":
                    kind = "checked" if node.attrs.get("checked") is True else "unchecked"
                self._items.append((kind, False))
            case "listItem" | "taskItem":
                self._items.pop()
            case "horizontalRule" if entering:
                self.ops.append(Op({"divider": True}, None, None, node.attrs or None))
            case "table" if entering:
                self._row = ""
            case "tableRow" if entering:
                self._row = self._row_name(node)
            case "tableCell" | "tableHeader":
                self._table_cell(node, entering)
            case type if type not in KNOWN and type not in CONTAINERS:
                if entering:
                    self._wraps.append((type, inline.value_of(node.attrs)))
                else:
                    self._wraps.pop()

    def _row_name(self, node: Node) -> str:
        """A name that the row before does not have: rows are told apart by their names."""
        name = node.attrs.get("id")
        self._row_number += 1
        if not isinstance(name, str) or not name or name == self._row:
            name = f"row-{self._row_number}"
        return f"{name}-{self._row_number}" if name == self._row else name

    def _table_cell(self, node: Node, entering: bool) -> None:
        """A cell is one line: the blocks in it are joined."""
        if entering:
            self._cell = node
            self._inside_cell = 0
            return
        self._cell = None
        self._begun = False
        first = node.content[0] if node.content else None
        attributes = (
            _line_attributes(first) if first is not None and first.type == "paragraph" else {}
        )
        self.ops.append(Op("\n", None, None, {**attributes, "table": self._row or "row-0"}))


def _line_attributes(block: Node) -> Attributes:
    """What the end of a line says of its text block."""
    attributes: Attributes = {}
    if block.type == "heading":
        attributes["header"] = block.attrs.get("level", 1)
    elif block.type == "codeBlock":
        attributes["code-block"] = block.attrs.get("language") or True
    own = {"heading": "level", "codeBlock": "language"}.get(block.type)
    for key, value in block.attrs.items():
        if key != own:
            attributes[key.removeprefix(PREFIX)] = value
    return attributes
