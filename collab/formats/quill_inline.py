"""What is within a line of a Delta: formatted runs of text, and embeds.

Owns Quill's names for formats. Any other attribute is a mark of its name, and any other embed a
node of its name, from which it can be made again: `true` is one without attributes, an object its
attributes, anything else its attribute `value`.
"""

from __future__ import annotations

from typing import Any

from collab.formats.tree import KNOWN, Mark, Node
from collab.ot.attributes import Attributes
from collab.ot.delta import Embed

_SCRIPTS = {"sub": "subscript", "super": "superscript"}
_SCRIPTS_BACK = {mark: value for value, mark in _SCRIPTS.items()}
_EMBEDS = {"image": "src", "video": "src", "formula": "latex"}
_IMAGE_ATTRIBUTES = {"alt", "title", "width", "height"}


def marks_of(attributes: Attributes | None) -> tuple[Mark, ...]:
    """The marks of a run with these attributes."""
    if not attributes:
        return ()
    found = []
    for name, value in attributes.items():
        if name == "link" and isinstance(value, str):
            found.append(Mark("link", {"href": value}))
        elif name == "script" and isinstance(value, str) and value in _SCRIPTS:
            found.append(Mark(_SCRIPTS[value]))
        else:
            found.append(Mark(name, attrs_of(value)))
    return tuple(found)


def attributes_from(marks: tuple[Mark, ...]) -> Attributes:
    """The attributes of a run with these marks."""
    attributes: Attributes = {}
    for mark in marks:
        href = mark.attrs.get("href")
        if mark.type == "link" and isinstance(href, str):
            attributes["link"] = href
        elif mark.type in _SCRIPTS_BACK and not mark.attrs:
            attributes["script"] = _SCRIPTS_BACK[mark.type]
        else:
            attributes[mark.type] = value_of(mark.attrs)
    return attributes


def attrs_of(value: Any) -> dict[str, Any]:
    """The attributes that a value is kept in. Law: value_of(attrs_of(v)) == v."""
    if value is True:
        return {}
    if isinstance(value, dict) and value and value.keys() != {"value"}:
        return value
    return {"value": value}


def value_of(attrs: dict[str, Any]) -> Any:
    """The value that `attrs_of` has kept, or the attributes themselves."""
    if not attrs:
        return True
    return attrs["value"] if attrs.keys() == {"value"} else attrs


def embed_of(embed: Embed, attributes: Attributes | None, inside: bool) -> Node:
    """The node of an embed; `inside` a line that has something before it."""
    formats = attributes or {}
    type, value = next(iter(embed.items()))
    if len(embed) == 1 and type in _EMBEDS and isinstance(value, str):
        attrs = {_EMBEDS[type]: value}
        own = {
            name
            for name in formats
            if (type == "image" and name in _IMAGE_ATTRIBUTES)
            or (type == "video" and name != "src")
        }
        attrs |= {name: formats[name] for name in own}
        rest = {name: formats[name] for name in formats if name not in own}
        return Node(type, attrs, (), marks_of(rest))
    if embed == {"divider": True} and embed["divider"] is True and not inside and not formats:
        return Node("horizontalRule")
    known = type in KNOWN and type not in _EMBEDS
    if len(embed) == 1 and type and type != "embed" and not known:
        return Node(type, attrs_of(value), (), marks_of(formats))
    return Node("embed", embed, (), marks_of(formats))


def embed_from(node: Node) -> tuple[Embed, Attributes]:
    """The embed of a node, and its attributes."""
    formats = attributes_from(node.marks)
    name = _EMBEDS.get(node.type)
    if name is not None and isinstance(node.attrs.get(name), str):
        own = {key: value for key, value in node.attrs.items() if key != name}
        return {node.type: node.attrs[name]}, {**own, **formats}
    if node.type == "embed" and node.attrs:
        return node.attrs, formats
    return {node.type: value_of(node.attrs)}, formats
