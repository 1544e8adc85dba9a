"""What is no good at one door is no good at any: the same tokens, frames, names and floods, refused
over every protocol there is, by the real server."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from collab.protocols import hocuspocus, native, ywebsocket
from tests.integration import wire
from tests.integration.process import ServerProcess
from tests.integration.seats import (
    KINDS,
    EventsSeat,
    NativeSeat,
    Seat,
    SentAway,
    YjsSeat,
    seat,
    type_for,
)
from tests.integration.signed import SECRET, Operator, operating, signed_server, token, visiting
from tests.integration.talk import PATIENCE_SECONDS, new_client, within

pytestmark = pytest.mark.anyio

KIB = 1024
ISSUER, AUDIENCE = "https://id.example", "collab"
HELLO_SECONDS = 0.5
PATHS = {"native": "/v1/documents/doc/socket", "yjs": "/yjs/doc", "hocuspocus": "/hocuspocus"}

every_kind = pytest.mark.parametrize("kind", KINDS)
every_socket = pytest.mark.parametrize("kind", PATHS)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with signed_server(
        tmp_path_factory.mktemp("doors"),
        COLLAB_ISSUER=ISSUER,
        COLLAB_AUDIENCE=AUDIENCE,
        COLLAB_HELLO_SECONDS=str(HELLO_SECONDS),
        COLLAB_MAX_FRAME_BYTES=str(64 * KIB),
    ) as running:
        yield running


@pytest.fixture
async def operator(process: ServerProcess) -> AsyncIterator[Operator]:
    async with operating(process) as operator:
        yield operator


def made(algorithm: str = "HS256", key: Any = SECRET, **claims: Any) -> str:
    """A token that is fine but for what is given; None leaves a claim out."""
    whole = {"iss": ISSUER, "aud": AUDIENCE, "docs": {"*": "admin"}, "sub": "ada", **claims}
    given = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(given, key, algorithm)


def without_signature(sent: str) -> str:
    return sent.rpartition(".")[0] + "."


NO_GOOD = {
    "none": None,
    "a word": "not-a-token",
    "alg none": made("none", None),
    "not signed": without_signature(made()),
    "another key": made(key=SECRET + "!"),
    "expired": made(exp=int(time.time()) - 1),
    "not yet": made(nbf=int(time.time()) + 3600),
    "wrong issuer": made(iss="https://evil.example"),
    "no issuer": made(iss=None),
    "wrong audience": made(aud="mail"),
    "no audience": made(aud=None),
    "rights that are none": made(docs={"*": "owner"}),
    "an API key's user": made(sub="api:tests"),
    "everybody's name": made(sub="*"),
}


@every_kind
@pytest.mark.parametrize("name", NO_GOOD)
async def test_a_token_that_does_not_hold(
    process: ServerProcess, operator: Operator, kind: str, name: str
) -> None:
    id = f"held-{kind}"
    if name == next(iter(NO_GOOD)):
        await operator.create(id, type_for(kind))
        async with seat(process, kind, id, made()) as welcome:  # so the others could be let in
            await welcome.join()
    async with seat(process, kind, id, NO_GOOD[name]) as someone:
        with pytest.raises(SentAway) as end:
            await someone.join()
        assert end.value.code == 4401
    async with visiting(process, NO_GOOD[name]) as client:
        assert (await client.get("/v1/documents")).status_code == 401


# Before the first word ----------------------------------------------------------------------------


@asynccontextmanager
async def dialled(process: ServerProcess, kind: str, **options: Any) -> AsyncIterator[Any]:
    """A websocket of this kind, before anything is said; y-websocket's has a token in its query."""
    query = f"?token={made()}" if kind == "yjs" else ""
    if kind == "native":
        options["subprotocols"] = [Subprotocol(native.SUBPROTOCOL)]
    async with connect(
        f"ws://127.0.0.1:{process.port}{PATHS[kind]}{query}",
        compression=None,
        max_size=None,
        open_timeout=PATIENCE_SECONDS,
        close_timeout=1,
        ping_interval=None,
        proxy=None,
        **options,
    ) as socket:
        yield socket


async def end_of(socket: ClientConnection) -> tuple[int, str]:
    """Close code, and the code in the reason."""
    with anyio.fail_after(PATIENCE_SECONDS):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason.partition(":")[0]


@pytest.mark.parametrize("kind", ["native", "hocuspocus"])
async def test_who_says_nothing_is_sent_away_in_time(process: ServerProcess, kind: str) -> None:
    since = time.monotonic()
    async with dialled(process, kind) as socket:
        assert await end_of(socket) == (4408, "hello_timeout")
    assert HELLO_SECONDS <= time.monotonic() - since < 10 * HELLO_SECONDS


@within(60)
async def test_pings_of_a_provider_say_nothing_of_who_it_is(process: ServerProcess) -> None:
    async with dialled(process, "hocuspocus") as socket:
        for _ in range(3):
            await socket.send(hocuspocus.encode_ping())
            assert await socket.recv() == hocuspocus.encode_pong()
        assert await end_of(socket) == (4408, "hello_timeout")


