"""What cannot be continued starts afresh, and keeps what was typed: once, and nothing else.

A document deleted and made again, a client too far behind, a log trimmed below it, and a server
that stands still while an edit is on its way.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

import collab_client
from collab.words import author_of
from collab_client import LiveDocument, Status
from tests.integration import wire
from tests.integration.line import Eager, Line
from tests.integration.process import ServerProcess, server
from tests.integration.talk import Http, Json, dial, http, names, new_client, within

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server on which a client may be five commits behind."""
    folder = tmp_path_factory.mktemp("reset")
    with server(folder, COLLAB_MAX_REBASE_COMMITS="5") as process:
        yield process
    assert process.defects() == []


def at_end(text: str, content: str) -> list[Json]:
    return [{"retain": len(text)}, {"insert": content}] if text else [{"insert": content}]


async def write_over_http(api: Http, id: str, count: int) -> None:
    """So many commits of others, at the document's start."""
    for _ in range(count):
        answer = await api.ask("POST", f"/{id}/edits", json={"operation": [{"insert": "o"}]})
        assert answer.status_code == 200, answer.text


async def saved_with(document: LiveDocument, api: Http, expected: str) -> None:
    """All is saved, and both sides have `expected`."""
    await document.flush()
    assert document.text == expected
    assert await api.content(document.id) == expected


# Deleted and made again ---------------------------------------------------------------------------


@within(60)
async def test_unsent_text_moves_into_the_new_document(process: ServerProcess) -> None:
    line = Line()
    async with http(process) as api:
        epoch = await api.create("again", content="Saved.")
        async with collab_client.connect(
            process.url, "again", keep_trying=True, open_channel=line.open, random=Eager()
        ) as document:
            await document.insert(6, " Also saved.")
            await document.flush()
            await line.cut()
            await document.insert(len(document.text), " Not saved.")
            await api.delete("again")
            new_epoch = await api.create("again", content="New.")
            line.mend()
            await document.flush()
            assert document.epoch == new_epoch != epoch
            await saved_with(document, api, "New. Not saved.")
            assert len(await api.log("again")) == 2


@within(60)
async def test_a_client_knocks_until_the_document_is_there_again(process: ServerProcess) -> None:
    """Deleted under its hands, with nobody there for some attempts, all of them refused."""
    line = Line()
    async with http(process) as api:
        await api.create("wait", content="Old.")
        async with collab_client.connect(
            process.url, "wait", keep_trying=True, open_channel=line.open, random=Eager()
        ) as document:
            await api.delete("wait")
            for _ in range(3):
                await line.knock()
            assert (await api.ask("GET", "/wait")).status_code == 404
            await document.insert(4, " Typed offline.")
            await api.create("wait", content="New.")
            await saved_with(document, api, "New. Typed offline.")


@within(60)
async def test_the_first_answer_to_another_epoch_is_a_reset(process: ServerProcess) -> None:
    """The outstanding edit was committed in the old document: in the new one it is a new edit."""
    client = new_client()
    async with http(process) as api:
        old = await api.create("raw")
        async with dial(process, "raw") as peer:
            await peer.hello(client)
            await peer.edit(1, 0, [{"insert": "old"}])
            await peer.hear_commit(1)
            await api.delete("raw")
            assert await peer.close_code() == 4404
        new = await api.create("raw", content="new")
        async with dial(process, "raw") as peer:
            reset = await peer.hello(client, epoch=old, version=1)
            assert reset["type"] == "reset"
            assert (reset["epoch"], reset["version"], reset["contents"]) == (new, 1, "new")
            assert "committed" not in reset
            await peer.edit(1, 1, at_end("new", " text"))
            assert (await peer.hear_commit(2))["author"] == author_of(client)
        assert await api.content("raw") == "new text"


@within(60)
async def test_a_hello_with_an_epoch_never_makes_a_document(process: ServerProcess) -> None:
    """Nor does one without an epoch bring back what was deleted."""
    async with http(process) as api:
        epoch = await api.create("gone", content="x")
        await api.delete("gone")
        known: Json = {"epoch": epoch, "version": 1}
        for id, fields in (
            ("gone", known | {"create": "text"}),
            ("gone", known),
            ("gone", {"create": "text"}),
            ("gone", {}),
            ("never", known | {"create": "text"}),
            ("never", {"epoch": epoch, "create": "text"}),
            ("never", {}),
        ):
            async with dial(process, id) as peer:
                await peer.say("hello", client=new_client(), **fields)
                assert await peer.close_code() == 4404
            assert (await api.ask("GET", f"/{id}")).status_code == 404
        async with dial(process, "never") as peer:
            assert (await peer.hello(new_client(), create="text"))["version"] == 0


# Too far behind -----------------------------------------------------------------------------------


@within(60)
async def test_a_client_far_behind_keeps_what_it_typed(process: ServerProcess) -> None:
    line = Line()
    async with http(process) as api:
        await api.create("behind", content="Begin.")
        async with collab_client.connect(
            process.url, "behind", open_channel=line.open, random=Eager()
        ) as document:
            await line.cut()
            await document.insert(6, " End.")
            await write_over_http(api, "behind", 20)
            line.mend()
            await saved_with(document, api, "o" * 20 + "Begin. End.")
        assert len(await api.log("behind")) == 22


