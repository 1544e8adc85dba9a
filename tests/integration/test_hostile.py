"""Nothing that comes in at the real port stops the process, changes a document that it may not
change, or disturbs those who edit there; and none of it leaves a stack trace in the log.
"""

from __future__ import annotations

import json
import logging
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import anyio
import jwt
import pytest
from websockets.exceptions import ConnectionClosed

import collab_client
from collab.ot.check import MAX_OPS
from collab.protocols.native import MAX_INTEGER
from tests.integration import wire
from tests.integration.process import ServerProcess, server
from tests.integration.talk import Json, dial, http, new_client, seeded_random, within

pytestmark = pytest.mark.anyio

KIB = 1024
MIB = 1024 * KIB
FRAME_BYTES = 1 * MIB
REBASE_COMMITS = 50
SECRET = "a secret for tests that is long enough"

_log = logging.getLogger(__name__)


def assert_calm(process: ServerProcess) -> None:
    """The log tells of nothing that went wrong."""
    assert process.defects() == []
    assert [line for line in process.log if '"level": "error"' in line] == []


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server that lives through all of it."""
    folder = tmp_path_factory.mktemp("hostile")
    with server(folder, COLLAB_MAX_REBASE_COMMITS=str(REBASE_COMMITS)) as process:
        first = process.pid
        yield process
        assert process.pid == first
        assert process.stop() == 0
    assert_calm(process)


def raw(type: str, **fields: str) -> str:
    """A message whose fields are JSON texts already, sound or not."""
    return "".join([f'{{"type":"{type}"', *(f',"{k}":{v}' for k, v in fields.items()), "}"])


def edit(operation: str = '[{"insert":"x"}]', seq: str = "1", base: str = "1") -> str:
    return raw("edit", seq=seq, base=base, operation=operation)


DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "9" * 1_000_000

# Frames that end the connection, and with which code ----------------------------------------------

ENDING: dict[str, tuple[str | bytes, int]] = {
    "binary": (b"\x00\x01", 1003),
    "long": (raw("message", body=f'"{"x" * FRAME_BYTES}"'), 1009),
    "empty": ("", 4400),
    "no JSON": ("hello", 4400),
    "half": ('{"type":"edit","seq":1', 4400),
    "two values": (edit() + edit(), 4400),
    "an array": ("[]", 4400),
    "no type": ('{"seq":1}', 4400),
    "an unknown type": (raw("shutdown"), 4400),
    "a type that is a number": ('{"type":1}', 4400),
    "a server's type": (raw("ack", seq="1", version="1"), 4400),
    "a second hello": (raw("hello", client=f'"{new_client()}"'), 4400),
    "missing fields": (raw("edit", seq="1"), 4400),
    "deep": (DEEP, 4400),
    "a deep message": (raw("message", body=DEEP), 4400),
    "a deep object": (
        raw("presence", version="1", state='{"a":' * 50_000 + "1" + "}" * 50_000),
        4400,
    ),
    "deeper than 32": (raw("message", body="[" * 40 + "]" * 40), 4400),
    "a long number": (raw("message", body=DIGITS[:60_000]), 4400),
    "a long negative number": (raw("message", body="-" + DIGITS[:60_000]), 4400),
    "a long seq": (edit(seq=DIGITS), 4400),
    "a number beyond 2^53": (raw("message", body=str(MAX_INTEGER + 1)), 4400),
    "NaN": (raw("message", body="NaN"), 4400),
    "Infinity": (raw("message", body="Infinity"), 4400),
    "a float out of range": (raw("message", body="1e999"), 4400),
    "half a surrogate pair": (raw("message", body='"\\ud83d"'), 4400),
    "half a surrogate pair as key": (raw("message", body='{"\\udc00":1}'), 4400),
    "half a surrogate pair in presence": (raw("presence", version="1", state='"\\ud83dx"'), 4400),
    "half a surrogate pair in an edit": (edit('[{"insert":"\\ud83d"}]'), 4400),
    "the other half in an edit": (edit('[{"insert":"x\\ude42y"}]'), 4400),
    "a deep embed": (edit(f'[{{"insert":{{"e":{DEEP}}}}}]'), 4400),
    "seq 0": (edit(seq="0"), 4400),
    "seq -1": (edit(seq="-1"), 4400),
    "seq true": (edit(seq="true"), 4400),
    "seq null": (edit(seq="null"), 4400),
    "seq 1.5": (edit(seq="1.5"), 4400),
    "seq as text": (edit(seq='"1"'), 4400),
    "seq 2^53": (edit(seq=str(MAX_INTEGER + 1)), 4400),
    "seq 1e300": (edit(seq="1e300"), 4400),
    "base -1": (edit(base="-1"), 4400),
    "base true": (edit(base="true"), 4400),
    "base null": (edit(base="null"), 4400),
    "base 2^64": (edit(base=str(2**64)), 4400),
    "presence version -1": (raw("presence", version="-1", state="{}"), 4400),
}


@pytest.mark.parametrize("name", ENDING)
@within(60)
async def test_a_frame_that_is_no_message_ends_its_connection_only(
    process: ServerProcess, name: str
) -> None:
    frame, code = ENDING[name]
    async with http(process) as api:
        id = f"ending-{list(ENDING).index(name)}"
        await api.create(id, content="Whole.")
        async with dial(process, id) as witness, dial(process, id) as peer:
            await witness.hello(new_client())
            await peer.hello(new_client())
            await peer.say_raw(frame)
            assert await peer.rest() == (code, [])
            await witness.edit(1, 1, [{"insert": "Still "}])
            await witness.hear_commit(2)
        assert await api.content(id) == "Still Whole."


@within(60)
async def test_bytes_that_are_no_text_close_with_1007(process: ServerProcess) -> None:
    bad = [b'{"type":"\xff"}', b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f\x98"]
    async with http(process) as api:
        await api.create("bytes")
        for frame in bad:
            async with dial(process, "bytes") as peer:
                await peer.hello(new_client())
                await peer.say_raw(frame, text=True)
                assert await peer.rest() == (1007, [])


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (edit(), 4401),
        (raw("presence", version="0", state="{}"), 4401),
        (raw("message", body="1"), 4401),
        ("?", 4400),
        (DEEP, 4400),
        (b"\x00", 1003),
        (raw("hello"), 4400),
        (raw("hello", client='"short"'), 4400),
        (raw("hello", client="1"), 4400),
        (raw("hello", client=json.dumps("x" * 65)), 4400),
        (raw("hello", client=json.dumps("ä" * 20)), 4400),
        (raw("hello", client=f'"{"x" * 20}"', version="-1"), 4400),
        (raw("hello", client=f'"{"x" * 20}"', version="true", epoch='"e"'), 4400),
    ],
)
@within(60)
async def test_a_conversation_begins_with_a_sound_hello(
    process: ServerProcess, frame: str | bytes, code: int
) -> None:
    async with http(process) as api:
        if (await api.ask("GET", "/hello")).status_code == 404:
            await api.create("hello")
        async with dial(process, "hello") as peer:
            await peer.say_raw(frame)
            assert await peer.rest() == (code, [])


@within(60)
async def test_no_hello_makes_a_document_of_an_unknown_type(process: ServerProcess) -> None:
    async with dial(process, "unborn") as peer:
        await peer.say("hello", client=new_client(), create="drawing")
        assert await peer.rest() == (4415, [])
    async with http(process) as api:
        assert (await api.ask("GET", "/unborn")).status_code == 404


@within(60)
async def test_who_says_no_hello_is_sent_away(tmp_path: Path) -> None:
    with server(tmp_path, COLLAB_HELLO_SECONDS="0.2") as quick:
        async with dial(quick, "any") as peer:
            assert await peer.rest() == (4408, [])
    assert_calm(quick)


# Frames that are refused, and the conversation goes on --------------------------------------------

EMOJI = "a🙂b"  # four UTF-16 units; position 2 is inside the pair

REFUSED_OPERATIONS = {
    "no array": "{}",
    "null": "null",
    "a number": "1",
    "an op without a kind": "[{}]",
    "an op of two kinds": '[{"insert":"x","delete":1}]',
    "an unknown field in an op": '[{"insert":"x","__proto__":{}}]',
    "an op that is no object": "[1]",
    "an empty insert": '[{"insert":""}]',
    "an insert that is a number": '[{"insert":1}]',
    "retain 0": '[{"retain":0}]',
    "retain -1": '[{"retain":-1}]',
    "retain true": '[{"retain":true}]',
    "retain 1.5": '[{"retain":1.5}]',
    "retain as text": '[{"retain":"1"}]',
    "retain 2^53": f'[{{"retain":{MAX_INTEGER + 1}}},{{"insert":"x"}}]',
    "retains that add up": f'[{{"retain":{MAX_INTEGER}}},{{"delete":{MAX_INTEGER}}}]',
    "delete 0": '[{"delete":0}]',
    "delete -4": '[{"delete":-4}]',
    "delete false": '[{"delete":false}]',
    "delete 2^53 - 1": f'[{{"delete":{MAX_INTEGER}}}]',
    "a long number": f'[{{"retain":{DIGITS}}}]',
    "past the end": '[{"retain":5},{"insert":"x"}]',
    "a delete past the end": '[{"retain":2},{"delete":3}]',
    "an insert into a pair": '[{"retain":2},{"insert":"x"}]',
    "a delete of half a pair": '[{"retain":1},{"delete":1}]',
    "too many ops": "[" + ",".join(['{"retain":1}', '{"insert":"x"}'] * 10_001) + "]",
    "attributes in plain text": '[{"insert":"x","attributes":{"bold":true}}]',
    "an embed in plain text": '[{"insert":{"image":"x"}}]',
}


@within(60)
async def test_a_refused_operation_changes_nothing(process: ServerProcess) -> None:
    """All on one connection, which stays, under one seq, which stays free."""
    async with http(process) as api:
        await api.create("refused", content=EMOJI)
        async with dial(process, "refused") as peer:
            await peer.hello(new_client())
            for name, operation in REFUSED_OPERATIONS.items():
                await peer.say_raw(edit(operation))
                error = await peer.hear()
                found = (error["type"], error.get("code"), error.get("seq"))
                assert found == ("error", "invalid_operation", 1), name
                assert "99999" not in error["message"]
            await peer.edit(1, 9, [{"insert": "x"}])
            assert (await peer.hear())["code"] == "base_above_head"
            assert (await peer.hear("reset"))["contents"] == EMOJI
            await peer.edit(1, 1, [{"insert": "!"}])
            assert (await peer.hear_commit(2))["seq"] == 1
        assert await api.content("refused") == "!" + EMOJI


@within(60)
async def test_what_is_over_its_bound_is_refused_and_reaches_nobody(
    process: ServerProcess,
) -> None:
    async with http(process) as api:
        await api.create("bounds")
        async with dial(process, "bounds") as witness, dial(process, "bounds") as peer:
            await witness.hello(new_client())
            await peer.hello(new_client())
            await peer.say("presence", version=0, state={"name": "x" * 5_000})
            assert (await peer.hear())["code"] == "presence_too_large"
            await peer.say("message", body="x" * 70_000)
            assert (await peer.hear())["code"] == "message_too_large"
            await peer.say("presence", version=MAX_INTEGER, state={"name": "small"})
            await peer.say("message", body="small")
            heard = [await witness.hear("message", "presence") for _ in range(2)]
            assert {message["type"] for message in heard} == {"message", "presence"}
            assert all("small" in json.dumps(message) for message in heard)


@within(60)
async def test_a_document_over_its_bound_is_refused(tmp_path: Path) -> None:
    with server(tmp_path, COLLAB_MAX_DOCUMENT_BYTES="1000") as small:
        async with http(small) as api, dial(small, "small") as peer:
            await peer.hello(new_client(), create="text")
            await peer.edit(1, 0, [{"insert": "x" * 1001}])
            assert (await peer.hear())["code"] == "document_too_large"
            assert await api.head("small") == 0
    assert_calm(small)


# Frames that look hostile and are plain data ------------------------------------------------------


@within(60)
async def test_odd_but_sound_frames_are_taken(process: ServerProcess) -> None:
    """Of a key that comes twice the last counts; fields nobody knows are passed over."""
    async with http(process) as api:
        await api.create("odd")
        async with dial(process, "odd") as peer:
            await peer.say_raw(raw("hello", client=f'"{new_client()}"', more='{"a":[1]}'))
            await peer.hear("welcome")
            await peer.say_raw(
                '{"operation":[{"insert":"first"}],"seq":7,"type":"edit","base":0,'
                '"seq":1,"operation":[{"insert":"a","insert":"last"}],"extra":{"deep":[[]]}}'
            )
            commit = await peer.hear_commit(1)
            assert (commit["seq"], commit["operation"]) == (1, [{"insert": "last"}])
            await peer.say_raw(' {"type" : "edit",\t"seq":9,"base":1,"operation":[]} \r\n')
            assert (await peer.hear_commit(2))["seq"] == 9
        assert await api.content("odd") == "last"


@within(60)
async def test_keys_that_mean_something_elsewhere_are_plain_data(process: ServerProcess) -> None:
    attributes: Json = {
        "__proto__": {"polluted": True},
        "constructor": {"prototype": "x"},
        "__class__": "dict",
        "toString": 1,
        "": "empty",
        "\u202e": "\u0000",
    }
    operation = [{"insert": "x", "attributes": attributes}]
    async with http(process) as api:
        await api.create("keys", "richtext")
        async with dial(process, "keys") as peer:
            await peer.hello(new_client())
            await peer.edit(1, 0, operation)
            assert (await peer.hear_commit(1))["operation"] == operation
        async with dial(process, "keys") as peer:
            assert (await peer.hello(new_client()))["contents"] == operation
        assert (await api.log("keys"))[0]["operation"] == operation


@within(60)
async def test_the_longest_operation_holds_nobody_up(process: ServerProcess) -> None:
    """As many ops as are allowed, on a text where each does something."""
    pairs = MAX_OPS // 2
    async with http(process) as api:
        await api.create("ops", content="-" * pairs)
        async with dial(process, "ops") as peer, dial(process, "ops") as other:
            await peer.hello(new_client())
            await other.hello(new_client())
            began = perf_counter()
            await peer.edit(1, 1, [{"retain": 1}, {"insert": "x"}] * pairs)
            await other.edit(1, 1, [{"insert": "y"}])
            await other.hear_commit(3)
            seconds = perf_counter() - began
        assert await api.content("ops") in {"y" + "-x" * pairs, "-x" * pairs + "y"}
    _log.info("%d ops and the edit behind them took %.0f ms", MAX_OPS, seconds * 1e3)
    assert seconds < 10


# Floods -------------------------------------------------------------------------------------------


@contextmanager
def flood(process: ServerProcess, id: str, frames: list[str]) -> Iterator[threading.Event]:
    """Pour frames in at a socket that nobody ever reads, until the block is left. The event is
    set when as much has been taken as the server takes."""
    peer = wire.open_websocket(process.port, f"/v1/documents/{id}/socket", 4096)
    peer.sendall(wire.frame(wire.TEXT, raw("hello", client=f'"{new_client()}"').encode()))
    peer.settimeout(1)
    full = threading.Event()

    def pour() -> None:
        try:
            for frame in frames:
                peer.sendall(wire.frame(wire.TEXT, frame.encode()))
        except OSError:
            pass  # it takes no more, or the test is over
        full.set()

    thread = threading.Thread(target=pour)
    thread.start()
    try:
        yield full
    finally:
        peer.close()
        thread.join()


@within(60)
async def test_a_flood_of_stale_edits_that_nobody_reads_the_answers_of(
    process: ServerProcess,
) -> None:
    """Each is refused, and followed by a reset of a large document, were it read: the server
    keeps little of that, and the others' edits go on as before."""
    content = "x" * 500_000
    async with http(process) as api:
        await api.create("flood", content=content)
        await api.create("beside")
        for _ in range(REBASE_COMMITS + 10):
            await api.ask("POST", "/flood/edits", json={"operation": [{"insert": "o"}]})
        head = await api.head("flood")
        operation = json.dumps([{"retain": 1}, {"insert": "y" * 1_000}])
        frames = [edit(operation, seq=str(seq), base="0") for seq in range(1, 5_001)]
        async with dial(process, "flood") as peer, dial(process, "beside") as other:
            await peer.hello(new_client())
            await other.hello(new_client())
            before = process.resident_bytes()
            with flood(process, "flood", frames) as full:
                latencies = []
                version = 0
                while not full.is_set() or version < 100:
                    version += 1
                    began = perf_counter()
                    await other.edit(version, version - 1, [{"insert": "z"}])
                    await other.hear_commit(version)
                    await peer.edit(version, head, [{"insert": "z"}])
                    await peer.hear_commit(head + 1)
                    head += 1
                    latencies.append(perf_counter() - began)
                growth = process.resident_bytes() - before
        assert await api.content("flood") == "z" * version + "o" * (REBASE_COMMITS + 10) + content
    p95 = statistics.quantiles(latencies, n=20)[18]
    _log.info("p95 of two edits %.1f ms, memory grew by %.1f MiB", p95 * 1e3, growth / MIB)
    assert p95 < 0.5
    assert growth < 16 * MIB


