"""Who wrote what, as JSON page by page, and as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from collab.aside import aside
from collab.blames import Blame, Blames, Run
from collab.formats import attributed
from collab.formats.attributed import Piece
from collab.ledger import Attribution
from collab.protocols.native import MAX_INTEGER
from collab.web import attributions as people
from collab.web import change_schemas as schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.content import SANDBOX
from collab.web.dependencies import DocumentId, Reader
from collab.web.differences import Root

router = APIRouter(prefix="/v1/documents/{id}", tags=["history"], route_class=StrictRoute)


@router.get(
    "/blame",
    response_model=schemas.BlamePage,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def get_blame(
    id: DocumentId,
    request: Request,
    caller: Reader,
    version: Annotated[
        int | None, Query(ge=0, le=MAX_INTEGER, description="Absent: the newest.")
    ] = None,
    format: Annotated[Literal["json", "html"], Query()] = "json",
    root: Root = None,
    at: Annotated[
        int, Query(ge=0, le=MAX_INTEGER, description="Of JSON: the position to begin at.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Of JSON: so many runs.")] = 1000,
) -> Response:
    """Who wrote what is in the document, or was at `version`: its text in runs, each with the
    version that brought it.

    Go on with `version` as it is answered and `at` set to `next`.
    """
    blames: Blames = request.app.state.blames
    blame = await blames.blame(id, version, root)
    headers = {"Collab-Epoch": blame.head.epoch, "Collab-Version": str(blame.head.version)}
    if format == "html":
        page = await aside(len(blame.runs) * 100, _page, id, blame)
        return Response(page, headers={**headers, **SANDBOX}, media_type="text/html; charset=utf-8")
    return json_answer(_told(blame, at, limit), headers=headers)


def _told(blame: Blame, at: int, limit: int) -> dict[str, Any]:
    runs: list[dict[str, Any]] = []
    position, next = 0, None
    for run in blame.runs:
        if position >= at:
            if len(runs) == limit:
                next = position
                break
            runs.append({**_content(run), **people.told(run.by)})
        position += run.length
    return {
        "epoch": blame.head.epoch,
        "version": blame.head.version,
        "since": blame.since,
        "root": None if blame.root is None else ":".join(blame.root),
        "runs": runs,
        "next": next,
    }


def _content(run: Run) -> dict[str, Any]:
    return {"text": run.content} if isinstance(run.content, str) else {"embed": run.content}


def _page(id: str, blame: Blame) -> str:
    return attributed.write(f"{id}, version {blame.head.version}", _pieces(blame.runs))


def _pieces(runs: list[Run]) -> Iterator[Piece]:
    """What one person wrote is one piece, whatever the version; the newest is told."""
    texts: list[str] = []
    held: Attribution | None = None
    for run in [*runs, None]:
        by = None if run is None else run.by
        if texts and (run is None or people.person(by) != people.person(held)):
            yield people.piece("".join(texts), "span", held)
            texts = []
        if run is not None:
            if not texts or (by is not None and held is not None and by.version > held.version):
                held = by
            texts.append(people.shown(run.content))
