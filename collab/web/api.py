"""All of HTTP in one call: the routes, the guard before them, problems behind them, headers
around them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from collab.settings import Settings
from collab.web import (
    access,
    activity,
    blames,
    content,
    describe,
    differences,
    documents,
    edits,
    erasing,
    events,
    health,
    inspect,
    metrics,
    people,
    problems,
    restores,
    tokens,
    versions,
)
from collab.web.guard import Guard
from collab.web.headers import SafeHeaders
from collab.web.observed import HEADER, Observed

_MODULES = (
    access,
    documents,
    content,
    versions,
    erasing,
    edits,
    differences,
    restores,
    blames,
    activity,
    events,
    people,
    tokens,
    inspect,
    health,
    metrics,
)
_ASKED_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
)
_TOLD_HEADERS = ("ETag", "Collab-Epoch", "Collab-Version", "Location", "Retry-After", HEADER)


def install(app: FastAPI) -> None:
    """Add the HTTP API to `app`, whose state has `settings` already, and, when it serves,
    `catalog`, `blames`, `registry` and `auth`."""
    problems.install(app)
    for module in _MODULES:
        app.include_router(module.router)
    app.add_middleware(Guard)
    settings: Settings = app.state.settings
    if settings.allowed_origins:
        # Around the guard, so that those pages can read its refusals too.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_ASKED_HEADERS,
            expose_headers=_TOLD_HEADERS,
            max_age=3600,
        )
    app.add_middleware(SafeHeaders)
    app.add_middleware(Observed)
    app.openapi = lambda: describe.describe(app)  # type: ignore[method-assign]
