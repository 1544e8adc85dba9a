"""The normal form of a tree: what html can hold and gives back.

Owns the repairs: runs of inline content in a block become paragraphs, runs of text with equal marks
become one, marks get their order, attributes that say nothing go, and so do addresses that are not
safe. Nothing else is changed; above all, text stays.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from collab.formats.sanitize import safe_address
from collab.formats.tree import (
    BLOCKS,
    CONTAINERS,
    EITHER,
    INLINE,
    MARKS,
    Mark,
    Node,
    key_of,
    same_marks,
    walk,
)

_DEFAULTS: dict[str, dict[str, Any]] = {
    "orderedList": {"start": 1},
    "tableCell": {"colspan": 1, "rowspan": 1},
    "tableHeader": {"colspan": 1, "rowspan": 1},
    # What TipTap gives every link, and html.py writes for every link.
    "link": {"target": "_blank", "rel": "noopener noreferrer nofollow"},
}
_NEEDED: dict[str, dict[str, Any]] = {"heading": {"level": 1}, "taskItem": {"checked": False}}
_ADDRESSES = {"image": "src", "video": "src", "link": "href"}
_RANKS = {type: rank for rank, type in enumerate(MARKS)}
_UNCLEAN = re.compile(r"\r\n?|\0")
_CONTROL = re.compile(r"[\x00-\x1f]")


def normal(tree: Node) -> Node:
    """The normal form of `tree`. Law: normal(normal(t)) == normal(t)."""
    outer: list[list[Node]] = [[]]
    for node, entering in walk(tree):
        if entering:
            if node.type != "text":
                outer.append([])
        elif node.type == "text":
            _add_text(outer[-1], node)
        else:
            content = outer.pop()
            outer[-1].append(_normal_node(node, content))
    return outer[0][0]


def clean_text(text: str) -> str:
    """`text` without what html cannot hold: NUL, and line ends other than LF."""
    if "\r" not in text and "\0" not in text:
        return text
    return _UNCLEAN.sub(lambda match: "\ufffd" if match[0] == "\0" else "\n", text)


def normal_marks(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Marks in their order: one of each known type, none twice, no links that are not safe."""
    if not marks or (len(marks) == 1 and not marks[0].attrs and marks[0].type in _RANKS):
        return marks
    found: dict[Any, Mark] = {}
    for mark in marks:
        type = _CONTROL.sub("\ufffd", mark.type)
        attrs = _normal_attrs(type, mark.attrs) if mark.attrs else {}
        if type == "link" and "href" in mark.attrs and "href" not in attrs:
            continue
        kept = mark if type == mark.type and attrs == mark.attrs else Mark(type, attrs)
        found[type if type in _RANKS else (type, key_of(attrs))] = kept
    return tuple(sorted(found.values(), key=_rank))


def _rank(mark: Mark) -> tuple[int, str, bytes]:
    rank = _RANKS.get(mark.type)
    return (len(_RANKS), mark.type, key_of(mark.attrs)) if rank is None else (rank, "", b"")


def _add_text(content: list[Node], node: Node) -> None:
    if not node.text:
        return
    marks = normal_marks(node.marks)
    text = clean_text(node.text)
    if marks == node.marks and text is node.text and not node.attrs and not node.content:
        content.append(node)
    else:
        content.append(Node("text", {}, (), marks, text))


def _normal_node(node: Node, content: list[Node]) -> Node:
    type = node.type if node.type.isalnum() else _CONTROL.sub("\ufffd", node.type)
    attrs = _normal_attrs(type, node.attrs)
    if type == "codeBlock":
        content = [_in_code(child) for child in content]
    content = _joined(content)
    if type in CONTAINERS:
        content = _wrapped(content)
    marks = () if type in BLOCKS else normal_marks(node.marks)
    return Node(type, attrs, tuple(content), marks)


def _in_code(node: Node) -> Node:
    """A child of a block of code: all of it is code, and lines end with line ends."""
    text = node.text
    if node.type == "hardBreak" and not node.content and not node.attrs:
        text = "\n"
    marks = tuple(mark for mark in node.marks if mark.type != "code")
    return Node("text" if text else node.type, node.attrs, node.content, marks, text)


def _normal_attrs(type: str, attrs: dict[str, Any]) -> dict[str, Any]:
    defaults = _DEFAULTS.get(type, {})
    kept = {
        key: value
        for key, value in attrs.items()
        if value is not None
        and not (key in defaults and value is not True and value == defaults[key])
    }
    if type in _NEEDED:
        kept = {**_NEEDED[type], **kept}
    name = _ADDRESSES.get(type)
    if name is not None and name in kept:
        address = kept[name]
        if isinstance(address, str) and not safe_address(address, type == "image"):
            del kept[name]
    return kept


def _joined(content: list[Node]) -> list[Node]:
    """With neighbouring runs of text that have the same marks made one."""
    joined: list[Node] = []
    pieces: list[str] = []
    for child in content:
        last = joined[-1] if joined else None
        if (
            child.type == "text"
            and last is not None
            and last.type == "text"
            and same_marks(last.marks, child.marks)
        ):
            pieces = pieces or [last.text]
            pieces.append(child.text)
            continue
        if pieces:
            joined[-1] = Node("text", {}, (), joined[-1].marks, "".join(pieces))
            pieces = []
        joined.append(child)
    if pieces:
        joined[-1] = Node("text", {}, (), joined[-1].marks, "".join(pieces))
    return joined


def _wrapped(content: list[Node]) -> list[Node]:
    """With inline content in paragraphs; pictures that stand alone need none."""
    if not any(child.type in INLINE for child in content):
        return content
    found: list[Node] = []
    for flows, run in groupby(content, _flows):
        nodes = tuple(run)
        if flows and any(child.type in INLINE for child in nodes):
            found.append(Node("paragraph", {}, nodes))
        else:
            found.extend(nodes)
    return found


def _flows(node: Node) -> bool:
    return node.type in INLINE or (node.type in EITHER and node.type == "image")
