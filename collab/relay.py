"""This node's part on the bus: tells the others what happened here, and takes over what they tell.

Owns which news go where and whom they concern. News never changes what is stored, nor a state by
itself: the session and the poller look for themselves. Knows nothing of how news travel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Protocol

import anyio
import anyio.lowlevel

from collab.bus import Bus
from collab.bus.news import (
    AccessChanged,
    Asking,
    Committed,
    Deleted,
    News,
    Present,
    Said,
    Turn,
    decode,
    encode,
)
from collab.carried import said
from collab.link import Link
from collab.messages import Message
from collab.metrics import NEWS_BROKEN, NEWS_HEARD, NEWS_SENT
from collab.session import Session
from collab.settings import Settings
from collab.wakeup import Wakeup
from collab.words import Commit

# Commits that are longer together are not sent along: whoever wants them reads them.
_MAX_COMMIT_BYTES = 64 * 1024
_TICK_SECONDS = 1.0
_ACQUAINT_SECONDS = 1.0
# Documents that are seen to before everybody else has a turn; and how long that is, where each of
# them is asked about.
_AT_ONCE = 200
_BREATH_SECONDS = 0.02


class Look(Protocol):
    """Has the store looked at: some documents and the access version, or with None everything."""

    def __call__(self, documents: Iterable[str] | None = (), /) -> None: ...


class Relay:
    """Listens to `bus` and speaks on it as `node`, a name that no other node has, nor ever had."""

    def __init__(
        self, bus: Bus, node: str, settings: Settings, now: Callable[[], int], look: Look
    ) -> None:
        self._bus = bus
        self._node = node
        self._settings = settings
        self._now = now
        self._look = look
        self._links: dict[str, Link] = {}
        # Of messages to documents that are not open here; apart from the numbers of links.
        self._unasked: dict[str, None] = {}
        self._may_ask = Wakeup()
        self._numbers = count(2**52 + now() * 256)
        bus.listen(self)

    @property
    def healthy(self) -> bool:
        """Whether what happens on other nodes is likely to be heard of."""
        return self._bus.healthy

    async def run(self) -> None:
        """Look after what is repeated, what expires and whom to ask, until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tick)
            tasks.start_soon(self._ask)

    async def _tick(self) -> None:
        while True:
            await anyio.sleep(_TICK_SECONDS)
            for at, link in enumerate(list(self._links.values()), start=1):
                link.tick()
                if at % _AT_ONCE == 0:
                    await anyio.lowlevel.checkpoint()

    async def _ask(self) -> None:
        """Ask who is there, at all documents that are heard anew; not at thousands in one go, which
        would push other news out."""
        while True:
            await self._may_ask.wait()
            while self._unasked:
                for id in list(self._unasked)[:_AT_ONCE]:
                    del self._unasked[id]
                    if (link := self._links.get(id)) is not None:
                        link.ask()
                await anyio.sleep(_BREATH_SECONDS)

    # What happens here ----------------------------------------------------------------------------

    def opened(self, session: Session) -> None:
        """Share the session's presence and messages with other nodes until it is `closed`."""
        id = session.id
        publish = self._publisher(id)
        self._links[id] = Link(session, self._node, publish, self._settings, self._now)
        self._bus.subscribe(id)

    async def acquaint(self, session: Session) -> None:
        """Return when it is known who shows something at the document on other nodes, or when that
        takes too long."""
        link = self._links.get(session.id)
        if link is not None and self.healthy:
            with anyio.move_on_after(_ACQUAINT_SECONDS):
                await link.acquainted.wait()

    def closed(self, session: Session) -> None:
        """The session has ended."""
        if self._links.pop(session.id, None) is not None:
            self._bus.unsubscribe(session.id)

    def committed(self, session: Session, commits: Sequence[Commit]) -> None:
        """These commits are durable, and the session's newest."""
        size = sum(len(commit.operation) for commit in commits)
        sent = tuple(commits) if size <= _MAX_COMMIT_BYTES else ()
        self._publish(session.id, Committed(self._node, session.epoch, commits[-1].version, sent))

    def outrun(self, session: Session, seconds: float) -> None:
        """Others were faster than the session, which needs so long to try again."""
        turn = Turn(self._node, session.epoch, math.ceil(seconds * 1000))
        self._publish(session.id, turn)

    def deleted(self, document: str) -> None:
        """The document was deleted."""
        self._publish(document, Deleted(self._node))

    def access_changed(self, version: int) -> None:
        """Grants were changed; the access version since."""
        self._publish(None, AccessChanged(self._node, version))

    def say(self, document: str, epoch: str, message: Message) -> None:
        """Pass a message on to a document that is not open here."""
        number = next(self._numbers)
        self._publish(document, said(message, node=self._node, epoch=epoch, number=number))

    def _publisher(self, document: str) -> Callable[[News], None]:
        return lambda news: self._publish(document, news)

    def _publish(self, channel: str | None, news: News) -> None:
        NEWS_SENT.inc()
        self._bus.publish(channel, encode(news))

    # Listener -------------------------------------------------------------------------------------

    def hear(self, channel: str | None, news: bytes) -> None:
        decoded = decode(news)
        if decoded is None:
            NEWS_BROKEN.inc()
            return
        if decoded.node == self._node:
            return
        NEWS_HEARD.inc()
        if channel is None:
            if isinstance(decoded, AccessChanged):
                self._look()
            return
        link = self._links.get(channel)
        if link is not None:
            self._hear_of(link, decoded)

    def tuned(self, channel: str | None) -> None:
        if channel is None:
            self._look(None)
        elif channel in self._links:
            self._look([channel])
            self._unasked[channel] = None
            self._may_ask.set()

    def _hear_of(self, link: Link, news: News) -> None:
        session = link.session
        match news:
            case Deleted():
                self._look([session.id])
            case Committed() | Present() | Said() | Asking() if news.epoch != session.epoch:
                if isinstance(news, Committed):
                    self._look([session.id])  # of another epoch: one of the two is gone
            case Turn(node=node, epoch=session.epoch, milliseconds=milliseconds):
                session.turns.asked(node, milliseconds / 1000, anyio.current_time())
            case Committed(node=node, version=version, commits=commits):
                session.turns.taken(node)
                if _is_run(commits, version):
                    session.hear(version, commits)
                else:
                    self._look([session.id])
            case Present() | Said() | Asking():
                link.hear(news)


def _is_run(commits: Sequence[Commit], version: int) -> bool:
    """Whether these follow each other up to `version`, as far as there are any."""
    first = version - len(commits) + 1
    return all(commit.version == first + at for at, commit in enumerate(commits))
