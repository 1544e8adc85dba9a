"""Bringing back an earlier version: as an edit of the server's, or as one of the editor's own."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Response

from collab.protocols.native import MAX_INTEGER
from collab.restores import Restores
from collab.types import DocumentType
from collab.types.yjs import YJS
from collab.web import change_schemas as schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.content import expected
from collab.web.dependencies import (
    DocumentId,
    IdempotencyKey,
    Reader,
    TheContents,
    TheRegistry,
    WritingCaller,
)
from collab.web.edits import committed_answer

router = APIRouter(prefix="/v1/documents/{id}", tags=["history"], route_class=StrictRoute)


@router.post("/restore", response_model=schemas.RestoredEdit)
async def restore_version(
    id: DocumentId,
    body: schemas.Restore,
    contents: TheContents,
    registry: TheRegistry,
    caller: WritingCaller,
    key: IdempotencyKey,
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag of the content that is given up, or `*`; what others have "
            "written since stays.",
            examples=['"5b1c0e5c1d2f3a4b:1"', "*"],
        ),
    ] = None,
) -> Response:
    """Make the content what it was at a version, by an edit that the connected see like any other.

    Nothing that anybody types meanwhile or later is lost. `undo` takes it back.
    """
    match = None if if_match is None or if_match.strip() == "*" else expected(if_match)
    restores = Restores(contents, registry)
    restored = await restores.restore(id, body.version, match, caller.writer(key))
    undo = None if restored.undo is None else _own(restored.type, restored.undo)
    return committed_answer(restored.committed, restored=body.version, undo=undo)


@router.get("/restore", response_model=schemas.RestorePreview)
async def preview_restore(
    id: DocumentId,
    contents: TheContents,
    registry: TheRegistry,
    caller: Reader,
    version: Annotated[int, Query(ge=0, le=MAX_INTEGER, examples=[1])],
) -> Response:
    """What would restore a version, and changes nothing.

    An editor applies it as a change of its own, so that its own undo takes it back.
    """
    preview = await Restores(contents, registry).preview(id, version)
    return json_answer(
        {
            "epoch": preview.head.epoch,
            "version": preview.head.version,
            "restores": version,
            "operation": _own(preview.type, preview.operation),
        }
    )


def _own(type: DocumentType, operation: bytes) -> object:
    """An operation as one submits it: a Delta, or an object with an update."""
    if type is YJS:
        return {"update": base64.b64encode(operation).decode()}
    return msgspec.Raw(operation)
