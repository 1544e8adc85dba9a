"""Yjs documents in the commands: import and export, cat, edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycrdt
import pytest

from tests.integration.process import ServerProcess
from tests.integration.test_cli import Shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.start()
    try:
        yield Shell(process.url)
    finally:
        assert process.stop() == 0


def test_files_become_yjs_documents_and_come_back(shell: Shell, tmp_path: Path) -> None:
    doc = pycrdt.Doc[Any]()
    doc["t"] = pycrdt.Text("brought 😀")
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "state.yjs").write_bytes(doc.get_update())
    (source / "page.md").write_text("# Title\n\n- one\n")
    (source / "plain.txt").write_text("# no title")
    (source / "bad.yjs").write_text("nonsense")
    _, error = shell.run("import", str(source), "--type", "yjs", code=1)
    assert "bad.yjs: " in error
    assert "3 of 4 imported" in error
    rows = [json.loads(line) for line in shell.run("documents", "--json")[0].splitlines()]
    assert {row["id"]: row["type"] for row in rows} == {
        "page.md": "yjs",
        "plain.txt": "yjs",
        "state": "yjs",
    }
    assert shell.run("cat", "state")[0] == "brought 😀"
    assert shell.run("cat", "page.md", "--format", "markdown")[0] == "# Title\n\n- one\n"
    assert shell.run("cat", "plain.txt", "--root", "codemirror")[0] == "# no title"
    _, error = shell.run("import", str(source / "state.yjs"), "--replace", code=1)
    assert "never replaced" in error
    shell.run("edit", "y.yjs", stdin="only text")
    _, error = shell.run("export", str(target), code=1)
    assert "y.yjs: would come back as a yjs document" in error
    assert sorted(path.name for path in target.iterdir()) == [
        "page.md.yjs",
        "plain.txt.yjs",
        "state.yjs",
    ]
    shell.run("import", str(target), "--prefix", "again:")
    assert (
        shell.run("cat", "again:page.md", "--format", "html")[0]
        == (shell.run("cat", "page.md", "--format", "html")[0])
    )


def test_text_is_written_to_a_root(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("one 😀\n")
    shell.run("import", str(tmp_path / "notes"), "--type", "yjs")
    assert "version 2" in shell.run("edit", "notes", stdin="two\n")[1]
    assert shell.run("cat", "notes")[0] == "one 😀\ntwo\n"
    assert "version 3" in shell.run("edit", "notes", "--replace", stdin="three")[1]
    assert shell.run("cat", "notes")[0] == "three"
    shell.run("edit", "notes", "--root", "other", stdin="four")
    assert shell.run("cat", "notes", "--root", "other")[0] == "four"
