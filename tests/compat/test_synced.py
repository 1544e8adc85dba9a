"""`synced` of the editors' own providers: true once they have everything, false while cut off."""

from __future__ import annotations

import pytest

from tests.compat.driver import HOCUSPOCUS, Y_WEBSOCKET
from tests.compat.rooms import Room
from tests.integration.process import ServerProcess

PROVIDERS = Y_WEBSOCKET + HOCUSPOCUS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_synced_comes_with_the_content(room: Room, provider: str) -> None:
    (writer,) = room.join_all([provider])
    room.tell("insert", writer, text="hello")
    room.settle()
    version = room.version()
    while version == 0:  # y-websocket cannot tell when the server has it
        version = room.version()
    room.join("reader", provider)
    room.synced("reader", 1)
    assert room.tell("state", "reader")["content"]["text"] == [{"insert": "hello"}]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_synced_once_per_connection(room: Room, process: ServerProcess, provider: str) -> None:
    (name,) = room.join_all([provider])
    for times in range(2, 5):
        room.disconnect(name)
        assert not room.status(name)["synced"]
        room.tell("connect", name)
        room.synced(name, times)
    room.settle()
    status = room.status(name)
    assert (status["timesSynced"], status["opened"]) == (4, 4)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_server_that_stops_and_starts(room: Room, process: ServerProcess, provider: str) -> None:
    (name,) = room.join_all([provider])
    process.stop()
    room.unsynced(name)
    process.start()
    room.synced(name, 2)