# The door -----------------------------------------------------------------------------------------


def answer_to(process: ServerProcess, request: bytes) -> bytes:
    """The status line of the answer to a raw request."""
    with wire.connect(process.port) as peer:
        peer.sendall(request)
        return wire.read_until(peer, b"\r\n")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "*",
        "",
    ],
)
def test_pages_of_foreign_origins_are_refused(process: ServerProcess, origin: str) -> None:
    line = f"Origin: {origin}\r\nHost:".encode()
    upgrade = wire.handshake("/v1/documents/any/socket").replace(b"Host:", line)
    assert b" 403 " in answer_to(process, upgrade)
    post = f"POST /v1/documents HTTP/1.1\r\nHost: 127.0.0.1:{process.port}\r\nOrigin: {origin}\r\n"
    body = b'{"id":"any","type":"text"}'
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    assert b" 403 " in answer_to(process, (post + head).encode() + body)


BAD_IDS = {
    "up": "../x",
    "up, encoded": "%2e%2e",
    "up, encoded whole": "%2e%2e%2fx",
    "up, encoded twice": "%252e%252e",
    "hidden": ".x",
    "a slash": "a%2Fb",
    "a backslash": "a%5Cb",
    "NUL": "%00",
    "NUL inside": "a%00b",
    "a control character": "a%1Bb",
    "a kilobyte": "a" * 1024,
    "a look-alike": "n%D0%BEtes",
    "full width": "%EF%BD%8Eotes",
    "a combining mark": "note%CC%81s",
    "right to left": "%E2%80%AEnotes",
    "no UTF-8": "%ff%fe",
    "a space": "%20",
    "empty": "",
}


