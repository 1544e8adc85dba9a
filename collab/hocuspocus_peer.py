"""One document of a Hocuspocus connection: what its protocol adds to that of y-websocket.

Owns the statuses and what a provider counts by them, the scope it is told, and stateless messages.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collab.authority import Outcome
from collab.errors import CollabError, MessageTooLarge, NotAllowed
from collab.messages import Message
from collab.protocols import hocuspocus
from collab.words import Access
from collab.yjs_peer import Heard, YjsPeer


class HocuspocusPeer(YjsPeer):
    """One document of a Hocuspocus connection.

    The provider counts what is not saved: one for each update it sends and one for its first step
    2; a status that something is durable takes one away, also when it is about another step 2. So
    a step 2 is asked for once for each that was refused, and never without one.
    """

    PROTOCOL: ClassVar[str] = "hocuspocus"

    _refused = 0  # what the provider counts as not saved, and the server has no right to save
    _asking = False  # whether a step 2 that makes good for one of them is on its way

    def _receive(self, frame: Heard) -> None:
        if isinstance(frame, hocuspocus.Stateless):
            self._post(frame.payload)
        else:
            super()._receive(frame)

    def _answer(self, outcome: Outcome) -> None:
        """Exactly one status for every update or step 2: the provider counts them."""
        saved = not isinstance(outcome, CollabError)
        self._put(hocuspocus.encode_body(hocuspocus.SyncStatus(saved)))
        if isinstance(outcome, NotAllowed):
            self._refused += 1
        super()._answer(outcome)

    def _answer_step_2(self, outcome: Outcome) -> None:
        asked, self._asking = self._asking, False
        if asked and (not isinstance(outcome, CollabError) or isinstance(outcome, NotAllowed)):
            # Saved, it makes good for one; refused, it is none that the provider counts.
            self._refused -= 1
        self._answer(outcome)
        self._ask_for_refused()

    def _ask_for_refused(self) -> None:
        if self._refused and self._may_write() and not self._asking:
            self._asking = True
            self._put(self._step_1())

    def _deny(self, refusal: CollabError) -> None:
        """The status says it."""

    async def _greet(self) -> list[bytes]:
        return [self._scope_frame(), *await super()._greet()]

    def _access_changed(self) -> None:
        self._put(self._scope_frame())
        self._ask_for_refused()

    def confirm(self, access: Access) -> None:
        """The client has shown another token: this is what it may do now."""
        self.access = access
        self._access_changed()

    def _scope_frame(self) -> bytes:
        scope = hocuspocus.READ_WRITE if self._may_write() else hocuspocus.READONLY
        return hocuspocus.encode_body(hocuspocus.Authenticated(scope))

    def _post(self, payload: str) -> None:
        self._check_signal(len(payload))
        if not self._may_write():
            return
        size = len(payload.encode())
        if size > self._settings.max_message_bytes:
            raise MessageTooLarge(
                f"a message of {size} bytes, {self._settings.max_message_bytes} allowed"
            )
        self._session.messages.post(Message(self.author, self.user, payload, size))
        self._session.fanout.wake_followers()

    def _follows_only(self) -> bool:
        return self._message_cursor == self._session.messages.count and super()._follows_only()

    def _news(self) -> list[bytes]:
        frames = super()._news()
        board = self._session.messages
        if self._message_cursor < board.count:
            for message in board.after(self._message_cursor):
                if message.author != self.author:
                    frames.append(hocuspocus.encode_body(hocuspocus.Stateless(_text(message.body))))
            self._message_cursor = board.count
        return frames


def _text(body: object) -> str:
    return body if isinstance(body, str) else msgspec.json.encode(body).decode()
