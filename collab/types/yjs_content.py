"""What is in a Yjs document as JSON, text, html and markdown, and documents made of those.

Owns how shared types become values and how values become shared types. Works on a state that is
encoded as one update, in a document of its own, so that it may be called in any thread. Nothing
here recurses over a document.

As JSON a root is: a text, a Delta's array of inserts; XML, the JSON of ProseMirror, as TipTap names
things; a map, an object; an array, a list. Of what JSON cannot hold, bytes become base64 and a
number that is none null.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import pycrdt

from collab.errors import InvalidContent, UnknownFormat
from collab.formats import html, markdown, prosemirror, quill
from collab.formats.tree import TEXTBLOCKS
from collab.ot.delta import Delta, Op
from collab.types.yjs_guard import RootKind
from collab.types.yjs_misplaced import has_text_in_arrays

FORMATS: Final = frozenset({"text", "json", "html", "markdown", "update"})
TEXT_ROOT: Final = "codemirror"
"""Where plain text goes, unless the root is named: what the page of this server edits."""
XML_ROOT: Final = "default"
"""Where html and markdown go: what TipTap's collaboration extension reads."""

Doc: TypeAlias = "pycrdt.Doc[Any]"

_SHARED: dict[RootKind, type[Any]] = {
    "text": pycrdt.Text,
    "map": pycrdt.Map,
    "array": pycrdt.Array,
    "xml": pycrdt.XmlFragment,
}
_NESTED: tuple[type[Any], ...] = (*_SHARED.values(), pycrdt.XmlElement, pycrdt.XmlText, pycrdt.Doc)
# How y-prosemirror tells marks of one type apart that are on the same text.
_OVERLAPPING = re.compile(r"(.+)--[A-Za-z0-9+/=]{8}")
_WHOLE = 2.0**53


class Still(msgspec.Struct, frozen=True):
    """A state that stays as it is: the whole of it as one update, and what its roots are.

    `owners` tells whose each Yjs client is; there may come more of them meanwhile.
    """

    update: bytes
    kinds: Mapping[str, RootKind | None]
    owners: Mapping[int, str] = {}

    @property
    def size(self) -> int:
        """Bytes of the state."""
        return len(self.update)

    def committed(self) -> bytes:
        """The state as one update."""
        return self.update

    def document(self) -> Doc:
        """A document of one's own with that state."""
        doc: Doc = pycrdt.Doc()
        doc.apply_update(self.update)
        return doc


def unknown_format() -> UnknownFormat:
    """What a format that is none of `FORMATS` is refused with."""
    return UnknownFormat(f"the formats of yjs documents are {', '.join(sorted(FORMATS))}")


def parse_root(root: str) -> tuple[str, RootKind | None]:
    """`name:type` or only a name, in which a last part that is no type is part of the name."""
    name, _, kind = root.rpartition(":")
    for known in _SHARED:
        if kind == known and name:
            return name, known
    return root, None


# Out ---------------------------------------------------------------------------------------------


def render(still: Still, format: str, root: str | None = None) -> bytes:
    """The content in one of `FORMATS`; all of it, or one root (`name` or `name:type`).

    Text, html and markdown are of the texts and of the XML, one after the other in order of name.
    Raises UnknownFormat, also for a root of which nobody knows what it is.
    """
    if format == "update":
        return still.update
    if format not in FORMATS:
        raise unknown_format()
    if has_text_in_arrays(still.update):
        raise InvalidContent("there is text in an array, where no editor puts it")
    doc = still.document()
    if format == "json":
        return msgspec.json.encode(_json(still, doc, root))
    pieces = [_written(doc, name, kind, format) for name, kind in _prose(still, root)]
    return ("" if format == "html" else "\n").join(pieces).encode()


def _json(still: Still, doc: Doc, root: str | None) -> Any:
    if root is not None:
        name, kind = choose(still.kinds, root)
        return value_of(doc, name, kind)
    return {
        name: None if kind is None else value_of(doc, name, kind)
        for name, kind in sorted(still.kinds.items(), key=lambda item: item[0])
    }


def choose(kinds: Mapping[str, RootKind | None], root: str) -> tuple[str, RootKind]:
    """The root that `name` or `name:type` means in a document with these roots; raises
    UnknownFormat."""
    name, kind = parse_root(root)
    if kind is None:
        kind = kinds.get(root)
    elif kind != "text" and kinds.get(name) not in {None, kind}:
        # Besides, reading a text as an array takes pycrdt for ever.
        raise UnknownFormat(f"that root is no {kind}: it looks like {kinds[name]}")
    if kind is None:
        raise UnknownFormat("nothing tells what that root is: say name:type, of text|xml|map|array")
    return name, kind


def _prose(still: Still, root: str | None) -> Iterator[tuple[str, RootKind]]:
    if root is not None:
        name, kind = choose(still.kinds, root)
        if kind not in {"text", "xml"}:
            raise UnknownFormat("maps and arrays are rendered as json only")
        yield name, kind
        return
    for name, known in sorted(still.kinds.items(), key=lambda item: item[0]):
        if known == "text" or known == "xml":
            yield name, known