@pytest.mark.parametrize("name", BAD_IDS)
def test_an_id_that_cannot_be_is_refused(process: ServerProcess, name: str) -> None:
    """Over HTTP with 400, on the socket with 4400; and nothing is made of it."""
    path = f"/v1/documents/{BAD_IDS[name]}"
    get = f"GET {path}/content HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert b" 400 " in answer_to(process, get.encode())
    with wire.connect(process.port) as peer:
        peer.sendall(wire.handshake(f"{path}/socket"))
        assert b" 101 " in wire.read_until(peer, b"\r\n\r\n")
        hello = raw("hello", client=f'"{new_client()}"', create='"text"')
        peer.sendall(wire.frame(wire.TEXT, hello.encode()))
        assert wire.read_close(peer) == 4400


# Anything at all ----------------------------------------------------------------------------------

CONNECTIONS = 150
FRAMES = 30
CLOSES = {1000, 1003, 1007, 1009, 4400, 4401}
ALPHABET = [
    *'{}[]",:0123456789.-+eE\\u \n\x00\x7fé🙂',
    "null",
    "true",
    "NaN",
    "1e999",
    "\\ud83d",
    '"seq"',
    '"insert"',
    '"retain"',
    '"delete"',
    '"attributes"',
    str(MAX_INTEGER),
    "[" * 200,
]


