"""What a yjs document holds, as a tree whose parts can be compared.

Owns when two shared types are equal: if all that one reads in them is, whatever it is made of.
Each node keeps its shared type, so that it can be changed. Nothing here recurses over a document.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import msgspec
import pycrdt

from collab.errors import InvalidContent
from collab.types.yjs_content import Doc
from collab.types.yjs_guard import RootKind

Run: TypeAlias = "tuple[str | Shape, dict[str, Any]]"

_ROOTS: Final[dict[RootKind, type[Any]]] = {
    "text": pycrdt.Text,
    "map": pycrdt.Map,
    "array": pycrdt.Array,
    "xml": pycrdt.XmlFragment,
}
_encoder = msgspec.msgpack.Encoder(order="sorted")
TEXTS: Final = (pycrdt.Text, pycrdt.XmlText)


class Shape:
    """A shared type, or a plain value.

    `kin` is what two have to have in common for the one to be changed into the other, None for what
    can only be replaced; `digest` is equal for equal content. What it holds: `members` under keys
    (of a map, or attributes), `items` (of an array, or children), `runs` of a text.
    """

    __slots__ = ("digest", "items", "kin", "members", "runs", "shared")

    def __init__(self, shared: Any) -> None:
        self.shared = shared
        self.kin: tuple[str, str | None] | None = None
        self.digest = b""
        self.members: dict[str, Shape] = {}
        self.items: list[Shape] = []
        self.runs: list[Run] = []

    def inner(self) -> Iterator[Shape]:
        """What is directly in it."""
        yield from self.members.values()
        yield from self.items
        for content, _ in self.runs:
            if isinstance(content, Shape):
                yield content


def shape_of_root(doc: Doc, name: str, kind: RootKind) -> Shape:
    """A root with all that is in it. Asking with a wrong kind gives wrong content."""
    whole = Shape(doc.get(name, type=_ROOTS[kind]))
    found = [whole]
    for shape in found:  # grows meanwhile: parents come before what is in them
        _look_into(shape)
        found += shape.inner()
    for shape in reversed(found):
        shape.digest = _digest(shape)
    return whole


def _look_into(shape: Shape) -> None:
    shared = shape.shared
    if isinstance(shared, pycrdt.Map):
        shape.kin = ("map", None)
        shape.members = {key: Shape(shared[key]) for key in sorted(shared.keys())}
    elif isinstance(shared, pycrdt.Array):
        shape.kin = ("array", None)
        shape.items = [Shape(item) for item in shared]
    elif isinstance(shared, TEXTS):
        shape.kin = ("text" if isinstance(shared, pycrdt.Text) else "xmltext", None)
        shape.runs = [_run(content, attributes) for content, attributes in shared.diff()]
        if isinstance(shared, pycrdt.XmlText):
            shape.members = _attributes(shared)
    elif isinstance(shared, pycrdt.XmlElement):
        shape.kin = ("element", shared.tag)
        shape.members = _attributes(shared)
        shape.items = [Shape(child) for child in shared.children]
    elif isinstance(shared, pycrdt.XmlFragment):
        shape.kin = ("fragment", None)
        shape.items = [Shape(child) for child in shared.children]


def _attributes(shared: Any) -> dict[str, Shape]:
    return {key: Shape(value) for key, value in sorted(shared.attributes)}


def _run(content: Any, attributes: dict[str, Any] | None) -> Run:
    given = attributes or {}
    kept = {key: given[key] for key in sorted(given) if given[key] is not None}
    return content if isinstance(content, str) else Shape(content), kept


def _digest(shape: Shape) -> bytes:
    parts: list[Any]
    if shape.kin is not None:
        parts = [
            shape.kin,
            [(key, member.digest) for key, member in shape.members.items()],
            [item.digest for item in shape.items],
            _runs_digest(shape.runs),
        ]
    elif isinstance(shape.shared, pycrdt.Doc):
        parts = ["document", shape.shared.guid]
    else:
        parts = ["value", shape.shared]
    try:
        return blake2b(_encoder.encode(parts), digest_size=16).digest()
    except (TypeError, ValueError, OverflowError):
        raise InvalidContent("the document holds something that cannot be compared") from None


def _runs_digest(runs: list[Run]) -> list[Any]:
    """However the runs are divided."""
    told: list[Any] = []
    texts: list[str] = []
    held: dict[str, Any] | None = None
    for content, attributes in [*runs, (_END, {})]:
        if texts and (not isinstance(content, str) or attributes != held):
            told.append(("".join(texts), held))
            texts = []
        if isinstance(content, str):
            held = attributes
            texts.append(content)
        elif content is not _END:
            told.append((content.digest, attributes))
    return told


_END = Shape(None)
