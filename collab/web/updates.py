"""What only yjs documents take: updates as their editors make them, and a seed."""

from __future__ import annotations

import base64

from fastapi import APIRouter, HTTPException, Request, Response

from collab.aside import aside
from collab.contents import Committed
from collab.errors import UpdateGap
from collab.updates import Updates
from collab.web import problems, schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute, media_type
from collab.web.dependencies import (
    DocumentId,
    IdempotencyKey,
    TheContents,
    TheRegistry,
    WritingCaller,
)
from collab.web.documents import content_of
from collab.web.trials import try_update

router = APIRouter(tags=["yjs"], route_class=StrictRoute)

_BINARY = "application/octet-stream"


@router.post(
    "/updates",
    response_model=schemas.CommittedUpdate,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def submit_update(
    id: DocumentId,
    request: Request,
    contents: TheContents,
    registry: TheRegistry,
    caller: WritingCaller,
    key: IdempotencyKey,
) -> Response:
    """Commit a Yjs update (v1).

    One that builds on something which is not here is refused as a whole with `update_gap`, and
    `state_vector` says in base64 what is here.
    """
    if media_type(request) != _BINARY:
        raise HTTPException(415, f"an update is sent as {_BINARY}")
    update = await request.body()
    await try_update(update, request.app.state)
    updates = Updates(contents, registry)
    try:
        committed = await updates.update(id, update, caller.writer(key))
    except UpdateGap as gap:
        vector = base64.b64encode(await updates.vector(id)).decode()
        return problems.problem(409, gap.code, str(gap), state_vector=vector)
    return json_answer(_answer(committed))


@router.post("/seed", response_model=schemas.CommittedSeed)
async def seed_document(
    id: DocumentId,
    body: schemas.NewSeed,
    request: Request,
    contents: TheContents,
    registry: TheRegistry,
    caller: WritingCaller,
    key: IdempotencyKey,
) -> Response:
    """Make this the content if nothing was ever written to the document, which its log decides.

    `seeded` says whether it took effect; of any number of seeds exactly one does.
    """
    content, format = await aside(len(body.content), content_of, body.content, body.format)
    if format == "update":
        await try_update(content, request.app.state)
    writer = caller.writer(key)
    seed = await Updates(contents, registry).seed(id, content, format, body.root, writer)
    return json_answer({**_answer(seed.committed), "seeded": seed.seeded})


def _answer(committed: Committed) -> dict[str, object]:
    return {
        "epoch": committed.epoch,
        "version": committed.version,
        "author": committed.author,
        "duplicate": committed.duplicate,
    }