@within(60)
async def test_what_comes_before_a_token_that_does_not_hold_changes_nothing(
    process: ServerProcess, operator: Operator
) -> None:
    await operator.create("early", "yjs")
    writer = YjsSeat.__new__(YjsSeat)
    async with dialled(process, "hocuspocus") as socket:
        YjsSeat.__init__(writer, socket)
        update = ywebsocket.SyncUpdate(writer.change("too early"))
        for message in (update, hocuspocus.Token("nonsense"), update):
            await socket.send(hocuspocus.encode("early", message))
        frame = hocuspocus.decode_server(await socket.recv())
        assert isinstance(frame, hocuspocus.FromServer)
        assert isinstance(frame.message, hocuspocus.PermissionDenied)
        assert frame.message.reason.startswith("not_signed_in: ")
        await socket.send(hocuspocus.encode("early", hocuspocus.Token(made())))
        while not isinstance(frame.message, hocuspocus.Authenticated):
            decoded = hocuspocus.decode_server(await socket.recv())
            assert isinstance(decoded, hocuspocus.FromServer)
            frame = decoded
    assert await operator.version("early") == 0


# Frames that are none -----------------------------------------------------------------------------


@every_socket
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("the other kind", 1003),
        ("too long", 1009),
        ("compressed", 1002),
        ("not UTF-8", 1007),
        ("in fragments without end", 1009),
        ("empty", 4400),
        ("one byte", 4400),
    ],
)
async def test_a_frame_that_cannot_be(
    process: ServerProcess, operator: Operator, kind: str, frame: str, code: int
) -> None:
    path = PATHS[kind] + (f"?token={made()}" if kind == "yjs" else "")
    own, other = (wire.TEXT, wire.BINARY) if kind == "native" else (wire.BINARY, wire.TEXT)
    pieces = [wire.frame(0, b"x", last=False)] * 2000
    sent = {
        "the other kind": wire.frame(other, b"x"),
        "too long": wire.frame(own, bytes(64 * KIB + 1)),
        "compressed": wire.frame(own, b"\xf2H\xcd\xc9\xc9\x07\x00", compressed=True),
        "not UTF-8": wire.frame(wire.TEXT, b"\xed\xa0\x80"),
        "in fragments without end": wire.frame(own, b"x", last=False) + b"".join(pieces),
        "empty": wire.frame(own, b""),
        "one byte": wire.frame(own, b"\x7f"),
    }[frame]
    peer = wire.open_websocket(process.port, path)
    peer.sendall(sent)
    assert wire.read_close(peer) == code
    peer.close()


# Pages from elsewhere -----------------------------------------------------------------------------