def _written(doc: Doc, name: str, kind: RootKind, format: str) -> str:
    value = value_of(doc, name, kind)
    if format == "text":
        return text_of(value, kind)
    tree = quill.read(delta_of(value)) if kind == "text" else prosemirror.read(value)
    return html.write(tree) if format == "html" else markdown.write(tree)


def text_of(value: Any, kind: RootKind) -> str:
    """The words alone of a text's or an XML root's value."""
    if kind == "text":
        return "".join(op["insert"] for op in value if isinstance(op["insert"], str))
    return _plain_text(value)


def delta_of(ops: Iterable[dict[str, Any]]) -> Delta:
    """The value of a text as a document; what JSON has no object for becomes an embed."""
    delta = []
    for op in ops:
        content = op["insert"]
        if not isinstance(content, (str, dict)):
            content = {"value": content}
        if content:
            delta.append(Op(insert=content, attributes=op.get("attributes")))
    return tuple(delta)


def _plain_text(document: dict[str, Any]) -> str:
    """The text of ProseMirror's JSON, a line for each block of text."""
    pieces: list[str] = []
    todo: list[Any] = [document]
    while todo:
        node = todo.pop()
        if isinstance(node, str):
            pieces.append(node)
            continue
        content = node.get("content", ())
        runs = any(isinstance(child.get("text"), str) for child in content)
        if runs or node["type"] in TEXTBLOCKS:
            todo.append("\n")
        if node["type"] == "hardBreak":
            todo.append("\n")
        for child in reversed(content):
            run = child.get("text")
            todo.append(run if isinstance(run, str) else child)
    return "".join(pieces).removesuffix("\n")


def value_of(doc: Doc, name: str, kind: RootKind) -> Any:
    """What a root holds, as a JSON value. Asking with a wrong kind gives wrong content."""
    found: list[Any] = [None]
    todo: list[tuple[Any, Any, Any]] = [(found, 0, doc.get(name, type=_SHARED[kind]))]
    with doc.transaction():
        while todo:
            holder, key, shared = todo.pop()
            holder[key] = _open(shared, todo)
    return found[0]


def _open(shared: Any, todo: list[tuple[Any, Any, Any]]) -> Any:
    """The value of a shared type; the shared types in it are left for later, in `todo`."""
    if isinstance(shared, pycrdt.Map):
        members: dict[str, Any] = {}
        for key in sorted(shared.keys()):
            _put(members, key, shared[key], todo)
        return members
    if isinstance(shared, pycrdt.Array):
        items: list[Any] = []
        for item in shared:
            items.append(None)
            _put(items, len(items) - 1, item, todo)
        return items
    if isinstance(shared, pycrdt.XmlFragment):
        return {"type": "doc", "content": _children(shared, todo)}
    if isinstance(shared, pycrdt.XmlElement):
        node: dict[str, Any] = {"type": shared.tag}
        given: Any = shared.attributes
        if attrs := {key: _plain(value) for key, value in sorted(given)}:
            node["attrs"] = attrs
        if content := _children(shared, todo):
            node["content"] = content
        return node
    if isinstance(shared, pycrdt.Doc):
        return {"guid": shared.guid}
    ops: list[Any] = []
    for content, attributes in shared.diff():
        op: dict[str, Any] = {}
        _put(op, "insert", content, todo)
        if kept := _attributes(attributes):
            op["attributes"] = kept
        ops.append(op)
    return ops


def _put(holder: Any, key: Any, value: Any, todo: list[tuple[Any, Any, Any]]) -> None:
    if isinstance(value, _NESTED):
        holder[key] = None
        todo.append((holder, key, value))
    else:
        holder[key] = _plain(value)


def _children(shared: Any, todo: list[tuple[Any, Any, Any]]) -> list[Any]:
    content: list[Any] = []
    for child in shared.children:
        if isinstance(child, pycrdt.XmlText):
            for run, attributes in child.diff():
                node: dict[str, Any] = {"type": "text", "text": run}
                if not isinstance(run, str):
                    attrs: dict[str, Any] = {}
                    _put(attrs, "value", run, todo)
                    node = {"type": "embed", "attrs": attrs}
                if marks := [_mark(*pair) for pair in _attributes(attributes).items()]:
                    node["marks"] = marks
                content.append(node)
        else:
            content.append(None)
            todo.append((content, len(content) - 1, child))
    return content


def _attributes(given: dict[str, Any] | None) -> dict[str, Any]:
    """Formatting of a run of text in a fixed order, without what has been taken away."""
    if not given:
        return {}
    return {key: _plain(given[key]) for key in sorted(given) if given[key] is not None}


def _mark(name: str, value: Any) -> dict[str, Any]:
    overlapping = _OVERLAPPING.fullmatch(name)
    mark: dict[str, Any] = {"type": overlapping[1] if overlapping else name}
    if isinstance(value, dict):
        if value:
            mark["attrs"] = value
    elif value is not True:
        mark["attrs"] = {"value": value}
    return mark


def _plain(value: Any) -> Any:
    """A value as JSON has it; the guard bounds how deep it is."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _WHOLE:
            return int(value)
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return None
