"""What a session's followers are sent, and how they learn that there is something new.

Owns the frames that many are sent, each encoded once, and who is in step: most readers of a busy
document differ in nothing but where their frames go, so what is common to them is held once, and a
batch costs one frame and one call for each of them. Hands out committed state only. Knows nothing
of sockets and of frames' formats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from collab.authority import Authority
from collab.errors import CollabError
from collab.messages import MessageBoard
from collab.presence import Presence, PresenceBoard
from collab.words import Commit

F = TypeVar("F")
Encode: TypeAlias = Callable[[Sequence[Commit]], F]
Pack: TypeAlias = Callable[[F], bytes]

# One frame of the stream: enough to catch up in few, small enough to encode without a stall.
_FRAME_COMMITS = 1000
_FRAME_BYTES = 256 * 1024
# How long a whole state is kept as a frame: who comes in a crowd comes within that.
_WHOLE_SECONDS = 1.0
# Frames kept for followers with the same cursor; readers that are behind fall into step soon.
_FRAMES_KEPT = 16


class Follower(Protocol):
    """A reader with its own cursor. No call may block or raise."""

    def wake(self) -> None:
        """There may be something new."""

    def end(self, error: CollabError) -> None:
        """The session is over, for this reason."""


class Outlet(Protocol):
    """Where a follower's packed frames go."""

    @property
    def write(self) -> Callable[[bytes], object] | None:
        """Takes whole frames at once; None unless nothing written before waits for the other
        side."""


class Stepper(Follower, Protocol):
    """A follower that can be in step."""

    def fell_out(self, version: int) -> None:
        """It is in step no more; it has been sent all commits up to `version`."""


class Step:
    """Members have been sent all commits up to `version`, and need nothing but those that follow.

    Their frames are made by one `encode` and one `pack`.
    """

    __slots__ = ("encode", "members", "version")

    def __init__(self, version: int, encode: Encode[Any]) -> None:
        self.version = version
        self.encode = encode
        self.members: dict[Stepper, Outlet] = {}

    def leave(self, member: Stepper) -> None:
        """Have the follower woken again."""
        self.members.pop(member, None)

    def send(self, packed: bytes, version: int) -> list[Stepper]:
        """Write what leads to `version` to every member; those that it could not be written to are
        returned, and none any more."""
        failed = []
        for member, outlet in self.members.items():
            write = outlet.write
            if write is None:
                failed.append(member)
                continue
            try:
                write(packed)
            except Exception:  # the connection is lost, as its own task is about to find out
                failed.append(member)
        for member in failed:
            del self.members[member]
        self.version = version
        return failed


