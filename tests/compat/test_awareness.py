"""Who is there, as the editors' own providers show it to each other.

The bound for being seen is ten times the promised second, for the sake of busy machines. A
provider renews its awareness every 15 s, so a server that forgets nothing but does nothing more
would pass some of these only after that.
"""

from __future__ import annotations

import pytest

from tests.compat.driver import HOCUSPOCUS, Y_WEBSOCKET
from tests.compat.rooms import Room
from tests.integration.process import ServerProcess

PROVIDERS = Y_WEBSOCKET + HOCUSPOCUS
SEEN_SECONDS = 10
GONE_SECONDS = 20  # the providers themselves forget others after 30 s
CLIENTS = 5


def _fill(room: Room, providers: list[str]) -> list[str]:
    """Clients that show a name and all see each other."""
    names = room.join_all(providers)
    for name in names:
        room.tell("set_awareness", name, state={"user": {"name": name}, "cursor": None})
    room.see(names, names, SEEN_SECONDS)
    return names


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everybody_sees_everybody(room: Room, provider: str) -> None:
    first, *others = _fill(room, [provider] * CLIENTS)
    room.tell("set_awareness", first, state={"user": {"name": "é😀"}, "cursor": [1, {"a": None}]})
    room.see(others, [first], SEEN_SECONDS)


def test_both_protocols_see_each_other(room: Room) -> None:
    names = _fill(room, list(PROVIDERS))
    for name in names:
        room.tell("set_awareness", name, state={"moved": name})
    room.see(names, names, SEEN_SECONDS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_comes_later_sees_who_is_there(room: Room, provider: str) -> None:
    names = _fill(room, [provider] * 2)
    room.join("late", provider)
    room.see(["late"], names, SEEN_SECONDS)
    room.tell("set_awareness", "late", state={"late": True})  # nobody sees the {} of clock 0
    room.see(names, ["late"], SEEN_SECONDS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_leaves_is_gone_and_seen_again_on_return(room: Room, provider: str) -> None:
    leaver, *others = _fill(room, [provider] * 3)
    for times in range(2, 5):
        room.disconnect(leaver)
        room.miss(others, leaver, GONE_SECONDS)
        room.tell("connect", leaver)
        room.synced(leaver, times)
        room.see(others, [leaver], SEEN_SECONDS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_is_cut_off_and_comes_back_is_seen(room: Room, provider: str) -> None:
    unlucky, *others = _fill(room, [provider] * 3)
    for times in range(2, 5):
        room.tell("cut", unlucky)
        room.synced(unlucky, times)
        room.see(others, [unlucky], SEEN_SECONDS)
    room.tell("set_awareness", unlucky, state={"still": "here"})
    room.see(others, [unlucky], SEEN_SECONDS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_vanishes_is_forgotten_and_seen_again_on_return(room: Room, provider: str) -> None:
    vanishing, *others = _fill(room, [provider] * 3)
    room.tell("vanish", vanishing)
    room.miss(others, vanishing, GONE_SECONDS)
    room.tell("connect", vanishing)
    room.synced(vanishing, 2)
    room.see(others, [vanishing], SEEN_SECONDS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_comes_back_sees_the_others(room: Room, provider: str) -> None:
    returning, *others = _fill(room, [provider] * 3)
    for times in range(2, 5):
        room.disconnect(returning)
        room.tell("connect", returning)
        room.synced(returning, times)
        room.see([returning], others, SEEN_SECONDS)
    for name in room.names:
        room.tell("set_awareness", name, state={"after": name})
    room.see(room.names, room.names, SEEN_SECONDS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_all_see_each_other_after_a_restart(
    room: Room, process: ServerProcess, provider: str
) -> None:
    names = _fill(room, [provider] * 3)
    process.kill()
    process.start()
    for name in names:
        room.synced(name, 2)
    room.see(names, names, SEEN_SECONDS)
