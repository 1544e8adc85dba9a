"""One connected reader and writer of a document, with its cursor: what every protocol shares.

Owns the two loops, the bounded outbox, and the order of an ending. What frames mean is a protocol's
(`native_peer`, `yjs_peer`). Knows neither sockets (a `Wire` carries the frames) nor tokens.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Generic, Protocol, TypeVar

import anyio

from collab.authority import Outcome
from collab.connection import NOWHERE, Connection
from collab.errors import (
    CollabError,
    NotAllowed,
    NotSignedIn,
    Quarantined,
    TooManyEdits,
    TooMuchPresence,
)
from collab.fanout import Outlet, Step
from collab.inbox import Submission
from collab.session import Session
from collab.settings import Settings
from collab.shares import Share
from collab.wakeup import Wakeup
from collab.words import Access, Commit, Edit

In = TypeVar("In")
Out = TypeVar("Out")
Heard = TypeVar("Heard", covariant=True)
Said = TypeVar("Said", contravariant=True)

# Answers that wait for a slow reader before its own frames are no longer read.
_OUTBOX_FRAMES = 64
_FINAL_WRITE_SECONDS = 2
# A long edit counts as one for each of so many bytes, a long presence or message likewise; one that
# has to be rebased as one for each of so many commits, up to a second's worth.
_EDIT_BYTES = 2048
_EDIT_COMMITS = 20
_SIGNAL_BYTES = 1024
_WRITE: Final = Access.WRITE  # an enumeration's member takes long to find
# With another token, or when the quarantine is over, what was refused because of these may be sent
# again.
_PASSING = NotSignedIn | Quarantined


class Disconnected(Exception):
    """The other side of the wire is gone."""


class _NoOutlet:
    """That of a wire that can only be waited for."""

    write = None


NO_OUTLET: Final = _NoOutlet()


def _unpackable(frame: object) -> bytes:
    raise RuntimeError("this wire takes no packed frames")


class Wire(Protocol[Heard, Said]):
    """Carries frames, or what a protocol has read from them; its calls raise Disconnected. What
    hears also raises CollabError for a frame that the connection has to be closed for."""

    async def receive(self) -> Heard: ...

    async def send(self, frame: Said) -> None: ...

    async def hear(self, take: Callable[[Heard], bool]) -> None:
        """Call `take` with one frame after the other, as they arrive, until it returns False or
        raises. A wire that can calls it without a task of its own."""
        while take(await self.receive()):
            pass

    @property
    def pack(self) -> Callable[[Said], bytes]:
        """Makes of a frame what `outlet` takes; one function for all wires where that is equal."""
        return _unpackable

    @property
    def outlet(self) -> Outlet:
        """Where packed frames go."""
        return NO_OUTLET

    @property
    def waiting_bytes(self) -> int | None:
        """What was sent and waits for the other side; None if nobody knows."""
        return None


class Peer(ABC, Generic[In, Out]):
    """A connection that may read the document. `run` serves it."""

    # There is one for every reader, and a dict of so many names is four times as large.
    __slots__ = (
        "_began",
        "_clock",
        "_cursor",
        "_edits",
        "_ending",
        "_failure",
        "_gone",
        "_greeted",
        "_idle",
        "_listening",
        "_may_read",
        "_message_cursor",
        "_outbox",
        "_outlet",
        "_pack",
        "_presence_cursor",
        "_scope",
        "_session",
        "_settings",
        "_signals",
        "_step",
        "_unanswered",
        "_wakeup",
        "_wire",
        "access",
        "author",
        "connection",
        "name",
        "user",
    )

    PROTOCOL: ClassVar[str]
    """What the inspector calls it."""
    MAX_UNANSWERED: ClassVar[int] = 64
    """Edits of it that wait for their answer before no more frames are read."""

    def __init__(
        self,
        session: Session,
        wire: Wire[In, Out],
        *,
        author: str,
        user: str | None,
        access: Access,
        settings: Settings,
        name: str | None = None,
        connection: Connection = NOWHERE,
        share: Share | None = None,
    ) -> None:
        self.connection = connection
        self.author = author
        self.user = user
        self.name = name
        self.access = access
        self._cursor = session.version
        self._step: Step | None = None  # if in step
        self._session = session
        self._settings = settings
        self._presence_cursor = session.presence.stamp
        self._message_cursor = session.messages.count
        self._wire: Wire[In, Out] = wire
        self._pack = wire.pack
        self._outlet = wire.outlet
        self._outbox: list[Out] = []
        self._may_read = Wakeup()
        self._unanswered = 0
        self._greeted = False
        self._gone = False
        self._listening = True
        self._ending: CollabError | None = None
        self._wakeup = Wakeup()
        self._idle = False  # the writer waits: whoever has something to send may do so
        self._failure: Exception | None = None
        self._scope = anyio.CancelScope()
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        share = share or Share(settings.edits_per_second, settings.presence_per_second)
        self._edits, self._signals = share.edits, share.signals

    async def run(self) -> None:
        """Serve the connection until the client leaves; raises why it has to be closed."""
        self._session.follow(self)
        try:
            with self._scope:
                await self._begin()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write)
                    await self._read()
        except Disconnected:
            return
        finally:
            self._step_out()
            self._session.fanout.unfollow(self)
            self._leave()
        if self._ending is not None:
            raise self._ending

    async def _begin(self) -> None:
        told = self.access
        for frame in await self._greet():
            await self._wire.send(frame)
        self._greeted = True
        if self.access is not told:
            self._access_changed()

    @property
    def cursor(self) -> int:
        """The version that it has been sent everything up to."""
        step = self._step
        return self._cursor if step is None else step.version

    @cursor.setter
    def cursor(self, version: int) -> None:
        self._step_out()
        self._cursor = version

    # What the inspector looks at ------------------------------------------------------------------

    @property
    def connected_seconds(self) -> float:
        """For how long it has been here."""
        return self._clock() - self._began

    @property
    def unanswered(self) -> int:
        """Edits of it that wait for their answer."""
        return self._unanswered

    @property
    def waiting_frames(self) -> int:
        """Answers that wait until it reads."""
        return len(self._outbox)

    @property
    def waiting_bytes(self) -> int | None:
        """Bytes that were sent and that it has not read; None if nobody knows."""
        return self._wire.waiting_bytes

    # What a protocol adds -------------------------------------------------------------------------

    @abstractmethod
    async def _greet(self) -> list[Out]:
        """The first frames, with the cursors where they leave off."""

    @abstractmethod
    def _receive(self, frame: In) -> None:
        """Take one frame of the client; raises what the connection has to be closed for."""

    @staticmethod
    @abstractmethod
    def _encode(commits: Sequence[Commit]) -> Out:
        """A run of commits as one frame of the stream."""

    @abstractmethod
    def _follows_only(self) -> bool:
        """Whether commits are all that is new since the cursors."""

    @abstractmethod
    def _news(self) -> list[Out]:
        """Frames for what is new since the cursors, which move over it; none if nothing is."""

    def _farewell(self, reason: CollabError) -> list[Out]:
        """The last frames before the connection is closed for `reason`."""
        return []

    @abstractmethod
    def _leave(self) -> None:
        """The connection is over: take back what it has shown of itself."""

    @abstractmethod
    def _access_changed(self) -> None:
        """Tell the client that `access` is another one from now on."""

    # Holder of a right ----------------------------------------------------------------------------

    def change_access(self, access: Access) -> None:
        """The client's right is this one now: it counts for every edit that has no place yet."""
        if access is not self.access:
            self.access = access
            if self._greeted:
                self._access_changed()

    # Follower -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Send what is new at once if nothing is in the way, without the writer's task."""
        self._step_out()
        write = self._outlet.write if self._idle else None
        if write is None:
            self._wakeup.set()
            return
        try:
            packed = self._packed()
            if packed:
                write(packed)
            if self._cursor < self._session.version:  # one frame does not hold everything
                self._wakeup.set()
            else:
                self._step_in()
        except Exception as failure:
            # It ends this connection, not whoever wakes it.
            self._failure = failure
            self._wakeup.set()

    def fell_out(self, version: int) -> None:
        """It is in step no more, and is woken for what comes after `version`."""
        self._step = None
        self._cursor = version

    def _step_in(self) -> None:
        """Leave the sending to the session, if commits are all that is to be sent."""
        if self._ending is None and self._step is None and self._follows_only():
            self._step = self._session.fanout.join_step(
                self, self._cursor, self._outlet, self._encode, self._pack
            )

    def _step_out(self) -> None:
        """Send what is new here."""
        step = self._step
        if step is not None:
            step.leave(self)
            self.fell_out(step.version)

    def _packed(self) -> bytes:
        """One round of what there is, packed: mostly what others who are woken are sent too."""
        if self._follows_only():
            run = self._session.fanout.packed_after(self._cursor, self._encode, self._pack)
            if run is not None:
                packed, self._cursor = run
                return packed
        return b"".join([self._pack(frame) for frame in self._ready()])

    def end(self, error: CollabError) -> None:
        """Close the connection for this reason, after what is ready to be sent.

        From now on it does nothing more, however long the client takes to read.
        """
        if self._ending is None:
            self._step_out()
            self._ending = error
            if isinstance(error, NotAllowed | NotSignedIn | Quarantined):
                self.access = Access.NONE  # for what waits for its place, too
            self._wakeup.set()
            self._scope.deadline = anyio.current_time() + _FINAL_WRITE_SECONDS
            if not self._listening:
                self._scope.cancel()

    # For the protocols ----------------------------------------------------------------------------

    def _send_soon(self) -> None:
        """Let the writer's task send what is new, however long that is."""
        self._step_out()
        self._wakeup.set()

    def _put(self, frame: Out) -> None:
        """Send this frame next, before what is new."""
        if self._listening:
            self._outbox.append(frame)
            self._send_soon()

    def _check_signal(self, size: int = 0) -> None:
        """Count a presence change or a message of so many bytes; raises TooMuchPresence."""
        wait = self._signals.wait(self._clock(), 1 + size // _SIGNAL_BYTES)
        if wait:
            raise TooMuchPresence(
                f"more than {self._settings.presence_per_second:g} presence changes and messages "
                "a second",
                wait,
            )

    def _check_edit(self, size: int, behind: int = 0) -> None:
        """Count an edit of so many bytes, made so many commits ago, before it is looked into;
        raises TooManyEdits."""
        per_second = self._settings.edits_per_second
        weight = 1 + size // _EDIT_BYTES + min(behind / _EDIT_COMMITS, per_second)
        wait = self._edits.wait(self._clock(), weight)
        if wait:
            raise TooManyEdits(f"more than {per_second:g} edits a second", wait)

    def _submit_edit(self, edit: Edit, answer: Callable[[Outcome], None]) -> None:
        """Give the edit to the session; `answer` is told what became of it."""

        def answered(outcome: Outcome) -> None:
            self._unanswered -= 1
            if self._unanswered == self.MAX_UNANSWERED - 1:
                self._may_read.set()
            if isinstance(outcome, NotAllowed) and isinstance(self._ending, _PASSING):
                outcome = self._ending  # another time the same edit may be well
            answer(outcome)

        self._unanswered += 1
        self._session.submit(Submission(edit, self._may_write, answered))

    def _may_write(self) -> bool:
        return self.access >= _WRITE

    # The two loops --------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while self._ending is None:
                await self._session.room()
                while self._has_enough():
                    await self._may_read.wait()
                await self._wire.hear(self._take)
        except Disconnected:
            self._vanish()
        except CollabError as error:
            self.end(error)

    def _vanish(self) -> None:
        """Nobody is there any more: the writer goes by itself, if it does not wait for the wire."""
        self._gone = True
        if self._idle:
            self._wakeup.set()
        else:
            self._scope.cancel()

    def _take(self, frame: In) -> bool:
        """Take a frame; False if no more can be taken now."""
        if self._ending is None:
            self._receive(frame)
        return self._ending is None and not (self._has_enough() or self._session.full)

    def _has_enough(self) -> bool:
        return len(self._outbox) >= _OUTBOX_FRAMES or self._unanswered >= self.MAX_UNANSWERED

    async def _write(self) -> None:
        try:
            while self._ending is None:
                if not await self._send_ready():
                    await self._rest()
                if self._gone:
                    return
            while await self._send_ready():
                pass
            for frame in self._farewell(self._ending):
                await self._wire.send(frame)
        except Disconnected:
            # What it sent before it left is still to be read; nobody waits for the answers.
            self._listening = False
            self._take_outbox()
        else:
            self._scope.cancel()

    async def _rest(self) -> None:
        """Wait until there is something that has not been sent without this task."""
        self._idle = True
        self._step_in()
        try:
            await self._wakeup.wait()
        finally:
            self._idle = False
            self._step_out()
        if self._failure is not None:
            raise self._failure

    async def _send_ready(self) -> bool:
        """Send one round of what there is; False if there was nothing."""
        frames = self._ready()
        for frame in frames:
            await self._wire.send(frame)
        return bool(frames)

    def _ready(self) -> list[Out]:
        frames = self._take_outbox()
        frames += self._news()
        return frames

    def _take_outbox(self) -> list[Out]:
        if not self._outbox:
            return []
        frames, self._outbox = self._outbox, []
        self._may_read.set()
        return frames
