"""Tokens and rights, as the editors' own providers show the ones and hear of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compat.driver import HOCUSPOCUS, Y_WEBSOCKET, Driver
from tests.compat.rooms import PATIENCE, Room
from tests.integration.process import ServerProcess
from tests.integration.signed import OPERATOR, signed_server, token

DOCUMENT_BYTES = 20_000
TOO_MUCH = 100_000
WATCHED_SECONDS = 3
SHORT = 4.0  # seconds that a token holds


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that asks for tokens, and has a low bound for documents."""
    with signed_server(tmp_path, COLLAB_MAX_DOCUMENT_BYTES=str(DOCUMENT_BYTES)) as running:
        yield running


def join(
    room: Room, name: str, provider: str, seconds: float | None = None, **options: Any
) -> None:
    """Let a writer in, who is called as the client is."""
    shown = token({room.id: "write"}, seconds=seconds, sub=name)
    room.join(name, provider, **({"token": shown} | options))
    room.synced(name, 1)


def reach(room: Room, name: str, **expected: Any) -> None:
    room.tell("reach", name, expected=expected, seconds=PATIENCE)


def happened(room: Room, name: str, event: str, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = room.tell(
        "happened", name, event=event, number=number, seconds=PATIENCE
    )
    return found


def grant(process: ServerProcess, room: Room, user: str, access: str) -> None:
    answer = httpx.post(
        f"{process.url}/v1/access",
        json={"document": room.id, "user": user, "access": access},
        headers={"Authorization": f"Bearer {OPERATOR}"},
    )
    answer.raise_for_status()


def stored(room: Room, driver: Driver) -> str:
    """The text that somebody new is given."""
    join(room, "newcomer", "hocuspocus-3")
    driver.call("settle", clients=["newcomer"], seconds=PATIENCE)
    [text] = [room.tell("state", "newcomer")["content"]["text"]]
    room.leave("newcomer")
    return "".join(op["insert"] for op in text)


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_hocuspocus_sees_that_it_may_only_read_and_is_saved_when_it_may_write_again(
    room: Room, process: ServerProcess, driver: Driver, provider: str
) -> None:
    join(room, "ada", provider)
    room.settle()
    grant(process, room, "ada", "read")
    reach(room, "ada", scope="readonly")
    for letter in "cba":
        room.tell("insert", "ada", text=letter)
    reach(room, "ada", refused=3, hasUnsyncedChanges=True)
    assert stored(room, driver) == ""
    grant(process, room, "ada", "write")
    reach(room, "ada", scope="read-write", hasUnsyncedChanges=False, unsynced=0)
    assert stored(room, driver) == "abc"
    events = happened(room, "ada", "authenticated", 3)
    if provider != "hocuspocus-2":  # it has to be asked for its `authorizedScope`
        scopes = [event["scope"] for event in events]
        assert scopes == ["read-write", "readonly", "read-write"]
    assert room.status("ada")["opened"] == 1
    room.tell("insert", "ada", text="z")
    reach(room, "ada", settled=True, unsynced=0)
    assert stored(room, driver) == "zabc"


@pytest.mark.parametrize("provider", Y_WEBSOCKET)
def test_y_websocket_is_told_that_it_may_only_read_and_asked_when_it_may_write_again(
    room: Room, process: ServerProcess, driver: Driver, provider: str
) -> None:
    join(room, "ada", provider)
    join(room, "bob", provider)
    denied = "not_allowed: you may read this document"
    grant(process, room, "ada", "read")
    room.tell("told", "ada", number=1, seconds=PATIENCE)
    room.tell("insert", "ada", text="mine ")
    room.tell("told", "ada", number=2, seconds=PATIENCE)
    status = room.status("ada")
    assert [reason.startswith(denied) for reason in status["denied"]] == [True, True]
    assert (status["opened"], status["connected"]) == (1, True)
    assert stored(room, driver) == ""
    grant(process, room, "ada", "write")
    room.converge()
    assert stored(room, driver) == "mine "
    assert room.status("ada")["opened"] == 1


@pytest.mark.parametrize("provider", Y_WEBSOCKET + HOCUSPOCUS)
def test_who_loses_the_right_is_told_why(room: Room, process: ServerProcess, provider: str) -> None:
    join(room, "ada", provider)
    join(room, "bob", provider)
    grant(process, room, "ada", "none")
    if provider in Y_WEBSOCKET:
        [closed, *_] = happened(room, "ada", "connection-close", 1)
        assert closed["code"] == 4403
        assert closed["reason"].startswith("not_allowed: ")
    else:
        [failed, *_] = happened(room, "ada", "authenticationFailed", 1)
        assert failed["reason"].startswith("not_allowed: ")
    room.tell("insert", "ada", text="x")
    room.tell("insert", "bob", text="y")
    assert room.tell("state", "bob")["content"]["text"] == [{"insert": "y"}]
    reach(room, "bob", synced=True, connected=True, opened=1)


@pytest.mark.parametrize("provider", ["hocuspocus-3", "hocuspocus-4"])
def test_hocuspocus_goes_on_with_a_fresh_token(room: Room, provider: str) -> None:
    join(room, "ada", provider, seconds=SHORT)
    join(room, "bob", provider, seconds=SHORT)
    fresh = token({room.id: "write"}, sub="ada")
    room.tell("renew", "ada", token=fresh, at_once=True)
    happened(room, "ada", "authenticated", 2)
    [failed, *_] = happened(room, "bob", "authenticationFailed", 1)
    assert failed["reason"] == "not_signed_in: the token has expired"
    room.tell("insert", "ada", text="still here")
    reach(room, "ada", settled=True, unsynced=0, opened=1)


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_hocuspocus_comes_back_with_what_its_token_is_then(room: Room, provider: str) -> None:
    join(room, "ada", provider, seconds=SHORT)
    room.tell("renew", "ada", token=token({room.id: "write"}, sub="ada"), at_once=False)
    if provider == "hocuspocus-2":  # it leaves for good; newer ones come back by themselves
        closes = happened(room, "ada", "close", 1)
        assert closes[0]["code"] == 4401
        room.tell("reattach", "ada")
    room.synced("ada", 2)
    room.tell("insert", "ada", text="back")
    reach(room, "ada", settled=True, unsynced=0)


@pytest.mark.parametrize("provider", ["y-websocket-2", "y-websocket-3"])
def test_y_websocket_comes_back_with_what_its_token_is_then(room: Room, provider: str) -> None:
    join(room, "ada", provider, seconds=SHORT)
    room.tell("renew", "ada", token=token({room.id: "write"}, sub="ada"))
    [closed, *_] = happened(room, "ada", "connection-close", 1)
    assert closed == {"code": 4401, "reason": "not_signed_in: the token has expired"}
    if provider == "y-websocket-3":  # it takes the code as final
        happened(room, "ada", "closed", 1)
        room.tell("connect", "ada")
    room.synced("ada", 2)


@pytest.mark.parametrize("provider", ["y-websocket-2", "y-websocket-3"])
def test_y_websocket_with_its_token_among_the_subprotocols(room: Room, provider: str) -> None:
    shown = token({room.id: "write"}, sub="ada")
    room.join("ada", provider, protocols=["collab.yjs", f"collab.token.{shown}"])
    room.synced("ada", 1)
    join(room, "bob", provider)
    room.tell("insert", "ada", text="x")
    room.converge()


@pytest.mark.parametrize("provider", Y_WEBSOCKET)
def test_y_websocket_over_the_quota_does_not_come_back_for_ever(
    room: Room, driver: Driver, provider: str
) -> None:
    for name in ("ada", "bob", "eve"):
        join(room, name, provider)
    room.tell("insert", "ada", text="x" * TOO_MUCH)
    [closed, *_] = happened(room, "ada", "connection-close", 1)
    assert closed["code"] == 4413
    status = room.tell("observe", "ada", seconds=WATCHED_SECONDS)
    # 3.1 takes the code as final; older ones come back, bring it again, and then stay.
    assert status["opened"] == (1 if provider == "y-websocket-3" else 2)
    assert status["connected"] == (provider != "y-websocket-3")
    assert status["sentBytes"] < (status["opened"] + 1) * TOO_MUCH

    room.tell("insert", "bob", text="unaffected")
    driver.call("converge", clients=["bob", "eve"], seconds=PATIENCE)
    assert room.status("bob")["opened"] == room.status("eve")["opened"] == 1
    assert stored(room, driver) == "unaffected"


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_hocuspocus_over_the_quota_does_not_come_back_for_ever(
    room: Room, driver: Driver, provider: str
) -> None:
    for name in ("ada", "bob", "eve"):
        join(room, name, provider)
    room.tell("insert", "ada", text="x" * TOO_MUCH)
    [closed, *_] = happened(room, "ada", "close", 1)
    assert closed["code"] == 4413
    status = room.tell("observe", "ada", seconds=WATCHED_SECONDS)
    # It comes back, brings it again, is told that it is not saved, and stays.
    assert (status["opened"], status["connected"], status["refused"]) == (2, True, 2)
    assert status["hasUnsyncedChanges"]
    assert status["sentBytes"] < 3 * TOO_MUCH

    room.tell("insert", "bob", text="unaffected")
    driver.call("converge", clients=["bob", "eve"], seconds=PATIENCE)
    assert room.status("bob")["opened"] == room.status("eve")["opened"] == 1
    assert stored(room, driver) == "unaffected"
