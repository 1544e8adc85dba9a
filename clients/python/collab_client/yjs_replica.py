"""One client's copy of a Yjs document: what is durable, what is on its way, what waits.

Owns the client's half of the Hocuspocus protocol: when an update is sent, and what proves that it
is durable. Deterministic: it knows no socket and no task, and is told the time. Change the pycrdt
document, feed the server's messages, send what `to_send` returns.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pycrdt import Doc, TransactionEvent

from collab.errors import Malformed
from collab.protocols import hocuspocus, ywebsocket
from collab.words import Access
from collab_client.awareness import Awareness
from collab_client.channel import ABNORMAL
from collab_client.events import PeersChanged
from collab_client.verdicts import BROKEN, close_code_of_denial
from collab_client.yjs_outbox import Parcel, UpdateOutbox

REMOTE = "collab"
"""The origin of the transactions in which others' changes are applied."""
MAX_STEP_2_BYTES = 512 << 10
"""A larger difference goes out as the updates that it consists of, if these are known."""
_EMPTY_UPDATE = b"\x00\x00"

_log = logging.getLogger("collab_client")


@dataclass(frozen=True, slots=True)
class Updated:
    """Others changed the document by this update."""

    update: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """This connection is of no more use, as if it had been closed with that code."""

    close_code: int
    reason: str


YjsEvent: TypeAlias = Updated | PeersChanged | hocuspocus.Stateless | Ended
Messages: TypeAlias = list[hocuspocus.ClientMessage]


