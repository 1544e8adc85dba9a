"""The type protocol: all that the authority and the session know about a document's content.

A type is stateless. A state belongs to one authority: a Delta state is a value that is never
changed in place, a Yjs state is a replica that may be ahead of what is durable until it is settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from collab.errors import CollabError


class OperationLimits(msgspec.Struct, frozen=True):
    """Bounds on one untrusted operation; bytes are those of its JSON encoding."""

    max_depth: int = 16
    max_attributes_bytes: int = 4 * 1024
    max_embed_bytes: int = 64 * 1024


class Candidate(msgspec.Struct, frozen=True):
    """An operation that may get a place in the log.

    `unseen` are the operations of the commits that its author had not seen, oldest first; None:
    it is meant for whatever is there when its turn comes. `named`: its name has to be remembered,
    so it needs a commit even if it changes nothing.
    """

    operation: Any
    unseen: Sequence[Any] | None
    named: bool
    user: str | None = None


class Placement(msgspec.Struct, frozen=True):
    """What became of a run of candidates, which are told by their index.

    `commits` are operations for the log in order, each with the candidates that are in it. A
    candidate that is neither there nor refused has no effect and needs no commit.
    """

    state: Any
    commits: Sequence[tuple[Any, Sequence[int]]]
    refused: Mapping[int, CollabError]


class DocumentType(Protocol):
    """How content and operations of one type behave. States and operations are opaque to callers.

    Laws: `decode(encode(o)) == o`; `load(dump(s))` equals `s`; `apply(old, difference(old, new))`
    equals `new`; applying the operations of a placement to the state before gives its state.
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
        """The operation for the log and the streams: one JSON value."""
        ...

    def rebase(self, operation: Any, unseen: Sequence[Any]) -> Any:
        """The operation as it has to be after `unseen`, each made on what those before it have
        left; raises InvalidOperation. Over some now and the rest later it is the same."""
        ...

    def place(self, state: Any, candidates: Sequence[Candidate], *, max_bytes: int) -> Placement:
        """Rebase each candidate over what its author had not seen and over those before it (what
        is committed goes first where both insert), and apply what fits.

        Refuses, one by one: what does not fit, and what grows the state past `max_bytes`.
        """
        ...

    def settle(self, state: Any) -> Any:
        """The state of a placement whose commits are durable now."""
        ...

    def adds_nothing(self, state: Any, operation: Any) -> bool:
        """Whether the state has all of the operation already, so that readers may send it too."""
        ...

    def weight(self, operation: Any) -> int:
        """What rebasing it, or something over it, costs; a keystroke is 2."""
        ...

    def apply(self, state: Any, operation: Any) -> Any:
        """The state after `operation`, from the log; raises InvalidOperation if it does not fit."""
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

    def recall(self, raw: bytes | None) -> Any:
        """The state that `dump` wrote (None: the empty one), to be replayed, dumped and read but
        not edited: where that is cheaper than `load`. Raises DocumentBroken."""
        ...

    def contents(self, state: Any) -> bytes:
        """The state as one JSON value: a text, a Delta's array, base64 of a Yjs update."""
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
