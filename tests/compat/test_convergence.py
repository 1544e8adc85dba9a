"""Clients of the editors' own providers that edit and lose their connection at random end equal:
to each other, to the server, and to what a fresh server process loads."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.compat.driver import HOCUSPOCUS, Y_WEBSOCKET
from tests.compat.rooms import Room
from tests.integration.process import ServerProcess

CLIENTS = 5
ROUNDS = 60
MIXED = ("y-websocket-1", "hocuspocus-2", "y-websocket-3", "hocuspocus-3", "hocuspocus-4")


class Storm:
    """Random edits by all of a room's clients, who come, go and are cut off at random."""

    def __init__(self, room: Room, random: Random) -> None:
        self._room = room
        self._random = random
        self._offline: set[str] = set()

    def round(self) -> None:
        """Everybody edits a little, and one of them may lose or find its connection."""
        for name in self._room.names:
            if self._random.random() < 0.7:
                count = self._random.randint(1, 5)
                self._room.tell("edit", name, seed=self._random.getrandbits(32), count=count)
        name = self._random.choice(self._room.names)
        match self._random.randrange(4):
            case 0 if name not in self._offline:
                self._room.disconnect(name)
                self._offline.add(name)
            case 1 if name in self._offline:
                self._room.tell("connect", name)
                self._offline.remove(name)
            case 2 if name not in self._offline:
                self._room.tell("cut", name)

    def calm(self) -> None:
        """Everybody is to be connected."""
        for name in sorted(self._offline):
            self._room.tell("connect", name)
        self._offline.clear()


def _endures(room: Room, process: ServerProcess, providers: Sequence[str], late: str) -> None:
    """A storm among clients of `providers`; `late` is the provider of those who come after."""
    room.join_all(providers)
    storm = Storm(room, Random(f"{providers}"))
    for _ in range(ROUNDS):
        storm.round()
    storm.calm()
    whole = room.converge()
    assert _is_rich(whole["content"])

    room.join("late", late)
    assert room.converge() == whole

    room.leave_all()
    process.stop()
    process.start()
    room.join("later", late)
    room.settle()
    assert room.tell("state", "later") == whole


def _is_rich(content: dict[str, Any]) -> bool:
    return all(content[root] for root in ("text", "map", "array", "xml"))


@pytest.mark.parametrize("provider", Y_WEBSOCKET + HOCUSPOCUS)
def test_five_clients_of_one_provider(room: Room, process: ServerProcess, provider: str) -> None:
    _endures(room, process, [provider] * CLIENTS, provider)


@pytest.mark.parametrize("late", ["y-websocket-2", "hocuspocus-4"])
def test_both_protocols_on_one_document(room: Room, process: ServerProcess, late: str) -> None:
    _endures(room, process, MIXED, late)


@pytest.mark.parametrize("provider", Y_WEBSOCKET + HOCUSPOCUS)
def test_clients_outlive_their_server(room: Room, process: ServerProcess, provider: str) -> None:
    names = room.join_all([provider] * 2)
    for name, life in zip(names, range(2), strict=True):
        room.tell("edit", name, seed=life, count=20)
        room.converge()
        process.kill()
        room.tell("edit", name, seed=10 + life, count=20)
        process.start()
        room.converge()


@pytest.mark.parametrize("provider", Y_WEBSOCKET + HOCUSPOCUS)
def test_coming_back_with_nothing_new_adds_nothing(room: Room, provider: str) -> None:
    coming, _ = room.join_all([provider] * 2)
    for seed, name in enumerate(room.names):
        room.tell("edit", name, seed=seed, count=50)
    room.converge()
    version = room.version()
    assert version > 0
    for times in range(2, 102):
        room.disconnect(coming)
        room.tell("connect", coming)
        room.synced(coming, times)
    room.settle()
    assert room.version() == version
