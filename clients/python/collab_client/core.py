"""One client's copy of a document: what the log has, what is on its way, what waits.

Owns the client's half of the native protocol: when an edit is sent, what proves that it is durable,
and how unsent text survives commits of others, lost connections and resets. Pure and deterministic:
it knows no socket, no clock and no task. Feed it local operations and the server's messages, send
what `to_send` returns.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from collab.errors import CollabError, InvalidOperation, Malformed
from collab.ot.delta import Delta
from collab.ot.rope import Rope
from collab.protocols import native
from collab.words import Access, author_of
from collab_client import wire
from collab_client.events import Changed, EditRefused, Event, PeersChanged, Reconnect, Saved
from collab_client.outbox import Outbox
from collab_client.peers import Company, Selection
from collab_client.pending import NOTHING, Pending
from collab_client.verdicts import Verdict, verdict_on_edit

Events: TypeAlias = list[Event]
Peers: TypeAlias = list[native.PresenceEntry]
GREETINGS = (native.Welcome, native.Reset, native.ErrorReport, native.Goodbye)
"""What may come before the welcome, or be it."""


class Link(Enum):
    """Where the connection stands: none of use, waiting for the welcome, welcomed."""

    DOWN = "down"
    GREETING = "greeting"
    LIVE = "live"


class Replica:
    """A document as one client has it; three states: synchronised, awaiting, awaiting with buffer.

    `local` is what the user sees, always `synced` (the log at `version` of `epoch`) with the
    pending operations applied; `outbox` holds those, `company` the presence.

    Use: `connection_opened()` and send its hello; `receive` every message; `edit` local operations
    at any time after the first welcome; after each of these, send what `to_send()` returns;
    `connection_lost()` when the connection ends.
    """

    def __init__(self, client: str, *, first_seq: int = 1) -> None:
        self.author = author_of(client)
        self.epoch: str | None = None
        self.version = 0
        self.document_type = ""
        self.access = Access.NONE
        self.limits: native.Limits | None = None
        self.synced = wire.EMPTY
        self.local = wire.EMPTY
        self.outbox = Outbox(first_seq)
        self.company = Company()
        self._client = client
        self._link = Link.DOWN
        self._can_resume = True

    @property
    def live(self) -> bool:
        """Whether the server has welcomed us on a connection that still stands."""
        return self._link is Link.LIVE

    @property
    def settled(self) -> bool:
        """Whether everything typed here is durable (or was refused)."""
        return self.outbox.settled == self.outbox.made

    @property
    def outstanding(self) -> native.SubmitEdit | None:
        """The edit that waits for its answer, as it was sent."""
        return self.outbox.outstanding.message if self.outbox.outstanding else None

    @property
    def stuck(self) -> bool:
        """Whether something waits that may not be sent: we are connected, but only to read."""
        return self.live and self.access < Access.WRITE and self.outbox.waits_unsent

    @property
    def unsaved(self) -> Delta:
        """Everything that is not durable yet, as one operation over `synced`."""
        return self.outbox.pending.whole

    # The connection ------------------------------------------------------------------------------

    def connection_opened(
        self, *, token: str | None = None, create: str | None = None
    ) -> native.Hello:
        """The first frame of a new connection. `create` counts only while we have no state."""
        self._link = Link.GREETING
        if self.epoch is None:
            return native.Hello(client=self._client, token=token, create=create)
        epoch, version = (self.epoch, self.version) if self._can_resume else (None, None)
        return native.Hello(client=self._client, token=token, epoch=epoch, version=version)

    def connection_lost(self) -> Events:
        """Whatever was sent may or may not have arrived; nobody is known to be here."""
        self._link = Link.DOWN
        return [PeersChanged()] if self.company.leave() else []

    def to_send(self) -> list[native.ClientMessage]:
        """What is due on this connection now; each is handed out once per connection."""
        if not self.live:
            return []
        messages: list[native.ClientMessage] = []
        if self.access >= Access.WRITE:
            edit = self.outbox.next(self.version, self.limits)
            messages += [edit] if edit else []
        presence = self.company.to_send(self.synced, self.outbox.pending, self.version)
        if presence is not None:
            messages.append(presence)
        return messages

    # The user ------------------------------------------------------------------------------------

    def edit(self, operation: Delta) -> None:
        """Apply a local operation at once; raises InvalidOperation if it does not fit `local`, or
        there is no document yet. Without effect where it raises."""
        if self.epoch is None:
            raise InvalidOperation("an edit before the first welcome")
        self.local = self.local.apply(operation)
        self.company.moved(operation)
        self.outbox.typed(operation)

    def selection_of(self, author: str) -> Selection | None:
        """Where a peer's selection is in `local`; None without one, or out of our reach."""
        return self.company.selection_of(author, self.outbox.pending)

    # The server ----------------------------------------------------------------------------------

    def receive(self, message: native.ServerMessage) -> Events:
        """One message of the current connection, in order; what it means for the user.

        Never raises for what a server sends: a message that cannot be true ends in `Reconnect`.
        """
        events: Events = []
        too_early = self._link is Link.GREETING and not isinstance(message, GREETINGS)
        if too_early or self._link is Link.DOWN:
            return events
        try:
            self._receive(message, events)
        except CollabError as error:
            self._link = Link.DOWN
            self._can_resume = False
            events.append(Reconnect(f"{error.code}: {error}"))
        return events

    def _receive(self, message: native.ServerMessage, events: Events) -> None:
        match message:
            case native.Edits(edits=edits):
                self._follow(edits, events)
            case native.Welcome(edits=list()):
                self._resume(message, events)
            case native.Welcome() | native.Reset():
                self._adopt(message, events)
            case native.Ack(seq=seq, version=version):
                self._learn_committed(native.Named(seq, version), events)
            case native.ErrorReport():
                self._receive_error(message, events)
            case native.PresenceUpdate(peers=entries, complete=complete):
                self._learn_peers(entries, events, complete=complete)
            case native.AccessChange(access=access):
                self.access = wire.access_of(access)
                events.append(message)
            case native.PeerMessage() | native.Goodbye():
                events.append(message)

    def _follow(self, edits: list[native.EditEvent], events: Events) -> None:
        for event in edits:
            if event.version > self.version + 1:
                self._link = Link.DOWN
                events.append(Reconnect(f"version {event.version} came after {self.version}"))
                return
            if event.version == self.version + 1:
                self._commit(event, events)

    def _commit(self, event: native.EditEvent, events: Events) -> None:
        operation = wire.decode(event.operation)
        synced = self.synced.apply(operation)
        ours = self.outstanding
        acknowledged = ours is not None and event.author == self.author and event.seq == ours.seq
        # What is visible of our own commit corrects what was there already: nobody's change.
        author, user = (None, None) if acknowledged else (event.author, event.user)
        if acknowledged:
            pending, visible = self.outbox.pending.committed(self.synced, operation)
        else:
            pending, visible = self.outbox.pending.rebased(operation)
            if event.author == self.author:
                self.outbox.taken(event.seq)
        changed = Changed(visible, author, user, self.epoch or "", event.version, self.local)
        self._move_to(synced, pending, changed, events)
        self.version = event.version
        self.company.trail.add(event.version, operation)
        self.outbox.reached(event.version)
        if acknowledged:
            self.outbox.finish()
            events.append(Saved(event.seq, event.version))

    def _resume(self, welcome: native.Welcome, events: Events) -> None:
        if welcome.epoch != self.epoch:
            raise Malformed("a welcome to another epoch without its contents")
        self._enter(welcome)
        self._follow(welcome.edits or [], events)
        if welcome.committed is not None:
            self._learn_committed(welcome.committed, events)
        self._learn_peers(welcome.presence, events, complete=True)

    def _adopt(self, message: native.Welcome | native.Reset, events: Events) -> None:
        """Take over whole contents, and rebase what is pending by what differs."""
        contents = wire.contents(message.document_type, message.contents)
        committed = message.committed
        pending = self.outbox.pending
        ours = self.outstanding
        done = ours is not None and committed is not None and committed.seq >= ours.seq
        # Our name may be among those that the server has forgotten: nobody can tell what became of
        # the edit, so sending it again might commit it twice.
        unknown = ours is not None and message.epoch == self.epoch and ours.base < message.forgotten
        visible = NOTHING
        if self.epoch is None:
            self.local = contents
        elif done:
            pending, visible = pending.contained(self.synced, contents)
        else:
            pending, visible = pending.replaced(self.synced, contents)
        self._enter(message)
        changed = Changed(visible, None, None, message.epoch, message.version, self.local)
        self._move_to(contents, pending, changed, events)
        self.epoch, self.version = message.epoch, message.version
        self.document_type = message.document_type
        self._can_resume = True
        self.company.trail.restart(message.version)
        if committed is not None:
            self.outbox.taken(committed.seq)
        if done and ours is not None and committed is not None:
            self.outbox.finish()
            events.append(Saved(ours.seq, committed.version))
        elif unknown:
            self._give_back("edit_fate_unknown", "whether this edit is stored is forgotten", events)
        else:
            self.outbox.rewrite(self.version)
        self._learn_peers(message.presence, events, complete=True)

    def _enter(self, message: native.Welcome | native.Reset) -> None:
        self.access = wire.access_of(message.access)
        self.author = message.author
        self.limits = message.limits
        if self._link is Link.GREETING:
            self._link = Link.LIVE
            self.outbox.connected()
            self.company.arrive()

    def _learn_committed(self, committed: native.Named, events: Events) -> None:
        """The log has our seq. If at a version still to come, the stream will show it."""
        ours = self.outstanding
        if ours and ours.seq == committed.seq and committed.version <= self.version:
            self._take_back(events)
            events.append(Saved(committed.seq, committed.version))

    def _receive_error(self, error: native.ErrorReport, events: Events) -> None:
        ours = self.outbox.outstanding
        if ours is None or error.seq != ours.message.seq:
            events.append(error)
            return
        match verdict_on_edit(error, rewritten=ours.rewritten):
            case Verdict.PASSING:
                self._link = Link.DOWN
                events.append(Reconnect(error.code, error.retry_after))
            case Verdict.COMMITTED if error.committed is not None:
                self._learn_committed(error.committed, events)
            case Verdict.REWRITE if error.committed is not None:
                self.outbox.rewrite_from(error.committed.version, self.version)
            case Verdict.REFUSED:
                self._give_back(error.code, error.message, events)
                if error.committed is not None:
                    self.outbox.taken(error.committed.seq)

    def _learn_peers(self, entries: Peers, events: Events, *, complete: bool) -> None:
        if self.company.learn(entries, own=self.author, complete=complete):
            events.append(PeersChanged())

    # Every transition ends here ------------------------------------------------------------------

    def _give_back(self, code: str, message: str, events: Events) -> None:
        operation = self.outbox.pending.outstanding
        self._take_back(events)
        events.append(EditRefused(code, message, operation))

    def _take_back(self, events: Events) -> None:
        pending, visible = self.outbox.pending.taken_back(self.synced)
        changed = Changed(visible, None, None, self.epoch or "", self.version, self.local)
        self._move_to(self.synced, pending, changed, events)
        self.outbox.finish()

    def _move_to(self, synced: Rope, pending: Pending, changed: Changed, events: Events) -> None:
        if changed.operation:
            self.local = self.local.apply(changed.operation)
            self.company.moved(changed.operation)
            events.append(changed)
        self.synced = synced
        self.outbox.moved(pending)
