"""States as they are compared: as a Delta, or as lines of text.

Owns which part of a yjs document is meant, and what its XML, maps and arrays look like beside each
other. Two states of one document are looked at in the same way, however little one of them tells.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collab.errors import InvalidContent, RootNeeded, UnknownFormat
from collab.formats import prosemirror, quill
from collab.ot.delta import Delta, normalize
from collab.types import DocumentType
from collab.types import yjs_content as content
from collab.types.yjs import YJS
from collab.types.yjs_content import Still
from collab.types.yjs_guard import RootKind
from collab.types.yjs_misplaced import has_text_in_arrays
from collab.types.yjs_roots import Root, joint_kinds


def chosen_root(type: DocumentType, states: tuple[Any, ...], root: str | None) -> Root | None:
    """The root of a yjs document that `root` names (`name` or `name:type`), or the only one with
    text; None if the document has none, or is of another type.

    Raises UnknownFormat (nothing tells what that root is), RootNeeded (there are several).
    """
    if type is not YJS:
        return None
    kinds = joint_kinds([YJS.still(state).kinds for state in states])
    if root is not None:
        return content.choose(kinds, root)
    prose = [(name, kind) for name, kind in kinds.items() if kind == "text" or kind == "xml"]
    if len(prose) > 1:
        raise RootNeeded(f"the document has {len(prose)} roots with text, say which with root=")
    return prose[0] if prose else None


def as_delta(type: DocumentType, state: Any, root: Root | None) -> Delta:
    """The content as a document in normal form; XML as Quill would have it.

    Raises UnknownFormat for a map or an array.
    """
    if type is not YJS:
        delta: Delta = state.to_delta()
        return delta
    if root is None:
        return ()
    name, kind = root
    if kind == "text":
        return normalize(content.delta_of(_value(YJS.still(state), name, kind)))
    if kind == "xml":
        return quill.write(prosemirror.read(_value(YJS.still(state), name, kind)))
    raise UnknownFormat("maps and arrays are compared as text only")


def as_text(type: DocumentType, state: Any, root: Root | None) -> str:
    """The content as lines of text; a map or an array as JSON that is indented."""
    if type is not YJS:
        return str(type.render(state, "text"), "utf-8")
    if root is None:
        return ""
    name, kind = root
    value = _value(YJS.still(state), name, kind)
    if kind in {"map", "array"}:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
    return content.text_of(value, kind)


def _value(still: Still, name: str, kind: RootKind) -> Any:
    if has_text_in_arrays(still.update):
        raise InvalidContent("there is text in an array, where no editor puts it")
    return content.value_of(still.document(), name, kind)