@within(60)
async def test_an_outstanding_edit_survives_a_reset_once(process: ServerProcess) -> None:
    """Whether it had been committed before or not: the reset tells, and the seq stays."""
    for committed in (True, False):
        id, client = f"outstanding-{committed}", new_client()
        async with http(process) as api:
            epoch = await api.create(id)
            if committed:
                async with dial(process, id) as peer:
                    await peer.hello(client)
                    await peer.edit(1, 0, [{"insert": "mine"}])
                    await peer.hear_commit(1)
            await write_over_http(api, id, 10)
            async with dial(process, id) as peer:
                reset = await peer.hello(client, epoch=epoch, version=0)
                assert reset["type"] == "reset"
                if committed:
                    assert reset["committed"] == {"seq": 1, "version": 1}
                    await peer.edit(1, 0, [{"insert": "mine"}])
                    assert (await peer.hear("ack", "error"))["version"] == 1
                else:
                    assert "committed" not in reset
                    await peer.edit(1, reset["version"], at_end(reset["contents"], "mine"))
                    await peer.hear_commit(11)
            assert await api.content(id) == "o" * 10 + "mine"
            assert len(await api.log(id)) == 11


@within(60)
async def test_a_stale_base_is_refused_and_followed_by_a_reset(process: ServerProcess) -> None:
    client = new_client()
    async with http(process) as api:
        await api.create("stale")
        async with dial(process, "stale") as peer:
            await peer.hello(client)
            await write_over_http(api, "stale", 10)
            await peer.edit(1, 0, [{"insert": "late"}])
            error = await peer.hear("error", "reset")
            assert (error["code"], error["seq"]) == ("below_floor", 1)
            reset = await peer.hear("reset", "error")
            assert reset["version"] == 10
            await peer.edit(1, 10, at_end(reset["contents"], "late"))
            assert (await peer.hear_commit(11))["seq"] == 1
        assert await api.content("stale") == "o" * 10 + "late"


@within(60)
async def test_below_the_floor_unsent_text_lands_once(tmp_path: Path) -> None:
    """The log below the snapshot is trimmed; the server's end writes the snapshot and trims."""
    line = Line()
    client = new_client()
    with server(tmp_path, COLLAB_HISTORY_DAYS="0.000000001") as process:
        async with http(process) as api:
            epoch = await api.create("trimmed", content="Begin.")
            async with collab_client.connect(
                process.url, "trimmed", open_channel=line.open, random=Eager()
            ) as document:
                await line.cut()
                await document.insert(6, " End.")
                await write_over_http(api, "trimmed", 20)
                assert await anyio.to_thread.run_sync(process.stop) == 0
                await anyio.to_thread.run_sync(process.start)
                page = await api.ask("GET", "/trimmed/edits")
                assert (page.status_code, page.json()["code"]) == (409, "below_floor")
                async with dial(process, "trimmed") as peer:
                    reset = await peer.hello(client, epoch=epoch, version=1)
                    assert (reset["type"], reset["version"]) == ("reset", 21)
                line.mend()
                await saved_with(document, api, "o" * 20 + "Begin. End.")
                assert document.version == 22
        assert process.defects() == []


# A server that stands still -----------------------------------------------------------------------


@within(60)
async def test_an_edit_sent_to_a_suspended_server_commits_once(process: ServerProcess) -> None:
    """The client loses patience and comes again with the same edit, before the first copy is read.
    Both arrive; the second connection learns the version."""
    client = new_client()
    hello = json.dumps({"type": "hello", "client": client})
    edit = json.dumps({"type": "edit", "seq": 1, "base": 0, "operation": [{"insert": "once"}]})

    def resend(second: socket.socket) -> Json:
        """Go on from the handshake; the first message that tells of the edit."""
        assert b" 101 " in wire.read_until(second, b"\r\n\r\n")
        for frame in (hello, edit):
            second.sendall(wire.frame(wire.TEXT, frame.encode()))
        while True:
            message: Json = json.loads(wire.read_frame(second)[1])
            if message["type"] in {"ack", "edits", "error"}:
                return message

    async with http(process) as api:
        await api.create("stopped")
        async with dial(process, "stopped") as first:
            await first.hello(client)
            process.suspend()
            try:
                await first.say_raw(edit)
                second = wire.connect(process.port)
                second.sendall(wire.handshake("/v1/documents/stopped/socket"))
            finally:
                process.resume()
            with second:
                answer = await anyio.to_thread.run_sync(resend, second)
        committed = answer if answer["type"] == "ack" else answer["edits"][0]
        assert (committed["seq"], committed["version"]) == (1, 1)
        assert await api.content("stopped") == "once"
        assert names(await api.log("stopped")) == [(author_of(client), 1)]


@within(60)
async def test_a_client_of_a_suspended_server_saves_once(process: ServerProcess) -> None:
    """It types, is cut off, and comes back; what it had sent was waiting in the server's socket."""
    line = Line()
    async with http(process) as api:
        await api.create("paused")
        async with collab_client.connect(
            process.url, "paused", open_channel=line.open, random=Eager()
        ) as document:
            process.suspend()
            try:
                await document.insert(0, "one ")
                await line.sent(2)  # the hello and the edit
                await document.insert(4, "two")
                assert document.status is Status.SAVING
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(line.cut)
                    process.resume()
            finally:
                process.resume()
            line.mend()
            await saved_with(document, api, "one two")
        assert len(await api.log("paused")) == 2
