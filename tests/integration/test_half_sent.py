"""A message that is never finished: before the hello it ends the connection in time, later on it
holds what was sent of it and disturbs nobody."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration import wire
from tests.integration.process import server
from tests.integration.talk import new_client


def hello(create: str | None = None) -> bytes:
    message = {"type": "hello", "client": new_client(), "create": create}
    return wire.frame(wire.TEXT, json.dumps(message).encode())


def test_a_half_sent_message_is_bounded_by_the_hello_and_disturbs_nobody(tmp_path: Path) -> None:
    with server(tmp_path, COLLAB_HELLO_SECONDS="0.3") as process:
        path = "/v1/documents/half/socket"
        silent = wire.open_websocket(process.port, path)
        silent.sendall(hello()[:-1])
        fragmented = wire.open_websocket(process.port, path)
        fragmented.sendall(wire.frame(wire.TEXT, b'{"type":"hello"', last=False))
        assert wire.read_close(silent) == wire.read_close(fragmented) == 4408

        slow = wire.open_websocket(process.port, path)
        slow.sendall(hello("text"))
        assert json.loads(wire.read_frame(slow)[1])["type"] == "welcome"
        edit = {"type": "edit", "seq": 1, "base": 0, "operation": [{"insert": "slow"}]}
        frame = wire.frame(wire.TEXT, json.dumps(edit).encode())
        slow.sendall(frame[:-1])
        quick = wire.open_websocket(process.port, path)
        quick.sendall(hello() + frame.replace(b"slow", b"fast"))
        assert json.loads(wire.read_frame(quick)[1])["type"] == "welcome"
        assert json.loads(wire.read_frame(quick)[1])["edits"][0]["version"] == 1
        slow.sendall(frame[-1:])
        assert json.loads(wire.read_frame(slow)[1])["edits"][0]["version"] == 1
        assert json.loads(wire.read_frame(slow)[1])["edits"][0]["version"] == 2
        wire.close_peers()
        assert process.stop() == 0
    assert process.defects() == []
