"""What changed in a document between two of its versions.

Owns finding the two states and comparing them off the loop. Knows nothing of HTTP or rights.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collab.aside import aside
from collab.contents import Contents, Found
from collab.errors import DocumentNotFound, WrongType
from collab.ot.delta import Delta
from collab.ot.diff import diff
from collab.ot.unified import unified
from collab.types import DocumentType
from collab.types.comparing import as_delta, as_text, chosen_root
from collab.types.yjs import YJS
from collab.types.yjs_roots import Root


class Pair(msgspec.Struct, frozen=True):
    """Two states of one document; `root` is which part of a yjs document is compared."""

    id: str
    old: Found
    new: Found
    root: Root | None

    @property
    def type(self) -> DocumentType:
        """How both behave."""
        return self.new.type

    @property
    def size(self) -> int:
        """Bytes of both."""
        return self.type.size(self.old.state) + self.type.size(self.new.state)


class Differences:
    """Compares what `contents` reads."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    async def pair(
        self, id: str, start: int, end: int | None = None, root: str | None = None
    ) -> Pair:
        """The states at `start` and `end`, the head if None, in either order.

        Raises BaseAboveHead, VersionUnavailable, WrongType (a root of another type), UnknownFormat,
        RootNeeded, and what reading content does.
        """
        new = await self._contents.state(id, end)
        old = await self._contents.state(id, start)
        if old.head.epoch != new.head.epoch:
            raise DocumentNotFound("the document has been made anew meanwhile")
        if root is not None and new.type is not YJS:
            raise WrongType(f"a {new.type.name} document has no roots")
        return Pair(id, old, new, chosen_root(new.type, (old.state, new.state), root))

    async def delta(self, pair: Pair) -> bytes:
        """The operation that turns the old content into the new, as a JSON array."""
        return await aside(pair.size, _delta, pair.type, pair.old.state, pair.new.state, pair.root)

    async def unified(self, pair: Pair) -> bytes:
        """The difference of the texts as `diff -u` writes it, in UTF-8."""
        return await aside(pair.size, _unified, pair)


def _delta(type: DocumentType, old: Any, new: Any, root: Root | None) -> bytes:
    operation: Delta = diff(as_delta(type, old, root), as_delta(type, new, root))
    return msgspec.json.encode(operation)


def _unified(pair: Pair) -> bytes:
    old, new = (as_text(pair.type, found.state, pair.root) for found in (pair.old, pair.new))
    names = [f"{pair.id}\tversion {found.head.version}" for found in (pair.old, pair.new)]
    return unified(old, new, *names).encode()
