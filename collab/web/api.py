"""All of HTTP in one call: the routes, the guard before them, problems behind them."""

from __future__ import annotations

from fastapi import FastAPI

from collab.web import (
    content,
    describe,
    documents,
    edits,
    events,
    health,
    people,
    problems,
)
from collab.web.guard import Guard


def install(app: FastAPI) -> None:
    """Add the HTTP API to `app`, whose state has `catalog`, `registry`, `settings` and `auth`."""
    problems.install(app)
    for module in (documents, content, edits, events, people, health):
        app.include_router(module.router)
    app.add_middleware(Guard)
    app.openapi = lambda: describe.describe(app)  # type: ignore[method-assign]
