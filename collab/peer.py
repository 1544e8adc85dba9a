"""One connected reader and writer of a document over the native protocol, with its cursor.

Owns the order of what is sent to it: its own errors and acks, the stream from its cursor on,
messages, the newest presence. Knows neither sockets (a `Wire` carries the frames) nor tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import anyio
import msgspec

from collab.authority import Outcome
from collab.errors import (
    BaseAboveHead,
    BaseBelowOwnCommit,
    BelowFloor,
    CollabError,
    InvalidOperation,
    Malformed,
    NameReused,
    NotAllowed,
    Replaced,
    Restarting,
    StaleSequence,
    TooLarge,
    WrongType,
)
from collab.greeting import Greeter, presence_entry
from collab.inbox import Submission
from collab.presence import Message, Presence
from collab.protocols import native
from collab.session import Session
from collab.settings import Settings
from collab.wakeup import Wakeup
from collab.words import Access, Edit, author_of, check_client_id, digest_of

# Answers that wait for a slow reader before its own frames are no longer read.
_OUTBOX_FRAMES = 64
# Types that are spoken over this protocol.
_TYPES = frozenset({"text", "richtext"})

_FINAL_WRITE_SECONDS = 2


class Disconnected(Exception):
    """The other side of the wire is gone."""


class Wire(Protocol):
    """Carries text frames; both calls raise Disconnected, `receive` also CollabError for a frame
    that is not text."""

    async def receive(self) -> str: ...

    async def send(self, frame: str) -> None: ...


class Peer:
    """A connection that has said hello and may read the document."""

    def __init__(
        self,
        session: Session,
        wire: Wire,
        hello: native.Hello,
        *,
        user: str | None,
        access: Access,
        settings: Settings,
    ) -> None:
        if session.type.name not in _TYPES:
            raise WrongType(f"a {session.type.name} document is not spoken over this protocol")
        self.author = author_of(check_client_id(hello.client))
        self.user = user
        self.access = access
        self.cursor = 0
        self._session = session
        self._wire = wire
        self._hello = hello
        self._settings = settings
        self._presence_cursor = 0
        self._message_cursor = 0
        self._outbox: list[str] = []
        self._outbox_sent = Wakeup()
        self._greeter = Greeter(session, self.author, settings)
        self._placed: native.Named | None = None
        self._starts_afresh = False
        self._listening = True
        self._ending: CollabError | None = None
        self._wakeup = Wakeup()
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Serve the connection until the client leaves; raises why it has to be closed."""
        self._session.follow(self)
        try:
            self._replace_older()
            greeting = await self._greeter.greet(self._hello, self.access)
            await self._wire.send(self._start(greeting))
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write)
                    await self._read()
        except Disconnected:
            return
        finally:
            self._session.unfollow(self)
            if self._session.presence.remove(self.author, self):
                self._session.wake_followers()
        if self._ending is not None:
            raise self._ending

    # Follower -------------------------------------------------------------------------------------

    def wake(self) -> None:
        self._wakeup.set()

    def end(self, error: CollabError) -> None:
        """Close the connection for this reason, after what is ready to be sent."""
        if self._ending is None:
            self._ending = error
            self._wakeup.set()
            if not self._listening:
                self._scope.cancel()

    def _replace_older(self) -> None:
        for other in self._session.followers():
            if isinstance(other, Peer) and other is not self and other.author == self.author:
                other.end(Replaced("a newer connection of this client has taken over"))

    def _start(self, greeting: native.Welcome | native.Reset) -> str:
        """The greeting's frame, with all cursors where it leaves off."""
        self.cursor = greeting.version
        self._presence_cursor = self._session.presence.stamp
        self._message_cursor = self._session.messages.count
        return native.encode(greeting)

    # Reading --------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                await self._session.room()
                while len(self._outbox) >= _OUTBOX_FRAMES:
                    await self._outbox_sent.wait()
                frame = await self._wire.receive()
                self._receive(native.decode_client(frame))
        except Disconnected:
            self._scope.cancel()
        except CollabError as error:
            self.end(error)

    def _receive(self, message: native.ClientMessage) -> None:
        try:
            match message:
                case native.SubmitEdit():
                    self._submit(message)
                case native.SetPresence():
                    self._show(message)
                case native.SendMessage(body=body):
                    self._post(body)
                case native.Hello():
                    raise Malformed("hello comes once, as the first frame")
        except (NotAllowed, TooLarge) as refusal:
            self._refuse(None, refusal)

    def _submit(self, message: native.SubmitEdit) -> None:
        raw = bytes(message.operation)
        try:
            operation = self._session.type.parse(raw)
        except InvalidOperation as error:
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
        self._session.submit(Submission(edit, self._may_write, _answer_to(self, message.seq)))

    def _may_write(self) -> bool:
        return self.access >= Access.WRITE

    def answer(self, seq: int, outcome: Outcome) -> None:
        """What became of edit `seq`; a new commit is acknowledged by the stream itself."""
        if isinstance(outcome, CollabError):
            self._refuse(seq, outcome)
            return
        self._placed = native.Named(seq, outcome.version)
        if outcome.commit is None and outcome.version <= self.cursor:
            self._put(native.Ack(seq, outcome.version))

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
        self._put(native.ErrorReport(error.code, str(error), seq, committed))

    def _show(self, message: native.SetPresence) -> None:
        board = self._session.presence
        if message.state is None:
            changed = board.remove(self.author, self)
        else:
            self._check_size("presence", message.state, self._settings.max_presence_bytes)
            board.put(Presence(self.author, self.user, message.state, message.version), self)
            changed = True
        if changed:
            self._session.wake_followers()

    def _post(self, body: object) -> None:
        if not self._may_write():
            raise NotAllowed("you may read this document, not send messages to it")
        size = self._check_size("a message", body, self._settings.max_message_bytes)
        self._session.messages.post(Message(self.author, self.user, body, size))
        self._session.wake_followers()

    def _check_size(self, what: str, value: object, limit: int) -> int:
        size = len(msgspec.json.encode(value))
        if size > limit:
            raise TooLarge(f"{what} of {size} bytes, {limit} are allowed")
        return size

    def _put(self, message: native.ServerMessage) -> None:
        if not self._listening:
            return
        self._outbox.append(native.encode(message))
        self._wakeup.set()

    # Writing --------------------------------------------------------------------------------------

    async def _write(self) -> None:
        try:
            while self._ending is None:
                if not await self._send_ready():
                    await self._wakeup.wait()
            with anyio.move_on_after(_FINAL_WRITE_SECONDS):
                await self._send_last(self._ending)
        except Disconnected:
            # What it sent before it left is still to be read; nobody waits for the answers.
            self._listening = False
            self._take_outbox()
        else:
            self._scope.cancel()

    async def _send_last(self, reason: CollabError) -> None:
        while await self._send_ready():
            pass
        if isinstance(reason, Restarting):
            await self._wire.send(native.encode(native.Goodbye(reason.retry_after)))

    async def _send_ready(self) -> bool:
        """Send one round of what there is; False if there was nothing."""
        frames = self._take_outbox()
        if self.cursor < self._session.version and not self._starts_afresh:
            run = self._session.frame_after(self.cursor, native.encode_edits)
            if run is None:
                self._starts_afresh = True
            else:
                frame, self.cursor = run
                frames.append(frame)
        if self._starts_afresh:
            self._starts_afresh = False
            frames.append(self._start(self._greeter.reset(self.access, self._placed)))
        frames += self._new_messages()
        frames += self._new_presence()
        for frame in frames:
            await self._wire.send(frame)
        return bool(frames)

    def _take_outbox(self) -> list[str]:
        if not self._outbox:
            return []
        frames, self._outbox = self._outbox, []
        self._outbox_sent.set()
        return frames

    def _new_messages(self) -> list[str]:
        board = self._session.messages
        if board.count == self._message_cursor:
            return []
        messages = board.after(self._message_cursor)
        self._message_cursor = board.count
        return [
            native.encode(native.PeerMessage(message.author, message.user, message.body))
            for message in messages
            if message.author != self.author
        ]

    def _new_presence(self) -> list[str]:
        board = self._session.presence
        if board.stamp == self._presence_cursor:
            return []
        changes, complete = board.changes_after(self._presence_cursor)
        self._presence_cursor = board.stamp
        peers = [presence_entry(presence) for presence in changes]
        return [native.encode(native.PresenceUpdate(peers, complete))]


def _answer_to(peer: Peer, seq: int) -> Callable[[Outcome], None]:
    return lambda outcome: peer.answer(seq, outcome)
