"""A document in quarantine: everybody is sent away and nobody let in, over each of the protocols,
on every node, also after a restart; what was written stays, what was not stored is sent again."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

import collab_client
from collab.protocols import hocuspocus, ywebsocket
from collab.words import ANY
from tests.integration.process import ServerProcess
from tests.integration.seats import (
    EMPTY_VECTOR,
    KINDS,
    NativeSeat,
    Seat,
    SentAway,
    Shown,
    dialled,
    seat,
    type_for,
)
from tests.integration.signed import OPERATOR, Operator, operating, signed_server, token, visiting
from tests.integration.talk import within
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SECONDS = 20.0
"""Ten times what is promised, for the sake of busy machines; the log says what it took."""
_log = logging.getLogger(__name__)

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with signed_server(tmp_path_factory.mktemp("quarantine")) as process:
        yield process


@pytest.fixture
async def operator(process: ServerProcess) -> AsyncIterator[Operator]:
    async with operating(process) as operator:
        yield operator


async def quarantine(operator: Operator, id: str, on: bool) -> float:
    """Begin or end it; when that was asked for."""
    since = time.perf_counter()
    await operator.ask("PUT" if on else "DELETE", f"/v1/inspect/documents/{id}/quarantine")
    return since


def assert_in_time(what: str, since: float) -> None:
    took = time.perf_counter() - since
    _log.warning("%s after %.3f s", what, took)
    assert took <= SECONDS


async def assert_shut(process: ServerProcess, kind: str, id: str, shown: str | None) -> None:
    """Whoever comes is told so."""
    async with seat(process, kind, id, shown) as someone:
        with pytest.raises(SentAway) as end:
            await someone.join()
        if kind == "events":
            assert end.value.code == 4000 + 423
        else:
            assert end.value.code == 1013
            assert "quarantined" in str(end.value)


@every_kind
@within(60)
async def test_everybody_is_sent_away_and_may_return_when_it_is_over(
    process: ServerProcess, operator: Operator, kind: str
) -> None:
    id = f"shut-{kind}"
    await operator.create(id, type_for(kind))
    shown = token({id: "write"}, sub="ada")
    async with AsyncExitStack() as stack:
        seats: list[Seat] = []
        for each in (shown, token({id: "read"}), OPERATOR):
            someone = await stack.enter_async_context(seat(process, kind, id, each))
            await someone.join()
            seats.append(someone)
        since = await quarantine(operator, id, True)
        for someone in seats:
            assert await someone.sent_away() == 1013
        assert_in_time(f"{kind}: sent away", since)
    for each in (shown, OPERATOR):
        await assert_shut(process, kind, id, each)

    await quarantine(operator, id, False)
    async with seat(process, kind, id, shown) as someone:
        assert await someone.join() in {"read", "write"}


@within(60)
async def test_the_other_documents_of_a_socket_go_on(
    process: ServerProcess, operator: Operator
) -> None:
    ids = ("shared-one", "shared-two")
    place = Shown(query=token({"shared-*": "write"}))
    async with dialled(process, "/hocuspocus", place, None) as socket:

        async def say(id: str, message: hocuspocus.ClientMessage) -> None:
            await socket.send(hocuspocus.encode(id, message))

        async def hear(id: str, kind: type) -> object:
            while True:
                heard = hocuspocus.decode_server(bytes(await socket.recv(decode=False)))
                assert isinstance(heard, hocuspocus.FromServer)
                if heard.address == id and isinstance(heard.message, kind):
                    return heard.message

        for id in ids:
            await operator.create(id, "yjs")
            await say(id, hocuspocus.Token(""))
            await hear(id, hocuspocus.Authenticated)
        await quarantine(operator, "shared-one", True)
        denied = await hear("shared-one", hocuspocus.PermissionDenied)
        assert isinstance(denied, hocuspocus.PermissionDenied)
        assert denied.reason.startswith("quarantined: ")
        await say("shared-two", ywebsocket.SyncStep1(EMPTY_VECTOR))
        await hear("shared-two", ywebsocket.SyncStep2)
    await quarantine(operator, "shared-one", False)


@within(60)
async def test_an_edit_on_its_way_is_not_refused_for_good(
    process: ServerProcess, operator: Operator
) -> None:
    """Whatever becomes of it, it is stored once when the quarantine is over."""
    id = "on-its-way"
    await operator.create(id)
    shown = token({id: "write"}, sub="ada")
    async with collab_client.connect(process.url, id, token=shown) as document:
        await document.insert(0, "stored ")
        await document.flush()
        await quarantine(operator, id, True)
        await document.insert(0, "unsent ")
        assert await operator.text(id) == "stored "
        await quarantine(operator, id, False)
        with anyio.fail_after(SECONDS):
            await document.flush()
        assert await operator.text(id) == "unsent stored "


@within(60)
async def test_grants_change_nothing_about_it(process: ServerProcess, operator: Operator) -> None:
    id = "granted"
    await operator.create(id)
    await quarantine(operator, id, True)
    for place, user in ((id, "ada"), (ANY, "ada"), (id, ANY)):
        await operator.grant(place, user, "admin")
    await assert_shut(process, "native", id, token({id: "admin"}, sub="ada"))
    async with visiting(process, token({id: "admin"}, sub="ada")) as ada:
        body = {"document": id, "user": "ada", "access": "admin"}
        assert (await ada.post("/v1/access", json=body)).status_code == 423
    for place, user in ((id, "ada"), (ANY, "ada"), (id, ANY)):
        await operator.grant(place, user, None)


# Everywhere, and for good -------------------------------------------------------------------------


@within(120)
async def test_it_holds_after_a_restart(tmp_path: Path) -> None:
    with signed_server(tmp_path) as process:
        async with operating(process) as operator:
            await operator.create("notes")
            await quarantine(operator, "notes", True)
        process.kill()
        process.start()
        await assert_shut(process, "native", "notes", token({"notes": "write"}))
        async with operating(process) as operator:
            assert await operator.text("notes") == ""
            await quarantine(operator, "notes", False)
        process.kill()
        process.start()
        async with seat(process, "native", "notes", token({"notes": "write"})) as someone:
            assert await someone.join() == "write"


@pytest.fixture
def nodes(postgres: PostgresServer, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Two nodes on one PostgreSQL, each of them a server of its own."""
    database = postgres.url(postgres.create_database())
    with ExitStack() as running:
        processes = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            processes.append(running.enter_context(signed_server(folder, DATABASE_URL=database)))
        yield processes


