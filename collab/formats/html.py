"""Html: written for browsers and for people, read as a browser reads what is pasted.

Owns which nodes can be written as what they are and which have to be named, so that they can be
read again. All that is written has passed the sanitiser. Law: read(write(t)) == normal(t).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from collab.formats.html_reader import read
from collab.formats.html_tags import PRE, MarkTags, block_tags, generic_tags, leaf_tag
from collab.formats.normal import normal
from collab.formats.sanitize import clean
from collab.formats.tree import EITHER, INLINE, TEXTBLOCKS, Node, blocky_in

__all__ = ["read", "write", "write_normal"]

# What the content of these has to be, for their tags to be read as what they are.
_ITEMS = {
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "taskList": {"taskItem"},
    "table": {"tableRow"},
    "tableRow": {"tableHeader", "tableCell"},
}
_PARTS = {"listItem", "taskItem", "tableRow", "tableHeader", "tableCell"}
# White space that html would not keep; NUL stands for the edge of a line.
_FRAGILE = re.compile(r"[ \t\n\f]{2}|[\t\n\f]|^ | $|\0 | \0")


def write(tree: Node) -> str:
    """`tree` as html, each of its blocks on a line."""
    return write_normal(normal(tree))


def write_normal(tree: Node) -> str:
    """`write` for a tree in normal form."""
    return clean("".join(_Writer(tree).pieces()))


class _Writer:
    """Writes one normal tree. `_blocky` has the ids of the nodes that contain or are blocks."""

    def __init__(self, tree: Node) -> None:
        self._tree = tree
        self._blocky = blocky_in(tree)
        self._marks = MarkTags()

    def pieces(self) -> Iterator[str]:
        # Open nodes: the rest of the content, the closing tag, and how content is taken.
        marks = self._marks
        stack: list[tuple[Iterator[Node], str, str]] = [(iter(self._tree.content), "", "blocks")]
        while stack:
            rest, closing, place = stack[-1]
            node = next(rest, None)
            if node is None:
                yield marks.change(())
                stack.pop()
                yield closing
                if len(stack) == 1:
                    yield "\n"
                continue
            if node.type == "text":
                yield marks.change(node.marks)
                yield escape(node.text, quote=False)
                continue
            tag = leaf_tag(node)
            if tag is not None:
                yield marks.change(node.marks)
                yield tag
                if len(stack) == 1 and node.type == "horizontalRule":
                    yield "\n"
                continue
            yield marks.change(())
            opening, closing, inside = self._tags(node, place)
            yield opening
            stack.append((iter(node.content), closing, inside))

    def _tags(self, node: Node, place: str) -> tuple[str, str, str]:
        """The tags of a node in a `place`, and what place it is for its own content."""
        type, blocky = node.type, self._blocky
        plain = not any(id(child) in blocky for child in node.content)
        if type in TEXTBLOCKS and plain:
            if type == "codeBlock":
                return *block_tags(node), "flow"
            opening, closing = block_tags(node, self._style(node))
            last = node.content[-1] if node.content else None
            if last is not None and last.type == "hardBreak" and not last.attrs:
                closing = "<br>" + closing  # the last one of a line is never seen
            return opening, closing, "flow"
        if type in _PARTS:
            if place == "parts":
                return *block_tags(node), ("parts" if type == "tableRow" else "blocks")
        elif type in _ITEMS:
            proper = all(child.type in _ITEMS[type] for child in node.content)
            if proper and type == "table":
                proper = all(
                    cell.type in _ITEMS["tableRow"] for row in node.content for cell in row.content
                )
            if proper:
                return *block_tags(node), "parts"
        elif type == "blockquote":
            return *block_tags(node), "blocks"
        if id(node) not in blocky and place in {"flow", "inline"}:
            return *generic_tags(node, "span"), "flow"
        inline = any(child.type in INLINE for child in node.content)
        return *generic_tags(node, "div", self._style(node)), "inline" if inline else "blocks"

    def _style(self, node: Node) -> str:
        """What keeps the white space in the lines that are directly in `node`, if need be."""
        line: list[str] = []
        stack = [iter(node.content)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
            elif child.type == "text":
                line.append(child.text)
            elif id(child) in self._blocky or child.type == "hardBreak":
                line.append("\0")
            elif child.type in EITHER or child.type == "formula" or not child.content:
                line.append("\ufffc")
            else:
                stack.append(iter(child.content))
        return PRE if _FRAGILE.search("".join(line)) else ""
