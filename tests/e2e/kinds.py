"""The kinds of documents, each with its own editor, and what people do in all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.browser import Window, eventually
from tests.integration.process import ServerProcess

SAVED = ".pill[data-state=saved]"
OFFLINE = ".pill[data-state=offline]"
READING = ".pill[data-state=reading]"
EDITOR = ".cm-content, .prose"


@dataclass(frozen=True)
class Kind:
    """What is asked for when one is made."""

    name: str
    type: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rich(self) -> bool:
        return self.name in {"richtext", "yjs-rich"}

    def make(
        self, server: ServerProcess, id: str, headers: dict[str, str] | None = None, **more: Any
    ) -> str:
        """A new document; the address of its page."""
        body = {"id": id, "type": self.type, "metadata": dict(self.metadata), **more}
        answer = httpx.post(f"{server.url}/v1/documents", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return f"{server.url}/d/{id}"


TEXT = Kind("text", "text")
RICHTEXT = Kind("richtext", "richtext")
YJS_TEXT = Kind("yjs-text", "yjs", {"editor": "text"})
YJS_RICH = Kind("yjs-rich", "yjs", {"editor": "rich"})
KINDS = (TEXT, RICHTEXT, YJS_TEXT, YJS_RICH)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
each_rich_kind = pytest.mark.parametrize("kind", (RICHTEXT, YJS_RICH), ids=lambda kind: kind.name)


def enter(window: Window, url: str, name: str) -> None:
    """Open a document, take a name and put the caret into the text."""
    window.open(url)
    window.see(SAVED)
    window.click(".people-button")
    window.fill("#my-name", name)
    window.press("Enter")
    window.click(EDITOR)


def become_equal(*windows: Window, containing: tuple[str, ...] = ()) -> str:
    """Wait until all editors show the same, with these texts in it; what they show."""

    def equal() -> bool:
        texts = [window.editor_text() for window in windows]
        return len(set(texts)) == 1 and all(part in texts[0] for part in containing)

    eventually(equal, lambda: [window.editor_text() for window in windows])
    return windows[0].editor_text()


def shows(window: Window, text: str) -> None:
    """Wait until the editor shows exactly this."""
    eventually(lambda: window.editor_text() == text, window.editor_text)


def stored(server: ServerProcess, id: str, headers: dict[str, str] | None = None) -> str:
    """What the server has, as text."""
    answer = httpx.get(f"{server.url}/v1/documents/{id}/content?format=text", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text
