"""The type `yjs`: a Yjs document, as the editors of its many bindings have it.

A commit's operation is the effective update of a whole batch; its rebase is the identity. The
state is a `Replica`, which keeps gaps, failures and what is not durable out.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import msgspec

from collab.errors import DocumentBroken, InvalidContent, UnknownFormat
from collab.types import Candidate, Placement
from collab.types.yjs_guard import Update, check_state_vector, read_update
from collab.types.yjs_replica import Change, Replica, merge
from collab.words import Commit

_FORMATS = frozenset({"update"})

_change_encoder = msgspec.json.Encoder()
_change_decoder = msgspec.json.Decoder(Change)
_dump_encoder = msgspec.msgpack.Encoder()
_dump_decoder = msgspec.msgpack.Decoder(Change)


class YjsType:
    """A DocumentType over Yjs updates (v1)."""

    name: Final = "yjs"

    @property
    def formats(self) -> frozenset[str]:
        return _FORMATS

    def empty(self) -> Replica:
        return Replica()

    def parse(self, raw: bytes) -> Update:
        """Bytes of one update, walked through; whether it fits the document is asked later."""
        return read_update(raw)

    def decode(self, raw: bytes) -> Change:
        try:
            return _change_decoder.decode(raw)
        except msgspec.MsgspecError as error:
            raise DocumentBroken("a stored operation does not decode") from error

    def encode(self, operation: Change) -> bytes:
        return _change_encoder.encode(operation)

    def place(
        self, state: Replica, candidates: Sequence[Candidate], *, max_bytes: int
    ) -> Placement:
        return state.place(candidates, max_bytes)

    def settle(self, state: Replica) -> Replica:
        state.settle()
        return state

    def adds_nothing(self, state: Replica, operation: Update) -> bool:
        return state.guard.draft().check(operation).empty

    def weight(self, operation: Update | Change) -> int:
        """Applying costs about 2 us for a keystroke, and grows with the bytes."""
        raw = operation.raw if isinstance(operation, Update) else b""
        return 1 + (len(raw) >> 7)

    def apply(self, state: Replica, operation: Change) -> Replica:
        state.take(operation)
        return state

    def size(self, state: Replica) -> int:
        return state.size

    def dump(self, state: Replica) -> bytes:
        return _dump_encoder.encode(Change(state.committed(), state.owners))

    def load(self, raw: bytes) -> Replica:
        try:
            dump = _dump_decoder.decode(raw)
        except msgspec.MsgspecError as error:
            raise DocumentBroken("a stored yjs document does not decode") from error
        return Replica(dump.update, dict(dump.owners))

    def contents(self, state: Replica) -> bytes:
        return _json(state.committed())

    def render(self, state: Replica, format: str) -> bytes:
        if format == "update":
            return state.committed()
        raise UnknownFormat("the formats of yjs documents are update")

    def read_content(self, raw: bytes, format: str) -> Replica:
        if format != "update":
            raise UnknownFormat("the formats of yjs documents are update")
        replica = Replica()
        replica.take(Change(raw))
        return replica

    def difference(self, old: Replica, new: Replica) -> Change:
        """Only from an empty document: a Yjs document is changed by updates, not replaced."""
        if not old.is_empty:
            raise InvalidContent("a yjs document cannot be replaced as a whole: send updates")
        return Change(new.committed())

    # What the Yjs protocols ask for ---------------------------------------------------------------

    def vector(self, state: Replica) -> bytes:
        """The state vector of what is committed."""
        return state.vector()

    def check_vector(self, raw: bytes) -> bytes:
        """An untrusted state vector; raises InvalidOperation."""
        check_state_vector(raw)
        return raw

    def update_since(self, state: Replica, vector: bytes | None) -> bytes:
        """What a replica with that vector (None: an empty one) lacks of what is committed."""
        return state.committed() if vector is None else state.missing_at(vector)

    def merge(self, commits: Sequence[Commit]) -> bytes:
        """The updates of a run of commits as one."""
        return merge([self.decode(commit.operation).update for commit in commits])


def _json(update: bytes) -> bytes:
    return b'"%s"' % base64.b64encode(update)


YJS = YjsType()
