"""Inline content as markdown: emphasis, links, code, and what has to be escaped.

Owns what is within a line. Emphasis is written with stars only where every reader of markdown takes
them for what they are, elsewhere with html's tags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from collab.formats.html_tags import generic_tags, leaf_tag, mark_tags
from collab.formats.tree import EITHER, INLINE, Mark, Node, same_mark, same_marks

_STARS = {"bold": "**", "italic": "*", "strike": "~~"}
_SPECIAL = re.compile(r"[\\`*\[\]<~]|_|&(?=[#a-zA-Z])|!$|[\t\n\f|]")
# What begins a block if a line begins with it.
_LEADING = re.compile(r"[-+#>=:]|[0-9]{1,9}(?=[.)](?:\s|$))")
_NO_REFERENCE = frozenset("\x0b\x1c\x1d\x1e\x1f\x85")
_RUNS = re.compile("`+")


def write_inline(content: Sequence[Node], one_line: bool = False, cell: bool = False) -> str:
    """Inline nodes as markdown; several lines unless `one_line`. `cell`: in a table."""
    writer = _Inline(one_line, cell)
    stack = [(iter(content), "")]
    run: list[Node] = []
    while stack:
        rest, closing = stack[-1]
        node = next(rest, None)
        if node is not None and (not node.content and (node.type in INLINE or node.type in EITHER)):
            run.append(node)
            continue
        writer.run(run, last=node is None and len(stack) == 1)
        run = []
        if node is None:
            stack.pop()
            writer.raw(closing)
        else:
            opening, closing = generic_tags(node, "span")
            writer.raw(opening)
            stack.append((iter(node.content), closing))
    return writer.finish()


class _Inline:
    def __init__(self, one_line: bool, cell: bool) -> None:
        self._one_line = one_line
        self._cell = cell
        self._written: list[str] = []
        self._line_start = True

    def raw(self, html: str) -> None:
        """A tag."""
        if html:
            self._written.append(_in_line(html, self._cell))
            self._line_start = False

    def finish(self) -> str:
        return "".join(self._written)

    def run(self, run: list[Node], last: bool) -> None:
        """Neighbouring nodes without content, `last` of their block."""
        opened: list[tuple[Mark, str]] = []
        for index, node in enumerate(run):
            shared = 0
            for (old, _), new in zip(opened, node.marks, strict=False):
                if not same_mark(old, new):
                    break
                shared += 1
            for _, closing in reversed(opened[shared:]):
                self.raw(closing)
            del opened[shared:]
            for depth in range(shared, len(node.marks)):
                if node.marks[depth].type == "code" and self._code(run, index, depth):
                    continue
                opening, closing = self._tags(run, index, depth)
                self.raw(opening)
                opened.append((node.marks[depth], closing))
            self._leaf(run, index, last and index == len(run) - 1)
        for _, closing in reversed(opened):
            self.raw(closing)

    # Marks ---------------------------------------------------------------------------------------

    def _tags(self, run: list[Node], index: int, depth: int) -> tuple[str, str]:
        """What is written around the content that has the mark at `depth`, from `index` on."""
        mark = run[index].marks[depth]
        if mark.type == "link" and mark.attrs.keys() <= {"href", "title"}:
            target = _target(mark.attrs.get("href"), mark.attrs.get("title"))
            if target is not None:
                return "[", f"]{target}"
        stars = _STARS.get(mark.type) if not mark.attrs else None
        if stars is None or not self._clear(run, index, depth):
            return mark_tags(mark)
        return stars, stars

    def _clear(self, run: list[Node], index: int, depth: int) -> bool:
        """Whether stars around the content with this mark can be nothing but its emphasis."""
        end = index
        marks = run[index].marks[: depth + 1]
        while end + 1 < len(run) and same_marks(run[end + 1].marks[: depth + 1], marks):
            end += 1
        for near, far, inside, outside in (
            (run[index], run[index - 1] if index else None, 0, -1),
            (run[end], run[end + 1] if end + 1 < len(run) else None, -1, 0),
        ):
            if near.type != "text" or (far is not None and _starred(far)):
                return False
            edge = near.text[inside]
            beyond = far.text[outside] if far is not None and far.text else " "
            alone = len(near.marks) == depth + 1
            if edge.isspace() or not ((alone and edge.isalnum()) or beyond == " "):
                return False
            if not edge.isalnum() and not edge.isascii():
                return False
        return True

    # Leaves --------------------------------------------------------------------------------------

    def _code(self, run: list[Node], index: int, depth: int) -> bool:
        """Whether the text of a node is to be written between backticks, without a tag."""
        node = run[index]
        return (
            depth == len(node.marks) - 1
            and node.type == "text"
            and not node.marks[depth].attrs
            and "\n" not in node.text
            and not (self._cell and ("|" in node.text or "\\" in node.text))
            and node.text.strip(" ") != ""
            and not _edgy(node.text)
            and not (index and _is_code(run[index - 1]))
        )

    def _leaf(self, run: list[Node], index: int, last: bool) -> None:
        node = run[index]
        if node.type == "text":
            depth = len(node.marks) - 1
            if depth >= 0 and node.marks[depth].type == "code" and self._code(run, index, depth):
                self._written.append(_backticks(node.text))
                self._line_start = False
                return
            self._text(node.text, last, index + 1 < len(run) and run[index + 1].type == "hardBreak")
        elif node.type == "hardBreak" and not node.attrs:
            if last:
                self.raw("<br><br>")  # the last one of a line is never seen
            elif self._one_line or index + 1 == len(run) or node.marks:
                self.raw("<br>")
            else:
                self._written.append("\\\n")
                self._line_start = True
        elif node.type == "image" and not node.attrs.keys() - {"src", "alt", "title"}:
            target = _target(node.attrs.get("src"), node.attrs.get("title"))
            alt = node.attrs.get("alt", "")
            if target is None or not isinstance(alt, str) or ("alt" in node.attrs and not alt):
                self.raw(leaf_tag(node) or "")
            else:
                self._written.append("!")
                self.raw(f"[{_escape(alt, False, True, self._cell)}]{target}")
        elif node.type == "formula":
            self._formula(node)
        else:
            self.raw(leaf_tag(node) or "")

    def _formula(self, node: Node) -> None:
        """Within its tag markdown is read on, so what it shows is escaped as any text."""
        opening, _, shown = (leaf_tag(node) or "").partition(">")
        self.raw(f"{opening}>")
        if not shown.startswith("<"):
            self._written.append(_escape(str(node.attrs["latex"]), False, True, self._cell))
        self.raw("</span>")

    def _text(self, text: str, last: bool, before_break: bool) -> None:
        self._written.append(_escape(text, self._line_start, last or before_break, self._cell))
        self._line_start = False


def _escape(text: str, starts_line: bool, ends_line: bool, cell: bool) -> str:
    """`text` so that markdown takes it for text."""
    head = tail = ""
    if starts_line:
        stripped = text.lstrip()
        head = _entities(text[: len(text) - len(stripped)])
        text = stripped
        leading = _LEADING.match(text) if not head else None
        if leading is not None:
            digits = leading[0][0].isdigit()
            head = f"{leading[0]}\\" if digits else f"\\{leading[0]}"
            text = text[leading.end() :]
            if digits:
                head += text[:1]
                text = text[1:]
    if ends_line:
        stripped = text.rstrip()
        tail = _entities(text[len(stripped) :])
        text = stripped
        if text.endswith("#"):
            text, tail = text[:-1], f"\\#{tail}"

    def escaped(match: re.Match[str]) -> str:
        found = match[0]
        if found in "\t\n\f":
            return _entities(found)
        if found == "|":
            return "&#124;" if cell else found
        if found == "_":
            around = text[max(match.start() - 1, 0) : match.end() + 1]
            return (
                "_" if len(around) == 3 and around[0].isalnum() and around[2].isalnum() else "\\_"
            )
        return f"\\{found}"

    return head + _SPECIAL.sub(escaped, text) + tail


def _entities(text: str) -> str:
    """White space so that it is not trimmed; of control characters there are no references."""
    return "".join(
        f"<span></span>{character}<span></span>"
        if character in _NO_REFERENCE
        else f"&#{ord(character)};"
        for character in text
    )


def _target(address: object, title: object) -> str | None:
    """The part of a link or image in parentheses; None if markdown cannot say it."""
    if not isinstance(address, str) or not (title is None or isinstance(title, str)):
        return None
    if any(character < " " or character == "\x7f" for character in address + (title or "")):
        return None
    if title == "":
        return None
    address = re.sub(r"[\\<>&|]", lambda match: _entities(match[0]), address)
    if not address or re.search(r"[\s()]", address):
        address = f"<{address}>"
    if not title:
        return f"({address})"
    quoted = re.sub(r'["\\&|<`*_\[\]~]', lambda match: _entities(match[0]), title)
    return f'({address} "{quoted}")'


def _backticks(text: str) -> str:
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    padded = text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " ")
    return f"{fence} {text} {fence}" if padded else f"{fence}{text}{fence}"


def _starred(node: Node) -> bool:
    return any(mark.type in _STARS or mark.type == "code" for mark in node.marks)


def _is_code(node: Node) -> bool:
    return any(mark.type == "code" for mark in node.marks)


def _edgy(text: str) -> bool:
    """Whether white space other than blanks is at an end, where markdown trims it."""
    return (text[0].isspace() and text[0] != " ") or (text[-1].isspace() and text[-1] != " ")


def _in_line(html: str, cell: bool) -> str:
    html = html.replace("\n", "&#10;")
    return html.replace("|", "&#124;") if cell else html
