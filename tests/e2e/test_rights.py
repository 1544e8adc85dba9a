"""Rights that end or change while one is in a document, with each kind of editor; links that give
some."""

from __future__ import annotations

import pytest

from tests.e2e.browser import Browser
from tests.e2e.guarded import grant, headers, token, token_for
from tests.e2e.kinds import EDITOR, READING, SAVED, TEXT, Kind, each_kind, shows
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow

_READ_ONLY = "[aria-readonly=true]"


@each_kind
def test_a_token_that_expires_makes_the_editor_read_only_until_there_is_another(
    the_browser: Browser, standing_guarded_server: ServerProcess, kind: Kind
) -> None:
    id = f"expires-{kind.name}"
    url = kind.make(standing_guarded_server, id, headers())
    ada = the_browser.window()
    ada.open(f"{url}#token={token_for(id, 'write', 5)}")
    ada.see(SAVED)
    ada.click(EDITOR)
    ada.type("before")
    ada.see(".banner", "Your token has expired")
    ada.see(".pill", "Signed out")
    ada.see(_READ_ONLY)
    ada.press("Control+z")
    ada.type("no")
    assert ada.editor_text() == "before"
    ada.click(".banner button", "Sign in")
    ada.see("dialog.sign-in", "Your token has expired")
    ada.press("Escape")
    ada.not_see("dialog.sign-in")
    ada.click(".banner button", "Sign in")
    ada.fill("dialog.sign-in input", token_for(id, "write"))
    ada.press("Enter")
    ada.not_see("dialog.sign-in")
    ada.see(SAVED)
    ada.not_see(".banner")
    ada.click(EDITOR)
    ada.press("Control+End")
    ada.type(" and after")
    ada.see(SAVED)
    grace = the_browser.window()
    grace.open(f"{url}#token={token_for(id, 'read', user='grace')}")
    grace.see(READING, "Read only")
    shows(grace, "before and after")


@each_kind
def test_who_may_only_read_sees_so_and_cannot_type(
    the_browser: Browser, standing_guarded_server: ServerProcess, kind: Kind
) -> None:
    id = f"shown-{kind.name}"
    url = kind.make(standing_guarded_server, id, headers())
    writer, reader = the_browser.window(), the_browser.window()
    writer.open(f"{url}#token={token()}")
    writer.see(SAVED)
    writer.click(EDITOR)
    writer.type("look")
    reader.open(f"{url}#token={token_for(id, 'read', user='grace')}")
    reader.see(READING, "Read only")
    reader.see(_READ_ONLY)
    reader.click(EDITOR)
    reader.type("no")
    writer.type(" here")
    shows(reader, "look here")
    assert writer.editor_text() == "look here"
    assert reader.complaints() == []


@each_kind
def test_a_right_that_changes_is_shown_at_once(
    the_browser: Browser, standing_guarded_server: ServerProcess, kind: Kind
) -> None:
    id = f"shared-{kind.name}"
    server = standing_guarded_server
    url = kind.make(server, id, headers())
    ada, grace = the_browser.window(), the_browser.window()
    ada.open(f"{url}#token={token_for(id, 'write')}")
    grace.open(f"{url}#token={token_for(id, 'write', user='grace')}")
    for window in (ada, grace):
        window.see(SAVED)
    ada.click(EDITOR)
    ada.type("one")
    shows(grace, "one")
    ada.see(SAVED)

    grant(server, id, "ada", "read")
    ada.see(READING, "Read only")
    ada.see(".banner", "You may read this document only")
    ada.see(_READ_ONLY)
    ada.press("Control+z")
    ada.type("no")
    grace.click(EDITOR)
    grace.press("Control+End")
    grace.type(" two")
    shows(ada, "one two")

    grant(server, id, "ada", "write")
    ada.see(SAVED)
    ada.not_see(".banner")
    ada.click(EDITOR)
    ada.press("Control+End")
    ada.type(" three")
    shows(grace, "one two three")

    grant(server, id, "ada", "none")
    ada.see(".pill", "Not connected")
    ada.see(_READ_ONLY)
    assert ada.editor_text() == "one two three"
    ada.click(".banner button", "Try again")
    ada.see(".banner", "You may not open this document")
    grace.press("Control+End")
    grace.type("!")
    shows(grace, "one two three!")
    assert ada.editor_text() == "one two three"


def test_a_link_allows_what_it_says_and_nothing_else(
    the_browser: Browser, standing_guarded_server: ServerProcess
) -> None:
    url = TEXT.make(standing_guarded_server, "linked", headers(), content="for you\n")
    TEXT.make(standing_guarded_server, "unlinked", headers())
    ada, guest = the_browser.window(), the_browser.window()
    ada.open(f"{url}#token={token(linked='admin', unlinked='read')}")
    ada.see(SAVED)
    ada.click(".share")
    ada.click(".share-sheet label", "Can read")
    ada.click(".share-sheet .primary")
    ada.see(".granted", "can read this document until")
    reading = ada.evaluate("document.querySelector('.link-field').value")
    ada.click(".share-sheet label", "Can write")
    ada.click(".share-sheet label", "1 day")
    ada.click(".share-sheet .primary")
    ada.see(".granted", "can read and change this document until")
    writing = ada.evaluate("document.querySelector('.link-field').value")

    guest.open(reading)
    guest.see(READING)
    shows(guest, "for you\n")
    guest.open(f"{standing_guarded_server.url}/")
    guest.see(".list-order", "1 document")
    guest.open(writing)
    guest.see(SAVED)
    guest.click(".share")
    guest.click(".share-sheet .primary")
    guest.see(".share-sheet .error", "who have a token of their own")
    assert "#token" not in guest.evaluate("document.querySelector('.link-field').value")


def test_a_title_is_changed_where_it_stands_by_who_may(
    the_browser: Browser, standing_guarded_server: ServerProcess
) -> None:
    url = TEXT.make(standing_guarded_server, "titled", headers())
    ada, guest = the_browser.window(), the_browser.window()
    ada.open(f"{url}#token={token()}")
    ada.see(SAVED)
    ada.click(".title-button")
    ada.type("What we know so far")
    ada.press("Enter")
    ada.see(".title-button", "What we know so far")
    ada.click(".title-button")
    ada.type("not this")
    ada.press("Escape")
    ada.see(".title-button", "What we know so far")
    guest.open(f"{url}#token={token(user='guest', titled='read')}")
    guest.see(READING)
    guest.see(".title-button:disabled", "What we know so far")


def test_a_document_is_deleted_for_everybody(
    the_browser: Browser, standing_guarded_server: ServerProcess
) -> None:
    url = TEXT.make(standing_guarded_server, "deleted", headers())
    ada, grace = the_browser.window(), the_browser.window()
    for window, user in ((ada, "ada"), (grace, "grace")):
        window.open(f"{url}#token={token(user=user)}")
        window.see(SAVED)
    ada.click("[aria-label=More]")
    ada.click(".menu button", "Delete")
    ada.click(".delete-sheet .danger")
    ada.see(".list-head")
    ada.not_see(".documents a:has-text('deleted')")
    grace.see(".banner", "There is no such document")
