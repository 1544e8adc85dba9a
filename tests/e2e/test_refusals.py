"""What the pages say to somebody who may not, or to whom there is nothing to show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.e2e.browser import Browser, eventually
from tests.integration.process import ServerProcess, server

pytestmark = pytest.mark.slow

_SECRET = "a secret for tests that is long enough"
_FIRST_LOAD_BYTES = 300_000
_TRANSFERRED = """[
  ...performance.getEntriesByType("navigation"),
  ...performance.getEntriesByType("resource"),
].reduce((sum, entry) => sum + entry.transferSize, 0)"""


@pytest.fixture
def guarded_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that wants tokens."""
    with server(tmp_path, COLLAB_SECRET_KEY=_SECRET) as running:
        yield running


def token(**docs: str) -> str:
    return jwt.encode({"name": "Ada", "docs": docs or {"*": "admin"}}, _SECRET, algorithm="HS256")


def make(running: ServerProcess, id: str, type: str, content: str | None = None) -> None:
    body = {"id": id, "type": type} | ({} if content is None else {"content": content})
    headers = {"Authorization": f"Bearer {token()}"}
    answer = httpx.post(f"{running.url}/v1/documents", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


def test_a_text_document_is_shown_and_followed_but_not_edited(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "plain", "text", "<b>as it is</b>")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/d/plain")
    ada.see(".note", "Read only here")
    ada.see(".reading", "<b>as it is</b>")
    ada.see(".pill", "Version 1")
    edits = f"{running_server.url}/v1/documents/plain/edits"
    assert httpx.post(edits, json={"operation": [{"insert": "Live: "}]}).status_code == 200
    ada.see(".reading", "Live: <b>as it is</b>")
    ada.see(".pill", "Version 2")
    assert ada.complaints() == []


def test_a_document_that_is_not_there_is_said_to_be_missing_and_can_be_made(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    ada = the_browser.window()
    ada.open(f"{running_server.url}/d/nowhere")
    ada.see(".refusal", "There is no such document")
    ada.click(".refusal button", "Make")
    ada.see(".pill[data-state=live]")


def test_an_id_that_can_be_none_is_refused_in_words(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    ada = the_browser.window()
    ada.open(f"{running_server.url}/d/a%2Fb%3Cimg%20src=x%3E")
    ada.see(".refusal", "a document id is 1 to 200 characters")
    assert ada.text_of(".bar-title") == "a/b<img src=x>"


def test_who_has_no_token_can_paste_one(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    make(guarded_server, "secret", "text", "hidden")
    ada = the_browser.window()
    ada.open(f"{guarded_server.url}/")
    ada.see(".refusal", "You are not signed in")
    ada.fill(".refusal input", token())
    ada.press("Enter")
    ada.see(".documents a", "secret")


def test_a_token_in_the_address_is_taken_out_of_it_and_kept(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    make(guarded_server, "mine", "text", "hello")
    ada = the_browser.window()
    ada.open(f"{guarded_server.url}/d/mine#token={token(mine='read')}")
    ada.see(".reading", "hello")
    assert ada.address() == f"{guarded_server.url}/d/mine"
    ada.reload()
    ada.see(".reading", "hello")


def test_who_may_only_read_sees_so_and_cannot_type(
    the_browser: Browser, guarded_server: ServerProcess
) -> None:
    make(guarded_server, "shown", "yjs")
    writer, reader = the_browser.window(), the_browser.window()
    writer.open(f"{guarded_server.url}/d/shown#token={token()}")
    writer.see(".pill[data-state=live]")
    writer.click(".cm-content")
    writer.type("look")
    reader.open(f"{guarded_server.url}/d/shown#token={token(shown='read')}")
    reader.see(".pill", "Live, read only")
    reader.click(".cm-content")
    reader.type("no")
    writer.type(" here")
    eventually(lambda: reader.editor_text() == "look here", reader.editor_text)
    assert writer.editor_text() == "look here"
    assert reader.complaints() == []


def test_the_first_load_of_the_editor_is_light(
    the_browser: Browser, running_server: ServerProcess
) -> None:
    make(running_server, "light", "yjs")
    ada = the_browser.window()
    ada.open(f"{running_server.url}/d/light")
    ada.see(".cm-content")
    transferred = ada.evaluate(_TRANSFERRED)
    assert 50_000 < transferred < _FIRST_LOAD_BYTES, transferred
