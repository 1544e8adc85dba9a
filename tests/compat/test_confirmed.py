"""What a provider of Hocuspocus shows as saved is saved, whatever happens to the server."""

from __future__ import annotations

import pytest

from tests.compat.driver import HOCUSPOCUS, Driver
from tests.compat.rooms import PATIENCE, Room
from tests.integration.process import ServerProcess

WRITERS = 5
KILLS = 3
CONFIRMED_BETWEEN_KILLS = 30


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_what_was_confirmed_survives_kill_9(
    room: Room, process: ServerProcess, driver: Driver, provider: str
) -> None:
    writers = room.join_all([provider] * WRITERS)
    for life in range(KILLS):
        for index, name in enumerate(writers):
            room.tell("work", name, seed=100 * life + index, milliseconds=3)
        for name in writers:
            goal = room.status(name)["confirmed"] + CONFIRMED_BETWEEN_KILLS
            room.tell("confirmed", name, at_least=goal, seconds=PATIENCE)
        process.kill()
        for name in writers:
            room.tell("rest", name)
            room.disconnect(name)  # or they would bring again what the server may have lost
        process.start()

        room.join("witness", provider)
        driver.call("settle", clients=["witness"], seconds=PATIENCE)
        for name in writers:
            assert room.tell("holds", "witness", writer=name)

        for name in writers:
            room.tell("connect", name)
        room.converge()
        room.leave("witness")


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_every_update_is_confirmed_once(room: Room, provider: str) -> None:
    writers = room.join_all([provider] * 3)
    for seed, name in enumerate(writers):
        room.tell("edit", name, seed=seed, count=100)
    room.converge()
    for name in writers:
        status = room.status(name)
        assert status["unsynced"] == 0
        assert status["refused"] == 0


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_changes_are_unsaved_until_the_server_says_so(
    room: Room, process: ServerProcess, provider: str
) -> None:
    (writer,) = room.join_all([provider])
    confirmed = room.status(writer)["confirmed"]
    process.suspend()
    room.tell("insert", writer, text="x")
    assert room.status(writer)["hasUnsyncedChanges"]
    assert room.status(writer)["synced"]
    process.resume()
    room.tell("confirmed", writer, at_least=confirmed + 1, seconds=PATIENCE)
    assert not room.status(writer)["hasUnsyncedChanges"]
