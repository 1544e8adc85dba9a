"""Tokens made over HTTP: never more than whoever asks could do, never for longer."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from collab.rights import Principal
from collab.tokens import MAX_TOKEN_LENGTH
from collab.web.auth import Authenticator
from collab.words import ANY, Access
from tests.integration.api.asgi import SECRET, Server, problem, serving, signed

pytestmark = pytest.mark.anyio

API_KEY = "a key of a backend that is long enough".replace(" ", "-")
OPERATOR = {"*": "admin"}


async def ask(server: Server, bearer: str | None, **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {"Authorization": ""}
    return await server.client.post("/v1/tokens", json={"docs": {}, **body}, headers=headers)


async def made(server: Server, bearer: str, **body: Any) -> Principal:
    """Whom the token stands for that is made for this request."""
    answer = await ask(server, bearer, **body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"token", "expires"}
    auth: Authenticator = server.app.state.auth
    principal = await auth.authenticate(answer.json()["token"])
    assert principal.expires == answer.json()["expires"]
    return principal


def seconds_left(principal: Principal) -> float:
    assert principal.expires is not None
    return principal.expires / 1000 - time.time()


# Who may have anything -----------------------------------------------------------------------


async def test_an_operator_has_any_token_made(server: Server) -> None:
    docs = {"notes": "write", "team:*": "read", "team:secret": "none", "x": "admin"}
    ada = await made(server, signed("root", OPERATOR), user="ada", name="Ada L.", docs=docs)
    assert (ada.user, ada.name) == ("ada", "Ada L.")
    assert dict(ada.rights) == {
        "notes": Access.WRITE,
        "team:*": Access.READ,
        "team:secret": Access.NONE,
        "x": Access.ADMIN,
    }
    assert 3590 < seconds_left(ada) <= 3600


async def test_a_backend_needs_only_its_key() -> None:
    async with serving(api_keys=f"ci={API_KEY}") as server:
        ada = await made(server, API_KEY, user="ada", docs={"*": "admin"}, seconds=86_400)
        assert (ada.user, ada.administers_everything) == ("ada", True)
        assert 86_390 < seconds_left(ada) <= 86_400


async def test_an_operator_who_is_about_to_go_leaves_others_but_no_operator_behind(
    server: Server,
) -> None:
    soon = signed("root", OPERATOR, exp=int(time.time()) + 60)
    assert seconds_left(await made(server, soon, user="ada", docs={"a*": "admin"})) > 3590
    assert seconds_left(await made(server, soon, user="root", docs=OPERATOR)) <= 60


@pytest.mark.parametrize(
    ("document", "user", "access", "status"),
    [
        (ANY, "root", Access.WRITE, 403),
        (ANY, "root", Access.NONE, 403),
        ("notes", "root", Access.READ, 403),
        (ANY, "root", Access.ADMIN, 201),
        (ANY, "root", None, 201),
        (ANY, "ada", Access.NONE, 201),
        (ANY, ANY, Access.NONE, 201),
    ],
)
async def test_an_operator_from_whom_anything_was_taken_is_none(
    server: Server, document: str, user: str, access: Access | None, status: int
) -> None:
    await server.registry.authorizer.grant(document, user, access)
    answer = await ask(server, signed("root", OPERATOR), user="ada", docs={"notes": "read"})
    assert answer.status_code == status


# Who may have little -------------------------------------------------------------------------

ADA = {"own": "admin", "other": "admin", "team:*": "admin", "notes": "write", "look": "read"}


@pytest.mark.parametrize(
    ("body", "rights"),
    [
        ({"user": "ada"}, {}),
        ({}, {}),
        ({"user": "ada", "docs": {"own": "admin"}}, {"own": Access.ADMIN}),
        ({"docs": {"own": "write", "other": "read"}}, {"own": Access.WRITE, "other": Access.READ}),
        ({"docs": {"team:a": "write"}, "name": "Guest"}, {"team:a": Access.WRITE}),
        ({"docs": {"own": "none"}}, {"own": Access.NONE}),
        ({"docs": {"granted": "write"}}, {"granted": Access.WRITE}),
    ],
    ids=repr,
)
async def test_who_administers_a_document_has_tokens_for_it_made(
    server: Server, body: dict[str, Any], rights: dict[str, Access]
) -> None:
    await server.registry.authorizer.grant("granted", "ada", Access.ADMIN)
    principal = await made(server, signed("ada", ADA), **body)
    assert (principal.user, principal.name) == (body.get("user"), body.get("name"))
    assert dict(principal.rights) == rights


@pytest.mark.parametrize(
    ("claims", "body"),
    [
        (ADA, {"user": "bob", "docs": {"own": "read"}}),
        (ADA, {"user": "api:ci"}),
        (ADA, {"user": "Ada"}),
        (ADA, {"docs": {"*": "read"}}),
        (ADA, {"docs": {"team:*": "read"}}),
        (ADA, {"docs": {"own*": "read"}}),
        (ADA, {"docs": {"own": "read", "team:*": "none"}}),
        (ADA, {"docs": {"own": "admin"}}),
        (ADA, {"user": "ada", "docs": {"notes": "read"}}),
        (ADA, {"user": "ada", "docs": {"look": "read"}}),
        (ADA, {"user": "ada", "docs": {"strange": "read"}}),
        (ADA, {"user": "ada", "docs": {"own": "read", "notes": "read"}}),
        (ADA, {"docs": {"taken": "read"}}),
        (ADA | {"taken": "admin"}, {"user": "ada", "docs": {"taken": "read"}}),
        (ADA | {"lowered": "admin"}, {"user": "ada", "docs": {"lowered": "read"}}),
        (ADA | {"own": "none"}, {"user": "ada", "docs": {"own": "read"}}),
        ({"*": "write"}, {"docs": {"notes": "read"}}),
        ({"*": "admin", "notes": "none"}, {"docs": {"notes": "read"}}),
        ({"*": "admin", "notes": "none"}, {"user": "bob", "docs": {"other": "read"}}),
        ({"*": "admin", "notes": "none"}, {"docs": {"*": "read"}}),
        ({"a*": "admin"}, {"docs": {"a*": "read"}}),
        ({}, {"docs": {"notes": "read"}}),
    ],
    ids=repr,
)
async def test_nobody_gets_more_than_they_have(
    server: Server, claims: dict[str, str], body: dict[str, Any]
) -> None:
    await server.registry.authorizer.grant("taken", "ada", Access.NONE)
    await server.registry.authorizer.grant("lowered", "ada", Access.WRITE)
    assert problem(await ask(server, signed("ada", claims), **body), 403) == "not_allowed"


async def test_a_name_cannot_be_changed_or_shed(server: Server) -> None:
    ada = signed("ada", ADA, name="Ada L.")
    for said in ({}, {"name": "Ada L."}):
        assert (await made(server, ada, user="ada", **said)).name == "Ada L."
    assert problem(await ask(server, ada, user="ada", name="Bob"), 403) == "not_allowed"
    assert (await made(server, ada, name="Guest")).name == "Guest"
    assert (await made(server, signed("root", OPERATOR), user="ada", name="Bob")).name == "Bob"


async def test_who_has_no_name_gets_no_name(server: Server) -> None:
    nobody = signed(None, {"own": "admin"})
    assert (await made(server, nobody, docs={"own": "write"})).user is None
    assert problem(await ask(server, nobody, user="ada"), 403) == "not_allowed"


async def test_a_token_made_does_not_outlast_that_of_who_had_it_made(server: Server) -> None:
    now = int(time.time())
    token = signed("ada", ADA, exp=now + 60)
    for _ in range(3):  # nor do those that are made with it
        answer = await ask(server, token, user="ada", docs={"own": "admin"}, seconds=86_400)
        token = answer.json()["token"]
        assert answer.json()["expires"] == (now + 60) * 1000
    assert seconds_left(await made(server, token, docs={"own": "read"}, seconds=5)) <= 5


async def test_a_guest_cannot_share_further(server: Server) -> None:
    answer = await ask(server, signed("ada", ADA), docs={"own": "write"})
    guest = answer.json()["token"]
    assert problem(await ask(server, guest, docs={"own": "read"}), 403) == "not_allowed"


async def test_what_was_shared_can_be_taken_back(server: Server) -> None:
    await server.make("own", "text")
    guest = (await ask(server, signed("ada", ADA), docs={"own": "write"})).json()["token"]
    headers = {"Authorization": f"Bearer {guest}"}
    assert (await server.client.get("/v1/documents/own", headers=headers)).is_success
    await server.registry.authorizer.grant("own", ANY, Access.NONE)
    assert problem(await server.client.get("/v1/documents/own", headers=headers), 403)


# What cannot be asked for --------------------------------------------------------------------


@pytest.mark.parametrize("bearer", [None, "nonsense", signed("ada", ADA, exp=1)])
async def test_who_is_not_signed_in_gets_none(server: Server, bearer: str | None) -> None:
    assert problem(await ask(server, bearer), 401) == "not_signed_in"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"seconds": 0}, 422, "invalid_request"),
        ({"seconds": 86_401}, 422, "invalid_request"),
        ({"seconds": 1.5}, 422, "invalid_request"),
        ({"seconds": True}, 422, "invalid_request"),
        ({"user": ""}, 422, "invalid_request"),
        ({"user": "x" * 201}, 422, "invalid_request"),
        ({"user": 7}, 422, "invalid_request"),
        ({"docs": None}, 422, "invalid_request"),
        ({"docs": ["notes"]}, 422, "invalid_request"),
        ({"docs": {"notes": "own"}}, 422, "invalid_request"),
        ({"docs": {"notes": None}}, 422, "invalid_request"),
        ({"exp": 1}, 422, "invalid_request"),
        ({"docs": {f"a{number}": "read" for number in range(1001)}}, 422, "invalid_request"),
        ({"user": "*"}, 400, "malformed"),
        ({"user": "api:ci"}, 400, "malformed"),
        ({"user": "a\n"}, 400, "malformed"),
        ({"name": "\x00"}, 400, "malformed"),
        ({"docs": {"a b": "read"}}, 400, "malformed"),
        ({"docs": {"a*b": "read"}}, 400, "malformed"),
        ({"docs": {"": "read"}}, 400, "malformed"),
        ({"docs": {f"{number:0200}": "read" for number in range(99)}}, 413, "too_large"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_what_no_token_says_is_refused(
    server: Server, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await ask(server, signed("root", OPERATOR), **body)
    assert problem(answer, status) == code


async def test_ids_are_looked_at_before_rights_are(server: Server) -> None:
    answer = await ask(server, signed("ada", ADA), docs={"a\x00": "read"})
    assert problem(answer, 400) == "invalid_document_id"


async def test_without_a_key_to_sign_with_none_is_made() -> None:
    async with serving(secret_key=None, api_keys=f"ci={API_KEY}") as server:
        answer = await ask(server, API_KEY, docs={"notes": "read"})
        assert problem(answer, 409) == "configuration"
        assert "COLLAB_SECRET_KEY" in answer.json()["detail"]


async def test_in_development_mode_none_is_needed() -> None:
    async with serving(secret_key=None) as server:
        answer = await server.client.post(
            "/v1/tokens", json={"docs": {"notes": "read"}}, headers={"Host": "localhost"}
        )
        assert problem(answer, 409) == "configuration"
        assert "no token is needed" in answer.json()["detail"]


async def test_the_longest_token_that_is_made_is_let_in(server: Server) -> None:
    docs = {f"{number:0200}": "read" for number in range(55)}
    answer = await ask(server, signed("root", OPERATOR), docs=docs)
    assert MAX_TOKEN_LENGTH * 0.9 < len(answer.json()["token"]) <= MAX_TOKEN_LENGTH
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert (await server.client.get("/v1/documents", headers=headers)).is_success
    assert SECRET not in answer.text
