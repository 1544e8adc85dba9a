"""What is refused before any route sees it, and what happens when a route breaks.

Owns what holds for every HTTP request: by which name the server was reached, which pages may change
something, the path's document id, the length of the body, HEAD, and that no defect shows more of
itself than `internal`. Knows no route.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collab.errors import CollabError, InvalidDocumentId, NotAllowed
from collab.settings import Settings, is_loopback
from collab.web import problems
from collab.web.answers import answers_head
from collab.web.bodies import bounded, check_length
from collab.web.origins import host_name, origin_allowed
from collab.words import check_document_id

_log = structlog.stdlib.get_logger(__name__)

_DOCUMENTS_PATHS = (b"/v1/documents/", b"/v1/inspect/documents/")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Wraps the application; takes the settings from `scope["app"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            settings: Settings = scope["app"].state.settings
            _check_host(scope, settings)
            _check_origin(scope, settings)
            _check_path(scope)
            check_length(scope, settings.max_body_bytes)
            if scope["method"] == "HEAD" and answers_head(scope["path"]):
                scope = {**scope, "method": "GET"}  # the server sends no body for what was asked
            await self._app(scope, bounded(receive, settings.max_body_bytes), watched_send)
        except CollabError as error:
            if started:
                raise
            await problems.of_error(error)(scope, receive, send)
        except ClientDisconnect:
            return  # in the middle of a body: there is nobody to tell
        except Exception:
            _log.exception("request failed", method=scope["method"])
            if not started:
                await problems.internal()(scope, receive, send)


def _check_host(scope: Scope, settings: Settings) -> None:
    """In development mode a page that has its own name resolved to this machine could read
    everything: only names that are this machine's count, or those of the allowed origins.

    Websockets need no such check: there every page says its origin.
    """
    headers = Headers(scope=scope)
    if "host" not in headers or not settings.development_mode:  # no browser leaves it out
        return
    name = host_name(headers)
    allowed = {urlsplit(origin).hostname for origin in settings.allowed_origins or ()}
    if not is_loopback(name) and name not in allowed:
        raise NotAllowed(
            "in development mode this server answers to localhost and loopback addresses only"
        )


def _check_origin(scope: Scope, settings: Settings) -> None:
    if scope["method"] not in _SAFE_METHODS and not origin_allowed(Headers(scope=scope), settings):
        raise NotAllowed("pages of this origin may not change anything here")


def _check_path(scope: Scope) -> None:
    """The id as it was sent: once decoded, `a%2Fcontent` would look like the content of `a`."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    before = next((path for path in _DOCUMENTS_PATHS if raw_path.startswith(path)), None)
    if before is None:
        return
    segment = raw_path[len(before) :].split(b"/", 1)[0]
    try:
        check_document_id(unquote_to_bytes(segment).decode())
    except UnicodeDecodeError:
        raise InvalidDocumentId from None
