"""When a document was written, by whom and how much."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from collab.activity import Activity
from collab.protocols.native import MAX_INTEGER
from collab.sittings import Part, Sitting
from collab.web import change_schemas as schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import DocumentId, Reader, TheContents

router = APIRouter(prefix="/v1/documents/{id}", tags=["history"], route_class=StrictRoute)


@router.get("/activity", response_model=schemas.Timeline)
async def get_activity(
    id: DocumentId,
    contents: TheContents,
    caller: Reader,
    after: Annotated[
        int | None,
        Query(ge=0, le=MAX_INTEGER, description="A version; absent: where the log begins."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    pause: Annotated[
        int, Query(ge=1, le=10_080, description="Minutes without an edit that end a sitting.")
    ] = 15,
    user: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Only what this user did.")
    ] = None,
) -> Response:
    """The log as sittings: what was written without a longer pause, and by whom. Go on with `after`
    set to `next`."""
    timeline = await Activity(contents).timeline(
        id, after=after, limit=limit, pause_minutes=pause, user=user
    )
    sittings = [_sitting(each) for each in timeline.sittings]
    if timeline.cut:
        sittings[-1]["continued"] = True
    return json_answer(
        {
            "epoch": timeline.head.epoch,
            "version": timeline.head.version,
            "since": timeline.since,
            "sittings": sittings,
            "next": timeline.next,
        }
    )


def _sitting(sitting: Sitting) -> dict[str, Any]:
    users = [
        {"user": part.user, "author": part.author, **_part(part)} for part in sitting.parts.values()
    ]
    return {**_part(sitting), "continued": False, "users": users}


def _part(part: Part) -> dict[str, int]:
    return {
        "from": part.first,
        "to": part.last,
        "began": part.began,
        "ended": part.ended,
        "edits": part.edits,
        "inserted": part.inserted,
        "deleted": part.deleted,
    }
