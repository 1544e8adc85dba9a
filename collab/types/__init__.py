"""The type protocol: all that the authority and the session know about a document's content.

A type is stateless; states are values that are never changed in place.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec


class OperationLimits(msgspec.Struct, frozen=True):
    """Bounds on one untrusted operation; bytes are those of its JSON encoding."""

    max_depth: int = 16
    max_attributes_bytes: int = 4 * 1024
    max_embed_bytes: int = 64 * 1024


class DocumentType(Protocol):
    """How content and operations of one type behave. States and operations are opaque to callers.

    Laws: `apply(apply(s, a), rebase(b, a)) ` is what committing `a` then `b` (both made on `s`)
    means; `decode(encode(o)) == o`; `load(dump(s))` equals `s`;
    `apply(old, difference(old, new))` equals `new`.
    """

    @property
    def name(self) -> str: ...

    @property
    def formats(self) -> frozenset[str]:
        """The names `render` takes, the first choice for people being `text`."""
        ...

    def empty(self) -> Any:
        """The state of version 0."""
        ...

    def parse(self, raw: bytes) -> Any:
        """An untrusted operation in the type's wire format; raises InvalidOperation."""
        ...

    def decode(self, raw: bytes) -> Any:
        """An operation that `encode` made, from the log."""
        ...

    def encode(self, operation: Any) -> bytes:
        """The operation for the log and the wire: one JSON value for the Delta types."""
        ...

    def rebase(self, operation: Any, over: Any) -> Any:
        """`operation` as it has to be after `over`, which was made on the same state and
        committed first (and goes first where both insert)."""
        ...

    def weight(self, operation: Any) -> int:
        """What rebasing it, or something over it, costs; a keystroke is about 2."""
        ...

    def apply(self, state: Any, operation: Any) -> Any:
        """The state after `operation`; raises InvalidOperation if it does not fit."""
        ...

    def size(self, state: Any) -> int:
        """Bytes the content takes, for the document limit; must not cost more as it grows."""
        ...

    def dump(self, state: Any) -> bytes:
        """The state for a snapshot."""
        ...

    def load(self, raw: bytes) -> Any:
        """The state that `dump` wrote; raises DocumentBroken if it does not decode."""
        ...

    def contents(self, state: Any) -> bytes:
        """The state as one JSON value, for `welcome` and `reset`."""
        ...

    def render(self, state: Any, format: str) -> bytes:
        """The state in one of `formats`, UTF-8; raises UnknownFormat."""
        ...

    def read_content(self, raw: bytes, format: str) -> Any:
        """Untrusted whole content in one of `formats` as a state; raises InvalidContent,
        UnknownFormat."""
        ...

    def difference(self, old: Any, new: Any) -> Any:
        """An operation that turns `old` into `new`."""
        ...
