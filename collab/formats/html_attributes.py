"""What tags and their attributes say: the attributes and marks that `html_reader.py` gives nodes.

Owns the names of html. Knows nothing of where a tag stands.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from collab.errors import InvalidContent
from collab.formats.sanitize import declarations
from collab.formats.tree import MARKS as MARK_TYPES
from collab.formats.tree import Mark, check_attributes

MARKS = frozenset(MARK_TYPES)
_SIMPLE = {
    "strong": "bold", "b": "bold", "em": "italic", "i": "italic", "s": "strike", "del": "strike",
    "strike": "strike", "u": "underline", "ins": "underline", "code": "code", "tt": "code",
    "kbd": "code", "samp": "code", "sub": "subscript", "sup": "superscript",
}  # fmt: skip
FORMATS = frozenset(_SIMPLE) | {"a", "mark", "span", "font"}
LEAVES = frozenset({"br", "hr", "img", "video", "iframe", "input"})
BLOCKS = frozenset({"p", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"})
BLOCK_TAGS = BLOCKS | {
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "html", "li", "main", "nav",
    "ol", "section", "summary", "table", "td", "th", "tr", "ul",
}  # fmt: skip
_STYLES = {
    "color": "color",
    "background-color": "background",
    "font-family": "font",
    "font-size": "size",
}
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_INDENT = re.compile(r"ql-indent-([1-9][0-9]?)")
_LANGUAGE = re.compile(r"lang(?:uage)?-(\S{1,64})")


def extra(given: dict[str, str]) -> dict[str, Any]:
    """The attributes that html had no place for."""
    raw = given.get("data-attrs")
    if not raw:
        return {}
    try:
        return check_attributes(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, InvalidContent, RecursionError, UnicodeError):
        return {}


def listed_marks(given: dict[str, str]) -> tuple[Mark, ...]:
    """The marks of a generic node."""
    raw = given.get("data-marks")
    if not raw:
        return ()
    try:
        pairs = msgspec.json.decode(raw, type=list[tuple[str, dict[str, Any]]])
        return tuple(Mark(type, check_attributes(attrs)) for type, attrs in pairs)
    except (msgspec.MsgspecError, InvalidContent, RecursionError, UnicodeError):
        return ()


def marks(tag: str, given: dict[str, str]) -> tuple[Mark, ...]:
    """The marks of a tag that formats text."""
    styles = declarations(given["style"]) if "style" in given else []
    if tag == "a":
        attrs: dict[str, Any] = {name: given[name] for name in ("href", "title") if name in given}
        if "href" not in attrs:
            attrs = {}
        attrs |= extra(given)
        return (Mark("link", attrs),) if attrs else ()
    if tag == "mark":
        colors = [value for name, value in styles if name == "background-color"]
        return (Mark("highlight", {**({"color": colors[-1]} if colors else {}), **extra(given)}),)
    if tag == "span" and given.get("data-mark"):
        type = given["data-mark"]
        found = [{"value": value} for name, value in styles if _STYLES.get(name) == type]
        return (Mark(type, {**(found[-1] if found else {}), **extra(given)}),)
    shown = [Mark(_STYLES[name], {"value": value}) for name, value in styles if name in _STYLES]
    if tag == "font":
        for name, mark, property in (("color", "color", "color"), ("face", "font", "font-family")):
            safe = declarations(f"{property}:{given.get(name, '')}")
            shown += [Mark(mark, {"value": value}) for _, value in safe]
    if tag in _SIMPLE:
        if tag == "b" and "font-weight:normal" in given.get("style", "").replace(" ", ""):
            return ()  # around all that Google Docs puts on the clipboard
        return (Mark(_SIMPLE[tag], extra(given)), *shown)
    return (*shown, *_looks(given.get("style", "")))


_LOOKS = [
    (re.compile(r"font-weight:\s*(?:bold|[6-9]00)"), "bold"),
    (re.compile(r"font-style:\s*italic"), "italic"),
    (re.compile(r"text-decoration[a-z-]*:[^;]*underline"), "underline"),
    (re.compile(r"text-decoration[a-z-]*:[^;]*line-through"), "strike"),
    (re.compile(r"vertical-align:\s*super"), "superscript"),
    (re.compile(r"vertical-align:\s*sub(?!\S)"), "subscript"),
]


def _looks(style: str) -> list[Mark]:
    """The marks that word processors write as styles."""
    if len(style) > 2000:
        return []
    return [Mark(type) for pattern, type in _LOOKS if pattern.search(style)]


def of_block(tag: str, given: dict[str, str]) -> tuple[str, str, dict[str, Any]]:
    """The kind of frame, type and attributes of a block with its own tag."""
    if tag == "pre":
        return "pre", "codeBlock", {**language(given), **extra(given)}
    if tag == "blockquote":
        return "blocks", "blockquote", extra(given)
    attrs = _shape(given)
    if tag == "p":
        return "text", "paragraph", {**attrs, **extra(given)}
    return "text", "heading", {"level": int(tag[1]), **attrs, **extra(given)}


def of_list(tag: str, given: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The type and attributes of a list."""
    if given.get("data-type") == "taskList":
        return "taskList", extra(given)
    if tag == "ul":
        return "bulletList", extra(given)
    start = _NUMBER.fullmatch(given.get("start", "1"))
    return "orderedList", {"start": int(start[0]) if start else 1, **extra(given)}


def is_task(given: dict[str, str]) -> bool:
    """Whether a list's item says that it is a task."""
    return "data-checked" in given or given.get("data-type") == "taskItem"


def of_item(given: dict[str, str]) -> dict[str, Any]:
    """The attributes of a list's item."""
    checked = {"checked": given.get("data-checked") == "true"} if is_task(given) else {}
    return {**checked, **extra(given)}


def of_cell(given: dict[str, str]) -> dict[str, Any]:
    """The attributes of a table's cell."""
    attrs = _shape(given)
    for name in ("colspan", "rowspan"):
        number = _NUMBER.fullmatch(given.get(name, "1"))
        if number is not None and 1 < int(number[0]) <= 1000:
            attrs[name] = int(number[0])
    return {**attrs, **extra(given)}


def of_embed(type: str, given: dict[str, str]) -> dict[str, Any]:
    """The attributes of an image or video."""
    names = ("src", "alt", "title", "width", "height") if type == "image" else ("src",)
    return {**{name: given[name] for name in names if name in given}, **extra(given)}


def of_formula(given: dict[str, str]) -> dict[str, Any]:
    """The attributes of a formula as Quill writes it."""
    latex = given.get("data-value")
    return {**({} if latex is None else {"latex": latex}), **extra(given)}


def language(given: dict[str, str]) -> dict[str, Any]:
    """The language that a class names."""
    match = _LANGUAGE.fullmatch(given.get("class", "").strip())
    return {} if match is None else {"language": match[1]}


def _shape(given: dict[str, str]) -> dict[str, Any]:
    """Alignment, direction and indent."""
    attrs: dict[str, Any] = {}
    for name, value in declarations(given["style"]) if "style" in given else []:
        if name == "text-align":
            attrs["align"] = value
    classes = given.get("class", "").split()
    for name in classes:
        indent = _INDENT.fullmatch(name)
        if indent is not None:
            attrs["indent"] = int(indent[1])
        elif name in {"ql-align-center", "ql-align-right", "ql-align-justify"}:
            attrs["align"] = name.removeprefix("ql-align-")
    if given.get("dir") in {"ltr", "rtl", "auto"}:
        attrs["direction"] = given["dir"]
    elif "ql-direction-rtl" in classes:
        attrs["direction"] = "rtl"
    return attrs
