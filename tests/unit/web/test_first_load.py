"""What a browser has to load before somebody can type, by the built files themselves."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

_STATIC = Path(__file__).parents[3] / "collab" / "web" / "static"
_FIRST_LOAD_BYTES = 300_000
# The faces of a text in a latin script, without bold and italics: what a page cannot do without.
_FACES = {
    "text": ("instrument-sans-latin-wght-normal",),
    "rich": ("instrument-sans-latin-wght-normal", "source-serif-4-latin-400-normal"),
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_STATIC / "manifest.json").read_text())
    return found


def loaded(manifest: dict[str, Any], entries: list[str]) -> set[str]:
    """The files of these entries and of all that they import at once, styles included."""
    found: set[str] = set()
    waiting, seen = list(entries), set(entries)
    while waiting:
        entry = manifest[waiting.pop()]
        found.update([entry["file"], *entry.get("css", ())])
        new = set(entry.get("imports", ())) - seen
        waiting.extend(new)
        seen |= new
    return found


def size(path: str) -> int:
    """What goes over the line: as collab/web/pages.py compresses it."""
    content = (_STATIC / path).read_bytes()
    return len(content) if path.endswith(".woff2") else len(gzip.compress(content))


@pytest.mark.parametrize(
    ("editor", "faces"),
    [("text", "text"), ("richtext", "rich"), ("yjs-text", "text"), ("yjs-rich", "rich")],
)
def test_the_first_load_of_every_editor_is_light(
    manifest: dict[str, Any], editor: str, faces: str
) -> None:
    files = loaded(manifest, ["index.html", f"src/editors/{editor}.ts"]) | {"index.html"}
    for face in _FACES[faces]:
        [path] = (_STATIC / "assets").glob(f"{face}-*.woff2")
        files.add(f"assets/{path.name}")
    total = sum(map(size, files))
    assert 40_000 < total < _FIRST_LOAD_BYTES, {path: size(path) for path in sorted(files)}


def test_no_editor_is_loaded_before_it_is_needed(manifest: dict[str, Any]) -> None:
    shell = loaded(manifest, ["index.html"])
    for entry in manifest.values():
        if entry.get("isDynamicEntry"):
            assert entry["file"] not in shell
