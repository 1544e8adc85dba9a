"""ProseMirror's JSON, as TipTap names things, and what Yjs makes of it.

Owns the differences between that and the tree, which are few: TipTap keeps colours, fonts and sizes
in one mark, and calls alignment, direction and formulas by other names. A reader of XML fragments
drives a `tree.Builder` with `node_of` and `marks_of`. Law: read(write(t)) == t, but for nulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from collab.errors import InvalidContent
from collab.formats.tree import KNOWN, Builder, Mark, Node, check_attributes, check_string, walk

_TYPES = {"inlineMath": "formula"}
_ATTRIBUTES = {"textAlign": "align", "dir": "direction"}
_STYLES = {
    "color": "color",
    "backgroundColor": "background",
    "fontFamily": "font",
    "fontSize": "size",
}
_TYPES_BACK = {ours: theirs for theirs, ours in _TYPES.items()}
_ATTRIBUTES_BACK = {ours: theirs for theirs, ours in _ATTRIBUTES.items()}
_STYLES_BACK = {ours: theirs for theirs, ours in _STYLES.items()}


def node_of(type: object, attrs: object = None) -> tuple[str, dict[str, Any]]:
    """The type and attributes that a node of ProseMirror has in the tree; raises InvalidContent."""
    name = _name(type)
    checked = check_attributes(attrs)
    if name in KNOWN or name in _TYPES:
        checked = {_ATTRIBUTES.get(key, key): value for key, value in checked.items()}
    return _TYPES.get(name, name), checked


def marks_of(given: Mapping[str, object] | Iterable[tuple[object, object]]) -> tuple[Mark, ...]:
    """Marks from pairs of name and attributes, as Yjs keeps them on runs of text.

    `true` is a mark without attributes, null none; what follows `--` in a name tells marks of one
    type apart. Raises InvalidContent.
    """
    found: list[Mark] = []
    for key, value in given.items() if isinstance(given, Mapping) else given:
        if value is None or value is False:
            continue
        name = _name(key).partition("--")[0] or _name(key)
        if isinstance(value, Mapping) or value is True:
            attrs = check_attributes({} if value is True else value)
        else:
            attrs = check_attributes({"value": value})
        if name != "textStyle":
            found.append(Mark(name, attrs))
            continue
        for theirs, ours in _STYLES.items():
            if theirs in attrs:
                found.append(Mark(ours, {"value": attrs.pop(theirs)}))
        if attrs:
            found.append(Mark(name, attrs))
    return tuple(found)


def read(value: object) -> Node:
    """The tree of a document's JSON, or of a list of nodes; raises InvalidContent."""
    builder = Builder()
    top = value
    if isinstance(value, Mapping):
        top = value.get("content") if value.get("type") == "doc" else [value]
    stack = [_nodes(top)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            if stack:
                builder.close()
            continue
        if not isinstance(node, Mapping):
            raise InvalidContent("a node has to be an object")
        marks = _marks(node.get("marks"))
        if node.get("type") == "text":
            builder.text(check_string(node.get("text")), marks)
            continue
        type, attrs = node_of(node.get("type"), node.get("attrs"))
        builder.open(type, attrs, marks)
        stack.append(_nodes(node.get("content")))
    return builder.finish()


def write(tree: Node) -> dict[str, Any]:
    """The JSON of `tree`, as values."""
    outer: list[list[dict[str, Any]]] = [[]]
    for node, entering in walk(tree):
        if node.type == "text":
            if entering:
                outer[-1].append({"type": "text", "text": node.text, **_marks_json(node.marks)})
            continue
        if entering:
            outer.append([])
            continue
        content = outer.pop()
        written: dict[str, Any] = {"type": _TYPES_BACK.get(node.type, node.type)}
        if node.attrs:
            known = node.type in KNOWN
            written["attrs"] = {
                _ATTRIBUTES_BACK.get(key, key) if known else key: value
                for key, value in node.attrs.items()
            }
        if content:
            written["content"] = content
        outer[-1].append({**written, **_marks_json(node.marks)})
    return outer[0][0]


def _nodes(content: object) -> Any:
    if content is None:
        return iter(())
    if not isinstance(content, (list, tuple)):
        raise InvalidContent("the content of a node has to be a list")
    return iter(content)


def _name(type: object) -> str:
    name = check_string(type)
    if not name or len(name) > 200:
        raise InvalidContent("a type has to have a name of at most 200 characters")
    return name


def _marks(marks: object) -> tuple[Mark, ...]:
    if not marks:
        return ()
    if not isinstance(marks, (list, tuple)):
        raise InvalidContent("marks have to be a list")
    pairs = []
    for mark in marks:
        if not isinstance(mark, Mapping):
            raise InvalidContent("a mark has to be an object")
        pairs.append((mark.get("type"), mark.get("attrs") or True))
    return marks_of(pairs)


def _marks_json(marks: tuple[Mark, ...]) -> dict[str, Any]:
    if not marks:
        return {}
    styles = {
        _STYLES_BACK[mark.type]: mark.attrs["value"]
        for mark in marks
        if mark.type in _STYLES_BACK and mark.attrs.keys() == {"value"}
    }
    written: list[dict[str, Any]] = []
    for mark in marks:
        if mark.type in _STYLES_BACK and mark.attrs.keys() == {"value"}:
            continue
        if mark.type == "textStyle":
            styles = {**mark.attrs, **styles}
        else:
            written.append({"type": mark.type, **({"attrs": mark.attrs} if mark.attrs else {})})
    if styles:
        written.insert(0, {"type": "textStyle", "attrs": styles})
    return {"marks": written}
