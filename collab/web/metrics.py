"""What the operator's scraper asks for."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from collab.exposition import CONTENT_TYPE
from collab.scrape import Scraper
from collab.web.dependencies import TheCaller
from collab.web.operators import check_operator

router = APIRouter(tags=["health"])

_PAGE: Final = {
    "description": "Prometheus' text format; `node` tells the workers of this machine apart.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


@router.get("/metrics", response_class=Response, responses={200: _PAGE})
async def read_metrics(request: Request, caller: TheCaller) -> Response:
    """The values of all workers of this machine, for who administers every document."""
    await check_operator(caller)
    scraper: Scraper = request.app.state.scraper
    return Response(await scraper.page(), headers={"Content-Type": CONTENT_TYPE})
