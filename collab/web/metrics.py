"""What the operator's scraper asks for."""

from __future__ import annotations

from typing import Final

import anyio
from fastapi import APIRouter, Request, Response

from collab.errors import StoreFailure, Unavailable
from collab.exposition import CONTENT_TYPE
from collab.scrape import STORE_SECONDS, Scraper
from collab.web.dependencies import Caller, TheCaller
from collab.words import ANY

router = APIRouter(tags=["health"])

_PAGE: Final = {
    "description": "Prometheus' text format; `node` tells the workers of this machine apart.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


@router.get("/metrics", response_class=Response, responses={200: _PAGE})
async def read_metrics(request: Request, caller: TheCaller) -> Response:
    """The values of all workers of this machine, for who administers every document."""
    await _check(caller)
    scraper: Scraper = request.app.state.scraper
    return Response(await scraper.page(), headers={"Content-Type": CONTENT_TYPE})


async def _check(caller: Caller) -> None:
    """Raises NotAllowed. While the store cannot say whether a right was taken back, which is when
    the values are needed most, what the caller's token or key says counts alone."""
    try:
        with anyio.move_on_after(STORE_SECONDS):
            await caller.check_admin(ANY)
            return
        raise StoreFailure("the store does not answer")
    except Unavailable:
        if not caller.principal.administers_everything:
            raise
