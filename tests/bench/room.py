"""One document as its peers see it, and everything that is checked about what they are sent.

Every distinct frame is parsed once per document, however many peers get it, and held against what
was sent: every version in order, the same for everyone, every edit exactly once. The text is
rebuilt from the operations, so that it can be compared with what the server says it is.
"""

from __future__ import annotations

from array import array
from typing import Literal, Protocol

import msgspec

_KEPT_RUNS = 32


class BenchFailed(Exception):
    """Something was lost, repeated, reordered or refused: there is nothing to report."""


class _Op(msgspec.Struct, gc=False):
    insert: str = ""
    delete: int = 0
    retain: int = 0


class _Event(msgspec.Struct, gc=False):
    version: int
    author: str
    seq: int
    operation: list[_Op]


class _Edits(msgspec.Struct):
    type: Literal["edits"]
    edits: list[_Event]


class Welcome(msgspec.Struct):
    """What a newcomer is shown."""

    type: Literal["welcome"]
    version: int
    author: str
    contents: str


_decode_edits = msgspec.json.Decoder(_Edits).decode
_decode_welcome = msgspec.json.Decoder(Welcome).decode


class Author(Protocol):
    """What a room has to know of its peers: how far each is, and what it has sent last."""

    author: str
    version: int
    seq: int
    placed_seq: int
    sent_at: float
    delivered: int


class Run(msgspec.Struct, frozen=True, gc=False):
    """What one frame carries: versions `first … last`, and each author's newest seq in it."""

    first: int
    last: int
    newest: dict[str, int]


class Room:
    """The log so far, the text that it makes, and who is there."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.peers: list[Author] = []
        self.log: list[tuple[str, int]] = []  # (author, seq), version 1 first
        self.sent_at = array("d")  # the same edits' times of sending
        self.lengths = [0]  # of the text at each version
        self.text = ""
        self.acks = 0
        self._by_author: dict[str, Author] = {}
        self._runs: dict[bytes, Run] = {}

    def admit(self, peer: Author) -> None:
        """Expect edits of this peer."""
        self._by_author[peer.author] = peer

    def read(self, payload: bytes) -> Run:
        """The frame's versions, after checking them; raises BenchFailed."""
        run = self._runs.get(payload)
        if run is None:
            run = self._check(payload)
            if len(self._runs) >= _KEPT_RUNS:
                self._runs.clear()
            self._runs[payload] = run
        return run

    def _check(self, payload: bytes) -> Run:
        try:
            events = _decode_edits(payload).edits
        except msgspec.MsgspecError:
            raise BenchFailed(f"the server sent {payload[:300].decode()}") from None
        first = events[0].version
        newest = {}
        for version, event in enumerate(events, first):
            if event.version != version:
                raise BenchFailed(f"{self.id}: version {event.version} where {version} belongs")
            if version <= len(self.log):
                if self.log[version - 1] != (event.author, event.seq):
                    raise BenchFailed(f"{self.id}: two edits are called version {version}")
            else:
                self._append(event)
            newest[event.author] = event.seq
        return Run(first, first + len(events) - 1, newest)

    def _append(self, event: _Event) -> None:
        """The first time that anybody sees this version: its author must be waiting for it."""
        author = self._by_author.get(event.author)
        if author is None or event.seq != author.seq or event.seq == author.placed_seq:
            raise BenchFailed(f"{self.id}: nobody sent version {event.version}, or it came twice")
        if event.version != len(self.log) + 1:
            raise BenchFailed(f"{self.id}: version {event.version} follows {len(self.log)}")
        author.placed_seq = event.seq
        self.log.append((event.author, event.seq))
        self.sent_at.append(author.sent_at)
        self.text = _applied(self.text, event.operation)
        self.lengths.append(len(self.text))

    @property
    def is_still(self) -> bool:
        """Whether nothing is under way any more."""
        head = len(self.log)
        return all(peer.version == head and peer.seq == peer.placed_seq for peer in self.peers)

    def check_everyone(self) -> None:
        """Nothing is under way any more: has everyone got everything?"""
        if self.acks != len(self.log):
            raise BenchFailed(f"{self.id}: {len(self.log)} versions, {self.acks} were acknowledged")
        behind = [peer.version for peer in self.peers if peer.version != len(self.log)]
        if behind:
            raise BenchFailed(f"{self.id}: at {len(self.log)}, but peers are at {behind[:10]}")

    def check_newcomer(self, welcome: Welcome | None) -> None:
        """A newcomer must be shown exactly what the peers have built."""
        if welcome is None:
            raise BenchFailed(f"{self.id}: a newcomer was not welcomed")
        if welcome.version != len(self.log):
            raise BenchFailed(f"{self.id}: the head is {welcome.version}, not {len(self.log)}")
        if welcome.contents != self.text:
            raise BenchFailed(f"{self.id}: the text is not what its operations make")


def read_welcome(payload: bytes) -> Welcome:
    """The first frame of the server; raises BenchFailed."""
    try:
        return _decode_welcome(payload)
    except msgspec.MsgspecError:
        raise BenchFailed(f"instead of a welcome: {payload[:300].decode()}") from None


def _applied(text: str, operation: list[_Op]) -> str:
    at = 0
    for op in operation:
        if op.insert:
            text = text[:at] + op.insert + text[at:]
            at += len(op.insert)
        elif op.delete:
            text = text[:at] + text[at + op.delete :]
        else:
            at += op.retain
    return text