class Fanout:
    """Of one session. Everything is called on its loop."""

    def __init__(
        self, authority: Authority, presence: PresenceBoard, messages: MessageBoard
    ) -> None:
        self._authority = authority
        self._presence = presence
        self._messages = messages
        self._loop = asyncio.get_running_loop()
        self._waking = False
        self._followers: dict[Follower, None] = {}  # in order of arrival
        self._steps: dict[Pack[Any], Step] = {}
        self._told = self._boards()
        self._frames: dict[tuple[Any, ...], Any] = {}
        self._packed: dict[Pack[Any], tuple[int, bytes, int]] = {}
        self._whole: tuple[int, Any] | None = None

    # Followers ------------------------------------------------------------------------------------

    def follow(self, follower: Follower) -> None:
        """Wake `follower` at every change from now on."""
        self._followers[follower] = None

    def unfollow(self, follower: Follower) -> None:
        """Stop waking it; it has left its step."""
        self._followers.pop(follower, None)

    def followers(self) -> Iterator[Follower]:
        """Those who follow now."""
        return iter(tuple(self._followers))

    def wake_followers(self) -> None:
        """Something that followers read has changed: wake them once in the loop's next turn,
        whatever else changes in this one."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake_followers)

    def _wake_followers(self) -> None:
        self._waking = False
        told, self._told = self._told, self._boards()
        for pack, step in tuple(self._steps.items()):
            if told != self._told or not self._advance(pack, step):
                self._dissolve(step)
            if not step.members:
                del self._steps[pack]
        in_step = [step.members for step in self._steps.values()]
        if sum(map(len, in_step)) < len(self._followers):
            for follower in tuple(self._followers):
                if not any(follower in members for members in in_step):
                    follower.wake()

    def _boards(self) -> tuple[int, int]:
        """What followers are sent besides commits."""
        return self._presence.stamp, self._messages.count

    # Those in step --------------------------------------------------------------------------------

    def join_step(
        self, member: Stepper, version: int, outlet: Outlet, encode: Encode[F], pack: Pack[F]
    ) -> Step | None:
        """Send the follower what is committed after `version` without waking it, for as long as
        nothing else is new to it; None if it has to be woken for the next.

        It leaves when it has something of its own to send. Its cursor is the step's version.
        """
        if version != self._authority.version or self._boards() != self._told:
            return None
        step = self._steps.get(pack)
        if step is None:
            step = self._steps[pack] = Step(version, encode)
        elif step.version != version:
            return None
        step.members[member] = outlet
        return step

    def _advance(self, pack: Pack[Any], step: Step) -> bool:
        """Send everybody in step what is new; False if that cannot be told as commits."""
        while step.members and step.version < self._authority.version:
            try:
                run = self.packed_after(step.version, step.encode, pack)
            except Exception:  # each of them finds out for itself, and ends with it
                return False
            if run is None:
                return False
            before = step.version
            for member in step.send(*run):
                member.fell_out(before)
        return True

    def _dissolve(self, step: Step) -> None:
        members = tuple(step.members)
        step.members.clear()
        for member in members:
            member.fell_out(step.version)

    # Frames ---------------------------------------------------------------------------------------

    def frame_after(self, version: int, encode: Encode[F]) -> tuple[F, int] | None:
        """The commits after `version` in one bounded frame, and the version it reaches.

        Encoded once for all followers with the same cursor and `encode`. None if `version` has
        left memory. Only for a `version` below the session's.
        """
        if version < self._authority.tail.oldest:
            return None
        key = (encode, version)
        cached: tuple[F, int] | None = self._frames.get(key)
        if cached is None:
            commits = self._authority.tail.slice_after(
                version, max_commits=_FRAME_COMMITS, max_bytes=_FRAME_BYTES
            )
            cached = (encode(commits), commits[-1].version)
            self._keep_frame(key, cached)
        return cached

    def packed_after(
        self,
        version: int,
        encode: Encode[F],
        pack: Pack[F],
    ) -> tuple[bytes, int] | None:
        """The same frame after `pack`, and the version it reaches.

        Packed once for all followers that are in step and share `pack`.
        """
        kept = self._packed.get(pack)
        if kept is None or kept[0] != version:
            run = self.frame_after(version, encode) if version < self._authority.version else None
            if run is None:
                return None
            kept = (version, pack(run[0]), run[1])
            if len(self._packed) < _FRAMES_KEPT:
                self._packed[pack] = kept
        return kept[1:]

    def presence_after(
        self, stamp: int, encode: Callable[[Sequence[Presence], bool], F]
    ) -> tuple[F, int]:
        """What has changed in presence after `stamp` in one frame, and the stamp it reaches.

        `encode` is also told whether that is all there is instead. Encoded once, as above.
        """
        board = self._presence
        key = (encode, stamp, board.stamp)
        cached: tuple[F, int] | None = self._frames.get(key)
        if cached is None:
            cached = (encode(*board.changes_after(stamp)), board.stamp)
            self._keep_frame(key, cached)
        return cached

    def _keep_frame(self, key: tuple[Any, ...], frame: object) -> None:
        if len(self._frames) >= _FRAMES_KEPT:
            del self._frames[next(iter(self._frames))]
        self._frames[key] = frame

    def whole(self, encode: Callable[[Any], F]) -> F:
        """The whole committed state in one frame, encoded once for all who ask for it together.

        There is one `encode` for a document's type.
        """
        version = self._authority.version
        if self._whole is None or self._whole[0] != version:
            self._whole = (version, encode(self._authority.state))
            self._loop.call_later(_WHOLE_SECONDS, self._forget_whole, self._whole)
        frame: F = self._whole[1]
        return frame

    def _forget_whole(self, whole: tuple[int, Any]) -> None:
        if self._whole is whole:
            self._whole = None

    def forget_frames(self) -> None:
        """There are newer commits: what was encoded is asked for no more."""
        self._frames.clear()
        self._packed.clear()
        self._whole = None
