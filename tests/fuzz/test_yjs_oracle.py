"""The guard against npm yjs 13 itself, on random documents that yjs edits: the same structs,
clocks, deletions, gaps and emptiness. COLLAB_TEST_YJS_ORACLE documents (400).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import msgspec

from collab.errors import InvalidOperation
from collab.types.yjs_guard import Guard, read_update
from collab.types.yjs_update import ARRAY, GC, SKIP, Update
from tests.fuzz.yjs_replicas import Replica
from tests.requirements import require

DOCUMENTS = int(os.environ.get("COLLAB_TEST_YJS_ORACLE", "400"))
ORACLE = Path(__file__).with_name("yjs_oracle.mjs")
YJS_FOLDER = Path(__file__).parents[1] / "compat" / "node"

require(shutil.which("node") is not None, "Node is not installed")
require((YJS_FOLDER / "node_modules" / "yjs").is_dir(), f"npm yjs is not in {YJS_FOLDER}")


class Delivery(msgspec.Struct):
    update: str
    gap: bool
    effective: str | None


class Document(msgspec.Struct):
    deliveries: list[Delivery]
    state: str
    vector: list[tuple[int, int]]
    structs: list[tuple[int, int, int, int | str]]
    deletes: list[tuple[int, list[tuple[int, int]]]]


def documents(*options: str) -> Iterator[Document]:
    command = ["node", str(ORACLE), str(YJS_FOLDER), "1", str(DOCUMENTS), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as oracle:
        assert oracle.stdout is not None
        for line in oracle.stdout:
            yield msgspec.json.decode(line, type=Document)
    assert oracle.returncode == 0


def structs_of(update: Update) -> Iterator[tuple[int, int, int, int | str]]:
    names: dict[int, int | str] = {GC: "GC", SKIP: "Skip"}
    for client, at, structs in update.sections:
        for length, content, *_ in structs:
            yield client, at, length, names.get(content, 7 if content >= ARRAY else content)
            at += length


def deletes_of(guard: Guard) -> dict[int, list[tuple[int, int]]]:
    return {client: list(ranges) for client, ranges in guard._held._deletes.items()}


def test_yjs_and_the_guard_see_the_same() -> None:
    found = {"gap": 0, "empty": 0, "news": 0}
    for document in documents():
        guard = Guard()
        for delivery in document.deliveries:
            checked = guard.check(read_update(b64decode(delivery.update)))
            assert checked.gap == delivery.gap
            assert checked.empty == (not delivery.gap and delivery.effective is None)
            found["gap" if checked.gap else "empty" if checked.empty else "news"] += 1
            if not checked.gap:
                assert checked.update.raw == b64decode(delivery.update)
                guard.adopt(checked)
                effective = delivery.effective
                guard.applied(None if effective is None else b64decode(effective))
        state = read_update(b64decode(document.state))
        assert list(structs_of(state)) == document.structs
        assert list(state.deletes.items()) == document.deletes
        loaded = Guard.of(state)
        assert guard._held.clocks == loaded._held.clocks == dict(document.vector)
        assert deletes_of(guard) == deletes_of(loaded)
        for name, kind in loaded.roots().items():
            # A text in which only attributes or shared types are left looks like these.
            assert kind in (name, None) or (name == "text" and kind != "xml")
    assert min(found.values()) > DOCUMENTS / 4


def test_pycrdt_does_with_them_what_was_foreseen() -> None:
    for document in documents():
        replica = Replica()
        for delivery in document.deliveries:
            assert replica.offer(b64decode(delivery.update)).gap == delivery.gap


def test_pycrdt_stays_sound_when_yjs_divides_characters() -> None:
    inside = widened = 0
    for document in documents("halves"):
        replica = Replica()
        for delivery in document.deliveries:
            raw = b64decode(delivery.update)
            try:
                widened += replica.offer(raw).update.raw != raw
            except InvalidOperation as refusal:
                assert "inside a character" in str(refusal)
                inside += 1
    assert inside > 0
    assert widened > 0
