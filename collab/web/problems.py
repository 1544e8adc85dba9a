"""The one translator from errors to HTTP: a status and a problem object (RFC 9457).

Owns statuses and headers of refusals. `code` is the same as on every other edge. What is not ours
to explain becomes `internal`, and only the log says more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from collab import errors
from collab.metrics import reject
from collab.web.answers import answers_head

MEDIA_TYPE = "application/problem+json"

_STATUSES: dict[type[errors.CollabError], HTTPStatus] = {
    errors.NotSignedIn: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.DocumentNotFound: HTTPStatus.NOT_FOUND,
    errors.PeerNotFound: HTTPStatus.NOT_FOUND,
    errors.Quarantined: HTTPStatus.LOCKED,
    errors.HelloTimeout: HTTPStatus.REQUEST_TIMEOUT,
    errors.DocumentExists: HTTPStatus.CONFLICT,
    errors.BaseAboveHead: HTTPStatus.CONFLICT,
    errors.BelowFloor: HTTPStatus.CONFLICT,
    errors.NameReused: HTTPStatus.CONFLICT,
    errors.StaleSequence: HTTPStatus.CONFLICT,
    errors.BaseBelowOwnCommit: HTTPStatus.CONFLICT,
    errors.Replaced: HTTPStatus.CONFLICT,
    errors.VersionUnavailable: HTTPStatus.GONE,
    errors.VersionNotFound: HTTPStatus.NOT_FOUND,
    errors.VersionExists: HTTPStatus.CONFLICT,
    errors.TooManyVersions: HTTPStatus.CONFLICT,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.DocumentTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidOperation: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidContent: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooFast: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ConfigurationError: HTTPStatus.CONFLICT,
    errors.CollabError: HTTPStatus.BAD_REQUEST,
}

# What errors carry besides their text, as far as it means something to a caller.
_FIELDS = ("base", "version", "floor", "seq", "committed_seq", "size", "limit", "retry_after")

# Codes of refusals that are HTTP's own.
_HTTP_CODES = {
    400: "malformed",
    404: "no_such_route",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
}

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_DEFAULT_RETRY_SECONDS = 1.0

# Of what is wrong with a request: so much is told, so long is the name of a field.
_MOST_TOLD = 20
_PLACE_LENGTH = 200


def status_of(error: errors.CollabError) -> HTTPStatus:
    """The status of the nearest class that has one."""
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def title_of(code: str) -> str:
    """A code as people read it."""
    return code.replace("_", " ").capitalize()


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> Response:
    """The response that tells of a refusal."""
    reject("request", code)
    body = {
        "type": f"urn:collab:problem:{code}",
        "title": title_of(code),
        "status": int(status),
        "code": code,
        "detail": detail,
        **fields,
    }
    return Response(msgspec.json.encode(body), status, dict(headers or {}), MEDIA_TYPE)


def of_error(error: errors.CollabError) -> Response:
    """The response to an error of ours."""
    status = status_of(error)
    carried = vars(error)
    fields = {name: carried[name] for name in _FIELDS if name in carried}
    headers: dict[str, str] = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        seconds = fields.setdefault("retry_after", _DEFAULT_RETRY_SECONDS)
        headers["Retry-After"] = str(max(1, ceil(seconds)))
    return problem(status, error.code, str(error), headers=headers, **fields)


def internal() -> Response:
    """The response when something broke that nobody foresaw."""
    return problem(500, errors.CollabError.code, "the server failed here; its log says why")


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CollabError)
    return of_error(error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.CollabError):
        return of_error(error.__cause__)
    status = HTTPStatus(error.status_code)
    code = _HTTP_CODES.get(status, status.phrase.lower().replace(" ", "_").replace("-", "_"))
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem(status, code, str(error.detail), headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """All that the path answers; a route by itself only knows its own."""
    allowed = [method for method in _METHODS if _is_routed(request, method)]
    if "GET" in allowed and answers_head(request.url.path):
        allowed.append("HEAD")
    return allowed


def _is_routed(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method, "path_params": {}}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {"where": _place(each["loc"]), "problem": each["msg"]}
        for each in error.errors()[:_MOST_TOLD]
    ]
    detail = "; ".join(f"{each['where']}: {each['problem']}" for each in found)
    return problem(422, "invalid_request", detail, errors=found)


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(step) for step in location)[:_PLACE_LENGTH]


def install(app: FastAPI) -> None:
    """Make every refusal of `app` a problem object."""
    app.add_exception_handler(errors.CollabError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
