"""An earlier version brought back while editors work with it: they go on, and can undo it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compat.driver import HOCUSPOCUS, Y_WEBSOCKET
from tests.compat.rooms import PATIENCE, Room
from tests.integration.process import ServerProcess
from tests.requirements import require

EDITORS = Path(__file__).parent / "editors"

each_provider = pytest.mark.parametrize("provider", Y_WEBSOCKET + HOCUSPOCUS)


def edited(room: Room, seed: int) -> dict[str, Any]:
    """Both clients make random edits of every kind; what there is then."""
    for number, name in enumerate(room.names):
        room.tell("edit", name, seed=2 * seed + number, count=40)
    content: dict[str, Any] = room.converge()["content"]
    return content


def text_of(content: dict[str, Any]) -> str:
    return "".join(op["insert"] for op in content["text"] if isinstance(op["insert"], str))


def rest_of(content: dict[str, Any]) -> dict[str, Any]:
    return {root: value for root, value in content.items() if root != "text"}


@each_provider
def test_two_editors_go_on_typing(room: Room, provider: str) -> None:
    names = room.join_all([provider] * 2)
    then = edited(room, 1)
    version = room.version()
    assert edited(room, 2) != then
    typed = 0

    def type_on() -> str:
        nonlocal typed
        typed += 1
        token = f"<{typed}>"
        room.tell("insert", names[typed % 2], text=token)
        return token

    for _ in range(20):
        type_on()
    with ThreadPoolExecutor(1) as threads:
        restoring = threads.submit(room.ask, "POST", "/restore", json={"version": version})
        while not restoring.done():
            type_on()
        assert restoring.result()["restored"] == version
    kept = [type_on() for _ in range(20)]
    now = room.converge()["content"]
    assert rest_of(now) == rest_of(then)
    text = text_of(now)
    for token in kept:
        assert text.count(token) == 1
    assert re.sub(r"<\d+>", "", text) == text_of(then)
    for name in names:  # still connected, and heard
        room.tell("insert", name, text=f"{name} at last ")
    text = text_of(room.converge()["content"])
    assert all(f"{name} at last " in text for name in names)


@each_provider
def test_an_editor_restores_by_a_change_of_its_own_and_undoes_it(room: Room, provider: str) -> None:
    mine, other = room.join_all([provider] * 2)
    then = edited(room, 1)
    version = room.version()
    before = edited(room, 2)
    room.tell("track", mine, theirs=False)

    preview = room.ask("GET", "/restore", params={"version": version})
    room.tell("apply", mine, update=preview["operation"]["update"])
    room.show(then)

    room.tell("insert", other, text="typed since ")
    room.converge()
    assert room.tell("undo", mine)
    now = room.converge()["content"]
    assert rest_of(now) == rest_of(before)
    # Before or behind what comes back at the same place, as Yjs decides.
    assert text_of(now).replace("typed since ", "", 1) == text_of(before)
    assert text_of(now).count("typed since ") == 1


@each_provider
def test_an_editor_that_follows_the_provider_undoes_what_the_server_restored(
    room: Room, provider: str
) -> None:
    mine, _ = room.join_all([provider] * 2)
    then = edited(room, 1)
    version = room.version()
    before = edited(room, 2)
    room.tell("track", mine, theirs=True)
    room.ask("POST", "/restore", json={"version": version})
    room.show(then)
    assert room.tell("undo", mine)
    room.show(before)
    room.converge()


def test_quill_restores_a_rich_text_by_a_change_of_its_own_and_undoes_it(
    process: ServerProcess,
) -> None:
    require(shutil.which("node") is not None, "Node is not installed")
    require((EDITORS / "node_modules").is_dir(), f"`npm ci` was not run in {EDITORS}")
    then = [{"insert": "Title"}, {"insert": "\n", "attributes": {"header": 1}}]
    then += [{"insert": "some "}, {"insert": "bold", "attributes": {"bold": True}}]
    then += [{"insert": " words\n"}]
    edits = [
        [{"retain": 5}, {"retain": 1, "attributes": {"header": None}}, {"delete": 5}],
        [{"insert": "New "}, {"retain": 6}, {"insert": {"image": "x.png"}}],
    ]
    with httpx.Client(base_url=f"{process.url}/v1", timeout=PATIENCE) as client:
        body = {"id": "page", "type": "richtext", "content": then}
        assert client.post("/documents", json=body).status_code == 201
        for operation in edits:
            client.post("/documents/page/edits", json={"operation": operation}).raise_for_status()
        before = client.get("/documents/page/content", params={"format": "json"}).json()
        preview = client.get("/documents/page/restore", params={"version": 1}).json()
    asked = {
        "content": before,
        "operation": preview["operation"],
        "typed": [{"insert": "Typed since. "}],
    }
    done = subprocess.run(
        ["node", "quill_undo.mjs"],
        cwd=EDITORS,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["restored"] == then
    first, *rest = before
    assert told["undone"] == [{"insert": "Typed since. " + first["insert"]}, *rest]
