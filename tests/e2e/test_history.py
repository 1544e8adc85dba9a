"""A document's past: played, compared with now, named and brought back, while others type."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.browser import Browser, Window, eventually
from tests.e2e.kinds import (
    SAVED,
    TEXT,
    YJS_RICH,
    Kind,
    become_equal,
    each_kind,
    enter,
    shows,
    stored,
)
from tests.integration.process import ServerProcess
from tests.requirements import require

pytestmark = pytest.mark.slow

_PAST = "document.querySelector('.past')?.innerText"
_VERSION = "Number(document.querySelector('.past-paper').dataset.version)"
_AUTHORS = "new Set([...document.querySelectorAll('.past .by')].map((each) => each.title)).size"
_SLIDER = "document.querySelector('.slider')"


def to_version(window: Window, version: int) -> None:
    """Drag the slider there, once there is one, and wait until it is shown."""
    window.see(".past-paper[data-version]")
    window.evaluate(
        f"(() => {{ const slider = {_SLIDER}; slider.value = {version}; "
        "slider.dispatchEvent(new Event('input')) })()"
    )
    window.see(f".past-paper[data-version='{version}']")


def newest(window: Window) -> int:
    number: int = window.evaluate(f"Number({_SLIDER}.max)")
    return number


def past(window: Window) -> str:
    text: str = window.evaluate(_PAST)
    return "\n".join(line for line in text.split("\n") if line.strip())


@each_kind
def test_the_slider_plays_compares_and_restores_while_the_other_types(
    the_browser: Browser, standing_server: ServerProcess, kind: Kind
) -> None:
    id = f"history-{kind.name}"
    url = kind.make(standing_server, id)
    ada, grace = the_browser.window(), the_browser.window()
    enter(ada, url, "Ada")
    enter(grace, url, "Grace")
    ada.type("one two")
    ada.see(SAVED)
    shows(grace, "one two")
    grace.press("Control+End")
    grace.type(" three")
    shows(ada, "one two three")
    grace.see(SAVED)

    # Ada looks back, and the newest is what there is.
    ada.click(".history")
    ada.see(".past-paper[data-version]")
    assert past(ada) == "one two three"
    head = newest(ada)
    to_version(ada, 0)
    assert ada.evaluate("document.querySelector('.past').textContent") == ""
    to_version(ada, head - 1)
    assert past(ada) == version_text(standing_server, id, head - 1)

    # Who wrote what, and what has changed since.
    ada.click(".choices label", "Authors")
    eventually(lambda: ada.evaluate(_AUTHORS) == 2, lambda: ada.evaluate(_PAST))
    ada.click(".choices label", "Changes since")
    ada.see(".past ins", "e")

    # It plays from the beginning to the end, which the other moves on meanwhile.
    ada.click(".choices label", "As it was")
    to_version(ada, head)
    ada.click(".play")
    ada.see(".play", "Pause")
    grace.type(" four")
    ada.see(".play", "Play")
    assert ada.evaluate(_VERSION) == head
    assert past(ada) == "one two three"

    # Back to an earlier version, with the other typing on.
    grace.see(SAVED)
    two = next(v for v in range(head) if version_text(standing_server, id, v) == "one two")
    to_version(ada, two)
    ada.click(".past-tools button", "Restore this version")
    ada.click(".restore-sheet .primary")
    ada.see(".toast", f"Version {two} is back")
    shows(grace, "one two")
    grace.press("Control+End")
    grace.type(" and on")
    grace.see(SAVED)

    # And the restore is taken back, but not what was written since.
    ada.click(".toast button", "Undo")
    ada.see(".toast", "taken back")
    ada.click(".past-tools button", "Back to the text")
    text = become_equal(ada, grace, containing=(" and on", " three four"))
    eventually(lambda: stored(standing_server, id).rstrip("\n") == text, lambda: text)


def version_text(server: ServerProcess, id: str, version: int) -> str:
    answer = httpx.get(f"{server.url}/v1/documents/{id}/content?format=text&version={version}")
    assert answer.status_code == 200, answer.text
    return answer.text.rstrip("\n")


def test_a_version_is_named_renamed_found_again_and_forgotten(
    the_browser: Browser, standing_server: ServerProcess
) -> None:
    url = TEXT.make(standing_server, "named", content="first\n")
    versions = f"{standing_server.url}/v1/documents/named/versions"
    require(httpx.get(versions).status_code == 200, "this server names no versions")
    ada = the_browser.window()
    enter(ada, url, "Ada")
    ada.press("Control+End")
    ada.type("second")
    ada.see(SAVED)
    ada.click(".history")
    to_version(ada, 1)
    ada.click(".versions")
    ada.fill("#version-name", "As it began")
    ada.press("Enter")
    ada.see(".version-list", "As it began")
    ada.fill("#version-name", "Again")
    ada.press("Enter")
    ada.see(".versions-sheet .error", "has a name already")
    ada.click("[aria-label='Rename “As it began”']")
    ada.fill(".version-list input", "The beginning")
    ada.press("Enter")
    ada.see(".version-list", "The beginning")
    ada.press("Escape")
    ada.see(".tick[title='The beginning']")
    to_version(ada, newest(ada))
    ada.click(".versions")
    ada.click(".version-go", "The beginning")
    ada.see(".past-paper[data-version='1']")
    ada.click(".versions")
    ada.click("[aria-label='Forget the name “The beginning”']")
    ada.see(".version-list", "No version has a name yet")


def test_the_past_of_rich_text_keeps_its_formats(
    the_browser: Browser, standing_server: ServerProcess
) -> None:
    url = YJS_RICH.make(
        standing_server,
        "formats-past",
        format="markdown",
        content="# Title\n\nSome **bold** text.\n",
    )
    ada = the_browser.window()
    enter(ada, url, "Ada")
    ada.click(".history")
    ada.see(".past h1", "Title")
    ada.see(".past strong", "bold")
    # From the keyboard, too.
    ada.press("ArrowLeft")
    ada.see(".past-paper[data-version='0']")
    ada.press("Control+Alt+h")
    ada.see(".prose h1", "Title")
    ada.not_see(".past-paper")
