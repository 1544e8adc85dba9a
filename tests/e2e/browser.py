"""A headless Chromium and its windows, driven from here by playwright-core under Node.

Owns the child process and the words for what people do. Each window has its own storage, so two of
them are two people.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from tests.requirements import require

_NODE_FOLDER = Path(__file__).parent / "node"
_PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.05
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

# The lines of the text without the names of the carets in it and what an editor puts before a line.
_EDITOR_TEXT = """(() => {
  const editor = document.querySelector(".cm-content, .prose")
  const lines = editor.matches(".cm-content")
    ? [...editor.querySelectorAll(".cm-line")]
    : [...editor.querySelectorAll("p, h1, h2, h3, li, pre")].filter((e) => !e.querySelector("p"))
  return lines.map((line) => {
    const copy = line.cloneNode(true)
    const others = ".peer-caret, .collab-caret, .cm-placeholder, .ql-ui"
    copy.querySelectorAll(others).forEach((each) => each.remove())
    return copy.textContent
  }).join("\\n")
})()"""
_PASTE = """(text) => {
  const clipboardData = new DataTransfer()
  clipboardData.setData("text/plain", text)
  const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })
  document.activeElement.dispatchEvent(event)
}"""


def chromium() -> str | None:
    """The path of a Chromium on this machine."""
    return next((path for name in _CHROMIUM_NAMES if (path := shutil.which(name))), None)


def require_browser() -> None:
    """Skip the module, or fail where everything has to run, if there is no browser to drive."""
    require(shutil.which("node") is not None, "there is no Node.js")
    require(chromium() is not None, "there is no Chromium (apt-get install chromium)")
    installed = (_NODE_FOLDER / "node_modules" / "playwright-core").is_dir()
    require(installed, "playwright-core is not installed (npm ci in tests/e2e/node)")


class Window:
    """One window of the browser."""

    def __init__(self, browser: Browser, number: int) -> None:
        self._browser = browser
        self.number = number

    def open(self, url: str) -> None:
        """Load an address."""
        self._call("goto", url)

    def reload(self) -> None:
        """As if by F5."""
        self._call("reload")

    def see(self, selector: str, text: str | None = None) -> None:
        """Wait until an element is visible that has the text in it."""
        self._call("waitFor", on=selector, has=text)

    def not_see(self, selector: str, text: str | None = None) -> None:
        """Wait until there is no such visible element."""
        self._call("waitFor", {"state": "hidden"}, on=selector, has=text)

    def click(self, selector: str, text: str | None = None) -> None:
        """Click on the first such element."""
        self._call("click", on=selector, has=text)

    def fill(self, selector: str, text: str) -> None:
        """Put a text into a field."""
        self._call("fill", text, on=selector)

    def choose(self, selector: str, value: str) -> None:
        """Take one of the choices of a list."""
        self._call("selectOption", value, on=selector)

    def type(self, text: str) -> None:
        """Press the keys of a text, wherever the caret is."""
        self._ask({"do": "keyboard", "method": "type", "with": [text]})

    def paste(self, text: str) -> None:
        """Put in a text as one input, whatever its characters."""
        self._ask({"do": "keyboard", "method": "insertText", "with": [text]})

    def paste_from_clipboard(self, text: str) -> None:
        """As if it had been copied elsewhere."""
        self.evaluate(f"({_PASTE})({json.dumps(text)})")

    def press(self, key: str) -> None:
        """Press one key or chord, by its name."""
        self._ask({"do": "keyboard", "method": "press", "with": [key]})

    def text_of(self, selector: str) -> str:
        """What an element says, as seen."""
        text: str = self._call("innerText", on=selector)
        return text

    def editor_text(self) -> str:
        """The text in the editor, which has to be short: long ones are only partly in the page."""
        text: str = self.evaluate(_EDITOR_TEXT)
        return text

    def address(self) -> str:
        """Where it is."""
        url: str = self._call("url")
        return url

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self._call("evaluate", expression)

    def screenshot(self, path: Path) -> None:
        """What one sees, as a PNG file."""
        self._call("screenshot", {"path": str(path)})

    def resize(self, width: int, height: int) -> None:
        """Give it another size."""
        self._call("setViewportSize", {"width": width, "height": height})

    def faults(self) -> list[str]:
        """What keeps people out who see, hear or move differently, as far as axe-core can tell."""
        found: list[str] = self._ask({"do": "faults"})
        return found

    def complaints(self) -> list[str]:
        """Errors and warnings of the console so far: also what its security policy forbade."""
        found: list[str] = self._ask({"do": "complaints"})
        return found

    def _call(
        self, method: str, *arguments: Any, on: str | None = None, has: str | None = None
    ) -> Any:
        command: dict[str, Any] = {"do": "call", "method": method, "with": arguments}
        if on is not None:
            command["on"] = on
        if has is not None:
            command["has"] = has
        return self._ask(command)

    def _ask(self, command: dict[str, Any]) -> Any:
        return self._browser.ask({**command, "window": self.number})


class Browser:
    """The running browser."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def window(
        self,
        width: int = 1100,
        height: int = 760,
        theme: Literal["light", "dark"] = "light",
        **options: Any,
    ) -> Window:
        """A new window that shares nothing with the others."""
        given = {
            "viewport": {"width": width, "height": height},
            "colorScheme": theme,
            "locale": "en",
            **options,
        }
        return Window(self, self.ask({"do": "window", "options": given}))

    def close_windows(self) -> None:
        """Close all there are: a page that is left open goes on looking for its server."""
        self.ask({"do": "close"})

    def type_together(self, *texts: tuple[Window, str], milliseconds: int = 5) -> None:
        """Type in several windows at the same time, a key every so many milliseconds."""
        self.ask({"do": "together", "commands": self._typing(texts, milliseconds)})

    @contextmanager
    def typing(self, *texts: tuple[Window, str], milliseconds: int = 20) -> Iterator[None]:
        """Type in several windows while something else happens; ends when all is typed."""
        self.ask({"do": "begin", "commands": self._typing(texts, milliseconds)})
        yield
        self.ask({"do": "finish"})

    def _typing(
        self, texts: tuple[tuple[Window, str], ...], milliseconds: int
    ) -> list[dict[str, Any]]:
        return [
            {
                "do": "keyboard",
                "window": window.number,
                "method": "type",
                "with": [text, {"delay": milliseconds}],
            }
            for window, text in texts
        ]

    def ask(self, command: dict[str, Any]) -> Any:
        """Send one command and wait for its answer; an error there is a failed assertion here."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        assert line, f"the browser ended at {command}"
        answer = json.loads(line)
        assert "error" not in answer, f"{command}: {answer['error']}"
        return answer["result"]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with nothing remembered, ended at the end."""
    path = chromium()
    assert path is not None
    with tempfile.TemporaryDirectory(prefix="collab-e2e-") as folder:
        with subprocess.Popen(
            ["node", "driver.mjs", path, folder],
            cwd=_NODE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                yield Browser(child)
            finally:
                assert child.stdin is not None
                child.stdin.close()  # it closes the browser and ends
                try:
                    child.wait(_PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()


def eventually(holds: Callable[[], bool], told: Callable[[], object]) -> None:
    """Wait until something holds; fails with what `told` says."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(_POLL_SECONDS)
