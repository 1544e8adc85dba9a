"""Random interleavings: whatever the network does, everyone ends with the same text, nothing lost.

Every character typed is unique, so that a lost or doubled edit shows. What was deleted stays so,
unless a reset comes between: a diff may see a rewritten word where there were two edits, and then a
deletion that was not sent yet finds nothing to delete. Cut lines may leave edits
behind that the server only gets to later (a node that was slow), and the floor may rise at any
time, so that resumes, resends, resets and late originals meet in every order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client.room import Client, Line, Server

INITIAL = "abc\ndef"
FIRST_UNIQUE = 0x4E00  # so many CJK ideographs that no run uses them up

STEPS = st.one_of(
    st.tuples(st.sampled_from(["type", "type", "delete", "typo"]), st.integers(0, 40)),
    st.tuples(st.sampled_from(["send", "receive", "drop", "late"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["connect", "sync"]), st.just(0)),
)
JUMPS = st.tuples(st.sampled_from(["floor", "reset"]), st.just(0))


@dataclass
class Run:
    clients: list[Client]
    server: Server
    late: list[tuple[Client, str]] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    jumps: bool = False
    fresh: count[int] = field(default_factory=lambda: count(FIRST_UNIQUE))

    def step(self, client: Client, action: str, number: int) -> None:
        self.jumps = self.jumps or action in ("floor", "reset")
        length = len(client.text)
        match action:
            case "type":
                letter = chr(next(self.fresh))
                self.typed.add(letter)
                client.types(number % (length + 1), letter)
            case "delete" if length:
                at = number % length
                self.deleted.add(client.text[at])
                client.deletes(at, 1)
            case "typo":
                client.types(0, "?")
                client.deletes(0, 1)
            case "send" if client.line:
                client.send(number)
            case "receive" if client.line:
                client.receive(number)
            case "drop":
                self.late += [(client, frame) for frame in client.drop(arrived=number)]
            case "late" if self.late:
                owner, frame = self.late.pop(number % len(self.late))
                if '"type":"edit"' in frame:
                    self.server.handle(Line(client=owner.id, cursor=self.server.version), frame)
            case "connect":
                client.connect()
            case "sync":
                client.sync()
            case "floor":
                self.server.floor = self.server.version
            case "reset" if client.line is not None and client.line in self.server.lines:
                self.server.reset(client.line)

    def finish(self) -> None:
        for client in self.clients * 2:
            client.sync()
        for client in self.clients:
            client.sync()
        text = self.server.text
        assert [client.text for client in self.clients] == [text] * len(self.clients)
        assert all(client.replica.settled for client in self.clients)
        for letter in set(INITIAL) | self.typed:
            allowed: tuple[int, ...] = (1,)
            if letter in self.deleted:
                allowed = (0, 1) if self.jumps else (0,)
            assert text.count(letter) in allowed, f"{letter!r} in {text!r}"


@pytest.mark.parametrize("jumps", [False, True], ids=["resumes", "resets"])
@pytest.mark.parametrize("size", [2, 3])
@given(data=st.data())
@settings(max_examples=250, deadline=None)
def test_all_converge_and_nothing_is_lost_or_twice(
    size: int, jumps: bool, data: st.DataObject
) -> None:
    server = Server(INITIAL)
    run = Run([Client(server, name) for name in "abc"[:size]], server)
    for client in run.clients:
        client.sync()
    actions = st.one_of(STEPS, JUMPS) if jumps else STEPS
    steps = data.draw(st.lists(st.tuples(st.integers(0, size - 1), actions), max_size=40))
    for who, (action, number) in steps:
        run.step(run.clients[who], action, number)
    run.finish()
