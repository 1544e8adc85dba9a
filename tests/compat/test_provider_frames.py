"""The providers' own frames through our codecs, without a server: the test is the other end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from collab.protocols import hocuspocus, ywebsocket
from collab.protocols.hocuspocus import FromClient
from collab.protocols.ywebsocket import (
    Awareness,
    AwarenessEntry,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
)
from tests.compat.driver import HOCUSPOCUS, Y_WEBSOCKET, Driver

VERSIONS = {"hocuspocus-2": None, "hocuspocus-3": None, "hocuspocus-4": "4.8.0"}
EMPTY_VECTOR = b"\0"
NO_CHANGE = b"\0\0"
PATIENCE = 10


def _open(driver: Driver, provider: str, **options: Any) -> int:
    """A client whose socket is this test; its Yjs client id."""
    client_id = driver.call(
        "open",
        client="a",
        provider=provider,
        url="ws://nobody.invalid",
        document="doc",
        fake=True,
        **options,
    )
    assert isinstance(client_id, int)
    return client_id


def _take(driver: Driver, number: int) -> list[bytes]:
    frames = driver.call("take", client="a", at_least=number, seconds=PATIENCE)
    assert len(frames) == number
    return [bytes.fromhex(frame) for frame in frames]


def _give(driver: Driver, *frames: bytes) -> None:
    for frame in frames:
        driver.call("give", client="a", frame=frame.hex())


def _status(driver: Driver) -> dict[str, Any]:
    status: dict[str, Any] = driver.call("status", client="a")
    return status


@pytest.mark.parametrize("provider", Y_WEBSOCKET)
def test_y_websocket_and_our_codec_understand_each_other(driver: Driver, provider: str) -> None:
    client_id = _open(driver, provider)
    assert _decoded_y(_take(driver, 2)) == [
        SyncStep1(EMPTY_VECTOR),
        Awareness((AwarenessEntry(client_id, 0, "{}"),)),
    ]

    assert not _status(driver)["synced"]
    _give(driver, ywebsocket.encode(SyncStep2(NO_CHANGE)))
    assert _status(driver)["synced"]

    _give(driver, ywebsocket.encode(SyncStep1(EMPTY_VECTOR)))
    assert _decoded_y(_take(driver, 1)) == [SyncStep2(NO_CHANGE)]

    driver.call("insert", client="a", text="hi")
    (update,) = _decoded_y(_take(driver, 1))
    assert isinstance(update, SyncUpdate)

    _give(driver, ywebsocket.encode(QueryAwareness()))
    (shown,) = _decoded_y(_take(driver, 1))
    assert shown == Awareness((AwarenessEntry(client_id, 0, "{}"),))

    other = Awareness((AwarenessEntry(7, 3, '{"name":"Ada"}'),))
    _give(driver, ywebsocket.encode(other))
    assert driver.call("awareness", client="a")["7"] == {"name": "Ada"}
    assert _decoded_y(_take(driver, 1)) == [other]  # it passes on what it learned about others

    driver.call("disconnect", client="a", seconds=PATIENCE)
    assert _decoded_y(_take(driver, 1)) == [Awareness((AwarenessEntry(client_id, 0, None),))]


def _decoded_y(frames: Sequence[bytes]) -> list[ywebsocket.ClientMessage]:
    messages = [ywebsocket.decode_client(frame) for frame in frames]
    assert [ywebsocket.encode(message) for message in messages] == frames
    return messages


def _decoded(frames: Sequence[bytes], address: str = "doc") -> list[hocuspocus.ClientMessage]:
    messages = []
    for frame in frames:
        decoded = hocuspocus.decode_client(frame)
        assert isinstance(decoded, FromClient)
        assert decoded.address == address
        assert hocuspocus.encode(address, decoded.message) == frame
        messages.append(decoded.message)
    return messages


def _say(driver: Driver, *messages: hocuspocus.ServerMessage, address: str = "doc") -> None:
    _give(driver, *(hocuspocus.encode(address, message) for message in messages))


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_hocuspocus_and_our_codec_understand_each_other(driver: Driver, provider: str) -> None:
    client_id = _open(driver, provider, token="secret")
    token, *rest = _decoded(_take(driver, 3))
    assert token == hocuspocus.Token("secret", VERSIONS[provider])
    assert rest == [
        SyncStep1(EMPTY_VECTOR),
        Awareness((AwarenessEntry(client_id, 0, "{}"),)),
    ]

    _say(driver, hocuspocus.Authenticated(hocuspocus.READ_WRITE), SyncStep1(EMPTY_VECTOR))
    assert _status(driver)["authenticated"]
    assert _decoded(_take(driver, 1)) == [SyncStep2(NO_CHANGE)]

    assert not _status(driver)["synced"]
    _say(driver, SyncStep2(NO_CHANGE))
    assert _status(driver)["synced"]
    assert _status(driver)["hasUnsyncedChanges"]
    _say(driver, hocuspocus.SyncStatus(True))
    assert not _status(driver)["hasUnsyncedChanges"]

    driver.call("insert", client="a", text="hi")
    (update,) = _decoded(_take(driver, 1))
    assert isinstance(update, SyncUpdate)
    _say(driver, hocuspocus.SyncStatus(False))
    assert _status(driver)["hasUnsyncedChanges"]
    assert _status(driver)["refused"] == 1
    _say(driver, hocuspocus.SyncStatus(True))
    assert not _status(driver)["hasUnsyncedChanges"]

    driver.call("stateless", client="a", payload="hé")
    assert _decoded(_take(driver, 1)) == [hocuspocus.Stateless("hé")]
    _say(driver, hocuspocus.Stateless("ho"))
    assert ["stateless", {"payload": "ho"}] in driver.call("events", client="a")


@pytest.mark.parametrize("provider", HOCUSPOCUS)
def test_a_denied_token(driver: Driver, provider: str) -> None:
    _open(driver, provider, token="secret")
    _take(driver, 3)
    _say(driver, hocuspocus.PermissionDenied("not you"))
    assert driver.call("events", client="a") == [["authenticationFailed", {"reason": "not you"}]]


@pytest.mark.parametrize(
    ("provider", "frames"), [("hocuspocus-2", 2), ("hocuspocus-3", 3), ("hocuspocus-4", 3)]
)
def test_without_a_token_2_x_does_not_sign_in(driver: Driver, provider: str, frames: int) -> None:
    _open(driver, provider)
    messages = _decoded(_take(driver, frames))
    tokens = [message for message in messages if isinstance(message, hocuspocus.Token)]
    assert tokens == [hocuspocus.Token("", VERSIONS[provider])][: frames - 2]


@pytest.mark.parametrize("provider", ["hocuspocus-3", "hocuspocus-4"])
def test_a_document_is_left_and_closed(driver: Driver, provider: str) -> None:
    _open(driver, provider)
    _take(driver, 3)
    _say(driver, hocuspocus.AskForToken())
    assert _decoded(_take(driver, 1)) == [hocuspocus.Token("", VERSIONS[provider])]
    _say(driver, hocuspocus.Close("bye"))
    assert ["close", {"code": 1000, "reason": "bye"}] in driver.call("events", client="a")


def test_4_x_answers_a_ping(driver: Driver) -> None:
    _open(driver, "hocuspocus-4")
    _take(driver, 3)
    _give(driver, hocuspocus.encode_ping())
    (frame,) = _take(driver, 1)
    assert hocuspocus.decode_client(frame) == hocuspocus.Pong()


def test_a_session_of_4_x_hears_only_its_own_address(driver: Driver) -> None:
    _open(driver, "hocuspocus-4", session=True)
    frames = _take(driver, 3)
    decoded = hocuspocus.decode_client(frames[0])
    assert isinstance(decoded, FromClient)
    name, session = hocuspocus.split_address(decoded.address)
    assert name == "doc"
    assert session
    _decoded(frames, decoded.address)

    _say(driver, SyncStep2(NO_CHANGE))
    assert not _status(driver)["synced"]
    _say(driver, SyncStep2(NO_CHANGE), address=decoded.address)
    assert _status(driver)["synced"]


def test_2_x_signs_off_when_destroyed(driver: Driver) -> None:
    client_id = _open(driver, "hocuspocus-2")
    _take(driver, 2)
    driver.call("destroy", client="a")
    messages = _decoded(_take_all(driver))
    assert Awareness((AwarenessEntry(client_id, 1, None),)) in messages
    assert hocuspocus.Leave() in messages


def _take_all(driver: Driver) -> list[bytes]:
    frames = driver.call("take", client="a", at_least=1, seconds=PATIENCE)
    return [bytes.fromhex(frame) for frame in frames]
