"""A connection of a Yjs editor: sync and awareness of y-protocols, as y-websocket speaks them.

Owns what those messages do; what Hocuspocus adds is in `hocuspocus_peer`. Updates have no names: a
Yjs update that comes twice changes nothing. The replica is the type's; what leaves here is
committed state only.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import anyio
import msgspec

from collab.authority import Outcome
from collab.connection import NOWHERE, Connection
from collab.errors import (
    CollabError,
    DocumentTooLarge,
    NotAllowed,
    UpdateGap,
    WrongType,
)
from collab.peer import Peer, Wire
from collab.presence import Presence, with_name
from collab.protocols import hocuspocus, ywebsocket
from collab.protocols.ywebsocket import AwarenessEntry
from collab.session import Session
from collab.settings import Settings
from collab.shares import Share
from collab.types.yjs import YJS
from collab.types.yjs_replica import EMPTY_VECTOR
from collab.words import Access, Commit, Edit, author_of

# How long one whose content was too large is not asked for it again: it would send all of it.
_FULL_SECONDS = 30.0
# Yjs clients that one connection may show; a provider has one at a time.
_MAX_OWN = 16
# So high that what is added here never reaches 2^53, where readers' numbers end.
_MAX_CLOCK = 2**52
# Entries of an awareness message that count as one change.
_SIGNAL_ENTRIES = 20
_MOST_REPEATED = 10_000
# After a long answer to a step 1 the next one waits: making it keeps everybody waiting.
_ANSWER_BYTES_PER_SECOND = 4 * 1024 * 1024

Heard: TypeAlias = ywebsocket.ClientMessage | hocuspocus.ClientMessage


class YjsPeer(Peer[Heard, bytes]):
    """A connection that may read the document. Its wire hears decoded messages, and sends the
    frames of y-websocket, which are the bodies of Hocuspocus' frames too."""

    PROTOCOL: ClassVar[str] = "yjs"

    def __init__(
        self,
        session: Session,
        wire: Wire[Heard, bytes],
        *,
        user: str | None,
        access: Access,
        settings: Settings,
        name: str | None = None,
        connection: Connection = NOWHERE,
        share: Share | None = None,
    ) -> None:
        if session.type is not YJS:
            raise WrongType(f"a {session.type.name} document has no Yjs content")
        author = author_of(secrets.token_hex(16))
        super().__init__(
            session,
            wire,
            author=author,
            user=user,
            access=access,
            settings=settings,
            name=name,
            connection=connection,
            share=share,
        )
        self._asked: bytes | None = None  # the state vector of an unanswered step 1
        self._own: set[int] = set()
        self._shown_states: dict[int, bytes] = {}
        self._introduced = False
        self._full_until = 0.0
        self._answer_at = 0.0
        self._told_entries = 0
        self._answer_due = False

    async def _greet(self) -> list[bytes]:
        await self._session.refresh()
        self.cursor = self._session.version
        self._presence_cursor = self._session.presence.stamp
        if not self._may_write():
            self._deny_writing()
        everyone = self._session.presence.everyone()
        return [self._step_1(), *self._tell(*encode_awareness(everyone, True))]

    def _step_1(self) -> bytes:
        return ywebsocket.encode(ywebsocket.SyncStep1(YJS.vector(self._session.state)))

    def _leave(self) -> None:
        gone = [self._withdraw(client) for client in self._own]
        if any(gone):
            self._session.fanout.wake_followers()

    def _withdraw(self, client: int) -> bool:
        """Take the client's awareness away, with the clock after its last: so all accept it."""
        board, key = self._session.presence, str(client)
        clock = board.last_version(key)
        return clock is not None and board.remove(key, self, version=clock + 1)

    def _access_changed(self) -> None:
        if self._may_write():
            # What it typed meanwhile was refused: have it sent again.
            self._put(self._step_1())
        else:
            self._deny_writing()

    # What comes in --------------------------------------------------------------------------------

    def _receive(self, frame: Heard) -> None:
        match frame:
            case ywebsocket.SyncUpdate(update=update):  # first, as nearly all are
                self._submit(update, self._answer)
            case ywebsocket.SyncStep1(state_vector=vector):
                self._check_signal()
                # The newest question is answered, when it can be sent: one answer is enough.
                self._asked = YJS.check_vector(vector)
                self._send_soon()
            case ywebsocket.SyncStep2(update=update):
                # It has heard our step 1, so what it shows from now on it may have heard from us.
                self._introduced = True
                self._submit(update, self._answer_step_2)
            case ywebsocket.Awareness(entries=entries):
                self._count_entries(len(entries))
                self._show(entries)
            case ywebsocket.QueryAwareness():
                self._check_signal()
                self._presence_cursor = -1
                self._send_soon()

    def _submit(self, update: bytes, answer: Callable[[Outcome], None]) -> None:
        self._check_edit(len(update))
        edit = Edit(self.author, 0, None, YJS.parse(update), b"", self.user)
        self._submit_edit(edit, answer)

    def _answer_step_2(self, outcome: Outcome) -> None:
        self._answer(outcome)

    def _answer(self, outcome: Outcome) -> None:
        match outcome:
            case UpdateGap():
                # Something before it is missing here: ask for everything we lack, but not over and
                # over for what has just been refused.
                if self._clock() >= self._full_until:
                    self._put(self._step_1())
            case DocumentTooLarge():
                self._refuse_size(outcome)
            case NotAllowed():
                # Never a step 1: the provider would send the same content for ever.
                self._deny(outcome)
            case CollabError():
                self.end(outcome)

    def _refuse_size(self, refusal: DocumentTooLarge) -> None:
        """Close the connection; one that comes back with the same content stays open, unasked.

        Older providers come back at once, whatever the close code, and would do so for ever.
        """
        now = self._clock()
        told = self._session.told_too_large
        if now - told.get(self.user, -_FULL_SECONDS) < _FULL_SECONDS:
            self._full_until = now + _FULL_SECONDS
            self._deny(refusal)
        else:
            self.end(refusal)
        told[self.user] = now

    def _deny_writing(self) -> None:
        """Say it before anything is typed in vain."""
        self._deny(NotAllowed("you may read this document only"))

    def _deny(self, refusal: CollabError) -> None:
        self._put(ywebsocket.encode(ywebsocket.AuthDenied(f"{refusal.code}: {refusal}")))

    def _count_entries(self, count: int) -> None:
        """Providers repeat what they hear of others: as much as they were told costs nothing."""
        repeated = min(count, self._told_entries)
        self._told_entries -= repeated
        for _ in range(repeated, max(count, 1), _SIGNAL_ENTRIES):
            self._check_signal()

    def _show(self, entries: Sequence[AwarenessEntry]) -> None:
        """Take over what the client shows of itself; drop what it repeats of others.

        A provider shows its own state as soon as it is connected; what it has heard of others it
        repeats later, after its answer to our step 1.
        """
        first, self._introduced = not self._introduced, True
        changed = [self._show_one(entry, introduces=first) for entry in entries]
        if any(changed):
            self._session.fanout.wake_followers()

    def _show_one(self, entry: AwarenessEntry, *, introduces: bool) -> bool:
        board = self._session.presence
        key = str(entry.client_id)
        owner, shown, known = board.owner(key), board.shown(key), board.last_version(key)
        if entry.clock > _MAX_CLOCK:
            return False
        if owner is self:
            if entry.state is None:
                self._own.discard(entry.client_id)
                self._shown_states.pop(entry.client_id, None)
                return self._withdraw(entry.client_id)
            return self._change(entry, known or 0)
        if shown is not None and not (introduces and self._same_user(shown)):
            return False
        if entry.state is None or len(entry.state) > self._settings.max_presence_bytes:
            return False
        if known is not None and not introduces and entry.clock <= known:
            return False  # someone who has left, as another client remembers it
        if len(self._own | {entry.client_id}) > _MAX_OWN:
            return False
        self._own.add(entry.client_id)
        if introduces and known is not None:
            self._renew()
        # Above its own clock, which everybody may have seen before the server did.
        self._put_up(entry, max(entry.clock, known or 0) + 1)
        return True

    def _renew(self) -> None:
        """Show everybody anew, for one who has come back.

        Providers forget the others when they disconnect, but not their clocks: at the same clocks
        they would ignore them.
        """
        wait = self._session.presence.renew(anyio.current_time())
        if wait:
            asyncio.get_running_loop().call_later(wait, self._renew)
        else:
            self._session.fanout.wake_followers()

    def _change(self, entry: AwarenessEntry, shown: int) -> bool:
        """What the client says of itself is newer than what is shown, unless it is the same."""
        assert entry.state is not None
        if len(entry.state) > self._settings.max_presence_bytes:
            return False
        if entry.clock <= shown:
            if self._named(entry.state) == self._shown_states.get(entry.client_id):
                return False  # heard back from itself
            shown += 1
        self._put_up(entry, max(entry.clock, shown))
        return True

    def _put_up(self, entry: AwarenessEntry, clock: int) -> None:
        assert entry.state is not None
        state = self._shown_states[entry.client_id] = self._named(entry.state)
        presence = Presence(
            str(entry.client_id), self.user, msgspec.Raw(state), clock, clocked=True
        )
        self._session.presence.put(presence, self)

    def _named(self, state: str) -> bytes:
        """The state with the name that its owner signed in with, where editors look for it."""
        if self.name is None:
            return state.encode()
        return bytes(with_name(state.encode(), self.name, within="user"))

    def _same_user(self, shown: Presence) -> bool:
        """Whether it may be our client's, from a connection of before, to this node or another."""
        return shown.clocked and shown.user == self.user

    # What goes out --------------------------------------------------------------------------------

    @staticmethod
    def _encode(commits: Sequence[Commit]) -> bytes:
        return encode_updates(commits)

    def _follows_only(self) -> bool:
        return (
            self._presence_cursor == self._session.presence.stamp
            and self._asked is None
            and not self._outbox
        )

    def _news(self) -> list[bytes]:
        frames: list[bytes] = []
        session = self._session
        if self._asked is not None and self._may_answer():
            vector, self._asked = self._asked, None
            self.cursor = session.version
            frame = self._missing(vector)
            self._answer_at = self._clock() + len(frame) / _ANSWER_BYTES_PER_SECOND
            frames.append(frame)
        elif self.cursor < session.version:
            frames.append(self._stream())
        if self._presence_cursor < session.presence.stamp:
            frames += self._awareness()
        return frames

    def _missing(self, vector: bytes) -> bytes:
        """The answer to a step 1."""
        if vector == EMPTY_VECTOR:
            return self._session.fanout.whole(_whole)
        return _step_2(YJS.update_since(self._session.state, vector))

    def _may_answer(self) -> bool:
        """Whether it is time for the next answer; otherwise the peer is woken when it is."""
        wait = self._answer_at - self._clock()
        if wait > 0 and not self._answer_due:
            self._answer_due = True
            asyncio.get_running_loop().call_later(wait, self._answer_now)
        return wait <= 0

    def _answer_now(self) -> None:
        self._answer_due = False
        self._send_soon()

    def _stream(self) -> bytes:
        run = self._session.fanout.frame_after(self.cursor, self._encode)
        if run is None:
            self.cursor = self._session.version
            everything = YJS.update_since(self._session.state, None)
            return ywebsocket.encode(ywebsocket.SyncUpdate(everything))
        frame, self.cursor = run
        return frame

    def _awareness(self) -> list[bytes]:
        told, self._presence_cursor = self._session.fanout.presence_after(
            self._presence_cursor, encode_awareness
        )
        return self._tell(*told)

    def _tell(self, frame: bytes, entries: int) -> list[bytes]:
        self._told_entries = min(self._told_entries + entries, _MOST_REPEATED)
        return [frame] if entries else []


def _whole(state: Any) -> bytes:
    return _step_2(YJS.update_since(state, None))


def _step_2(update: bytes) -> bytes:
    return ywebsocket.encode(ywebsocket.SyncStep2(update))


def encode_updates(commits: Sequence[Commit]) -> bytes:
    """A run of commits as one update message."""
    return ywebsocket.encode(ywebsocket.SyncUpdate(YJS.merge(commits)))


def encode_awareness(changes: Sequence[Presence], _: bool) -> tuple[bytes, int]:
    """Changes of presence as one message, and how many clients' they are."""
    entries = _entries(changes)
    return ywebsocket.encode(ywebsocket.Awareness(entries)), len(entries)


def _entries(presences: Sequence[Presence]) -> tuple[AwarenessEntry, ...]:
    """Presence as y-protocols have it."""
    return tuple(
        AwarenessEntry(
            int(each.author),
            each.version,
            None if each.state is None else bytes(each.state).decode(),
        )
        for each in presences
        if each.author.isdecimal()
    )
