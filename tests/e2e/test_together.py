"""Two people in one document, each in a window of a real browser, with each kind of editor."""

from __future__ import annotations

import pytest

from tests.e2e.browser import Browser, eventually
from tests.e2e.kinds import (
    EDITOR,
    SAVED,
    YJS_TEXT,
    Kind,
    become_equal,
    each_kind,
    each_rich_kind,
    enter,
    shows,
    stored,
)
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_NAMES = ".peer-name, .collab-name"  # at the carets of the others
_CARET_IS_IN_FIRST_LINE = """(() => {
  const caret = document.querySelector(".peer-caret, .collab-caret")
  const [, second] = document.querySelectorAll(".cm-line, .prose > p")
  return caret.getBoundingClientRect().top < second.getBoundingClientRect().top - 4
})()"""
_FAMILY = "👩‍👩‍👧‍👦"


@each_kind
def test_two_windows_type_at_once_and_end_equal(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    url = kind.make(standing_server, f"pair-{kind.name}")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.type("top\n\nbottom")
    become_equal(ada, grace, containing=("top\n\nbottom",))
    ada.press("Control+Home")
    grace.press("Control+End")
    ones, twos = "one " * 20, "two " * 20
    the_browser.type_together((ada, ones), (grace, twos))
    text = become_equal(ada, grace)
    assert text == f"{ones}top\n\nbottom{twos}"

    # In one place, at once: in some order, with nothing lost.
    ada.press("Control+End")
    the_browser.type_together((ada, "a" * 40), (grace, "g" * 40))
    both = become_equal(ada, grace)
    assert sorted(both.removeprefix(text)) == ["a"] * 40 + ["g"] * 40
    for window in (ada, grace):
        window.see(SAVED)
    assert stored(standing_server, f"pair-{kind.name}").rstrip("\n") == both

    late = the_browser.window()
    late.open(url)
    late.see(SAVED)
    shows(late, both)
    assert ada.complaints() == grace.complaints() == late.complaints() == []


@each_kind
def test_every_character_arrives_as_it_was(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    url = kind.make(standing_server, f"signs-{kind.name}")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.paste(f"a{_FAMILY}b")
    become_equal(ada, grace, containing=(_FAMILY,))
    grace.press("Control+End")
    grace.paste(" 𝒳é עברית 漢字 end")
    become_equal(ada, grace, containing=("end",))
    ada.press("Control+Home")
    ada.press("ArrowRight")
    ada.press("ArrowRight")
    ada.press("ArrowRight")
    ada.type("-")
    grace.type("!")
    assert become_equal(ada, grace, containing=("!", "-")) == f"a{_FAMILY}b- 𝒳é עברית 漢字 end!"


@each_kind
def test_a_hundred_kilobytes_are_pasted_at_once(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    id = f"paste-{kind.name}"
    url = kind.make(standing_server, id)
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    text = "\n".join(f"Line {number:04d} of a long text that was copied." for number in range(2400))
    assert len(text) > 100_000
    ada.paste_from_clipboard(text)
    characters = f"{len(text.replace(chr(10), '')):,} characters"
    for window in (ada, grace):
        window.see(".counts", characters)
        window.see(SAVED)
    assert stored(standing_server, id).rstrip("\n") == text
    grace.press("Control+Home")
    grace.type("Read: ")
    ada.press("Control+Home")
    ada.see(EDITOR, "Read: ")
    assert ada.complaints() == grace.complaints() == []


@each_kind
def test_one_sees_who_else_is_here_and_where(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    url = kind.make(standing_server, f"carets-{kind.name}")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada Lovelace")
    ada.see(".people-button", "Only you")
    ada.type("first line\nsecond line")
    enter(grace, url, "Grace")
    grace.see(".people-button", "2 here")
    ada.see(".people-button", "2 here")
    grace.see(_NAMES, "Ada Lovelace")
    ada.see(_NAMES, "Grace")

    def at_the_beginning() -> bool:
        # A key that comes at once after a click does not always move ProseMirror's caret.
        grace.press("Control+Home")
        found: bool = ada.evaluate(_CARET_IS_IN_FIRST_LINE)
        return found

    eventually(at_the_beginning, ada.editor_text)
    grace.press("Shift+End")
    ada.see(".peer-selection, .collab-selection")

    grace.click(".people-button")
    grace.see(".people-list", "Ada Lovelace")
    grace.fill("#my-name", "Grace Hopper")
    ada.see(".people-button[aria-label*='Grace Hopper']")
    colour = (
        "getComputedStyle(document.querySelector('.faces .face:nth-child({})')).backgroundColor"
    )
    assert ada.evaluate(colour.format(1)) != ada.evaluate(colour.format(2))
    assert ada.evaluate(colour.format(1)) == grace.evaluate(colour.format(2))

    grace.open("about:blank")
    ada.see(".people-button", "Only you")
    ada.not_see(_NAMES)
    assert ada.complaints() == []


@each_rich_kind
def test_formats_arrive_with_the_text(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    url = kind.make(standing_server, f"formats-{kind.name}")
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.choose(".pick", "1")
    ada.type("Plan\n")
    ada.choose(".pick", ada.evaluate("document.querySelector('.pick').options[0].value"))
    ada.click("[data-tool=bold]")
    ada.type("ship")
    ada.press("Control+b")
    ada.type(" it\n")
    ada.click("[data-tool=bullets]")
    ada.type("one\ntwo")
    grace.see(".prose h1", "Plan")
    grace.see(".prose strong", "ship")
    grace.see(".prose li", "two")
    become_equal(ada, grace, containing=("Plan\nship it\none\ntwo",))
    ada.see("[data-tool=bullets][aria-pressed=true]")

    # A link, over a selection, by somebody else.
    grace.press("Control+Home")
    grace.press("Shift+End")
    grace.click("[data-tool=link]")
    grace.type("javascript:alert(1)")
    grace.press("Enter")
    grace.see(".link-sheet .error", "A link leads to")
    grace.fill("#link-address", "example.org/plan")
    grace.press("Enter")
    ada.see(".prose h1 a[href='https://example.org/plan']", "Plan")
    assert ada.complaints() == grace.complaints() == []


@each_kind
def test_undo_takes_back_only_what_is_ones_own(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    url = kind.make(standing_server, f"undo-{kind.name}")
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


def test_a_name_is_remembered(the_browser: Browser, standing_server: ServerProcess) -> None:
    url = YJS_TEXT.make(standing_server, "names")
    ada = the_browser.window()
    enter(ada, url, "Ada")
    ada.reload()
    ada.see(SAVED)
    ada.click(".people-button")
    assert ada.evaluate("document.querySelector('#my-name').value") == "Ada"
