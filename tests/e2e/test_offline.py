"""What one types without a connection is kept and sent once, and the page says so all along."""

from __future__ import annotations

import pytest

from tests.e2e.browser import Browser
from tests.e2e.kinds import (
    EDITOR,
    OFFLINE,
    RICHTEXT,
    SAVED,
    TEXT,
    YJS_RICH,
    YJS_TEXT,
    Kind,
    become_equal,
    each_kind,
    enter,
    stored,
)
from tests.e2e.lines import Line
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow


@each_kind
def test_who_loses_the_line_types_on_and_nothing_is_lost(
    the_browser: Browser, standing_server: ServerProcess, line: Line, kind: Kind
) -> None:
    id = f"line-{kind.name}"
    url = kind.make(standing_server, id)
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, line.through(url), "Ada")
    enter(grace, url, "Grace")
    ada.type("before.")
    become_equal(ada, grace, containing=("before.",))
    ada.see(SAVED)

    line.cut()
    ada.see(OFFLINE, "Offline")
    ada.see(".banner", "You can go on typing")  # what she typed is known to be stored
    grace.see(".people-button", "Only you")
    ada.press("Control+Home")
    ada.type("Ada alone. ")
    ada.see(".banner", "kept in this")
    grace.press("Control+End")
    grace.type(" Grace alone.")
    grace.see(SAVED)
    assert ada.editor_text() == "Ada alone. before."
    assert grace.editor_text() == "before. Grace alone."

    line.mend()
    ada.see(SAVED)
    ada.not_see(".banner")
    assert become_equal(ada, grace, containing=("Ada alone. before. Grace alone.",))
    ada.see(".people-button", "2 here")
    assert stored(standing_server, id).rstrip("\n") == "Ada alone. before. Grace alone."
    ada.reload()
    ada.see(SAVED)
    assert ada.editor_text() == "Ada alone. before. Grace alone."


@each_kind
def test_a_server_that_is_killed_while_both_type_loses_nothing(
    the_browser: Browser, running_server: ServerProcess, kind: Kind
) -> None:
    url = kind.make(running_server, "killed")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.type("[\n]")
    become_equal(ada, grace, containing=("[\n]",))
    ada.press("Control+Home")
    ada.press("ArrowRight")
    grace.press("Control+End")
    with the_browser.typing((ada, "ada " * 25), (grace, " grace" * 16)):
        grace.see(EDITOR, "grace grace")
        running_server.kill()
        for window in (ada, grace):
            window.see(OFFLINE)
        running_server.start()
    for window in (ada, grace):
        window.see(SAVED)
    text = become_equal(ada, grace)
    assert text == "[" + "ada " * 25 + "\n]" + " grace" * 16
    assert stored(running_server, "killed").rstrip("\n") == text
    assert running_server.defects() == []


def test_a_server_that_is_not_there_yet_is_waited_for(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    YJS_TEXT.make(running_server, "late")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/")
    ada.see(".documents", "late")
    running_server.kill()
    ada.click(".documents a", "late")
    ada.see(".refusal", "The server does not answer")
    running_server.start()
    ada.see(SAVED)
    ada.see(".cm-placeholder")


@pytest.mark.parametrize("kind", [TEXT, RICHTEXT], ids=lambda kind: kind.name)
def test_what_was_not_sent_before_a_reload_is_sent_once_after_it(
    the_browser: Browser, standing_server: ServerProcess, line: Line, kind: Kind
) -> None:
    id = f"reload-{kind.name}"
    url = kind.make(standing_server, id)
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, line.through(url), "Ada")
    ada.type("before ")
    ada.see(SAVED)
    line.cut()
    ada.see(OFFLINE)
    ada.type("and alone")
    ada.see(".banner", "kept in this browser")
    line.mend()
    ada.reload()
    ada.see(SAVED)
    enter(grace, url, "Grace")
    assert become_equal(ada, grace, containing=("alone",)) == "before and alone"
    assert stored(standing_server, id).rstrip("\n") == "before and alone"
    assert ada.complaints() == [each for each in ada.complaints() if "WebSocket" in each]


@pytest.mark.parametrize("kind", [YJS_TEXT, YJS_RICH], ids=lambda kind: kind.name)
def test_a_page_that_has_unsent_edits_asks_before_it_lets_one_go(
    the_browser: Browser, standing_server: ServerProcess, line: Line, kind: Kind
) -> None:
    url = kind.make(standing_server, f"stay-{kind.name}")
    ada = the_browser.window()
    enter(ada, line.through(url), "Ada")
    line.cut()
    ada.see(OFFLINE)
    ada.type("precious")
    ada.evaluate("void (window.confirm = (question) => (window.asked = question, false))")
    ada.click(".back")
    assert "lost" in ada.evaluate("window.asked")
    assert ada.editor_text() == "precious"
    line.mend()
    ada.see(SAVED)
    ada.click(".back")
    ada.see(".documents a", f"stay-{kind.name}")