def token(right: str) -> str:
    return jwt.encode({"sub": right, "docs": {"*": right}}, SECRET, algorithm="HS256")


def sound_frame(random: Random, seq: int, version: int) -> str:
    """A message that would be fine."""
    state: Any = {"selection": {"anchor": 1, "head": 2}, "name": "fuzz 🙂"}
    match random.randrange(8):
        case 0:
            return raw("presence", version=str(version), state=json.dumps(state))
        case 1:
            return raw("message", body=json.dumps([state, None, 1.5]))
        case 2:
            return raw("hello", client=f'"{new_client()}"', create='"text"')
        case _:
            operation = json.dumps(
                [{"retain": random.randint(1, 9)}, {"insert": "fuzz🙂"}, {"delete": 1}]
            )
            return edit(operation, str(seq), str(random.randint(0, version)))


def mutated(random: Random, frame: str) -> str | bytes:
    """The frame with something taken out, put in, doubled or cut off; now and then as bytes."""
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        start = random.randint(0, len(frame))
        end = min(len(frame), start + random.choice((0, 0, 1, 1, 2, 8)))
        middle = random.choice(
            ("", random.choice(ALPHABET), random.choice(ALPHABET), frame[start:end] * 2)
        )
        frame = frame[:start] + middle + frame[end:]
    if random.random() < 0.05:
        noise = bytearray(frame.encode() or b"x")
        noise[random.randrange(len(noise))] = random.randrange(128, 256)
        return bytes(noise)
    return frame


