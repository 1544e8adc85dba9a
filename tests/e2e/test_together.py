"""Two people in one document, each in a window of a real browser."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.e2e.browser import Browser, Window, eventually
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_LIVE = ".pill[data-state=live]"
_OFFLINE = ".pill[data-state=offline]"


def make(server: ServerProcess, id: str) -> str:
    """A new yjs document; the address of its page."""
    body = {"id": id, "type": "yjs"}
    assert httpx.post(f"{server.url}/v1/documents", json=body).status_code == 201
    return f"{server.url}/d/{id}"


def enter(window: Window, url: str, name: str) -> None:
    """Open a document, take a name and put the caret into the text."""
    window.open(url)
    window.see(_LIVE)
    window.click(".people-button")
    window.fill("#my-name", name)
    window.press("Enter")
    window.click(".cm-content")


def become_equal(*windows: Window, containing: tuple[str, ...] = ()) -> str:
    """Wait until all editors show the same, with these texts in it; what they show."""

    def equal() -> bool:
        texts = [window.editor_text() for window in windows]
        return len(set(texts)) == 1 and all(part in texts[0] for part in containing)

    eventually(equal, lambda: [window.editor_text() for window in windows])
    return windows[0].editor_text()


def test_two_windows_type_at_once_and_end_equal(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    url = make(running_server, "pair")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.type("top\n\nbottom")
    become_equal(ada, grace, containing=("top\n\nbottom",))
    ada.press("Control+Home")
    grace.press("Control+End")
    ones, twos = "one " * 40, "two " * 40
    the_browser.type_together((ada, ones), (grace, twos))
    text = become_equal(ada, grace)
    assert text == f"{ones}top\n\nbottom{twos}"

    # In one place, at once: in some order, with nothing lost.
    ada.press("Control+End")
    the_browser.type_together((ada, "a" * 60), (grace, "g" * 60))
    both = become_equal(ada, grace)
    assert sorted(both.removeprefix(text)) == ["a"] * 60 + ["g"] * 60

    late = the_browser.window()
    late.open(url)
    late.see(_LIVE)
    assert late.editor_text() == both
    assert ada.complaints() == grace.complaints() == late.complaints() == []


def test_every_character_arrives_as_it_was(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    url = make(running_server, "signs")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.paste("a👩‍👩‍👧‍👦b")
    grace.press("Control+End")
    become_equal(ada, grace, containing=("👩‍👩‍👧‍👦",))
    grace.press("Control+End")
    grace.paste(" 𝒳é עברית 漢字\tend")
    ada.press("Control+Home")
    ada.press("ArrowRight")
    ada.press("Delete")
    grace.type("!")
    assert become_equal(ada, grace, containing=("!",)) == "ab 𝒳é עברית 漢字\tend!"


def test_one_sees_who_else_is_here_and_where(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    url = make(running_server, "carets")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada Lovelace")
    ada.see(".people-button", "Only you")
    ada.type("first line\nsecond line")
    enter(grace, url, "Grace")
    grace.see(".people-button", "2 here")
    ada.see(".people-button", "2 here")
    grace.see(".cm-line:nth-child(2) .peer-caret .peer-name", "Ada Lovelace")
    grace.press("Control+Home")
    ada.see(".cm-line:nth-child(1) .peer-caret .peer-name", "Grace")
    grace.press("Shift+End")
    ada.see(".cm-line:nth-child(1) .peer-selection", "first line")

    grace.click(".people-button")
    grace.see(".people-list", "Ada Lovelace")
    grace.fill("#my-name", "Grace Hopper")
    ada.see(".peer-name", "Grace Hopper")
    colour = "getComputedStyle(document.querySelector('.peer-caret .peer-name')).backgroundColor"
    assert ada.evaluate(colour) != grace.evaluate(colour)

    grace.open("about:blank")
    ada.see(".people-button", "Only you")
    ada.not_see(".peer-caret")


def test_a_name_is_remembered(the_browser: Browser, running_server: ServerProcess) -> None:
    url = make(running_server, "names")
    ada = the_browser.window()
    enter(ada, url, "Ada")
    ada.reload()
    ada.see(_LIVE)
    ada.click(".people-button")
    assert ada.evaluate("document.querySelector('#my-name').value") == "Ada"


def test_undo_takes_back_only_what_is_ones_own(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    url = make(running_server, "undo")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.type("mine ")
    become_equal(ada, grace, containing=("mine ",))
    grace.press("Control+End")
    grace.type("hers")
    become_equal(ada, grace, containing=("mine hers",))
    ada.press("Control+z")
    eventually(lambda: ada.editor_text() == "hers", ada.editor_text)
    assert become_equal(ada, grace) == "hers"
    ada.press("Control+y")
    become_equal(ada, grace, containing=("mine hers",))


def test_without_the_server_one_types_on_and_nothing_is_lost(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    url = make(running_server, "offline")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.type("before.")
    become_equal(ada, grace, containing=("before.",))

    running_server.kill()
    for window in (ada, grace):
        window.see(_OFFLINE, "Offline")
    ada.see(".banner", "kept in this tab only")  # what she typed may still have been under way
    grace.see(".banner", "You can go on typing")
    ada.press("Control+Home")
    ada.type("Ada alone. ")
    grace.press("Control+End")
    grace.type(" Grace alone.")
    for window in (ada, grace):
        window.see(".banner", "kept in this tab only")
    assert ada.editor_text() == "Ada alone. before."
    assert grace.editor_text() == "before. Grace alone."

    running_server.start()
    for window in (ada, grace):
        window.see(_LIVE, "Live")
        window.not_see(".banner")
    assert become_equal(ada, grace, containing=("Ada alone. before. Grace alone.",))
    ada.see(".people-button", "2 here")
    ada.reload()
    ada.see(_LIVE)
    assert ada.editor_text() == "Ada alone. before. Grace alone."


def test_a_server_that_is_not_there_yet_is_waited_for(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "late")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/")
    ada.see(".documents", "late")
    running_server.kill()
    ada.click(".documents a", "late")
    ada.see(".refusal", "The server does not answer")
    running_server.start()
    ada.see(_LIVE)
    ada.see(".cm-placeholder")


def test_a_newcomer_makes_a_document_and_finds_it_in_the_list(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    ada, grace = the_browser.window(), the_browser.window(390, 800, "dark")
    ada.open(f"{running_server.url}/")
    ada.see(".nothing", "No documents yet")
    ada.fill("form.new input", "Our first notes")
    ada.press("Enter")
    ada.see(_LIVE)
    assert ada.address() == f"{running_server.url}/d/Our-first-notes"
    ada.see(".bar-title", "Our first notes")
    ada.click(".cm-content")
    ada.type("hello")

    grace.open(f"{running_server.url}/?document=Our-first-notes")
    grace.see(_LIVE)
    assert grace.address() == ada.address()
    become_equal(ada, grace, containing=("hello",))
    grace.click(".back")
    grace.see(".documents a", "Our first notes")
    assert re.search(r"Our-first-notes\s+yjs\s+version \d", grace.text_of(".documents a"))

    grace.fill("form.new input", "Our first notes")
    grace.press("Enter")
    grace.see(".answer", "is there already")
    assert grace.complaints() == [
        "Failed to load resource: the server responded with a status of 409 (Conflict)"
    ]
    grace.click(".answer a")
    grace.see(_LIVE)


def test_a_page_that_has_unsent_edits_asks_before_it_lets_one_go(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    url = make(running_server, "stay")
    ada = the_browser.window()
    enter(ada, url, "Ada")
    running_server.kill()
    ada.see(_OFFLINE)
    ada.type("precious")
    ada.evaluate("void (window.confirm = (question) => (window.asked = question, false))")
    ada.click(".back")
    assert "lost" in ada.evaluate("window.asked")
    assert ada.editor_text() == "precious"
    running_server.start()
    ada.see(_LIVE)
    ada.click(".back")
    ada.see(".documents a", "stay")
