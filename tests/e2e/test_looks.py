"""Every page in both themes: nothing that axe-core calls serious, nothing wider than a phone; and
screenshots in `tests/e2e/shots`, to be looked at."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import httpx
import pytest

from tests.e2e.browser import Browser, Window
from tests.e2e.guarded import headers, token
from tests.e2e.kinds import (
    EDITOR,
    RICHTEXT,
    SAVED,
    TEXT,
    YJS_RICH,
    YJS_TEXT,
    Kind,
    each_kind,
)
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_SHOTS = Path(__file__).parent / "shots"
_DESKTOP = (1180, 780)
_PHONE = (375, 700)
_TITLES = {
    "text": "Shopping for the harvest dinner",
    "richtext": "Launch plan",
    "yjs-text": "Field notes, spring survey",
    "yjs-rich": "On writing together",
}
_MARKDOWN = """# On writing together

Two people in one text are **faster** than two texts, and *kinder* to each other.

- say what you mean
- let others finish

> Nothing that anybody has seen is lost.
"""
_PARTS = [
    {"insert": "Launch plan"},
    {"insert": "\n", "attributes": {"header": 1}},
    {"insert": "We ship when it is right, and "},
    {"insert": "not before", "attributes": {"bold": True}},
    {"insert": ".\nMeasure it"},
    {"insert": "\n", "attributes": {"list": "checked"}},
    {"insert": "Tell everybody"},
    {"insert": "\n", "attributes": {"list": "unchecked"}},
]

Theme = Literal["light", "dark"]
each_theme = pytest.mark.parametrize("theme", ["light", "dark"])


@pytest.fixture(scope="module", autouse=True)
def fresh_shots() -> None:
    shutil.rmtree(_SHOTS, ignore_errors=True)
    _SHOTS.mkdir()


def fill(server: ServerProcess) -> None:
    """A document of each kind, with something in it."""
    given = headers()
    text = "Bread, two loaves\nPears\nThe good cheese 🧀\n"
    TEXT.make(server, "text", given, content=text, metadata={"title": _TITLES["text"]})
    RICHTEXT.make(
        server, "richtext", given, content=_PARTS, metadata={"title": _TITLES["richtext"]}
    )
    for kind, content, format in ((YJS_TEXT, text, "text"), (YJS_RICH, _MARKDOWN, "markdown")):
        metadata = {"title": _TITLES[kind.name], **kind.metadata}
        kind.make(server, kind.name, given, content=content, format=format, metadata=metadata)


def look(window: Window, name: str, theme: Theme) -> None:
    """Take its picture on a desk and on a phone, and find nothing wrong with it."""
    for device, (width, height) in (("desk", _DESKTOP), ("phone", _PHONE)):
        window.resize(width, height)
        window.screenshot(_SHOTS / f"{name}-{theme}-{device}.png")
        assert window.evaluate("document.documentElement.scrollWidth") <= width, (name, device)
        assert window.faults() == [], (name, theme, device)
    window.resize(*_DESKTOP)


@each_theme
def test_the_list_and_what_lies_above_it(
    the_browser: Browser, guarded_server: ServerProcess, theme: Theme
) -> None:
    ada = the_browser.window(*_DESKTOP, theme)
    ada.open(f"{guarded_server.url}/")
    ada.see("section.sign-in")
    look(ada, "signing-in", theme)
    ada.open(f"{guarded_server.url}/#token={token()}")
    ada.reload()
    ada.see(".nothing")
    look(ada, "list-empty", theme)
    fill(guarded_server)
    grace = the_browser.window()
    grace.open(f"{guarded_server.url}/d/yjs-rich#token={token(user='grace', name='Grace Hopper')}")
    grace.see(SAVED)
    ada.reload()
    ada.see(".documents .face")
    look(ada, "list", theme)
    ada.click(".new-button")
    ada.see(".new-sheet")
    look(ada, "new", theme)
    ada.press("Escape")
    ada.press("?")
    ada.see(".shortcuts")
    look(ada, "shortcuts", theme)
    ada.open(f"{guarded_server.url}/d/nowhere")
    ada.see(".refusal", "There is no such document")
    look(ada, "missing", theme)


@each_kind
@each_theme
def test_an_editor_with_somebody_else_in_it(
    the_browser: Browser, guarded_server: ServerProcess, theme: Theme, kind: Kind
) -> None:
    fill(guarded_server)
    url = f"{guarded_server.url}/d/{kind.name}"
    ada, grace = the_browser.window(*_DESKTOP, theme), the_browser.window()
    grace.open(f"{url}#token={token(user='grace', name='Grace Hopper')}")
    ada.open(f"{url}#token={token()}")
    for window in (ada, grace):
        window.see(SAVED)
        window.click(EDITOR)
    grace.press("Control+Home")
    grace.press("ArrowDown")
    grace.press("Shift+End")
    ada.see(".peer-name, .collab-name", "Grace Hopper")
    ada.see(".peer-selection, .collab-selection")
    ada.see(".counts", "words")
    look(ada, kind.name, theme)
    assert ada.complaints() == []


@each_theme
def test_what_a_document_has_besides_its_editor(
    the_browser: Browser, guarded_server: ServerProcess, theme: Theme
) -> None:
    fill(guarded_server)
    ada = the_browser.window(*_DESKTOP, theme)
    ada.open(f"{guarded_server.url}/d/richtext#token={token()}")
    ada.see(SAVED)
    ada.click(".people-button")
    ada.see(".panel")
    look(ada, "people", theme)
    ada.press("Escape")
    ada.click("[aria-label=More]")
    ada.see(".menu")
    look(ada, "menu", theme)
    ada.click(".menu button", "Details")
    ada.see(".details-sheet")
    look(ada, "details", theme)
    ada.press("Escape")
    ada.click(".share")
    ada.click(".share-sheet .primary")
    ada.see(".granted")
    look(ada, "share", theme)
    ada.press("Escape")
    body = {"operation": [{"retain": 12}, {"insert": "Soon. "}]}
    edits = f"{guarded_server.url}/v1/documents/richtext/edits"
    assert httpx.post(edits, json=body, headers=headers()).status_code == 200
    ada.see(EDITOR, "Soon.")
    ada.click(".history")
    ada.click(".choices label", "Authors")
    ada.see(".past .by")
    look(ada, "history", theme)
    ada.click("[aria-label='Version before']")
    ada.click(".choices label", "Changes since")
    ada.see(".past ins", "Soon.")
    look(ada, "history-changes", theme)


@each_theme
def test_the_inspector(the_browser: Browser, guarded_server: ServerProcess, theme: Theme) -> None:
    fill(guarded_server)
    grace = the_browser.window()
    grace.open(f"{guarded_server.url}/d/yjs-text#token={token(user='grace', name='Grace Hopper')}")
    grace.see(SAVED)
    grace.click(EDITOR)
    grace.type("Apples")
    shut = f"{guarded_server.url}/v1/inspect/documents/richtext/quarantine"
    assert httpx.put(shut, headers=headers()).status_code == 204
    ada = the_browser.window(*_DESKTOP, theme)
    ada.open(f"{guarded_server.url}/inspect#token={token()}")
    ada.see(".open-documents a", "yjs-text")
    ada.see(".shut a", "richtext")
    look(ada, "inspector", theme)
    ada.click(".open-documents a", "yjs-text")
    ada.see(".peers .who", "Grace Hopper")
    look(ada, "inspector-document", theme)
    ada.click(".deeds .button", "Right")
    ada.see(".deed-sheet")
    look(ada, "inspector-right", theme)
    assert ada.complaints() == []


@each_theme
def test_a_page_without_a_server(
    the_browser: Browser, guarded_server: ServerProcess, theme: Theme
) -> None:
    fill(guarded_server)
    ada = the_browser.window(*_DESKTOP, theme)
    ada.open(f"{guarded_server.url}/d/text#token={token()}")
    ada.see(SAVED)
    guarded_server.kill()
    ada.see(".banner", "You can go on typing")
    look(ada, "offline", theme)