@within(120)
async def test_it_holds_on_every_node(nodes: list[ServerProcess]) -> None:
    here, there = nodes
    shown = token({"notes": "write"})
    someone: NativeSeat
    async with operating(here) as operator, operating(there) as other:
        await operator.create("notes")
        async with seat(there, "native", "notes", shown) as someone:
            await someone.join()
            assert await someone.write("kept ")
            since = await quarantine(operator, "notes", True)
            assert await someone.sent_away() == 1013
            assert_in_time("sent away on another node", since)
        for node in nodes:
            await assert_shut(node, "native", "notes", shown)
        assert await other.text("notes") == "kept "

        since = await quarantine(operator, "notes", False)
        while True:
            async with seat(there, "native", "notes", shown) as someone:
                try:
                    await someone.join()
                    break
                except SentAway:
                    assert_in_time("still away on another node", since)
        assert_in_time("back on another node", since)


@within(60)
async def test_a_provider_that_is_shut_out_waits_before_it_is_told(
    process: ServerProcess, operator: Operator
) -> None:
    """It would come back within a tenth of a second, and with it everybody who was there."""
    await operator.create("crowded", "yjs")
    await quarantine(operator, "crowded", True)
    since = time.perf_counter()
    await assert_shut(process, "yjs", "crowded", token({"crowded": "write"}))
    assert time.perf_counter() - since > 1.0
    await quarantine(operator, "crowded", False)


@within(60)
async def test_who_waits_to_be_told_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    with signed_server(tmp_path) as process:
        async with operating(process) as operator:
            await operator.create("page", "yjs")
            await quarantine(operator, "page", True)
        async with seat(process, "yjs", "page", OPERATOR) as someone:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, process.stop)
                assert await someone.sent_away() == 1012
