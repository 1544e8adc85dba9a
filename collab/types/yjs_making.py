"""Yjs documents made of text, html, markdown and JSON.

Owns how values become shared types, and at which roots: the inverse of `yjs_content`. What is made
is one update by a client of its own.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

import msgspec
import pycrdt

from collab.errors import InvalidContent, InvalidOperation
from collab.formats import html, markdown, prosemirror, quill
from collab.formats.tree import Node
from collab.ot import check
from collab.ot.delta import Delta, insert
from collab.types import OperationLimits
from collab.types.yjs_content import TEXT_ROOT, XML_ROOT, Doc, parse_root, unknown_format
from collab.types.yjs_guard import Guard, RootKind, Update, read_update

# Of JSON values within a map or an array; a Yjs value may be 64 deep.
_MAX_VALUE_DEPTH = 60
_MAX_INTEGER = 2**53 - 1
_READERS: dict[str, Callable[[str], Node]] = {"html": html.read, "markdown": markdown.read}


def new_client() -> int:
    """The id of a Yjs client that nobody else is, as Yjs makes them."""
    return secrets.randbits(32)


def read(raw: bytes, format: str, root: str | None, client: int) -> Update:
    """Untrusted content as the update of an empty document.

    Raises InvalidContent, UnknownFormat.
    """
    made = raw if format == "update" else _make(raw, format, root, client)
    try:
        update = read_update(made)
        checked = Guard().check(update)
    except InvalidOperation as error:
        raise InvalidContent(str(error)) from None
    if checked.gap:
        raise InvalidContent("the update builds on something that is not in it")
    return checked.update


def _make(raw: bytes, format: str, root: str | None, client: int) -> bytes:
    name, kind = (None, None) if root is None else parse_root(root)
    doc: Doc = pycrdt.Doc(client_id=client)
    with doc.transaction():
        if format == "json":
            _put_json(doc, _decoded(raw), name, kind)
        elif format == "text":
            _put(doc, name or TEXT_ROOT, kind or "text", _text(raw))
        elif format in _READERS:
            tree = _READERS[format](_text(raw))
            if kind == "text":
                _write_text(doc.get(name or TEXT_ROOT, type=pycrdt.Text), quill.write(tree))
            else:
                _put(doc, name or XML_ROOT, kind or "xml", prosemirror.write(tree))
        else:
            raise unknown_format()
    return doc.get_update()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidContent("the text is not UTF-8") from None


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidContent("the content is not JSON") from None


def _put_json(doc: Doc, value: Any, name: str | None, kind: RootKind | None) -> None:
    if name is not None:
        _put(doc, name, kind or _kind_of(value), value)
    elif isinstance(value, dict):
        for key, content in value.items():
            if content is not None:
                _put(doc, key, _kind_of(content), content)
    else:
        raise InvalidContent("a yjs document as json is an object, with a member for each root")


def _kind_of(value: Any) -> RootKind:
    """What a root looks like as JSON; an empty list is a text without anything in it."""
    if isinstance(value, dict):
        return "xml" if value.get("type") == "doc" else "map"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        ops = all(isinstance(item, dict) and "insert" in item for item in value)
        return "text" if ops else "array"
    raise InvalidContent("a root is a text, an array, an object or a document of ProseMirror's")


def _put(doc: Doc, name: str, kind: RootKind, value: Any) -> None:
    match kind:
        case "text":
            _write_text(doc.get(name, type=pycrdt.Text), _delta_of(value))
        case "xml":
            if isinstance(value, str):
                lines = [_paragraph(line) for line in value.splitlines()]
                value = {"type": "doc", "content": lines}
            written = prosemirror.write(prosemirror.read(value))
            _write_xml(doc.get(name, type=pycrdt.XmlFragment), written)
        case "map":
            if not isinstance(value, dict):
                raise InvalidContent("a map is made of an object")
            doc.get(name, type=pycrdt.Map).update(_any(value, _MAX_VALUE_DEPTH))
        case "array":
            if not isinstance(value, list):
                raise InvalidContent("an array is made of a list")
            doc.get(name, type=pycrdt.Array).extend(_any(value, _MAX_VALUE_DEPTH))


def _paragraph(line: str) -> dict[str, Any]:
    """A paragraph of one line of text."""
    content = [{"type": "text", "text": line}] if line else []
    return {"type": "paragraph", "content": content}


def _delta_of(value: Any) -> Delta:
    if isinstance(value, str):
        return (insert(value),) if value else ()
    try:
        return check.parse_document(msgspec.json.encode(value), OperationLimits(), rich=True)
    except InvalidOperation as error:
        raise InvalidContent(str(error)) from None


def _any(value: Any, depth: int) -> Any:
    """A JSON value as Yjs can hold it; `depth` bounds the recursion."""
    if isinstance(value, int) and not -_MAX_INTEGER <= value <= _MAX_INTEGER:
        raise InvalidContent("an integer beyond 2^53")
    if not isinstance(value, (dict, list)):
        return value
    if depth == 0:
        raise InvalidContent(f"a value nested deeper than {_MAX_VALUE_DEPTH}")
    if isinstance(value, dict):
        return {key: _any(item, depth - 1) for key, item in value.items()}
    return [_any(item, depth - 1) for item in value]


# Positions of pycrdt are bytes of UTF-8; an embed takes one.


def _write_text(text: pycrdt.Text, delta: Delta) -> None:
    at = 0
    for op in delta:
        attributes = _any(op.attributes or {}, _MAX_VALUE_DEPTH)
        if isinstance(op.insert, str):
            text.insert(at, op.insert, attributes)
            at += len(op.insert.encode())
        else:
            text.insert_embed(at, _any(op.insert, _MAX_VALUE_DEPTH), attributes)
            at += 1


def _write_xml(fragment: pycrdt.XmlFragment, written: dict[str, Any]) -> None:
    open_nodes = [_Children(fragment, written.get("content", ()))]
    while open_nodes:
        inner = open_nodes[-1].advance()
        if inner is None:
            open_nodes.pop()
        else:
            open_nodes.append(inner)


class _Children:
    """The content of a node on its way into a shared type; runs of text share one XmlText."""

    def __init__(self, parent: Any, content: Iterable[dict[str, Any]]) -> None:
        self._parent = parent
        self._rest = iter(content)
        self._count = 0
        self._text: pycrdt.XmlText | None = None
        self._at = 0

    def advance(self) -> _Children | None:
        """Write up to the next node that has content of its own, which is returned; None: all."""
        for node in self._rest:
            if node["type"] == "text":
                self._add_text(node)
                continue
            self._text = None
            attrs = _any(node.get("attrs", {}), _MAX_VALUE_DEPTH)
            element = pycrdt.XmlElement(node["type"], attrs)
            self._parent.children.insert(self._count, element)
            self._count += 1
            if node.get("content"):
                return _Children(element, node["content"])
        return None

    def _add_text(self, node: dict[str, Any]) -> None:
        if self._text is None:
            self._text = pycrdt.XmlText()
            self._parent.children.insert(self._count, self._text)
            self._count += 1
            self._at = 0
        self._text.insert(self._at, node["text"], _attributes_of(node.get("marks", ())))
        self._at += len(node["text"].encode())


def _attributes_of(marks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Marks as y-prosemirror keeps them: a second one of a type with a hash after its name."""
    attributes: dict[str, Any] = {}
    for mark in marks:
        name, attrs = mark["type"], _any(mark.get("attrs", {}), _MAX_VALUE_DEPTH)
        if name in attributes:
            told_apart = blake2b(msgspec.json.encode(attrs), digest_size=6).digest()
            name = f"{name}--{b64encode(told_apart).decode()}"
        attributes[name] = attrs
    return attributes
