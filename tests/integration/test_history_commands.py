"""`collab diff`, `collab blame` and `collab restore` against a running server."""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def test_what_changed_and_back_again(shell: Shell) -> None:
    shell.run("edit", "notes", stdin="one\n")
    shell.run("edit", "notes", stdin="two\n")
    shown, _ = shell.run("diff", "notes", "1")
    assert shown == "--- notes\tversion 1\n+++ notes\tversion 2\n@@ -1 +1,2 @@\n one\n+two\n"
    assert shell.run("diff", "notes", "1", "1")[0] == ""
    _, told = shell.run("restore", "notes", "1")
    assert told == "notes is at version 3, as it was at version 1\n"
    assert shell.run("cat", "notes")[0] == "one\n"
    _, error = shell.run("restore", "notes", "9", code=1)
    assert "base_above_head" in error
    _, error = shell.run("diff", "no such", "1", code=1)
    assert "a document id is" in error


def test_who_wrote_each_line(shell: Shell) -> None:
    shell.run("edit", "page", stdin="one\ntwo\n\n")
    shell.run("edit", "page", stdin="three")
    lines = shell.run("blame", "page")[0].splitlines()
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    first, second, empty, third = lines
    for version, line, text in ((1, first, "  one"), (1, second, "  two"), (1, empty, ""),
                                (2, third, "  three")):  # fmt: skip
        assert re.fullmatch(rf"{version}  [0-9a-f]{{16}}  {time}{text}", line)
    assert len(shell.run("blame", "page", "--version", "1")[0].splitlines()) == 3
