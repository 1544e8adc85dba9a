"""Rich text over HTTP as html and markdown: served so that it can do no harm, and replaced."""

from __future__ import annotations

import pytest

from tests.integration.api.asgi import Server, problem

pytestmark = pytest.mark.anyio

PATH = "/v1/documents/a/content"
TITLED = [{"insert": "Title"}, {"insert": "\n", "attributes": {"header": 1}}]
LINES = [*TITLED, {"insert": "a "}, {"insert": "b", "attributes": {"bold": True}}, {"insert": "\n"}]


async def test_rich_text_is_served_as_html_that_a_browser_keeps_in_a_sandbox(
    server: Server,
) -> None:
    hostile = {"insert": "x", "attributes": {"link": "javascript:alert(1)", "color": "url(y)"}}
    await server.make("a", [*LINES, hostile, {"insert": "\n"}], type="richtext")
    answer = await server.client.get(PATH, params={"format": "html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "<h1>Title</h1>\n<p>a <strong>b</strong></p>\n" in answer.text
    assert "javascript" not in answer.text
    assert "style=" not in answer.text
    assert answer.headers["etag"].endswith(':1"')


async def test_rich_text_is_served_as_markdown(server: Server) -> None:
    await server.make("a", LINES, type="richtext")
    answer = await server.client.get(PATH, params={"format": "markdown"})
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text == "# Title\n\na **b**\n"


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/html", "<h1>Title</h1><p>a <b>b</b></p><p>new</p>"),
        ("text/markdown; charset=utf-8", "Title\n=====\n\na __b__\n\nnew"),
    ],
)
async def test_what_was_changed_in_markup_is_one_edit(
    server: Server, media_type: str, body: str
) -> None:
    await server.make("a", LINES, type="richtext")
    etag = (await server.client.get(PATH, params={"format": "html"})).headers["etag"]
    await server.type("a", "My ")
    headers = {"Content-Type": media_type, "If-Match": etag}
    answer = await server.client.put(PATH, content=body.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    shown = await server.client.get(PATH, params={"format": "markdown"})
    assert shown.text == "# My Title\n\na **b**\n\nnew\n"


async def test_plain_text_is_no_markup(server: Server) -> None:
    await server.make("a", "<b>")
    answer = await server.client.get(PATH, params={"format": "html"})
    assert problem(answer, 400) == "unknown_format"
    headers = {"Content-Type": "text/html", "If-Match": "*"}
    answer = await server.client.put(PATH, content=b"<b>", headers=headers)
    assert problem(answer, 400) == "unknown_format"


async def test_a_document_is_made_of_markdown(server: Server) -> None:
    await server.make("a", "- [x] done", type="richtext", format="markdown")
    answer = await server.client.get(PATH, params={"format": "json"})
    assert answer.json() == [
        {"insert": "done"},
        {"insert": "\n", "attributes": {"list": "checked"}},
    ]
