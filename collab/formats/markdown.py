"""Markdown: CommonMark with GitHub's tables, task lists and strikethrough.

Owns how a tree is written in it, block by block; `markdown_inline.py` has what is within a line.
What markdown has no syntax for is written as the html that `html.py` would write, which markdown
lets through, so that it can be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collab.formats.html import write_normal
from collab.formats.markdown_inline import write_inline
from collab.formats.markdown_reader import read
from collab.formats.normal import normal
from collab.formats.tree import EITHER, INLINE, Node, blocky_in

__all__ = ["read", "write"]

_DEEPEST = 16  # containers; what is deeper is written as html
_LISTS = {"bulletList", "orderedList", "taskList"}
_ITEMS = {"listItem", "taskItem"}


def write(tree: Node) -> str:
    """`tree` as markdown."""
    return "".join(_Writer(normal(tree)).pieces())


class _Container:
    """An open doc, blockquote or list, or an item of one; how its lines begin."""

    __slots__ = ("first", "kind", "last", "mark", "prefix", "rest", "tight", "used")

    def __init__(self, kind: str, content: Sequence[Node], first: str, prefix: str) -> None:
        self.kind = kind
        self.rest = iter(content)
        self.first = first  # in place of the end of `prefix`, once
        self.prefix = prefix  # of all lines, with those of the containers outside
        self.used = False  # whether something has been written in it
        self.last = ""  # the mark of a list that has just been written
        self.mark = ""
        self.tight = False  # no empty lines between what is in it


class _Writer:
    def __init__(self, tree: Node) -> None:
        self._tree = tree
        self._blocky = blocky_in(tree)
        self._stack: list[_Container] = []

    def pieces(self) -> Iterator[str]:
        stack = self._stack
        stack.append(_Container("doc", self._tree.content, "", ""))
        while stack:
            top = stack[-1]
            node = next(top.rest, None)
            if node is None:
                if not top.used and top.kind in {"item", "blockquote"}:
                    yield f"{self._begin().rstrip()}\n"
                stack.pop()
                continue
            if node.type in _ITEMS and top.kind == "list":
                if top.used and not top.tight:
                    yield f"{top.prefix.rstrip()}\n"
                self._open_item(node)
                continue
            mark = self._list_mark(node)
            lines = None if mark or self._quotes(node) else self._lines(node)
            if mark and top.last == mark:
                mark = {"-": "*", ".": ")"}[mark]
            if top.used and not top.tight:
                yield f"{top.prefix.rstrip()}\n"
            top.last = mark
            if lines is not None:
                first, *others = lines
                yield f"{self._begin()}{first}\n" if first else f"{self._begin().rstrip()}\n"
                for line in others:
                    yield f"{top.prefix}{line}\n" if line else f"{top.prefix.rstrip()}\n"
            elif mark:
                if top.kind == "item" and not top.used:
                    yield f"{self._begin().rstrip()}\n"  # else "- - -" might be a rule
                top.used = True
                self._open_list(node, mark)
            else:
                quote = _Container("blockquote", node.content, "> ", f"{top.prefix}> ")
                stack.append(quote)

    def _begin(self) -> str:
        """How the next line begins, with the marks of items and quotes that it is the first of."""
        fresh: list[str] = []
        for container in reversed(self._stack):
            if container.used:
                return container.prefix + "".join(reversed(fresh))
            container.used = True
            if container.kind != "list":
                fresh.append(container.first)
        return "".join(reversed(fresh))

    def _quotes(self, node: Node) -> bool:
        return node.type == "blockquote" and not node.attrs and len(self._stack) <= _DEEPEST

    # Lists ---------------------------------------------------------------------------------------

    def _list_mark(self, node: Node) -> str:
        """The mark of a list that markdown can say; empty if this is none."""
        if node.type not in _LISTS or not node.content or len(self._stack) > _DEEPEST:
            return ""
        expected = "taskItem" if node.type == "taskList" else "listItem"
        for item in node.content:
            if item.type != expected or item.attrs.keys() - {"checked"}:
                return ""
            if not item.content or not isinstance(item.attrs.get("checked", False), bool):
                return ""
            if expected == "taskItem" and not self._plain(item.content[0]):
                return ""
        if node.type == "orderedList":
            start = node.attrs.get("start", 1)
            proper = type(start) is int and 0 <= start <= 999_999_999 - len(node.content)
            return "." if proper and not node.attrs.keys() - {"start"} else ""
        return "" if node.attrs else "-"

    def _open_list(self, node: Node, mark: str) -> None:
        top = self._stack[-1]
        container = _Container("list", node.content, "", top.prefix)
        container.mark = mark if mark in "-*" else f"{node.attrs.get('start', 1)}{mark}"
        container.tight = all(self._tight(item) for item in node.content)
        self._stack.append(container)

    def _open_item(self, node: Node) -> None:
        parent = self._stack[-1]
        mark = parent.mark
        if mark not in "-*":
            parent.mark = f"{int(mark[:-1]) + 1}{mark[-1]}"
        indent = " " * (len(mark) + 1)
        first = f"{mark} "
        content = node.content
        if node.type == "taskItem":
            first += "[x] " if node.attrs["checked"] else "[ ] "
        if len(content) == 1 and content[0].type == "paragraph" and not content[0].attrs:
            content = content if content[0].content else ()
        item = _Container("item", content, first, parent.prefix + indent)
        item.tight = parent.tight
        self._stack.append(item)

    def _tight(self, item: Node) -> bool:
        """Whether nothing in an item needs an empty line before it."""
        first, *others = item.content
        if not self._plain(first) or not first.content:
            return False
        for other in others:
            if not self._list_mark(other) or other.attrs.get("start", 1) != 1:
                return False
            inner = other.content[0].content[0]
            if not self._plain(inner) or not inner.content:
                return False
        return len(others) < 2

    def _plain(self, node: Node) -> bool:
        """Whether this is a paragraph that markdown can say, or an empty one."""
        return (
            node.type == "paragraph"
            and not node.attrs
            and not any(id(child) in self._blocky for child in node.content)
        )

    # Other blocks --------------------------------------------------------------------------------

    def _lines(self, node: Node) -> list[str]:
        """The lines of a block that is no list and no blockquote."""
        lines: list[str] | None = None
        if node.type in INLINE | EITHER and not node.content:
            return self._alone(node)
        plain = not any(id(child) in self._blocky for child in node.content)
        match node.type:
            case "paragraph" if plain and not node.attrs and node.content:
                return write_inline(node.content).split("\n")
            case "heading" if plain and node.attrs.keys() == {"level"}:
                level = node.attrs["level"]
                if type(level) is int and 1 <= level <= 6:
                    return [f"{'#' * level} {write_inline(node.content, one_line=True)}".rstrip()]
            case "codeBlock" if not node.attrs.keys() - {"language"}:
                lines = _code(node)
            case "horizontalRule" if not node.attrs and not node.content:
                return ["___"]
            case "table" if not node.attrs:
                lines = self._table(node)
        if lines is None:
            html = write_normal(Node("doc", {}, (node,))).strip("\n")
            lines = [html.replace("\n", "&#10;")]
        return lines

    def _alone(self, node: Node) -> list[str]:
        """A picture, or what else may be in a line, that is in none."""
        line = write_inline((node,))
        if node.type not in EITHER or line.startswith(("![", "[![")):
            return [line]
        html = write_normal(Node("doc", {}, (node,))).replace("\n", "&#10;")
        return html.replace("><", ">\n<").split("\n")  # a tag alone in its line begins a block

    def _table(self, node: Node) -> list[str] | None:
        """A table that has one header row and as many cells in each; None if it is another."""
        if not node.content or not node.content[0].content:
            return None
        width = len(node.content[0].content)
        aligns = [cell.attrs.get("align") for cell in node.content[0].content]
        lines: list[str] = []
        for row in node.content:
            expected = "tableCell" if lines else "tableHeader"
            if row.type != "tableRow" or row.attrs or len(row.content) != width:
                return None
            cells = []
            for cell, align in zip(row.content, aligns, strict=True):
                if cell.type != expected or cell.attrs != ({"align": align} if align else {}):
                    return None
                if len(cell.content) != 1 or not self._plain(cell.content[0]):
                    return None
                cells.append(write_inline(cell.content[0].content, one_line=True, cell=True))
            lines.append(f"| {' | '.join(cells)} |")
            if len(lines) == 1:
                rules = [_RULES.get(align) if align else "---" for align in aligns]
                if None in rules:
                    return None
                lines.append(f"| {' | '.join(rule or '' for rule in rules)} |")
        return lines


_RULES = {"left": ":--", "center": ":-:", "right": "--:"}


def _code(node: Node) -> list[str] | None:
    """A fenced block; None if it has more than text in it."""
    if any(child.type != "text" or child.marks for child in node.content):
        return None
    language = node.attrs.get("language", "")
    if not isinstance(language, str) or any(c.isspace() or c in "`&\\" for c in language):
        return None
    if "language" in node.attrs and not language:
        return None
    text = "".join(child.text for child in node.content)
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}{language}", *(text.split("\n") if text else []), fence]
