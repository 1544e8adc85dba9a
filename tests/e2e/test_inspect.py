"""The inspector's pages: what is open and who is there, live, and what operators do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.browser import Browser, Window, eventually
from tests.e2e.guarded import headers, make, token
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_ROWS = "[...document.querySelectorAll('.open-documents tbody a')].map((each) => each.textContent)"
_ASKED = "performance.getEntriesByType('resource').filter(({name}) => /inspect/.test(name)).length"


def figure(window: Window, label: str, of: str = "tbody tr") -> Callable[[], str]:
    """What a table says in a column, now."""
    found = f"""document.querySelector(`{of} td[data-label="{label}"]`)?.innerText ?? ''"""
    return lambda: str(window.evaluate(found))


def shows(said: Callable[[], str], wanted: Callable[[str], bool]) -> None:
    eventually(lambda: wanted(said()), said)


def typing(the_browser: Browser, server: ServerProcess, id: str) -> Window:
    """Somebody who writes in a yjs document."""
    grace = the_browser.window()
    grace.open(f"{server.url}/d/{id}")
    grace.see(".pill[data-state=saved]")
    grace.click(".cm-content")
    return grace


def create(server: ServerProcess, id: str, type: str = "yjs", **more: Any) -> None:
    body = {"id": id, "type": type, **more}
    assert httpx.post(f"{server.url}/v1/documents", json=body).status_code == 201


def test_what_is_typed_is_seen_in_figures_and_charts(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    create(running_server, "minutes")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/inspect")
    ada.see(".nothing", "No document is open")
    ada.see(".workers li", "Memory")
    grace = typing(the_browser, running_server, "minutes")
    grace.type("hello, hello, hello, hello, hello, hello, hello")
    ada.see(".open-documents a", "minutes")
    shows(figure(ada, "Edits/s"), lambda text: float(text.replace("<", "") or 0) > 0)
    shows(figure(ada, "Commit"), lambda text: "ms" in text)
    assert figure(ada, "Peers")() == "1"
    label = "document.querySelector('.chart svg').getAttribute('aria-label')"
    assert str(ada.evaluate(label)).startswith("Edits a second, the last two minutes: now ")
    drawn = "document.querySelector('.chart .chart-line').getAttribute('d').split('L').length"
    eventually(lambda: ada.evaluate(drawn) > 2, lambda: ada.evaluate(drawn))
    assert ada.complaints() == []


def test_documents_are_found_by_id_and_type_and_ordered_by_any_figure(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    for id, type, content in (("aa", "text", "x"), ("ab", "richtext", None), ("bb", "yjs", None)):
        create(running_server, id, type, content=content)
        edit: dict[str, Any] = {"operation": [{"insert": "x"}]}
        if type == "yjs":
            edit = {"root": "a", "operations": [{"insert": {"at": 0, "text": "x"}}]}
        url = f"{running_server.url}/v1/documents/{id}/edits"
        httpx.post(url, json=edit).raise_for_status()  # which opens it
    ada = the_browser.window()

    def lists(*ids: str) -> None:
        eventually(lambda: ada.evaluate(_ROWS) == list(ids), lambda: ada.evaluate(_ROWS))

    ada.open(f"{running_server.url}/inspect")
    ada.see("th[aria-sort=descending]", "Edits/s")
    lists("bb", "ab", "aa")
    ada.click("thead button", "Document")
    ada.see("th[aria-sort=ascending]", "Document")
    lists("aa", "ab", "bb")
    ada.click("thead button", "Document")
    lists("bb", "ab", "aa")
    ada.click("thead button", "Version")
    ada.see("th[aria-sort=descending]", "Version")
    lists("aa", "ab", "bb")
    ada.press("/")
    ada.type("b")
    lists("ab", "bb")
    ada.click(".choices label", "Yjs")
    lists("bb")
    ada.fill(".search input", "zz")
    ada.see(".nothing", "Nothing found")
    ada.fill(".search input", "")
    ada.click(".choices label", "All")
    lists("aa", "ab", "bb")
    # Without a mouse.
    ada.press("/")
    ada.press("ArrowDown")
    ada.press("ArrowDown")
    ada.press("Enter")
    ada.see(".inspect-head h1", "ab")
    assert ada.address() == f"{running_server.url}/inspect/ab"
    ada.see(".nothing", "Nobody is here")
    ada.click(".back")
    lists("aa", "ab", "bb")
    assert ada.complaints() == []


def test_a_peer_is_disconnected_and_comes_back_with_what_it_typed(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    create(running_server, "minutes")
    grace = typing(the_browser, running_server, "minutes")
    grace.type("before ")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/inspect/minutes")
    ada.see(".peers tbody tr", "y-websocket")
    connection = ada.text_of(".peers code")
    assert figure(ada, "May")() == "write"
    ada.click(".deeds .danger")
    ada.see(".deed-sheet", "nothing is lost")
    ada.click(".deed .button", "Cancel")
    ada.not_see(".deed-sheet")
    ada.see(".peers code", connection)
    ada.click(".deeds .danger")
    ada.press("Enter")
    ada.see(".toast", "was disconnected")
    ada.not_see(".peers code", connection)
    ada.see(".peers tbody tr", "y-websocket")
    grace.type("after")
    grace.see(".pill[data-state=saved]")
    assert grace.editor_text() == "before after"
    assert ada.complaints() == []


def test_a_quarantine_shuts_the_document_and_its_end_opens_it(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    create(running_server, "minutes")
    grace = typing(the_browser, running_server, "minutes")
    grace.type("before ")
    grace.see(".pill[data-state=saved]")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/inspect/minutes")
    ada.see(".peers tbody tr")
    ada.click(".inspect-head button", "Quarantine")
    ada.see(".deed-sheet", "Everybody is sent away (1 here now)")
    ada.click(".deed .primary")
    ada.see(".warning", "In quarantine")
    ada.see(".nothing", "Nobody is here")
    grace.see(".pill[data-state=offline]")
    grace.type("meanwhile")

    ada.click(".back")
    ada.see(".shut", "minutes")
    ada.see(".open-documents .mark", "Quarantine")
    ada.click(".shut .button")
    ada.click(".deed .primary")
    ada.not_see(".shut")
    grace.see(".pill[data-state=saved]")
    text = httpx.get(f"{running_server.url}/v1/documents/minutes/content?format=text").text
    assert text == "before meanwhile"
    assert ada.complaints() == []


def test_a_right_is_changed_for_a_user_who_is_here(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "minutes", "yjs")
    grace = the_browser.window()
    grace.open(f"{url}#token={token(user='grace', name='Grace', minutes='write')}")
    grace.see(".pill[data-state=saved]")
    ada = the_browser.window()
    ada.open(f"{guarded_server.url}/inspect/minutes#token={token()}")
    ada.see(".peers .who", "Grace")
    ada.see(".peers .under", "grace")
    ada.click(".deeds .button", "Right")
    ada.click(".right", "Read")
    ada.click(".deed .primary")
    ada.see(".toast", "The right of grace was changed")
    shows(figure(ada, "May"), lambda text: text == "read")
    grants = httpx.get(f"{guarded_server.url}/v1/access", headers=headers()).json()["grants"]
    assert grants == [{"document": "minutes", "user": "grace", "access": "read"}]
    ada.click(".deeds .button", "Right")
    ada.click(".right", "Nothing")
    ada.click(".deed .primary")
    ada.see(".nothing", "Nobody is here")
    assert ada.complaints() == []


def test_it_asks_for_a_token_and_is_for_operators_only(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    make(guarded_server, "minutes", "yjs")
    ada = the_browser.window()
    ada.open(f"{guarded_server.url}/inspect")
    ada.see(".sign-in", "needs a token")
    ada.fill("#sign-in-token", token(user="eve", name="Eve", minutes="admin"))
    ada.press("Enter")
    ada.see(".refusal", "Only who administers every document may do this")
    ada.not_see(".charts")
    ada.open(f"{guarded_server.url}/inspect#token={token()}")
    ada.see(".workers li", "Memory")


def test_while_the_server_is_away_the_last_figures_stay(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    create(running_server, "minutes")
    grace = typing(the_browser, running_server, "minutes")
    grace.type("hello")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/inspect")
    ada.see(".open-documents a", "minutes")
    ada.see(".fresh[data-state=live]", "Live")
    running_server.kill()
    ada.see(".warning", "The server does not answer")
    ada.see(".fresh[data-state=old]", "Not live")
    ada.see(".open-documents a", "minutes")
    running_server.start()
    ada.see(".fresh[data-state=live]", "Live")
    ada.not_see(".warning")


def test_a_page_that_nobody_sees_does_not_ask(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    ada = the_browser.window()
    ada.open(f"{running_server.url}/inspect")
    ada.see(".workers li")
    before = ada.evaluate(_ASKED)
    eventually(lambda: ada.evaluate(_ASKED) > before, lambda: "it asks no more")
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden })
      document.dispatchEvent(new Event("visibilitychange"))
      performance.clearResourceTimings()
    }"""
    ada.evaluate(f"({hide})(true)")
    # A timer of ours that began when the page's would have is over.
    ada.evaluate("new Promise((done) => setTimeout(done, 3500))")
    assert ada.evaluate(_ASKED) <= 2, "one look may have been under way"
    ada.evaluate(f"({hide})(false)")
    eventually(lambda: ada.evaluate(_ASKED) > 0, lambda: "it does not ask again")


def test_on_a_phone_nothing_is_wider_than_the_screen(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    create(running_server, "long-" * 30 + "id")
    grace = typing(the_browser, running_server, "long-" * 30 + "id")
    grace.type("hello")
    ada = the_browser.window(375, 740, "dark")
    ada.open(f"{running_server.url}/inspect")
    ada.see(".open-documents a")
    assert ada.evaluate("document.documentElement.scrollWidth") == 375
    ada.click(".open-documents a")
    ada.see(".peers tbody tr")
    assert ada.evaluate("document.documentElement.scrollWidth") == 375
    ada.click(".deeds .danger")
    ada.see(".deed-sheet")
    assert ada.evaluate("document.querySelector('.deed-sheet').scrollWidth") <= 375
