"""What a command makes of the server's answers, without a server."""

from __future__ import annotations

import httpx
import pytest

from collab.commands.remote import CommandError, Refused, Remote


class Answers(httpx.BaseTransport):
    """A server that refuses everything with one code."""

    def __init__(self, status: int, code: str) -> None:
        self.asked = 0
        self._status, self._problem = status, {"code": code, "detail": "it is so"}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self._status, json=self._problem)


@pytest.mark.parametrize(
    ("status", "code", "asked"),
    [
        (503, "store_failure", 5),
        (503, "restarting", 5),
        (503, "document_broken", 1),
        (404, "document_not_found", 1),
    ],
)
def test_only_what_passes_is_asked_again(
    status: int, code: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    answers = Answers(status, code)
    with Remote("http://server", None) as server:
        server._client = httpx.Client(transport=answers, base_url="http://server")
        with pytest.raises(Refused, match=rf"it is so \({code}\)"):
            server.get("/v1/documents")
    assert answers.asked == asked


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "a", "http://[a", "http://a:b", "http://a:99999"]
)
def test_a_url_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises(CommandError, match="--url has to be"):
        Remote(url, None)
