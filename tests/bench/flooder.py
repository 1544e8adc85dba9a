"""`python -m tests.bench.flooder KIND PORT DOCUMENT`: send edits as fast as the socket takes them,
and come back at once whenever the server closes it, until the standard input ends. Tells then, as
JSON, how often that was, and by which close codes.

The kinds: `native` edits and `yjs` updates, one character each; `dials`, which sends no more than
it needs to be let in and hangs up; and `joins`: 200 at once, who each read a long Yjs document.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from tests.bench.websocket import CLOSE, TEXT, client_frame
from tests.bench.yjs_wire import (
    BINARY,
    EMPTY_VECTOR,
    SYNC_STEP_1,
    SYNC_UPDATE,
    Writer,
    sync_frame,
)

STATE_BYTES = 930_000
"""At least, of the document that is joined."""
_FRAMES_AT_ONCE = 200
_JOINS_AT_ONCE = 200
_MEDIUM = 126  # what stands for a length in two more bytes


def main() -> None:
    kind, port, document = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    codes: Counter[int] = Counter()
    sent = 0
    while not _is_over():
        if kind == "joins":
            codes[0] += _storm(port, document)
            continue
        closed_with, frames = _flood(kind, port, document)
        codes[closed_with] += 1
        sent += frames
    told = {"connections": codes.total(), "frames": sent, "codes": codes}
    sys.stdout.write(json.dumps(told))


def _flood(kind: str, port: int, document: str) -> tuple[int, int]:
    """One connection's life: the close code (0: none) and how many frames were sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(_handshake(kind, port, document))
        heard = bytearray(_answer(line))
        frames = _frames(kind)
        line.sendall(next(frames))
        heard += line.recv(4096)  # the welcome, or a step 1
        line.setblocking(False)
        waiting, code = b"", 0
        while kind != "dials" and not _is_over():
            readable, writable, _ = select.select([line], [line], [], 0.1)
            if readable:
                try:
                    data = line.recv(1 << 16)
                except OSError:
                    data = b""
                heard += data
                code = _close_code(heard)
                if code or not data:
                    break
            if writable:
                waiting = waiting or b"".join(next(frames) for _ in range(_FRAMES_AT_ONCE))
                try:
                    done = line.send(waiting)
                except OSError:
                    break
                sent += _FRAMES_AT_ONCE if done == len(waiting) else 0
                waiting = waiting[done:]
        return code, sent


def _storm(port: int, document: str) -> int:
    """So many have joined."""
    with ThreadPoolExecutor(_JOINS_AT_ONCE) as pool:
        return sum(pool.map(lambda _: join(port, document), range(_JOINS_AT_ONCE)))


def join(port: int, document: str) -> bool:
    """Read a whole document of STATE_BYTES, and leave; whether it was all of it."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(_handshake("yjs", port, document))
        _answer(line)
        line.sendall(client_frame(BINARY, sync_frame(SYNC_STEP_1, EMPTY_VECTOR)))
        size = 0
        while size < STATE_BYTES and (data := line.recv(1 << 18)):
            size += len(data)
    return size >= STATE_BYTES


def _answer(line: socket.socket) -> bytes:
    """Read the answer to the handshake; what has come behind it."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        data = line.recv(4096)
        if not data:
            raise ConnectionError("the handshake was not answered")
        heard += data
    return heard.partition(b"\r\n\r\n")[2]


def _close_code(heard: bytearray) -> int:
    """That of the server's close frame, or 0 if none is there yet; takes the whole frames."""
    while len(heard) >= 2:
        size, start = heard[1], 2
        if size >= _MEDIUM:
            start = 4 if size == _MEDIUM else 10
            size = int.from_bytes(heard[2:start], "big")
        if len(heard) < start + size:
            break
        if heard[0] == CLOSE:
            return int.from_bytes(heard[start : start + 2], "big")
        del heard[: start + size]
    return 0


def _frames(kind: str) -> Iterator[bytes]:
    if kind == "yjs":
        writer = Writer(int.from_bytes(os.urandom(4), "big"))
        for clock in count():
            yield client_frame(BINARY, sync_frame(SYNC_UPDATE, writer.update(clock)))
    hello = {"type": "hello", "client": os.urandom(16).hex(), "create": "text"}
    yield client_frame(TEXT, json.dumps(hello).encode())
    for seq in count(1):
        edit = {"type": "edit", "seq": seq, "base": 0, "operation": [{"insert": "x"}]}
        yield client_frame(TEXT, json.dumps(edit).encode())


def _handshake(kind: str, port: int, document: str) -> bytes:
    path = f"/yjs/{document}" if kind == "yjs" else f"/v1/documents/{document}/socket"
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def _is_over() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main()
