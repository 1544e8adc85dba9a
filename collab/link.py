"""One open document's link to the same document on other nodes: its presence and its messages.

Owns what of the session's boards is told to others and when, and what is taken over from them.
Commits are not its business. Knows nothing of how news travel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import anyio

from collab.bus.news import Asking, Entry, News, Present, Said
from collab.carried import entry_of, message_in, said, shown_in
from collab.errors import CollabError
from collab.presence import Shown
from collab.session import Session
from collab.settings import Settings

# Presence changes of so long are told together; messages at the next turn of the loop.
_GATHER_SECONDS = 0.05
# All presence is told again; what another node has not told for so long is gone with it.
_REPEAT_SECONDS = 10.0
# Who has not answered so long after a question does not count for those who wait for answers.
_ANSWER_SECONDS = 0.25
_GONE_SECONDS = 30.0
# What other nodes may put on the boards of one document, whoever they say they are.
_MAX_NODES = 1000
_MAX_SHOWN = 10_000
# What one piece of news may hold.
_MAX_ENTRIES = 1000
_MAX_ENTRY_BYTES = 256 * 1024
_REMEMBERED_MESSAGES = 1024
# A clock that is so much ahead of ours is none: everything later would lose against it.
_MAX_AHEAD_MS = 86_400_000


class OtherNode:
    """Stands for another node on a presence board."""

    def __init__(self) -> None:
        self.heard_at = 0.0
        self.shown_at = 0.0  # when it told last of what it shows
        self._numbers: set[int] = set()
        self._order: deque[int] = deque()

    def is_new(self, number: int) -> bool:
        """Whether this message comes for the first time, as far as is remembered."""
        if number in self._numbers:
            return False
        self._numbers.add(number)
        self._order.append(number)
        if len(self._order) > _REMEMBERED_MESSAGES:
            self._numbers.discard(self._order.popleft())
        return True


class Link:
    """Follows the session for as long as it lives; `tick` wants to be called every second or so."""

    def __init__(
        self,
        session: Session,
        node: str,
        publish: Callable[[News], None],
        settings: Settings,
        now: Callable[[], int],
    ) -> None:
        self.session = session
        self._node = node
        self._publish = publish
        self._settings = settings
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._nodes: dict[str, OtherNode] = {}
        self._presence_cursor = session.presence.stamp
        self._message_cursor = session.messages.count
        self._renewals = session.presence.renewals
        self._number = now() * 1024
        self._due: asyncio.TimerHandle | None = None
        self._told_at = -_GATHER_SECONDS
        self._all_told_at = 0.0
        self._renewing = False
        self._ended = False
        self.acquainted = anyio.Event()
        """Set when the other nodes have had their time to tell who is there."""
        session.follow(self)

    # Follower -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something on the boards may be new: have it told."""
        session = self.session
        if self._ended:
            return
        if session.messages.count > self._message_cursor:
            self._tell_messages()
        if self._due is None and self._presence_is_new():
            wait = max(0.0, self._told_at + _GATHER_SECONDS - self._loop.time())
            self._due = self._loop.call_later(wait, self._tell_presence)

    def end(self, error: CollabError) -> None:
        """The session is over: so is everything that it showed."""
        if self._ended:
            return
        self._ended = True
        self.acquainted.set()
        if self._due is not None:
            self._due.cancel()
        board = self.session.presence
        if board.own() or board.own_changes_after(self._presence_cursor):
            self._publish(Present(self._node, self.session.epoch, (), board.newest_change))

    # What is told ---------------------------------------------------------------------------------

    def ask(self) -> None:
        """Have the other nodes tell who is there; tell them who is here."""
        self._publish(Asking(self._node, self.session.epoch))
        self._tell_all()
        self._loop.call_later(_ANSWER_SECONDS, self.acquainted.set)

    def tick(self) -> None:
        """Tell all again when it is time; forget nodes that have not."""
        now = self._loop.time()
        if now - self._all_told_at >= _REPEAT_SECONDS:
            self._tell_all()
        board = self.session.presence
        silent = [node for node in self._nodes.values() if now - node.shown_at >= _GONE_SECONDS]
        gone = [board.forget(node) for node in silent]
        if any(gone):
            self.session.fanout.wake_followers()
        for id, node in list(self._nodes.items()):
            if now - node.heard_at >= _GONE_SECONDS:
                del self._nodes[id]

    def _presence_is_new(self) -> bool:
        board = self.session.presence
        return board.stamp > self._presence_cursor or board.renewals > self._renewals

    def _tell_presence(self) -> None:
        self._due = None
        if self._ended:
            return
        board = self.session.presence
        self._told_at = self._loop.time()
        changes = board.own_changes_after(self._presence_cursor)
        self._presence_cursor = board.stamp
        self._tell(changes)
        if board.renewals > self._renewals:
            self._renewals = board.renewals
            self._publish(Asking(self._node, self.session.epoch))

    def _tell(self, changes: list[Shown]) -> None:
        """Publish changes, in portions that are not too long."""
        some: list[Entry] = []
        size = 0
        for entry in map(entry_of, changes):
            size += len(entry.state or b"")
            some.append(entry)
            if size > _MAX_ENTRY_BYTES or len(some) >= _MAX_ENTRIES:
                self._publish(Present(self._node, self.session.epoch, tuple(some), None))
                some, size = [], 0
        if some:
            self._publish(Present(self._node, self.session.epoch, tuple(some), None))

    def _tell_all(self) -> None:
        """Publish all that is shown here, unless it is nothing."""
        board = self.session.presence
        shown = board.own()
        self._all_told_at = self._loop.time()
        if not shown:
            return
        entries = tuple(map(entry_of, shown))
        size = sum(len(entry.state or b"") for entry in entries)
        if size <= _MAX_ENTRY_BYTES and len(entries) <= _MAX_ENTRIES:
            all_at = board.newest_change
            self._publish(Present(self._node, self.session.epoch, entries, all_at))
        else:
            self._tell(shown)

    def _tell_messages(self) -> None:
        board = self.session.messages
        messages = board.after(self._message_cursor)
        self._message_cursor = board.count
        for message in messages:
            self._number += 1
            self._publish(
                said(message, node=self._node, epoch=self.session.epoch, number=self._number)
            )

    # What is heard --------------------------------------------------------------------------------

    def hear(self, news: Present | Said | Asking) -> None:
        """Take over news of this document's epoch; what makes no sense is passed over."""
        if self._ended:
            return
        if isinstance(news, Asking):
            self._renew()
            self._tell_all()
            return
        node = self._other(news.node)
        if node is None:
            return
        if isinstance(news, Present):
            self._hear_presence(news, node)
        elif node.is_new(news.number):
            self._hear_message(news)

    def _other(self, id: str) -> OtherNode | None:
        """Who stands for that node; None if there are too many."""
        node = self._nodes.get(id)
        if node is None:
            if len(self._nodes) >= _MAX_NODES:
                return None
            node = self._nodes[id] = OtherNode()
        node.heard_at = self._loop.time()
        return node

    def _renew(self) -> None:
        """Show everybody here with the next clock, for one who has come to another node."""
        if self._renewing:
            return
        wait = self.session.presence.renew_own(self._loop.time())
        if wait:
            self._renewing = True
            self._loop.call_later(wait, self._renew_late)
        else:
            self.session.fanout.wake_followers()

    def _renew_late(self) -> None:
        self._renewing = False
        if not self._ended:
            self._renew()

    def _hear_presence(self, news: Present, node: OtherNode) -> None:
        board = self.session.presence
        node.shown_at = node.heard_at
        latest = self._now() + _MAX_AHEAD_MS
        changed = False
        for entry in news.entries:
            if max(entry.claim, entry.change) > latest:
                continue
            shown = shown_in(entry, self._settings)
            if shown is None or (len(board) >= _MAX_SHOWN and board.shown(entry.author) is None):
                continue
            changed = board.hear(shown, node) or changed
        if news.all_at is not None:
            authors = {entry.author for entry in news.entries}
            changed = board.forget(node, authors, min(news.all_at, latest)) or changed
        if changed:
            self.session.fanout.wake_followers()

    def _hear_message(self, news: Said) -> None:
        message = message_in(news, self._settings)
        if message is None:
            return
        board = self.session.messages
        if board.count > self._message_cursor:
            self._tell_messages()
        board.post(message)
        self._message_cursor = board.count
        self.session.fanout.wake_followers()
