"""What the pages say to somebody who may not, or to whom there is nothing to show."""

from __future__ import annotations

import pytest

from tests.e2e.browser import Browser
from tests.e2e.guarded import make, token
from tests.e2e.kinds import EDITOR, SAVED
from tests.integration.process import ServerProcess

pytestmark = pytest.mark.slow


def test_a_document_that_is_not_there_is_said_to_be_missing_and_can_be_made(
    the_browser: Browser, standing_server: ServerProcess
) -> None:
    ada = the_browser.window()
    ada.open(f"{standing_server.url}/d/nowhere")
    ada.see(".refusal", "There is no such document")
    ada.click(".refusal button", "Make")
    ada.see(SAVED)


def test_an_id_that_can_be_none_is_refused_in_words(
    the_browser: Browser, standing_server: ServerProcess
) -> None:
    ada = the_browser.window()
    ada.open(f"{standing_server.url}/d/a%2Fb%3Cimg%20src=x%3E")
    ada.see(".refusal", "a document id is 1 to 200 characters")
    assert ada.text_of(".bar-title") == "a/b<img src=x>"


def test_a_document_that_one_has_no_right_to_is_not_offered_to_be_made(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "secret", "text", "hidden")
    ada = the_browser.window()
    ada.open(f"{url}#token={token(other='read')}")
    ada.see(".refusal", "none that you may know of")
    ada.not_see(".refusal button", "Make")
    ada.click(".refusal button", "Use another token")
    ada.fill("dialog input", token(secret="read"))
    ada.press("Enter")
    ada.see(EDITOR, "hidden")
    ada.not_see("dialog")


def test_who_was_refused_by_name_is_told_so(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    url = make(guarded_server, "secret", "text", "hidden")
    ada = the_browser.window()
    ada.open(f"{url}#token={token(secret='none')}")
    ada.see(".refusal", "You may not open this document")
