"""Whether the process lives, and whether it should be sent work."""

from __future__ import annotations

import anyio
from fastapi import APIRouter, Response

from collab.errors import Restarting, StoreFailure
from collab.web import schemas
from collab.web.answers import json_answer
from collab.web.dependencies import TheCatalog, TheRegistry

router = APIRouter(tags=["health"])

_STORE_SECONDS = 2.0


class Readiness(schemas.Health):
    """The server is ready; `longest_stall_ms` is of the event loop, in the last ten minutes."""

    longest_stall_ms: int


@router.get("/healthz", response_model=schemas.Health)
async def alive() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@router.get("/readyz", response_model=Readiness)
async def ready(catalog: TheCatalog, registry: TheRegistry) -> Response:
    """The store answers and the server is not about to stop; 503 otherwise.

    Tells too how long the event loop was kept from everybody at most in the last ten minutes.
    """
    if catalog.draining:
        raise Restarting(retry_after=1)
    with anyio.move_on_after(_STORE_SECONDS):
        await catalog.check_store()
        stall = round(registry.loop_watch.longest_seconds * 1000)
        return json_answer({"status": "ok", "longest_stall_ms": stall})
    raise StoreFailure("the store does not answer")
