"""The examples of docs/editors.md, run as they stand on the page against a real server.

Each editor is opened twice on one document: what is typed in one is seen in the other.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.process import ServerProcess
from tests.requirements import require

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "editors.md"
STAGE = Path(__file__).parent / "editors"
ADDRESS = "127.0.0.1:8000"
NAMES = {"CodeMirror": "view", "ProseMirror": "view", "TipTap": "editor", "Quill": "quill"}
"""What each example calls its editor."""

SECONDS = 30


def _example(editor: str) -> str:
    """The first JavaScript block under the heading of that name."""
    found = re.search(
        rf"^## {editor}$.*?^```js\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"{PAGE} has no example for {editor}"
    return found[1]


class Window:
    """A running editor."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self._hear()

    def do(self, do: str, **arguments: Any) -> Any:
        """The result of one command of stage.mjs."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"do": do, "seconds": SECONDS, **arguments}) + "\n")
        self._child.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, "the editor ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]


@contextmanager
def _window(module: Path, editor: str) -> Iterator[Window]:
    with subprocess.Popen(
        ["node", STAGE / "stage.mjs", module, editor],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as child:
        try:
            yield Window(child)
        finally:
            child.kill()


def _module(folder: Path, server: ServerProcess, editor: str) -> Path:
    """The example with this server's address, and a name for its editor at the end."""
    code = _example(editor)
    assert code.count(ADDRESS) == 1
    code = code.replace(ADDRESS, f"127.0.0.1:{server.port}")
    code += f"\nexport {{ {NAMES[editor]} as editor, provider }};\n"
    (folder / "node_modules").symlink_to(STAGE / "node_modules", target_is_directory=True)
    module = folder / "example.mjs"
    module.write_text(code)
    return module


@pytest.mark.parametrize("editor", NAMES)
def test_what_is_typed_in_one_window_is_seen_in_the_other(
    process: ServerProcess, tmp_path: Path, editor: str
) -> None:
    require(shutil.which("node") is not None, "Node is not installed")
    require((STAGE / "node_modules").is_dir(), f"`npm ci` was not run in {STAGE}")
    folder = tmp_path / "example"
    folder.mkdir()
    module = _module(folder, process, editor)
    with ExitStack() as stack:
        ada, grace = (stack.enter_context(_window(module, editor)) for _ in range(2))
        for window in (ada, grace):
            window.do("synced")
            assert window.do("name"), "the example shows nobody's name"
        ada.do("type", text="é😀 world")
        grace.do("see", text="é😀 world")
        grace.do("type", text="Hello ")
        for window in (ada, grace):
            window.do("see", text="Hello é😀 world")
        ada.do("rename", name="Countess Ada")
        grace.do("meet", name="Countess Ada")
        late = stack.enter_context(_window(module, editor))
        late.do("synced")
        assert late.do("text") == ada.do("text")
    documents = httpx.get(f"{process.url}/v1/documents").json()["documents"]
    assert [each["type"] for each in documents] == ["yjs"]


def test_every_editor_has_an_example_and_the_address_in_it() -> None:
    page = PAGE.read_text()
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    for editor in (*NAMES, "Monaco", "Lexical", "BlockNote"):
        assert editor in headings
        assert ADDRESS in page.split(f"\n## {editor}\n", 1)[1].split("\n## ", 1)[0]
