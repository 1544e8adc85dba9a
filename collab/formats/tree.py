"""The neutral tree that every format is written from and read into.

Owns what a tree is, how one is built, and its normal form; knows no format. Close to ProseMirror's
JSON, in TipTap's words:

    blocks   doc  paragraph  heading{level}  blockquote  bulletList  orderedList{start}  listItem
             taskList  taskItem{checked}  codeBlock{language}  horizontalRule
             table  tableRow  tableHeader  tableCell{colspan, rowspan}
    inline   text  hardBreak  formula{latex}
    either   image{src, alt, title, width, height}  video{src}
    marks    bold  italic  strike  underline  code  link{href, title}  highlight  subscript
             superscript  color{value}  background{value}  size{value}  font{value}

Text blocks and table cells may have `align`, `direction` and `indent`. A node or mark of any other
type, and any other attribute, is carried along by every converter. Attributes are JSON values; one
that is null is one that is not there. Trees are at most MAX_DEPTH deep, and nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from collab.errors import InvalidContent

# Enough for 256 nested XML elements in a document with text in the innermost; more would take
# Python's own comparison of two trees past its limit of recursion.
MAX_DEPTH = 300
MAX_MARKS = 32  # on one node


class Mark(msgspec.Struct, frozen=True, gc=False):
    """Formatting of a run of inline content."""

    type: str
    attrs: dict[str, Any] = {}


class Node(msgspec.Struct, frozen=True, gc=False):
    """A part of a document. `text` belongs to nodes of type `text`, which have no content."""

    type: str
    attrs: dict[str, Any] = {}
    content: tuple[Node, ...] = ()
    marks: tuple[Mark, ...] = ()
    text: str = ""


TEXTBLOCKS = frozenset({"paragraph", "heading", "codeBlock"})
INLINE = frozenset({"text", "hardBreak", "formula"})
EITHER = frozenset({"image", "video"})
# Blocks whose inline content belongs into paragraphs.
CONTAINERS = frozenset({"doc", "blockquote", "listItem", "taskItem", "tableHeader", "tableCell"})
BLOCKS = (
    TEXTBLOCKS
    | CONTAINERS
    | {"bulletList", "orderedList", "taskList", "horizontalRule", "table", "tableRow"}
)
KNOWN = BLOCKS | INLINE | EITHER
# From the outermost to the innermost; others follow, in order of their names.
MARKS = (
    "link",
    "highlight",
    "background",
    "color",
    "font",
    "size",
    "bold",
    "italic",
    "underline",
    "strike",
    "subscript",
    "superscript",
    "code",
)


def text(content: str, *marks: Mark) -> Node:
    """A run of text."""
    return Node("text", {}, (), marks, content)


def block(type: str, *content: Node, **attrs: Any) -> Node:
    """A node with content."""
    return Node(type, attrs, content)


def walk(tree: Node) -> Iterator[tuple[Node, bool]]:
    """Each node twice, in document order: with True before its content, with False after it."""
    open_nodes = [(tree, iter(tree.content))]
    yield tree, True
    while open_nodes:
        node, rest = open_nodes[-1]
        child = next(rest, None)
        if child is None:
            open_nodes.pop()
            yield node, False
        else:
            open_nodes.append((child, iter(child.content)))
            yield child, True


def blocky_in(tree: Node) -> set[int]:
    """The ids of the nodes that are blocks or have one in them."""
    found: set[int] = set()
    outer: list[Node] = []
    for node, entering in walk(tree):
        if entering:
            outer.append(node)
            continue
        outer.pop()
        if node.type in BLOCKS:
            found.add(id(node))
        if outer and id(node) in found:
            found.add(id(outer[-1]))
    return found


class Builder:
    """Makes a tree from events, in document order; what a reader of another source drives.

    `open` and `close` go around the content of a node; the doc itself is open from the start.
    Raises InvalidContent past MAX_DEPTH or MAX_MARKS.
    """

    def __init__(self) -> None:
        self._open: list[tuple[str, dict[str, Any], tuple[Mark, ...], list[Node]]] = []
        self._content: list[Node] = []
        self._attrs: dict[str, Any] = {}

    @property
    def depth(self) -> int:
        """How many nodes are open in the doc."""
        return len(self._open)

    def open(
        self, type: str, attrs: dict[str, Any] | None = None, marks: tuple[Mark, ...] = ()
    ) -> None:
        """Begin a node."""
        if len(self._open) >= MAX_DEPTH:
            raise InvalidContent(f"nested deeper than {MAX_DEPTH}")
        if len(marks) > MAX_MARKS:
            raise InvalidContent(f"more than {MAX_MARKS} marks on one node")
        self._open.append((type, {} if attrs is None else attrs, marks, self._content))
        self._content = []

    def close(self) -> Node:
        """End the innermost open node, and say what it has become."""
        type, attrs, marks, outer = self._open.pop()
        node = Node(type, attrs, tuple(self._content), marks)
        outer.append(node)
        self._content = outer
        return node

    def add(self, *nodes: Node) -> None:
        """Put finished nodes into the innermost open one."""
        self._content.extend(nodes)

    def take_back(self) -> Node:
        """Remove the last node of the innermost open one."""
        return self._content.pop()

    def leaf(
        self, type: str, attrs: dict[str, Any] | None = None, marks: tuple[Mark, ...] = ()
    ) -> None:
        """A node without content."""
        self.open(type, attrs, marks)
        self.close()

    def text(self, content: str, marks: tuple[Mark, ...] = ()) -> None:
        """A run of text; an empty one is none."""
        if len(marks) > MAX_MARKS:
            raise InvalidContent(f"more than {MAX_MARKS} marks on one node")
        if content:
            self._content.append(Node("text", {}, (), marks, content))

    def finish(self) -> Node:
        """The doc; closes what is open."""
        while self._open:
            self.close()
        return Node("doc", self._attrs, tuple(self._content))


# JSON --------------------------------------------------------------------------------------------

_MAX_JSON_DEPTH = 32


def check_attributes(attrs: object) -> dict[str, Any]:
    """`attrs` as attributes: a copy without nulls, and with null for what is no finite number.

    Raises InvalidContent for what is not a JSON object, or nested too deep for one.
    """
    if not attrs:
        if attrs is None or attrs == {}:
            return {}
        raise InvalidContent("attributes have to be an object")
    if not isinstance(attrs, dict):
        raise InvalidContent("attributes have to be an object")
    return {
        check_string(key): _json(value, _MAX_JSON_DEPTH)
        for key, value in attrs.items()
        if value is not None
    }


def check_string(value: object) -> str:
    """`value` if it is text that UTF-8 can hold; raises InvalidContent."""
    if not isinstance(value, str):
        raise InvalidContent("a name or text that is no string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidContent("half a surrogate pair") from None
    return value


def _json(value: object, depth: int) -> Any:
    """A copy of a JSON value; `depth` bounds the recursion."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_string(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise InvalidContent("a number beyond 64 bits")
        return value
    if isinstance(value, float):
        return value if -1e308 <= value <= 1e308 else None
    if depth == 0:
        raise InvalidContent("attributes nested too deep")
    if isinstance(value, (list, tuple)):
        return [_json(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {check_string(key): _json(item, depth - 1) for key, item in value.items()}
    raise InvalidContent("an attribute that is no JSON value")


def same_marks(a: Sequence[Mark], b: Sequence[Mark]) -> bool:
    """Whether two runs look the same, with true and 1 told apart."""
    return a is b or (len(a) == len(b) and all(map(same_mark, a, b)))


def same_mark(a: Mark, b: Mark) -> bool:
    """Whether two marks are one, with true and 1 told apart."""
    return a is b or (a == b and (not a.attrs or key_of(a.attrs) == key_of(b.attrs)))


def key_of(value: Any) -> bytes:
    """Equal for equal JSON values only."""
    return _sorted_encoder.encode(value)


_sorted_encoder = msgspec.json.Encoder(order="sorted")
