"""The built pages in the package belong to the sources in clients/web, and are whole.

Needs no Node: the build records a digest of what it was made of (clients/web/build/record.js).
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[3]
_SOURCES = _ROOT / "clients" / "web"
_CLIENT = _ROOT / "clients" / "typescript" / "src"
_STATIC = _ROOT / "collab" / "web" / "static"
_RECORD = "build.json"
_NOT_SOURCES = {"node_modules", ".gitignore", "README.md"}
_BUILD = "the pages were changed but not built: make web"
_HASHED_NAME = re.compile(r"assets/[a-z0-9-]+-[A-Za-z0-9_-]{8}\.(js|css|svg|woff2)")


def files_in(folder: Path, without: frozenset[str] | set[str] = frozenset()) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.parts[0] not in without)


def digest(folder: Path, paths: list[str]) -> str:
    hasher = hashlib.sha256()
    for path in paths:
        hasher.update(path.encode() + b"\0" + (folder / path).read_bytes() + b"\0")
    return hasher.hexdigest()


@pytest.fixture
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_STATIC / _RECORD).read_text())
    return found


def test_the_built_pages_were_made_of_these_sources(record: dict[str, Any]) -> None:
    assert record["sources"] == digest(_SOURCES, files_in(_SOURCES, _NOT_SOURCES)), _BUILD
    assert record["client"] == digest(_CLIENT, files_in(_CLIENT)), _BUILD


def test_the_built_files_are_as_they_were_built(record: dict[str, Any]) -> None:
    built = files_in(_STATIC, {_RECORD})
    assert record["files"] == {path: digest(_STATIC, [path]) for path in built}, _BUILD


def test_the_page_loads_only_files_that_are_there() -> None:
    index = (_STATIC / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="/([^"]+)"', index)
    assert len(loaded) >= 3
    for path in loaded:
        assert (_STATIC / path).is_file()
    assert "://" not in index
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", index)


def test_what_may_be_kept_for_ever_has_its_hash_in_its_name() -> None:
    manifest = json.loads((_STATIC / "manifest.json").read_text())
    named = {entry["file"] for entry in manifest.values()}
    for path in files_in(_STATIC):
        if path.startswith("assets/"):
            assert _HASHED_NAME.fullmatch(path)
    assert all((_STATIC / path).is_file() for path in named)


def test_the_licenses_of_what_is_bundled_go_with_it() -> None:
    licenses = (_STATIC / "licenses.txt").read_text()
    for name in (
        "yjs",
        "y-websocket",
        "@hocuspocus/provider",
        "@tiptap/core",
        "quill",
        "quill-delta",
        "@codemirror/view",
        "@fontsource-variable/instrument-sans",
        "@fontsource/source-serif-4",
    ):
        assert f"\n{name} " in f"\n{licenses}"


def test_the_lock_file_names_no_addresses() -> None:
    lock = json.loads((_SOURCES / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for path, package in lock["packages"].items() if path)
