"""An edit is the same edit however often it is sent, and nobody can take another's name for it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import jwt
import pytest

from collab.words import author_of
from tests.integration.process import ServerProcess, server
from tests.integration.talk import Http, Json, dial, http, names, new_client, within

pytestmark = pytest.mark.anyio

SECRET = "a secret for tests that is long enough"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server(tmp_path_factory.mktemp("same"), COLLAB_SECRET_KEY=SECRET) as process:
        yield process
    assert process.defects() == []


def token(user: str | None = "ada", right: str = "admin") -> str:
    claims = {"docs": {"*": right}} | ({} if user is None else {"sub": user})
    return jwt.encode(claims, SECRET, algorithm="HS256")


def insert(text: str) -> list[Json]:
    return [{"insert": text}]


async def post(
    api: Http, id: str, key: str, operation: list[Json], base: int | None = 0
) -> tuple[int, Json]:
    """Status and body of an edit over HTTP."""
    answer = await api.ask(
        "POST",
        f"/{id}/edits",
        json={"base": base, "operation": operation},
        headers={"Idempotency-Key": key},
    )
    return answer.status_code, answer.json()


# Over the socket ----------------------------------------------------------------------------------


@within(60)
async def test_a_resend_is_told_its_version_in_the_stream(process: ServerProcess) -> None:
    """As after a lost connection: the client has not seen its commit."""
    client = new_client()
    async with http(process, token()) as api:
        epoch = await api.create("stream")
        async with dial(process, "stream") as first:
            await first.hello(client, token=token())
            await first.edit(1, 0, insert("once"))
            assert (await first.hear_commit(1))["seq"] == 1
        async with dial(process, "stream") as second:
            welcome = await second.hello(client, token=token(), epoch=epoch, version=0)
            assert welcome["committed"] == {"seq": 1, "version": 1}
            assert names(welcome["edits"]) == [(author_of(client), 1)]
            await second.edit(1, 0, insert("once"))
            answer = await second.hear("ack", "edits", "error")
            assert answer == {"type": "ack", "seq": 1, "version": 1}
        assert await api.content("stream") == "once"
        assert names(await api.log("stream")) == [(author_of(client), 1)]


@within(60)
async def test_a_resend_is_acknowledged_once_its_version_has_passed(
    process: ServerProcess,
) -> None:
    """On the same connection and on another one, with edits of others in between."""
    client, other = new_client(), new_client()
    async with http(process, token()) as api:
        await api.create("ack")
        async with dial(process, "ack") as peer:
            await peer.hello(other, token=token("bea"))
            async with dial(process, "ack") as first:
                await first.hello(client, token=token())
                await first.edit(1, 0, insert("once"))
                await first.hear_commit(1)
                await first.edit(1, 0, insert("once"))
                assert await first.hear("ack") == {"type": "ack", "seq": 1, "version": 1}
            await peer.hear_commit(1)
            await peer.edit(1, 1, insert("other "))
            await peer.hear_commit(2)
            async with dial(process, "ack") as second:
                welcome = await second.hello(client, token=token())
                assert welcome["version"] == 2
                await second.edit(1, 0, insert("once"))
                assert await second.hear("ack") == {"type": "ack", "seq": 1, "version": 1}
        assert await api.content("ack") == "other once"
        assert names(await api.log("ack")) == [(author_of(client), 1), (author_of(other), 1)]


@within(60)
async def test_two_copies_on_their_way_at_once_commit_once(process: ServerProcess) -> None:
    client = new_client()
    async with http(process, token()) as api:
        await api.create("copies")
        async with dial(process, "copies") as peer:
            await peer.hello(client, token=token())
            for _ in range(10):
                await peer.edit(1, 0, insert("once"))
            await peer.edit(2, 1, insert("more "))
            await peer.hear_commit(2)
        assert await api.content("copies") == "more once"
        assert len(await api.log("copies")) == 2


@within(60)
async def test_another_edit_under_a_taken_name_is_refused(process: ServerProcess) -> None:
    """Another payload or another base; the answer says what is committed."""
    client = new_client()
    committed = {"seq": 1, "version": 1}
    async with http(process, token()) as api:
        await api.create("reused")
        async with dial(process, "reused") as first:
            await first.hello(client, token=token())
            await first.edit(1, 0, insert("first"))
            await first.hear_commit(1)
        async with dial(process, "reused") as second:
            await second.hello(client, token=token())
            for base, operation in ((0, insert("another")), (1, insert("first"))):
                await second.edit(1, base, operation)
                error = await second.hear("error", "ack", "edits")
                assert error["code"] == "edit_name_reused"
                assert error["seq"] == 1
                assert error["committed"] == committed
            await second.edit(2, 1, insert("the "))
            await second.hear_commit(2)
            await second.edit(1, 0, insert("first"))
            error = await second.hear("error", "ack", "edits")
            assert error["code"] == "stale_sequence"
            assert error["committed"] == {"seq": 2, "version": 2}
        assert await api.content("reused") == "the first"


# Over HTTP ----------------------------------------------------------------------------------------


@within(60)
async def test_a_request_with_the_same_key_commits_once(process: ServerProcess) -> None:
    async with http(process, token()) as api:
        await api.create("key")
        status, first = await post(api, "key", "k1", insert("once"))
        assert (status, first["version"], first["duplicate"]) == (200, 1, False)
        await post(api, "key", "k2", insert("other "), base=1)
        status, again = await post(api, "key", "k1", insert("once"))
        assert status == 200
        assert again == first | {"duplicate": True}
        status, problem = await post(api, "key", "k1", insert("another"))
        assert status == 409
        assert problem["code"] == "edit_name_reused"
        assert problem["version"] == 1
        assert await api.content("key") == "other once"
        assert len(await api.log("key")) == 2


@within(60)
async def test_a_put_repeated_with_its_key_commits_once(process: ServerProcess) -> None:
    """With If-Match and with `*`, also when others have written in between."""
    async with http(process, token()) as api:
        epoch = await api.create("put", content="one two")

        async def put(key: str, match: str, content: str) -> tuple[int, Json]:
            headers = {"Idempotency-Key": key, "If-Match": match, "Content-Type": "text/plain"}
            answer = await api.ask("PUT", "/put/content", content=content, headers=headers)
            return answer.status_code, answer.json()

        tag = f'"{epoch}:1"'
        status, first = await put("p1", tag, "one 2")
        assert (status, first["version"], first["duplicate"]) == (200, 2, False)
        await post(api, "put", "between", insert("zero "), base=2)
        assert await put("p1", tag, "one 2") == (200, first | {"duplicate": True})
        status, problem = await put("p1", tag, "one 3")
        assert (status, problem["code"]) == (409, "edit_name_reused")
        status, forced = await put("p2", "*", "all new")
        assert (status, forced["version"]) == (200, 4)
        await post(api, "put", "later", insert("and "), base=4)
        assert await put("p2", "*", "all new") == (200, forced | {"duplicate": True})
        assert await api.content("put") == "and all new"
        assert len(await api.log("put")) == 5


# Nobody can take another's name -------------------------------------------------------------------


@within(60)
async def test_who_knows_an_author_cannot_use_up_its_names(process: ServerProcess) -> None:
    victim = new_client()
    async with http(process, token()) as api:
        await api.create("author")
        async with dial(process, "author") as peer, dial(process, "author") as thief:
            await peer.hello(victim, token=token())
            seen = author_of(victim)
            welcome = await thief.hello(seen, token=token("eve"))
            assert welcome["author"] != seen
            for seq in (1, 2, 3):
                await thief.edit(seq, seq - 1, insert("x"))
                assert (await thief.hear_commit(seq))["author"] == welcome["author"]
            await peer.hear_commit(3)
            await peer.edit(1, 3, insert("mine "))
            assert (await peer.hear_commit(4))["author"] == seen
        assert await api.content("author") == "mine xxx"


@within(60)
async def test_a_client_cannot_call_itself_as_http_edits_are_called(
    process: ServerProcess,
) -> None:
    key = "a-key-that-is-long-enough"
    async with http(process, token()) as api:
        await api.create("http")
        for client in (f"http:ada:{key}", f"http:-:{key}", f"ada:{key}", f"{key} ", key + "ä"):
            async with dial(process, "http") as thief:
                await thief.say("hello", client=client, token=token("eve"))
                assert await thief.close_code() == 4400
        async with dial(process, "http") as other:
            await other.hello(key, token=token("eve"))
            await other.edit(1, 0, insert("eve "))
            await other.hear_commit(1)
        status, mine = await post(api, "http", key, insert("ada "), base=1)
        assert (status, mine["version"], mine["duplicate"]) == (200, 2, False)


@within(60)
async def test_a_key_cannot_take_the_name_of_a_connected_client(process: ServerProcess) -> None:
    victim = new_client()
    async with http(process, token()) as api:
        await api.create("client")
        status, edit = await post(api, "client", victim, insert("key "))
        assert (status, edit["version"]) == (200, 1)
        assert edit["author"] != author_of(victim)
        status, problem = await post(api, "client", f"{victim}:1", insert("no"))
        assert (status, problem["code"]) == (400, "malformed")
        async with dial(process, "client") as peer:
            welcome = await peer.hello(victim, token=token())
            assert "committed" not in welcome
            await peer.edit(1, 1, insert("mine "))
            assert (await peer.hear_commit(2))["author"] == author_of(victim)
        assert await api.content("client") == "mine key "


@within(60)
async def test_two_users_with_the_same_key_are_two_edits(process: ServerProcess) -> None:
    """Whatever their names: a colon in one does not make it end earlier."""
    users = ["ada", "bea", "ada:k", "http:ada", None]
    async with http(process, token()) as api:
        await api.create("users")
        for number, user in enumerate(users):
            async with http(process, token(user)) as their_api:
                status, edit = await post(their_api, "users", "k", insert(f"{number}"), number)
                assert (status, edit["version"], edit["duplicate"]) == (200, number + 1, False)
        log = await api.log("users")
        assert [edit["user"] for edit in log] == users
        assert json.dumps(log).count('"seq": 1') == len(users)
