"""The tags of html: which tag and which attributes each node and mark of a tree is written with.

Owns the names; what has none is a `div` or `span` that names it, with its attributes as JSON.
Knows nothing of where a node stands.
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from collab.formats.sanitize import safe_class, safe_style
from collab.formats.tree import Mark, Node, same_mark

_TAGS = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bulletList": "ul",
    "orderedList": "ol",
    "listItem": "li",
    "taskList": "ul",
    "taskItem": "li",
    "table": "table",
    "tableRow": "tr",
    "tableHeader": "th",
    "tableCell": "td",
}
_MARKS = {
    "bold": "strong",
    "italic": "em",
    "strike": "s",
    "underline": "u",
    "code": "code",
    "highlight": "mark",
    "subscript": "sub",
    "superscript": "sup",
}
_STYLES = {
    "color": "color",
    "background": "background-color",
    "font": "font-family",
    "size": "font-size",
}
_SIZES = {"small": "0.75em", "large": "1.5em", "huge": "2.5em"}  # as Quill's stylesheet has them
_SHAPED = {"paragraph", "heading", "tableHeader", "tableCell"}
_encode = msgspec.json.Encoder().encode


class MarkTags:
    """The tags around inline content, each opened and closed as late as may be."""

    def __init__(self) -> None:
        self._open: list[tuple[Mark, str]] = []

    def change(self, marks: tuple[Mark, ...]) -> str:
        """The tags to write so that exactly `marks` are open."""
        opened = self._open
        if not marks and not opened:
            return ""
        shared = 0
        for (old, _), new in zip(opened, marks, strict=False):
            if not same_mark(old, new):
                break
            shared += 1
        written = [closing for _, closing in reversed(opened[shared:])]
        del opened[shared:]
        for mark in marks[shared:]:
            opening, closing = mark_tags(mark)
            opened.append((mark, closing))
            written.append(opening)
        return "".join(written)


def mark_tags(mark: Mark) -> tuple[str, str]:
    """The html tags of a mark."""
    if not mark.attrs and mark.type in _MARKS:
        return f"<{_MARKS[mark.type]}>", f"</{_MARKS[mark.type]}>"
    attrs = dict(mark.attrs)
    tag = _MARKS.get(mark.type)
    native = ""
    if mark.type == "link" and fits(attrs.get("href")):
        tag = "a"
        native = _pair("href", attrs.pop("href"))
        if fits(attrs.get("title")):
            native += _pair("title", attrs.pop("title"))
    elif mark.type == "highlight" and _styled("background-color", attrs.get("color")):
        native = _pair("style", f"background-color: {attrs.pop('color')}")
    elif mark.type in _STYLES:
        name, value = _STYLES[mark.type], attrs.get("value")
        if mark.type == "size" and isinstance(value, str) and value in _SIZES:
            tag, native = "span", _pair("style", f"{name}: {_SIZES[value]}")
        elif _styled(name, value):
            tag, native = "span", _pair("style", f"{name}: {attrs.pop('value')}")
        if tag is not None:  # a span is read as a mark by its style, or by its name
            if attrs:
                native += _pair("data-mark", mark.type)
            return f"<span{native}{_rest(attrs)}>", "</span>"
    if tag is None:
        return f"<span{_pair('data-mark', mark.type)}{_rest(attrs)}>", "</span>"
    return f"<{tag}{native}{_rest(attrs)}>", f"</{tag}>"


def leaf_tag(node: Node) -> str | None:
    """The tag of a node that has no content, None if its type has none."""
    if node.content:
        return None
    attrs = dict(node.attrs)
    match node.type:
        case "hardBreak":
            return f"<br{_rest(attrs)}>"
        case "horizontalRule":
            return f"<hr{_rest(attrs)}>"
        case "image":
            return f"<img{_strings(attrs, 'src', 'alt', 'title', 'width', 'height')}{_rest(attrs)}>"
        case "video":
            return f'<video{_strings(attrs, "src")} controls=""{_rest(attrs)}></video>'
        case "formula":
            latex = attrs.get("latex")
            shown = escape(latex, quote=False) if isinstance(latex, str) and fits(latex) else ""
            if shown:
                attrs.pop("latex")
                shown = f"{_pair('data-value', latex)}{_rest(attrs)}>{shown}"
            else:
                shown = f"{_rest(attrs)}>"
            return f'<span class="ql-formula"{shown}</span>'
    return None


def generic_tags(node: Node, tag: str, style: str = "") -> tuple[str, str]:
    """The tags of a node that html has no other for; `tag` is `div` or `span`."""
    marks = ""
    if node.marks:
        names = [[mark.type, mark.attrs] for mark in node.marks]
        marks = _pair("data-marks", _encode(names).decode())
    return f"<{tag}{_pair('data-type', node.type)}{_rest(node.attrs)}{marks}{style}>", f"</{tag}>"


def block_tags(node: Node, style: str = "") -> tuple[str, str]:
    """The tags of a block that has its own."""
    attrs = dict(node.attrs)
    tag = _TAGS.get(node.type, "")
    native = ""
    match node.type:
        case "heading":
            level = attrs["level"]
            proper = type(level) is int and 1 <= level <= 6
            tag = f"h{attrs.pop('level')}" if proper else "h1"
        case "codeBlock":
            language = attrs.get("language")
            if isinstance(language, str) and safe_class(f"language-{language}"):
                native = _pair("class", f"language-{attrs.pop('language')}")
            return f"<pre{_rest(attrs)}><code{native}>", "</code></pre>"
        case "orderedList":
            start = attrs.get("start")
            if type(start) is int and abs(start) < 2**31:
                native = _pair("start", str(attrs.pop("start")))
        case "taskList":
            native = ' data-type="taskList"'
        case "taskItem":
            checked = attrs["checked"] is True
            if isinstance(attrs["checked"], bool):
                del attrs["checked"]
            native = f' data-type="taskItem" data-checked="{str(checked).lower()}"'
            box = ' checked=""' if checked else ""
            return f'<li{native}{_rest(attrs)}><input type="checkbox"{box} disabled="">', "</li>"
        case "tableHeader" | "tableCell":
            for name in ("colspan", "rowspan"):
                if type(attrs.get(name)) is int and 1 < attrs[name] <= 1000:
                    native += _pair(name, str(attrs.pop(name)))
        case "table":
            return f"<table{_rest(attrs)}><tbody>", "</tbody></table>"
    if node.type in _SHAPED and attrs:
        native += _shape(attrs, style)
    else:
        native += style
    return f"<{tag}{native}{_rest(attrs)}>", f"</{tag}>"


PRE = ' style="white-space: pre-wrap"'


def _shape(attrs: dict[str, Any], style: str) -> str:
    """Alignment, direction and indent as attributes; takes from `attrs` what it has written."""
    native = style
    align, direction, indent = (attrs.get(name) for name in ("align", "direction", "indent"))
    if _styled("text-align", align):
        del attrs["align"]
        rest = "; white-space: pre-wrap" if style else ""
        native = f' style="text-align: {align}{rest}"'
    if isinstance(direction, str) and direction in {"ltr", "rtl", "auto"}:
        native += _pair("dir", attrs.pop("direction"))
    if type(indent) is int and 1 <= indent <= 99:
        native += _pair("class", f"ql-indent-{attrs.pop('indent')}")
    return native


def fits(value: object) -> bool:
    """Whether an attribute can hold a value as it is."""
    return isinstance(value, str) and "\r" not in value and "\0" not in value


def _styled(name: str, value: object) -> bool:
    return isinstance(value, str) and value == value.strip() and safe_style(name, value)


def _strings(attrs: dict[str, Any], *names: str) -> str:
    """These attributes as html, taken from `attrs`; of numbers that shows, but they stay in it."""
    written = []
    for name in names:
        value = attrs.get(name)
        if fits(value):
            written.append(_pair(name, attrs.pop(name)))
        elif type(value) is int:
            written.append(_pair(name, str(value)))
    return "".join(written)


def _pair(name: str, value: object) -> str:
    return f' {name}="{escape(str(value))}"'


def _rest(attrs: dict[str, Any]) -> str:
    """All that is left of the attributes."""
    return _pair("data-attrs", _encode(attrs).decode()) if attrs else ""
