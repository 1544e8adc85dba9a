"""What is done at one node reaches who is at another one, whatever they speak: deletions and
changed rights also without Redis, presence and messages with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.nodes.measured import measured
from tests.integration.process import ServerProcess
from tests.integration.seats import KINDS, WRITING_KINDS, seat, type_for
from tests.integration.signed import operating, signed_server, token
from tests.integration.talk import dial, new_client, within
from tests.services.postgres import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PROMISED_SECONDS = 2.0


@pytest.fixture(params=["with Redis", "without Redis"])
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer
) -> Iterator[list[ServerProcess]]:
    variables = {"DATABASE_URL": postgres.url(postgres.create_database())}
    if request.param == "with Redis":
        variables["REDIS_URL"] = request.getfixturevalue("redis").url
    with ExitStack() as stack:
        yield [stack.enter_context(signed_server(tmp_path, **variables)) for _ in range(2)]


def how(servers: list[ServerProcess]) -> str:
    return "with Redis" if any("redis is there" in line for line in servers[0].log) else "without"


@within(120)
async def test_who_is_at_another_node_is_sent_away_when_the_document_is_deleted(
    servers: list[ServerProcess],
) -> None:
    here, there = servers
    async with operating(here) as operator:
        for kind in KINDS:
            id = f"deleted-{kind}"
            await operator.create(id, type_for(kind))
            async with seat(there, kind, id, token({id: "write"}, sub="ada")) as ada:
                await ada.join()
                since = time.perf_counter()
                await operator.ask("DELETE", f"/v1/documents/{id}")
                assert await ada.sent_away() == 4404
            seconds = time.perf_counter() - since
            measured(f"a deletion at another node, {how(servers)}", seconds, PROMISED_SECONDS)


@within(120)
async def test_a_right_changes_for_who_is_at_another_node(servers: list[ServerProcess]) -> None:
    here, there = servers
    async with operating(here) as operator:
        for kind in WRITING_KINDS:
            id = f"changed-{kind}"
            await operator.create(id, type_for(kind))
            async with seat(there, kind, id, token({id: "write"}, sub="ada")) as ada:
                await ada.join()
                assert await ada.write("first ")
                for access in ("read", "write"):
                    since = await operator.grant(id, "ada", access)
                    assert await ada.told() == access
                    seconds = time.perf_counter() - since
                    measured(f"a grant at another node, {how(servers)}", seconds, PROMISED_SECONDS)
                since = await operator.grant(id, "ada", "none")
                assert await ada.sent_away() == 4403
            seconds = time.perf_counter() - since
            measured(f"a grant at another node, {how(servers)}", seconds, PROMISED_SECONDS)
            async with operating(there) as other:
                assert await other.text(id) == "first "


@pytest.mark.parametrize("servers", ["with Redis"], indirect=True)
@within(120)
async def test_presence_and_messages_reach_who_is_at_another_node(
    servers: list[ServerProcess],
) -> None:
    here, there = servers
    async with operating(here) as operator:
        await operator.create("together")
    shown = token({"together": "write"})
    async with dial(here, "together") as ada, dial(there, "together") as bob:
        welcome = await ada.hello(new_client(), token=shown)
        await bob.hello(new_client(), token=shown)
        since = time.perf_counter()
        await ada.say("presence", state={"is": "here"}, version=0)
        while True:
            [*peers] = (await bob.hear("presence"))["peers"]
            if [peer["state"] for peer in peers if peer["author"] == welcome["author"]] == [
                {"is": "here"}
            ]:
                break
        measured("presence at another node", time.perf_counter() - since, 1)
        since = time.perf_counter()
        await ada.say("message", body={"hello": "bob"})
        message = await bob.hear("message")
        assert (message["from"], message["body"]) == (welcome["author"], {"hello": "bob"})
        measured("a message at another node", time.perf_counter() - since, 1)
