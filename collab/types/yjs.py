"""The type `yjs`: a Yjs document, as the editors of its many bindings have it.

A commit's operation is the effective update of a whole batch; its rebase is the identity. The
state is a `Replica`, which keeps gaps, failures and what is not durable out.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
import pycrdt

from collab.errors import DocumentBroken, InvalidContent
from collab.types import Candidate, Placement, yjs_content, yjs_edits, yjs_making, yjs_turning
from collab.types.yjs_content import FORMATS, Still
from collab.types.yjs_edits import TextEdit
from collab.types.yjs_guard import Guard, Update, check_state_vector, read_update
from collab.types.yjs_recalled import Recalled
from collab.types.yjs_replica import EMPTY_UPDATE, Change, Replica, Seed, merge
from collab.words import Commit

AnyState = TypeVar("AnyState", Replica, Recalled)

_change_encoder = msgspec.json.Encoder()
_change_decoder = msgspec.json.Decoder(Change)
_dump_encoder = msgspec.msgpack.Encoder()
_dump_decoder = msgspec.msgpack.Decoder(Change)


class YjsType:
    """A DocumentType over Yjs updates (v1)."""

    name: Final = "yjs"

    @property
    def formats(self) -> frozenset[str]:
        return FORMATS

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

    def rebase(self, operation: object, unseen: Sequence[object]) -> object:
        """The same: updates commute."""
        return operation

    def place(
        self, state: Replica, candidates: Sequence[Candidate], *, max_bytes: int
    ) -> Placement:
        return state.place(candidates, max_bytes)

    def settle(self, state: Replica) -> Replica:
        state.settle()
        return state

    def adds_nothing(self, state: Replica, operation: Update | Seed) -> bool:
        update = operation.update if isinstance(operation, Seed) else operation
        return state.guard.check(update).empty

    def weight(self, operation: Update | Seed | Change) -> int:
        """Applying costs about 2 us for a keystroke, and grows with the bytes."""
        update = operation.update if isinstance(operation, Seed) else operation
        raw = update.raw if isinstance(update, Update) else b""
        return 1 + (len(raw) >> 7)

    def apply(self, state: AnyState, operation: Change) -> AnyState:
        state.take(operation)
        return state

    def size(self, state: Replica | Recalled | Still) -> int:
        return state.size

    def dump(self, state: Replica | Recalled) -> bytes:
        return _dump_encoder.encode(Change(state.committed(), state.owners))

    def load(self, raw: bytes) -> Replica:
        dump = _undump(raw)
        return Replica(dump.update, dict(dump.owners))

    def recall(self, raw: bytes | None) -> Recalled:
        dump = Change(EMPTY_UPDATE) if raw is None else _undump(raw)
        return Recalled(dump.update, dict(dump.owners))

    def contents(self, state: Replica) -> bytes:
        return _json(state.committed())

    def render(
        self, state: Replica | Recalled | Still, format: str, root: str | None = None
    ) -> bytes:
        """The content; of `root` only, `name` or `name:type`, if one is named."""
        return yjs_content.render(self.still(state), format, root)

    def read_content(self, raw: bytes, format: str, root: str | None = None) -> Still:
        """A new document's content. Text goes to the root `codemirror`, html and markdown to
        `default`, unless `root` says otherwise; json has a member for each root."""
        update = yjs_making.read(raw, format, root, yjs_making.new_client())
        replica = Replica()
        try:
            replica.take(Change(update.raw))
        except DocumentBroken:
            raise InvalidContent("the update cannot be applied") from None
        return self.still(replica)

    def difference(self, old: Replica, new: Replica | Still) -> Change:
        """Only from an empty document: a Yjs document is changed by updates, not replaced."""
        if not old.is_empty:
            raise InvalidContent(
                "a yjs document is not replaced as a whole, as that would undo what others type: "
                "send edits of its text, or updates"
            )
        return Change(new.committed())

    # What is to be forgotten ----------------------------------------------------------------------

    def without_deleted(self, dump: bytes) -> bytes:
        """The dump of the same state, in which of what was deleted only its place is left."""
        change = _undump(dump)
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        doc.apply_update(change.update)
        return _dump_encoder.encode(Change(doc.get_update(), change.owners))

    def disowned(self, operation: bytes, user: str) -> bytes:
        """The operation of the log, encoded, without the user as an owner."""
        change = self.decode(operation)
        return (
            self.encode(_without_owner(change, user))
            if user in change.owners.values()
            else operation
        )

    def disowned_dump(self, dump: bytes, user: str) -> bytes:
        """The same for a state's dump."""
        return _dump_encoder.encode(_without_owner(_undump(dump), user))

    # What HTTP asks for ---------------------------------------------------------------------------

    def still(self, state: Replica | Recalled | Still) -> Still:
        """What is committed now, to be read in any thread while the document goes on."""
        if isinstance(state, Still):
            return state
        return Still(state.committed(), state.roots(), state.owners)

    def new_client(self, state: Replica) -> int:
        """The id of a Yjs client that has written nothing here."""
        while state.guard.clock(client := yjs_making.new_client()):
            pass
        return client

    def unused_client(self, still: Still) -> int:
        """The id of a Yjs client that has written nothing in this state."""
        taken = check_state_vector(self.vector_of(still))
        while (client := yjs_making.new_client()) in taken:
            pass
        return client

    def text_edit(self, still: Still, edit: TextEdit, client: int) -> Update:
        """Changes of a text, as an update by `client`; raises InvalidOperation."""
        return yjs_edits.make(still, edit, client)

    def turning(self, now: Still, then: Still, client: int) -> bytes:
        """The update by `client` that gives a document in the state `now` the content of `then`;
        raises InvalidContent."""
        return yjs_turning.turning(now, then, client)

    def after(self, still: Still, update: bytes) -> Still:
        """The state with an update of our own making on top of it."""
        whole = merge([still.update, update])
        return Still(whole, Guard.of(read_update(whole)).roots())

    def seed(self, raw: bytes, format: str, root: str | None, client: int) -> Seed:
        """Initial content, by `client`; raises InvalidContent, UnknownFormat.

        An update is of whatever clients it is of.
        """
        return Seed(yjs_making.read(raw, format, root, client))

    def holds_seed(self, operation: bytes, seed: Seed) -> bool:
        """Whether this commit, encoded, is the one by which the seed took effect."""
        begun = {(client, clock) for client, clock, _ in seed.update.sections}
        update = read_update(self.decode(operation).update)
        return any((client, clock) in begun for client, clock, _ in update.sections)

    def lacks(self, state: Replica, seed: Seed) -> bool:
        """Whether nothing that the seed's clients have written is there."""
        return not any(state.guard.clock(client) for client, _, _ in seed.update.sections)

    def vector_of(self, still: Still) -> bytes:
        """Its state vector."""
        return pycrdt.get_state(still.update)

    def missing(self, still: Still, vector: bytes) -> bytes:
        """What a replica with that vector, untrusted, lacks; raises InvalidOperation."""
        return pycrdt.get_update(still.update, self.check_vector(vector))

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


def _without_owner(change: Change, user: str) -> Change:
    owners = {client: owner for client, owner in change.owners.items() if owner != user}
    return Change(change.update, owners)


def _undump(raw: bytes) -> Change:
    try:
        return _dump_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise DocumentBroken("a stored yjs document does not decode") from error


def _json(update: bytes) -> bytes:
    return b'"%s"' % base64.b64encode(update)


YJS = YjsType()