@every_socket
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_from_elsewhere_is_refused_before_the_upgrade(
    process: ServerProcess, kind: str, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with dialled(process, kind, origin=origin):
            raise AssertionError("let in")
    assert refused.value.response.status_code == 403
    async with dialled(process, kind, origin=f"http://127.0.0.1:{process.port}"):
        pass


# Names that no document has -----------------------------------------------------------------------

BAD_NAMES = {
    "up": "../x",
    "encoded": "%2e%2e",
    "NUL": "a\0b",
    "a kilobyte": "a" * 1024,
    "too long by one": "a" * 201,
    "a look-alike": "n\u043etes",
    "full width": "\uff4eotes",
    "a combining mark": "note\u0301s",
    "right to left": "\u202enotes",
    "a slash": "a/b",
    "empty": "",
}


@every_kind
@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_name_that_no_document_has(process: ServerProcess, kind: str, name: str) -> None:
    bad = BAD_NAMES[name]
    quoted = "".join(f"%{byte:02x}" for byte in bad.encode())
    if kind == "hocuspocus":
        async with dialled(process, kind) as socket:
            await socket.send(hocuspocus.encode(bad, hocuspocus.Token(made())))
            if len(bad) > 1000 or "\0" in bad:
                # Longer than an address may be; what follows a NUL is the provider's session.
                return
            frame = hocuspocus.decode_server(await socket.recv())
            assert isinstance(frame, hocuspocus.FromServer)
            assert isinstance(frame.message, hocuspocus.PermissionDenied)
            assert frame.message.reason.startswith("invalid_document_id: ")
    elif kind == "events":
        async with visiting(process, made()) as client:
            url = httpx.URL(process.url).copy_with(
                raw_path=f"/v1/documents/{quoted}/events".encode()
            )
            answer = await client.get(url)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_document_id")
    else:
        path = f"/v1/documents/{quoted}/socket" if kind == "native" else f"/yjs/{quoted}"
        peer = wire.open_websocket(process.port, f"{path}?token={made()}")
        if kind == "native":
            hello = {"type": "hello", "client": new_client(), "create": "text"}
            peer.sendall(wire.frame(wire.TEXT, json.dumps(hello).encode()))
        assert wire.read_close(peer) == 4400
        peer.close()


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_name_that_no_document_has_in_a_body(process: ServerProcess, name: str) -> None:
    bad = BAD_NAMES[name]
    async with visiting(process, made()) as client:
        for path, body in (
            ("/v1/documents", {"id": bad, "type": "text"}),
            ("/v1/access", {"document": bad, "user": "ann", "access": "read"}),
            ("/v1/tokens", {"docs": {bad: "read"}}),
        ):
            answer = await client.post(path, json=body)
            assert answer.status_code in (400, 422), path


# Too many, too fast -------------------------------------------------------------------------------


async def test_too_many_connections_of_one_user(tmp_path: Path) -> None:
    """Whatever they speak, they are counted together; a place that is free is given again."""
    with signed_server(tmp_path, COLLAB_CONNECTIONS_PER_USER="4") as process:
        async with operating(process) as operator:
            for kind in KINDS:
                await operator.create(kind, type_for(kind))
        shown = token({"*": "write"}, sub="ada")
        async with AsyncExitStack() as stack:
            taken = [
                await stack.enter_async_context(seat(process, kind, kind, shown)) for kind in KINDS
            ]
            for someone in taken:
                await someone.join()
            for kind in KINDS:
                assert (
                    await refusal(process, kind, shown)
                    in {
                        "native": {"4429"},
                        "yjs": {"1013"},  # which newer providers do not take as final
                        "hocuspocus": {"too_many_connections"},
                        "events": {"429"},
                    }[kind]
                )
            other = token({"*": "write"}, sub="bob")
            async with seat(process, "native", "native", other) as bob:
                await bob.join()
        for kind in KINDS:
            await joins_again(process, kind, shown)


async def test_too_many_connections_of_one_address(tmp_path: Path) -> None:
    with signed_server(tmp_path, COLLAB_CONNECTIONS_PER_ADDRESS="4") as process:
        async with operating(process) as operator:
            for kind in KINDS:
                await operator.create(kind, type_for(kind))
        async with AsyncExitStack() as stack:
            taken = [
                await stack.enter_async_context(
                    seat(process, kind, kind, token({"*": "write"}, sub=f"user of {kind}"))
                )
                for kind in KINDS
            ]
            for someone in taken:
                await someone.join()
            for kind in KINDS:
                assert await refusal(process, kind, token({"*": "write"})) == "429"
        for kind in KINDS:
            await joins_again(process, kind, token({"*": "write"}))


async def refusal(process: ServerProcess, kind: str, shown: str) -> str:
    """Status of the handshake or answer, close code, or the code of a denial."""
    try:
        async with seat(process, kind, kind, shown) as someone:
            if isinstance(someone, EventsSeat):
                assert someone._answer.headers["retry-after"] == "10"
                return str(someone._answer.status_code)
            try:
                await someone.join()
            except SentAway as end:
                return str(end.code)
            except KeyError as unknown:  # no code of rights, but the error's own name
                return str(unknown.args[0])
    except InvalidStatus as refused:
        assert refused.response.headers["retry-after"] == "10"
        return str(refused.response.status_code)
    raise AssertionError("let in")


async def joins_again(process: ServerProcess, kind: str, shown: str) -> None:
    """Soon, when the server has seen the others go."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            try:
                async with seat(process, kind, kind, shown) as someone:
                    await someone.join()
                    return
            except (SentAway, KeyError, InvalidStatus):
                await anyio.lowlevel.checkpoint()


FLOODS = {"native": (4429, "too_many_edits"), "yjs": (1013, "too_many_edits")}
FLOODS["hocuspocus"] = (4429, "too_many_edits")


@every_socket
async def test_who_sends_too_many_edits_is_sent_away_and_told_when_to_come_back(
    tmp_path: Path, kind: str
) -> None:
    with signed_server(tmp_path, COLLAB_EDITS_PER_SECOND="20") as process:
        async with operating(process) as operator:
            await operator.create("doc", type_for(kind))
            shown = token({"doc": "write"})
            bystander: Seat
            async with (
                seat(process, kind, "doc", shown) as bystander,
                seat(process, kind, "doc", shown) as flooder,
            ):
                await bystander.join()
                await flooder.join()
                code, reason = await flooded(flooder)
                assert (code, reason.partition(":")[0]) == FLOODS[kind]
                seconds = float(reason.partition("again in ")[2].removesuffix(" s"))
                assert 0 < seconds < 5
                assert await bystander.write("unaffected ")
            assert 0 < await operator.version("doc") <= 5 * 20 + 20


async def flooded(flooder: Any) -> tuple[int, str]:
    """Send edits until the end; code and reason."""
    socket = flooder.talk._socket if isinstance(flooder, NativeSeat) else flooder.socket
    try:
        for number in range(1, 2000):
            if isinstance(flooder, NativeSeat):
                await flooder.submit(f"{number} ")
            else:
                update = ywebsocket.SyncUpdate(flooder.change(f"{number} "))
                await socket.send(flooder._encode(update))
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                await socket.recv()
    except (ConnectionClosed, SentAway):
        closed = socket.protocol.close_rcvd
        assert closed is not None
        return closed.code, closed.reason