async def attack(process: ServerProcess, random: Random, right: str, version: int) -> int:
    """One connection's mutated frames; how many were sent until the server had enough."""
    sent = 0
    async with dial(process, "fuzzed") as peer:
        try:
            if random.random() < 0.9:
                await peer.hello(new_client(), token=token(right))
            for seq in range(1, FRAMES + 1):
                frame = mutated(random, sound_frame(random, seq, version))
                await peer.say_raw(frame, text=random.random() < 0.99)
                sent += 1
            await peer.say_raw("the end")
        except ConnectionClosed:
            pass
        assert await peer.close_code() in CLOSES
    return sent


@pytest.mark.parametrize("right", ["read", "write"])
@within(60)
async def test_mutated_frames_leave_the_document_to_its_editors(right: str, tmp_path: Path) -> None:
    """With the right to read, nothing that comes changes a letter. With the right to write, what
    was committed is in the log, and the log is what all see; also after a kill. Either way the
    editor's edits are all there."""
    random = seeded_random()
    sent = 0
    with server(tmp_path, COLLAB_SECRET_KEY=SECRET) as process:
        async with http(process, token("admin")) as api:
            await api.create("fuzzed", content="The quick brown 🙂 jumps over the lazy 🐶.")
            async with (
                collab_client.connect(process.url, "fuzzed", token=token("write")) as editor,
                collab_client.connect(process.url, "fuzzed", token=token("read")) as reader,
            ):
                for number in range(CONNECTIONS):
                    sent += await attack(process, random, right, editor.version)
                    if number % 5 == 0:
                        await editor.insert(random.randint(0, len(editor.text)), "✎")
                        await editor.flush()
                await editor.insert(0, "✎")
                await editor.flush()
                log = await api.log("fuzzed")
                changes = reader.changes()
                while reader.version < len(log):
                    await anext(changes)
                content = await api.content("fuzzed")
                assert editor.text == reader.text == content
                authors = [edit["author"] for edit in log[1:]]
                assert authors.count(editor.author) == CONNECTIONS // 5 + 1
                assert (set(authors) != {editor.author}) is (right == "write")
            await anyio.to_thread.run_sync(process.kill)
            await anyio.to_thread.run_sync(process.start)
            assert await api.content("fuzzed") == content
            assert await api.log("fuzzed") == log
        assert process.stop() == 0
        assert_calm(process)
    _log.info("%d mutated frames, %d commits", sent, len(log))
    assert sent > 1_000
