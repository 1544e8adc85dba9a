"""What a reader of html has open: nodes, and the formats that run across them.

Owns how wrongly nested formats are set right, and what becomes of a list or a line when it ends.
Knows nothing of tags' names.
"""

from __future__ import annotations

from typing import Any

from collab.formats.tree import EITHER, MARKS, MAX_MARKS, Mark, Node

_ITEMS = {"listItem", "taskItem"}


class Frame:
    """An open node, with what its end needs to know.

    `kind`: blocks (inline content goes into paragraphs), text (is a text block), implied (a
    paragraph nobody named), pre, list, table, row, generic, silent (its content is not looked at).
    """

    __slots__ = ("attrs", "first", "formats", "kind", "plain", "pre", "tag", "task")

    def __init__(self, tag: str, kind: str, attrs: dict[str, Any], pre: bool, formats: int) -> None:
        self.tag = tag
        self.kind = kind
        self.attrs = attrs  # what the node gets; may still be filled
        self.pre = pre
        self.formats = formats  # how many were open outside, of a frame that closes those inside
        self.plain = 0  # open tags of the same name that mean nothing
        self.first = True  # nothing has been said in it
        self.task = False  # an item of a list that has a box to check


class Formats:
    """The open formats, the outermost first. They may end in any order."""

    def __init__(self) -> None:
        # Tag, marks, whether its white space is meant; and what held of both outside of it.
        self._open: list[tuple[str, tuple[Mark, ...], bool, tuple[Mark, ...], bool]] = []
        self.marks: tuple[Mark, ...] = ()
        self.pre = False

    def __len__(self) -> int:
        return len(self._open)

    def start(self, tag: str, marks: tuple[Mark, ...], pre: bool) -> None:
        """Open a format."""
        self._open.append((tag, marks, pre, self.marks, self.pre))
        self.pre = self.pre or pre
        self.marks = _with(self.marks, marks)

    def end(self, tag: str, bound: int, hidden: int) -> bool:
        """Close the innermost format of that tag; those below `bound` are out of reach."""
        for index in range(len(self._open) - 1, bound - 1, -1):
            if self._open[index][0] == tag:
                _, _, _, marks, pre = self._open.pop(index)
                if index == len(self._open):
                    self.marks, self.pre = marks, pre
                else:
                    self.again(hidden)
                return True
        return False

    def cut(self, count: int) -> None:
        """Close all but `count`."""
        del self._open[count:]

    def again(self, hidden: int) -> None:
        """Find anew what the formats come to, without the first ones that are `hidden`."""
        self.marks, self.pre = (), False
        for tag, marks, pre, _, _ in self._open[hidden:]:
            self._open[hidden] = (tag, marks, pre, self.marks, self.pre)
            hidden += 1
            self.pre = self.pre or pre
            self.marks = _with(self.marks, marks)


def _with(outer: tuple[Mark, ...], inner: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Marks inside others; of a known type the innermost counts."""
    for mark in inner:
        if mark.type in MARKS:
            outer = tuple(other for other in outer if other.type != mark.type)
        outer = (*outer, mark)[:MAX_MARKS]
    return outer


def line_of(node: Node, implied: bool) -> tuple[Node, ...]:
    """A text block that has ended: without the line break at its end, which nobody sees, and
    without the block if nobody named it and there are only pictures in it."""
    content = node.content
    last = content[-1] if content else None
    if last is not None and last.type == "hardBreak" and not last.attrs:
        content = content[:-1]
    if implied and content and all(child.type in EITHER for child in content):
        return content
    return (node if content is node.content else Node(node.type, node.attrs, content),)


def split_list(node: Node) -> tuple[Node, ...]:
    """A list as lists of one kind each: with and without boxes to check."""
    if node.type == "taskList":
        items = tuple(
            Node("taskItem", item.attrs, item.content) if item.type in _ITEMS else item
            for item in node.content
        )
        return (Node(node.type, node.attrs, items),)
    if all(item.type == "listItem" for item in node.content):
        return (node,)
    parts: list[tuple[str, list[Node]]] = []
    for item in node.content:
        type = "taskList" if item.type == "taskItem" else node.type
        if not parts or parts[-1][0] != type:
            parts.append((type, []))
        parts[-1][1].append(item)
    return tuple(Node(type, {}, tuple(items)) for type, items in parts)
