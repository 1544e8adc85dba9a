"""The list of documents: making one, finding one; and what the shell does by keys and themes."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.e2e.browser import Browser, Window, eventually
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_GROUND = "getComputedStyle(document.body).backgroundColor"
_FOCUS = "document.activeElement.textContent"
_TITLES = "[...document.querySelectorAll('.document-title')].map((each) => each.textContent)"


def make(server: ServerProcess, id: str, type: str = "text", **metadata: Any) -> None:
    body = {"id": id, "type": type, "metadata": metadata}
    assert httpx.post(f"{server.url}/v1/documents", json=body).status_code == 201


def lists(window: Window, *titles: str) -> None:
    """Wait until exactly these are listed, in this order."""
    eventually(lambda: window.evaluate(_TITLES) == list(titles), lambda: window.evaluate(_TITLES))


def test_a_newcomer_makes_a_document_and_finds_it_in_the_list(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    ada, grace = the_browser.window(), the_browser.window(375, 740, "dark")
    ada.open(f"{running_server.url}/")
    ada.see(".nothing", "No documents yet")
    ada.click(".nothing button")
    ada.type("Our first notes")
    ada.see(".answer", "/d/Our-first-notes")
    ada.click(".option", "Yjs text")
    ada.click(".new .button", "Create")
    ada.see(".pill[data-state=saved]")
    assert ada.address() == f"{running_server.url}/d/Our-first-notes"
    ada.see(".bar-title", "Our first notes")
    ada.click(".cm-content")
    ada.type("hello")

    grace.open(f"{running_server.url}/?document=Our-first-notes")
    grace.see(".cm-line", "hello")
    assert grace.address() == ada.address()
    grace.click(".back")
    grace.see(".documents a", "Our first notes")
    assert re.search(r"Our first notes\s+\w+\s+Yjs text\s+just now", grace.text_of(".documents a"))

    # The name is taken: that is said, with a way to what is there.
    grace.press("n")
    grace.type("Our first notes")
    grace.press("Enter")
    grace.see(".answer", "is there already")
    grace.click(".answer a")
    grace.see(".pill[data-state=saved]")
    assert grace.complaints() == [
        "Failed to load resource: the server responded with a status of 409 (Conflict)"
    ]
    assert ada.complaints() == []


def test_a_name_that_can_be_none_is_refused_before_it_is_sent(
    the_browser: Browser, standing_server: ServerProcess
) -> None:
    ada = the_browser.window()
    ada.open(f"{standing_server.url}/")
    ada.click(".new-button")
    ada.press("Enter")
    ada.see(".answer[data-state=refused]", "Give it a name first")
    ada.type("漢字")
    ada.press("Enter")
    ada.see(".answer[data-state=refused]", "at least one letter")
    assert ada.complaints() == []


def test_one_finds_documents_by_any_word_by_type_and_in_either_order(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "one", title="Zebra survey, spring")
    make(running_server, "two", "richtext", title="Apple survey")
    make(running_server, "three", "yjs", title="Minutes")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/")
    lists(ada, "Minutes", "Apple survey", "Zebra survey, spring")
    ada.press("/")
    ada.type("SPRING surv")
    lists(ada, "Zebra survey, spring")
    ada.fill(".search input", "thr")
    lists(ada, "Minutes")
    ada.fill(".search input", "nothing like it")
    ada.see(".nothing", "Nothing found")
    ada.fill(".search input", "survey")
    ada.click(".choices label", "Rich text")
    lists(ada, "Apple survey")
    ada.click(".choices label", "All")
    ada.fill(".search input", "")
    ada.evaluate("document.querySelector('select').focus()")
    ada.press("ArrowDown")
    lists(ada, "Apple survey", "Minutes", "Zebra survey, spring")
    ada.see(".list-order", "3 documents")
    assert ada.complaints() == []


def test_the_list_shows_who_is_where_and_what_has_changed(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "quiet")
    make(running_server, "busy", "yjs")
    ada, grace = the_browser.window(), the_browser.window()
    grace.open(f"{running_server.url}/d/busy")
    grace.see(".pill[data-state=saved]")
    grace.click(".people-button")
    grace.fill("#my-name", "Grace Hopper")
    ada.open(f"{running_server.url}/")
    ada.see(".documents a:has-text('busy') .face", "GH")
    ada.not_see(".documents a:has-text('quiet') .face")
    assert "Here now: Grace Hopper" in ada.evaluate(
        "document.querySelector('.documents a').textContent"
    )


def test_a_document_is_reached_without_a_mouse(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    for id in ("first", "second"):
        make(running_server, id)
    ada = the_browser.window()
    ada.open(f"{running_server.url}/")
    lists(ada, "second", "first")
    ada.press("?")
    ada.see(".shortcuts", "New document")
    ada.press("Escape")
    ada.not_see(".shortcuts")
    ada.press("/")
    ada.press("ArrowDown")
    assert ada.evaluate(_FOCUS).startswith("second")
    ada.press("ArrowDown")
    assert ada.evaluate(_FOCUS).startswith("first")
    assert ada.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    ada.press("Enter")
    ada.see(".bar-title", "first")


def test_the_theme_follows_the_system_until_one_is_chosen_and_that_is_kept(
    the_browser: Browser, standing_server: ServerProcess
) -> None:
    ada = the_browser.window(theme="dark")
    ada.open(f"{standing_server.url}/")
    ada.see(".theme[title='Theme: as the system']")
    dark = ada.evaluate(_GROUND)
    ada.click(".theme")
    ada.see(".theme[title='Theme: light']")
    light = ada.evaluate(_GROUND)
    assert light != dark
    ada.reload()
    ada.see(".theme[title='Theme: light']")
    assert ada.evaluate(_GROUND) == light
    ada.click(".theme")
    assert ada.evaluate(_GROUND) == dark


def test_a_list_that_does_not_come_is_said_and_asked_for_again(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "there")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/d/there")
    ada.see(".bar-title", "there")
    running_server.kill()
    ada.click(".back")
    ada.see(".refusal", "The server does not answer")
    running_server.start()
    ada.see(".documents a", "there")
    ada.not_see(".refusal")


def test_on_a_phone_nothing_is_wider_than_the_screen(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "long-" * 30 + "id", title="A very long title " * 10)
    ada = the_browser.window(375, 700)
    ada.open(f"{running_server.url}/")
    ada.see(".documents a")
    assert ada.evaluate("document.documentElement.scrollWidth") == 375
    ada.click(".new-button")
    ada.see(".new-sheet")
    assert ada.evaluate("document.querySelector('.new-sheet').scrollWidth") <= 375
