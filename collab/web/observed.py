"""What is noted of every HTTP request: an id for its lines in the log, its time, its span.

Owns the header `X-Request-ID`: taken over from a caller (a proxy, most likely) if it is a plain
token, otherwise made here. Knows nothing of what is asked and answered.
"""

from __future__ import annotations

import re
import secrets
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from collab.metrics import REQUEST_SECONDS
from collab.tracing import request_span

if TYPE_CHECKING:
    from opentelemetry.trace import Span

HEADER: Final = "X-Request-ID"

_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ENDLESS: Final = "/events"  # its span would not end before the reader leaves


class Observed:
    """Wraps everything that answers HTTP."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(HEADER, "")
        id = given if _TOKEN.fullmatch(given) else secrets.token_hex(8)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        started = perf_counter()
        status = 0

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = id
                seconds = perf_counter() - started
                REQUEST_SECONDS.labels(method, f"{status // 100}xx").observe(seconds)
            await send(message)

        with bound_contextvars(request=id), _span(scope, method, headers) as span:
            try:
                await self._app(scope, receive, noted_send)
            finally:
                if span is not None:
                    _describe(span, scope, method, status, id)


def _span(scope: Scope, method: str, headers: Headers) -> AbstractContextManager[Span | None]:
    if scope["path"].endswith(_ENDLESS):
        return nullcontext()
    return request_span(method, headers)


def _describe(span: Span, scope: Scope, method: str, status: int, id: str) -> None:
    """The path as the route has it: in the path itself are documents, and what anybody types."""
    route: str | None = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.response.status_code", status)
    span.set_attribute("request", id)
