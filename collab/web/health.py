"""Whether the process lives, and whether it should be sent work."""

from __future__ import annotations

import anyio
from fastapi import APIRouter, Response

from collab.errors import Restarting, StoreFailure
from collab.web import schemas
from collab.web.answers import json_answer
from collab.web.dependencies import TheCatalog

router = APIRouter(tags=["health"])

_STORE_SECONDS = 2.0


@router.get("/healthz", response_model=schemas.Health)
async def alive() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@router.get("/readyz", response_model=schemas.Health)
async def ready(catalog: TheCatalog) -> Response:
    """The store answers and the server is not about to stop; 503 otherwise."""
    if catalog.draining:
        raise Restarting(retry_after=1)
    with anyio.move_on_after(_STORE_SECONDS):
        await catalog.check_store()
        return json_answer({"status": "ok"})
    raise StoreFailure("the store does not answer")
