"""A connection over the native protocol: edits by name, the ordered stream, presence, messages.

Owns what the frames of `collab.v1` do. See docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar
from zlib import crc32

from collab.authority import Outcome
from collab.connection import NOWHERE, Connection
from collab.errors import (
    BaseAboveHead,
    BaseBelowOwnCommit,
    BelowFloor,
    CollabError,
    InvalidOperation,
    Malformed,
    MessageTooLarge,
    NameReused,
    NotAllowed,
    PresenceTooLarge,
    Replaced,
    Restarting,
    StaleSequence,
    TooFast,
    TooLarge,
)
from collab.greeting import Greeter, access_name, presence_entry
from collab.messages import Message
from collab.metrics import reject
from collab.peer import Peer, Wire
from collab.presence import Presence, with_name
from collab.protocols import native
from collab.session import Session
from collab.settings import Settings
from collab.shares import Share
from collab.words import Access, Commit, Edit, author_of, check_client_id, digest_of

_PONG = native.encode(native.Pong())


class NativePeer(Peer[str, str]):
    """A connection that has said hello and may read the document."""

    PROTOCOL: ClassVar[str] = "native"
    # The protocol has one outstanding edit per client; who sends ahead does not fill the inbox.
    MAX_UNANSWERED: ClassVar[int] = 4

    def __init__(
        self,
        session: Session,
        wire: Wire[str, str],
        hello: native.Hello,
        *,
        user: str | None,
        access: Access,
        settings: Settings,
        name: str | None = None,
        connection: Connection = NOWHERE,
        share: Share | None = None,
    ) -> None:
        author = author_of(check_client_id(hello.client))
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
        self._hello = hello
        self._greeter = Greeter(session, author, settings)
        self._placed: native.Named | None = None
        self._starts_afresh = False

    async def _greet(self) -> list[str]:
        self._replace_older()
        return [self._start(await self._greeter.greet(self._hello, self.access))]

    def _replace_older(self) -> None:
        for other in self._session.fanout.followers():
            if isinstance(other, NativePeer) and other is not self and other.author == self.author:
                other.end(Replaced("a newer connection of this client has taken over"))

    def _start(self, greeting: native.Welcome | native.Reset) -> str:
        """The greeting's frame, with all cursors where it leaves off."""
        self.cursor = greeting.version
        self._presence_cursor = self._session.presence.stamp
        self._message_cursor = self._session.messages.count
        return native.encode(greeting)

    def _farewell(self, reason: CollabError) -> list[str]:
        match reason:
            case Restarting():
                # A part of the time that is the same for an author whenever: not all at once.
                part = crc32(self.author.encode()) / 2**32
                return [native.encode(native.Goodbye(round(reason.retry_after * part, 3)))]
            case TooFast():
                return [native.encode(native.Goodbye(reason.retry_after))]
        return []

    def _access_changed(self) -> None:
        self._put(native.encode(native.AccessChange(access_name(self.access))))

    def _leave(self) -> None:
        if self._session.presence.remove(self.author, self):
            self._session.fanout.wake_followers()

    # What comes in --------------------------------------------------------------------------------

    def _receive(self, frame: str) -> None:
        try:
            match native.decode_client(frame):
                case native.SubmitEdit() as message:
                    self._submit(message)
                case native.SetPresence() as message:
                    self._check_signal(len(frame))
                    self._show(message)
                case native.SendMessage() as message:
                    self._check_signal(len(frame))
                    self._post(message)
                case native.Ping():
                    self._check_signal()
                    self._put(_PONG)
                case native.Hello():
                    raise Malformed("hello comes once, as the first frame")
        except (NotAllowed, TooLarge) as refusal:
            reject("signal", refusal.code)
            self._refuse(None, refusal)

    def _submit(self, message: native.SubmitEdit) -> None:
        raw = bytes(message.operation)
        self._check_edit(len(raw), max(self._session.version - message.base, 0))
        try:
            operation = self._session.type.parse(raw)
        except InvalidOperation as error:
            reject("edit", error.code)
            self._refuse(message.seq, error)
            return
        edit = Edit(
            author=self.author,
            seq=message.seq,
            base=message.base,
            operation=operation,
            digest=digest_of(message.base, raw),
            user=self.user,
        )
        self._submit_edit(edit, partial(self._answer, message.seq))

    def _answer(self, seq: int, outcome: Outcome) -> None:
        """What became of edit `seq`; a new commit is acknowledged by the stream itself."""
        if isinstance(outcome, CollabError):
            self._refuse(seq, outcome)
            return
        self._placed = native.Named(seq, outcome.version)
        if outcome.commit is None and outcome.version <= self.cursor:
            self._put(native.encode(native.Ack(seq, outcome.version)))

    def _refuse(self, seq: int | None, error: CollabError) -> None:
        committed: native.Named | None = None
        match error:
            case NameReused(seq=known, version=version):
                committed = native.Named(known, version)
            case StaleSequence(committed_seq=known, version=version):
                committed = native.Named(known, version)
            case BaseBelowOwnCommit(committed_seq=known, version=version):
                committed = native.Named(known, version)
            case BelowFloor() | BaseAboveHead():
                # Made when it can be sent: however often this happens, one is enough.
                self._starts_afresh = True
        report = native.ErrorReport(error.code, str(error), seq, committed)
        self._put(native.encode(report))

    def _show(self, message: native.SetPresence) -> None:
        board = self._session.presence
        settings = self._settings
        state = native.checked_json(
            message.state,
            settings.max_presence_bytes,
            "presence",
            refusal=PresenceTooLarge,
            depth=settings.max_json_depth,
        )
        if state is not None and self.name is not None:
            state = with_name(state, self.name)
        if state is None:
            changed = board.remove(self.author, self)
        else:
            board.put(Presence(self.author, self.user, state, message.version), self)
            changed = True
        if changed:
            self._session.fanout.wake_followers()

    def _post(self, message: native.SendMessage) -> None:
        if not self._may_write():
            raise NotAllowed("you may read this document, not send messages to it")
        settings = self._settings
        body = native.checked_json(
            message.body,
            settings.max_message_bytes,
            "a message",
            refusal=MessageTooLarge,
            depth=settings.max_json_depth,
        )
        size = 0 if body is None else memoryview(body).nbytes
        self._session.messages.post(Message(self.author, self.user, body, size))
        self._session.fanout.wake_followers()

    # What goes out --------------------------------------------------------------------------------

    @staticmethod
    def _encode(commits: Sequence[Commit]) -> str:
        return native.encode_edits(commits)

    def _follows_only(self) -> bool:
        session = self._session
        return (
            self._presence_cursor == session.presence.stamp
            and self._message_cursor == session.messages.count
            and not self._starts_afresh
            and not self._outbox
        )

    def _news(self) -> list[str]:
        frames: list[str] = []
        if self.cursor < self._session.version and not self._starts_afresh:
            run = self._session.fanout.frame_after(self.cursor, self._encode)
            if run is None:
                self._starts_afresh = True
            else:
                frame, self.cursor = run
                frames.append(frame)
        if self._starts_afresh:
            self._starts_afresh = False
            frames.append(self._start(self._greeter.reset(self.access, self._placed)))
        if self._message_cursor < self._session.messages.count:
            frames += self._new_messages()
        if self._presence_cursor < self._session.presence.stamp:
            frame, self._presence_cursor = self._session.fanout.presence_after(
                self._presence_cursor, encode_presence
            )
            frames.append(frame)
        return frames

    def _new_messages(self) -> list[str]:
        board = self._session.messages
        messages = board.after(self._message_cursor)
        self._message_cursor = board.count
        return [
            native.encode(native.PeerMessage(message.author, message.user, message.body))
            for message in messages
            if message.author != self.author
        ]


def encode_presence(changes: Sequence[Presence], complete: bool) -> str:
    """Changes of presence as one message."""
    peers = [presence_entry(presence) for presence in changes]
    return native.encode(native.PresenceUpdate(peers, complete))
