"""What every HTTP answer tells a browser, whoever made it: a route, a refusal, a missing page.

Owns the headers that keep an answer from being guessed at, kept, framed or betrayed by a referrer
(a token may be in the query). What a route has said itself stays. Knows no route.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collab.settings import is_loopback
from collab.web.origins import host_name

_ALWAYS: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_UNKEPT: Final = "no-store"
_ASKED_AGAIN: Final = "private, no-cache"
_ONLY_HTTPS: Final = "max-age=31536000"


class SafeHeaders:
    """Wraps everything that answers HTTP.

    What has an ETag may be kept by the caller and has to be asked for again each time, which is
    when rights are looked at; what has none, and says nothing else, is not kept at all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        only_https = _only_https(scope)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] != 304:  # whose headers replace those of what is kept
                    headers.setdefault("Content-Security-Policy", _POLICY)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _ASKED_AGAIN if "etag" in headers else _UNKEPT)
                if only_https:
                    headers.setdefault("Strict-Transport-Security", _ONLY_HTTPS)
            await send(message)

        await self._app(scope, receive, send_safely)


def _only_https(scope: Scope) -> bool:
    """Whether a browser may be told to come by https from now on: it came so, and the name is not
    one that this machine's other servers share."""
    host = host_name(Headers(scope=scope))
    return scope.get("scheme") == "https" and bool(host) and not is_loopback(host)
