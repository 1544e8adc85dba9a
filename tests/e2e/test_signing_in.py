"""Signing in and out, and what was typed before one has signed in again."""

from __future__ import annotations

import time

import pytest

from tests.e2e.browser import Browser, Window, eventually
from tests.e2e.guarded import make, token
from tests.e2e.kinds import EDITOR, SAVED, shows
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_PANEL = "section.sign-in"
_DIALOG = "dialog.sign-in"

# From here on every address that the page asks, and what it offers a websocket.
_WATCH = """void (() => {
  window.asked = []
  const ask = window.fetch
  window.fetch = (url, ...rest) => (window.asked.push(String(url)), ask(url, ...rest))
  window.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols)
      window.asked.push(String(url))
      window.offered = protocols
    }
  }
})()"""


def sign_in(window: Window, place: str, given: str) -> None:
    window.fill(f"{place} input", given)
    window.press("Enter")


def test_a_link_signs_in_and_leaves_no_token_in_the_address(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "mine", "yjs")
    given = token(mine="write")
    ada = the_browser.window()
    ada.open(f"{url}#token={given}")
    ada.see(SAVED)
    assert ada.address() == url
    assert ada.evaluate("history.length") == 2  # about:blank, and this
    ada.reload()
    ada.see(SAVED)
    assert ada.evaluate("sessionStorage.getItem('collab.token')") == given
    assert ada.evaluate("JSON.stringify({...localStorage}) + document.cookie").find(given) == -1
    assert given not in "".join(guarded_server.log)
    assert ada.complaints() == []
    # Another window is another person.
    other = the_browser.window()
    other.open(url)
    other.see(_PANEL, "This server needs a token")


def test_who_has_no_token_is_asked_for_one(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "mine", "yjs")
    ada = the_browser.window()
    ada.open(url)
    ada.see(_PANEL, "This server needs a token")
    assert ada.evaluate("document.activeElement.labels[0].textContent") == "Token"
    assert ada.evaluate("document.activeElement.type") == "password"
    ada.evaluate(_WATCH)
    given = token()
    # As it comes from a terminal or a header.
    sign_in(ada, _PANEL, f" Bearer {given[:40]} {given[40:]} ")
    ada.see(SAVED)
    assert ada.evaluate("window.offered") == ["collab.yjs", f"collab.token.{given}"]
    addresses = ada.evaluate("window.asked")
    assert f"{url.replace('http', 'ws', 1).replace('/d/', '/yjs/')}" in addresses
    assert not [each for each in addresses if given[:20] in each]
    ada.click(".cm-content")
    ada.type("signed in")
    shows(ada, "signed in")


def test_a_token_that_does_not_hold_is_refused_in_words(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    make(guarded_server, "mine", "text", "hello")
    ada = the_browser.window()
    ada.open(f"{guarded_server.url}/")
    ada.see(_PANEL, "This server needs a token")
    ada.press("Enter")
    ada.see(".sign-in .error", "Paste a token first")
    sign_in(ada, _PANEL, "trügerisch")
    ada.see(".sign-in .error", "cannot be a token")
    sign_in(ada, _PANEL, token()[:-4] + "AAAA")
    ada.see(".sign-in .error", "That did not work: the token does not hold")
    sign_in(ada, _PANEL, token(-60))
    ada.see(".sign-in .error", "That did not work: the token has expired")
    assert ada.evaluate("sessionStorage.getItem('collab.token')") is None
    sign_in(ada, _PANEL, token())
    ada.see(".documents a", "mine")


def test_a_link_whose_token_does_not_hold_asks_for_another(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "mine", "text", "hello")
    ada = the_browser.window()
    ada.open(f"{url}#token={token(-60)}")
    ada.see(_PANEL, "Your token has expired")
    assert ada.address() == url
    ada.open(f"{url}#token={token()[:-4]}AAAA")
    ada.see(_PANEL, "Your token does not hold here")
    ada.open(f"{url}#token=tr%C3%BCgerisch")
    ada.see(_PANEL, "This server needs a token")
    # In the same tab, without loading anew.
    ada.evaluate(f"void (location.hash = 'token={token()}')")
    ada.see(EDITOR, "hello")
    assert ada.address() == url


def test_signing_out_forgets_the_token(the_browser: Browser, guarded_server: ServerProcess) -> None:
    url = make(guarded_server, "mine", "yjs")
    ada = the_browser.window()
    ada.open(f"{guarded_server.url}/#token={token(name='Ada Lovelace')}")
    ada.see(".account", "Ada Lovelace")
    ada.click(".documents a", "mine")
    ada.see(SAVED)
    ada.click(".people-button")
    assert ada.evaluate("document.querySelector('#my-name').value") == "Ada Lovelace"
    ada.click(".panel button", "Sign out")
    ada.see(_PANEL, "This server needs a token")
    assert ada.address() == url
    ada.not_see(".cm-content")
    ada.reload()
    ada.see(_PANEL, "This server needs a token")


def test_what_was_not_sent_when_the_token_expired_is_sent_after_signing_in_again(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "mine", "yjs")
    expired = time.time() + 5
    ada = the_browser.window()
    ada.open(f"{url}#token={token(5, mine='write')}")
    ada.see(SAVED)
    guarded_server.kill()
    ada.see(".pill", "Offline")
    ada.click(".cm-content")
    ada.type("alone")
    eventually(lambda: time.time() > expired, time.time)
    guarded_server.start()
    ada.see(".banner", "Your last edits are kept in this tab")
    assert ada.editor_text() == "alone"
    # By a link this time.
    ada.evaluate(f"void (location.hash = 'token={token(mine='write')}')")
    ada.see(SAVED)
    ada.reload()
    ada.see(SAVED)
    assert ada.editor_text() == "alone"
