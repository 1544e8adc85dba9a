"""`serve` starts with one clear line or one clear refusal, and ends in order."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

import pytest

from collab.errors import ConfigurationError
from collab.serve import END_SECONDS, listen
from tests.integration import wire

# An application that says what happens to it; the tests say with ON what it does about it.
PROGRAM = """
import asyncio, contextlib, logging, os, sys, time
import structlog
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from collab.errors import ConfigurationError
from collab.serve import serve
from collab.settings import load_settings

ON = os.environ["ON"]
connected = asyncio.Event()

def say(*words):
    print(*words, file=sys.stderr, flush=True)

async def drain():
    say("drain begins")
    if ON == "drain forever":
        await asyncio.Event().wait()
    if ON == "drain fails":
        raise OSError("no")
    say("drain ends")

async def crash():
    await connected.wait()
    raise RuntimeError("a part of the server failed")

@contextlib.asynccontextmanager
async def lifespan(app):
    if ON == "refuse":
        raise ConfigurationError("DATABASE_URL is not for me")
    app.state.drain = drain
    async with asyncio.TaskGroup() as tasks:
        if ON == "crash":
            tasks.create_task(crash())
        yield
    if ON == "end never":
        time.sleep(60)
    say("lifespan ends")

async def socket(websocket):
    await websocket.accept()
    connected.set()
    if ON == "log":
        logging.getLogger("any").warning("the token is %s", os.environ["SAY"])
        structlog.get_logger("any").warning("structured", token=os.environ["SAY"])
    message = await websocket.receive()
    say(message["type"], message.get("code"))

try:
    serve(Starlette(lifespan=lifespan, routes=[WebSocketRoute("/", socket)]), load_settings())
except ConfigurationError as error:
    sys.exit(f"collab: {error}")
"""


@contextlib.contextmanager
def running(on: str = "", **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.getcwd(),
        "PORT": "0",
        "COLLAB_LOG_FORMAT": "console",
        "ON": on,
    }
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=environment | variables,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def errors_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stderr is not None
    return process.stderr


def read_to(process: subprocess.Popen[str], words: str) -> str:
    """Everything up to the first line with `words`."""
    lines = []
    for line in errors_of(process):
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"ended before {words!r}: {''.join(lines)}")


def port_of(process: subprocess.Popen[str]) -> int:
    ready = read_to(process, "listening on")
    return int(ready.rpartition("http://127.0.0.1:")[2].split()[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_then_closes_then_ends_with_0(number: signal.Signals) -> None:
    with running() as process:
        peer = wire.open_websocket(port_of(process), "/")
        process.send_signal(number)
        assert wire.read_close(peer) == 1012
        rest = errors_of(process).read()
        assert process.wait(wire.PATIENCE_SECONDS) == 0
    wire.close_peers()
    order = ["drain begins", "drain ends", "websocket.disconnect 1012", "lifespan ends"]
    assert sorted(order, key=rest.index) == order
    assert "Traceback" not in rest


def test_a_drain_that_takes_too_long_is_cut_off() -> None:
    with running("drain forever", COLLAB_DRAIN_SECONDS="0.2") as process:
        read_to(process, "listening on")
        process.terminate()
        rest = errors_of(process).read()
        assert process.wait(wire.PATIENCE_SECONDS) == 0
    assert "draining took more than 0.2 s" in rest
    assert "lifespan ends" in rest


def test_an_end_that_does_not_come_is_forced_even_when_the_loop_is_stuck() -> None:
    with running("end never", COLLAB_DRAIN_SECONDS="0.2") as process:
        read_to(process, "listening on")
        began = time.monotonic()
        process.terminate()
        assert process.wait(wire.PATIENCE_SECONDS) == -signal.SIGALRM
        assert 0.2 + END_SECONDS - 0.1 < time.monotonic() - began < 0.2 + END_SECONDS + 2


def test_a_drain_that_fails_does_not_hold_the_end_up() -> None:
    with running("drain fails") as process:
        read_to(process, "listening on")
        process.terminate()
        rest = errors_of(process).read()
        assert process.wait(wire.PATIENCE_SECONDS) == 0
    assert "draining failed" in rest
    assert "lifespan ends" in rest


def test_no_connection_is_taken_while_draining() -> None:
    with running("drain forever") as process:
        port = port_of(process)
        process.terminate()
        read_to(process, "drain begins")
        with pytest.raises(ConnectionRefusedError), socket.socket() as peer:
            peer.connect(("127.0.0.1", port))


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(second: signal.Signals) -> None:
    with running("drain forever") as process:
        read_to(process, "listening on")
        process.terminate()
        read_to(process, "drain begins")
        process.send_signal(second)
        assert process.wait(wire.PATIENCE_SECONDS) == -second
        assert errors_of(process).read() == ""


def test_the_start_says_where_and_that_it_is_development_mode() -> None:
    with running() as process:
        read_to(process, "listening on http://127.0.0.1:")
        read_to(process, "development mode")
    with running(COLLAB_SECRET_KEY="x" * 32) as process:
        read_to(process, "listening on http://127.0.0.1:")
        process.terminate()
        assert "development mode" not in errors_of(process).read()


def test_logs_are_lines_of_json_without_query_strings_or_tokens() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
    with running("log", COLLAB_LOG_FORMAT="json", COLLAB_LOG_LEVEL="debug", SAY=token) as process:
        ready = json.loads(read_to(process, "listening on").splitlines()[-1])
        assert ready["level"] == "info"
        assert ready["logger"] == "collab.serve"
        port = int(ready["message"].rpartition(":")[2])
        wire.open_websocket(port, "/?token=hidden").close()
        told = [
            json.loads(read_to(process, words).splitlines()[-1])
            for words in ("token is", "structured")
        ]
        process.terminate()
        assert "hidden" not in errors_of(process).read()
    wire.close_peers()
    assert told[0]["message"] == "the token is [redacted]"
    assert told[1]["token"] == "[redacted]"


def refusal(on: str = "", **variables: str) -> str:
    with running(on, **variables) as process:
        said = errors_of(process).read()
        assert process.wait(wire.PATIENCE_SECONDS) == 1
    return said


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refusal(PORT=str(port)) == (
            f"collab: port {port} on 127.0.0.1 is in use: "
            "stop what uses it, or set PORT to another\n"
        )


def test_a_public_address_without_a_key_is_refused() -> None:
    assert refusal(HOST="0.0.0.0").startswith("collab: HOST is reachable from other machines")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not an address of this machine"):
        listen("192.0.2.1", 0)
    with pytest.raises(ConfigurationError, match="not an address of this machine"):
        listen("host.invalid", 0)


def test_what_the_lifespan_refuses_is_one_clear_line() -> None:
    assert refusal("refuse") == "collab: DATABASE_URL is not for me\n"


def test_a_server_whose_part_failed_does_not_serve_on() -> None:
    with running("crash") as process:
        peer = wire.open_websocket(port_of(process), "/")
        assert "a part of the server failed" in errors_of(process).read()
        assert process.wait(wire.PATIENCE_SECONDS) == 1
        wire.read_to_end(peer)
    wire.close_peers()


def test_every_address_of_a_name_has_the_same_port() -> None:
    listeners = listen("localhost", 0)
    assert len({listener.getsockname()[1] for listener in listeners}) == 1
    for listener in listeners:
        listener.close()
