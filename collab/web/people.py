"""Who is at a document, and messages to them."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Response

from collab.greeting import presence_entry
from collab.web import schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import DocumentId, Reader, TheCatalog, WritingCaller

router = APIRouter(prefix="/v1/documents/{id}", tags=["people"], route_class=StrictRoute)


@router.get("/presence", response_model=schemas.PresenceList)
async def get_presence(id: DocumentId, catalog: TheCatalog, caller: Reader) -> Response:
    """What the connected peers show of themselves."""
    shown = map(presence_entry, await catalog.presence(id))
    peers = [msgspec.structs.asdict(each) for each in shown]
    return json_answer({"peers": peers})


@router.post("/messages", status_code=204)
async def post_message(
    id: DocumentId, body: schemas.NewMessage, catalog: TheCatalog, caller: WritingCaller
) -> Response:
    """Send a message to those who are connected now; it is not stored."""
    await catalog.post(id, caller.writer(), body.body)
    return Response(status_code=204)