class YjsReplica:
    """A Yjs document as one client has it. `edited` is called after each local change.

    At most one update is on its way; what is changed meanwhile waits, and goes out as one. A
    refused update stays in the document: a CRDT cannot take back. It goes out again on the next
    connection, or when the server allows writing.
    """

    def __init__(self, ydoc: Doc[Any], clock: Callable[[], float]) -> None:
        self.ydoc = ydoc
        self.access = Access.NONE
        self.outbox = UpdateOutbox()
        self.awareness = Awareness(ydoc.client_id, clock)
        self.edited: Callable[[], None] = lambda: None
        self._sent: deque[list[Parcel]] = deque()  # each waits for one status
        self._due: Messages = []
        self._token = ""
        self._up = False
        self._asked = False  # the server's step 1 has come: it has what it lacked, or will get it
        self._answered = False  # our step 1 is answered: we have what the server has
        self._doubtful = False  # an update was refused; is there a gap, or no right?
        self._refusals = 0  # since the last that was saved
        self._applying = False
        self._effective: list[bytes] = []
        already = ydoc.get_update()
        if already != _EMPTY_UPDATE:
            self.outbox.add(already)
        self._subscription = ydoc.observe(self._observe)

    @property
    def live(self) -> bool:
        """Whether the server let us in, and we have what it had, on a connection that stands."""
        return self._up and self._answered and self.access > Access.NONE

    @property
    def settled(self) -> bool:
        """Whether every local change is durable."""
        return self.outbox.settled == self.outbox.made

    @property
    def stuck(self) -> bool:
        """Whether something waits that may not be sent: we are connected, but only to read."""
        reading = self.live and self._asked and self.access < Access.WRITE
        return reading and not self._sent and not self.settled

    def stop(self) -> None:
        """Look no longer at what is changed in the document."""
        self.ydoc.unobserve(self._subscription)

    # The connection ------------------------------------------------------------------------------

    def connection_opened(self, token: str | None) -> Messages:
        """The first messages of a new connection."""
        self._up = True
        self._token = token or ""
        self.awareness.arrive()
        shown = self.awareness.to_send()
        return [hocuspocus.Token(self._token), self._step_1(), *([shown] if shown else [])]

    def connection_lost(self) -> list[YjsEvent]:
        """Whatever was sent may or may not have arrived; nobody is known to be here."""
        self._up = self._asked = self._answered = self._doubtful = False
        self.access = Access.NONE
        self._refusals = 0
        self._due.clear()
        while self._sent:
            self.outbox.restore(self._sent.pop())
        return [PeersChanged()] if self.awareness.leave() else []

    def to_send(self) -> Messages:
        """What is due on this connection now; each is handed out once."""
        if not self._up:
            return []
        messages, self._due = self._due, []
        if self.access >= Access.WRITE and self._asked and not (self._sent or self._doubtful):
            parcel = self.outbox.next()
            if parcel is not None:
                self._sent.append([parcel])
                messages.append(ywebsocket.SyncUpdate(parcel.update))
        shown = self.awareness.to_send() if self.live else None
        if shown is not None:
            messages.append(shown)
        return messages

    def tick(self) -> list[YjsEvent]:
        """Time has passed: call this every few seconds."""
        return [PeersChanged()] if self.awareness.tick() else []

    # The server ----------------------------------------------------------------------------------

    def receive(self, message: hocuspocus.ServerMessage) -> list[YjsEvent]:
        """One message of the current connection, in order; what it means for the user.

        Never raises for what a server sends: what cannot be true ends in `Ended`.
        """
        events: list[YjsEvent] = []
        if not self._up:
            return events
        try:
            self._receive(message, events)
        except Malformed as error:
            self._up = False
            events.append(Ended(BROKEN, str(error)))
        return events

    def _receive(self, message: hocuspocus.ServerMessage, events: list[YjsEvent]) -> None:
        match message:
            case hocuspocus.Authenticated(scope=scope):
                writes = scope == hocuspocus.READ_WRITE
                self.access = Access.WRITE if writes else Access.READ
                self._refusals = 0
            case hocuspocus.AskForToken():
                self._due.append(hocuspocus.Token(self._token))
            case hocuspocus.PermissionDenied(reason=reason):
                self._up = False
                events.append(Ended(close_code_of_denial(reason), reason))
            case hocuspocus.Close(reason=reason):
                self._up = False
                events.append(Ended(ABNORMAL, reason))
            case ywebsocket.SyncStep1(state_vector=vector):
                self._answer(vector)
            case ywebsocket.SyncStep2(update=update):
                self._apply(update, events)
                self._answered = True
                self._settle_doubt()
            case ywebsocket.SyncUpdate(update=update):
                self._apply(update, events)
            case hocuspocus.SyncStatus(durable=durable):
                self._learn_status(durable)
            case ywebsocket.Awareness(entries=entries):
                if self.awareness.learn(entries):
                    events.append(PeersChanged())
            case ywebsocket.QueryAwareness():
                self.awareness.repeat()
            case hocuspocus.Stateless():
                events.append(message)

    # What is ours --------------------------------------------------------------------------------

    def _step_1(self) -> ywebsocket.SyncStep1:
        return ywebsocket.SyncStep1(self.ydoc.get_state())

    def _answer(self, vector: bytes) -> None:
        """Send what the server lacks; with that it has all that was changed here until now."""
        self._asked = True
        self._doubtful = False
        if self._refusals > 1:  # all that we have was not enough
            self.access = Access.READ
            return
        try:
            missing = self.ydoc.get_update(vector)
        except ValueError as error:
            raise Malformed("a state vector that does not decode") from error
        if len(missing) > MAX_STEP_2_BYTES and self.outbox.waits:
            return
        self._sent.append(self.outbox.all())
        self._due.append(ywebsocket.SyncStep2(missing))

    def _learn_status(self, durable: bool) -> None:
        if not self._sent:
            raise Malformed("a sync status for nothing")
        parcels = self._sent.popleft()
        if durable:
            self._refusals = 0
            self.outbox.settle(parcels)
            return
        self._refusals += 1
        self.outbox.restore(parcels)
        if self.access >= Access.WRITE:
            # After a gap a step 1 follows; what we ask is answered after it, or without it.
            self._doubtful = True
            self._due.append(self._step_1())

    def _settle_doubt(self) -> None:
        if self._doubtful:
            self._doubtful = False
            self.access = Access.READ

    def _observe(self, event: TransactionEvent) -> None:
        if self._applying:
            self._effective.append(event.update)
        else:
            self.outbox.add(event.update)
            self.edited()

    # What is others' -----------------------------------------------------------------------------

    def _apply(self, update: bytes, events: list[YjsEvent]) -> None:
        self._applying = True
        try:
            self._apply_in_transaction(update)
        except ExceptionGroup:
            _log.exception("an observer failed")  # the user's; the update is applied
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pycrdt's panics are no Exceptions
            raise Malformed("an update that cannot be applied") from error
        finally:
            self._applying = False
        events += [Updated(effective) for effective in self._effective]
        self._effective.clear()

    def _apply_in_transaction(self, update: bytes) -> None:
        try:
            transaction = self.ydoc.transaction(origin=REMOTE)
        except RuntimeError:
            # The user keeps one open across an await. What comes goes into it, and out again as if
            # it were the user's, which changes nothing anywhere.
            transaction = self.ydoc.transaction()
        with transaction:
            self.ydoc.apply_update(update)
