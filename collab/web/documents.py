"""Documents as a collection: make, list, read and change the row, delete, copy."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from collab.aside import aside
from collab.errors import InvalidContent
from collab.protocols.native import MAX_INTEGER
from collab.web import schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute, decode_text
from collab.web.dependencies import (
    Admin,
    DocumentId,
    Reader,
    TheCaller,
    TheCatalog,
    TheRegistry,
    WritingCaller,
)
from collab.web.moments import Moment, version_of
from collab.web.trials import try_update
from collab.words import Document, check_document_id

router = APIRouter(prefix="/v1/documents", tags=["documents"], route_class=StrictRoute)

_IdFilter = Annotated[str, Query(max_length=200, pattern=r"^[A-Za-z0-9._:~@-]*$")]


@router.post("", status_code=201, response_model=schemas.DocumentRow)
async def create_document(
    body: schemas.NewDocument, request: Request, catalog: TheCatalog, caller: TheCaller
) -> Response:
    """Make a document, with content if there is some. `document_exists` if the id is taken."""
    id = _new_id(body.id, catalog)
    writer = await caller.maker(id)
    content, format = await _initial(body)
    if content is not None and format == "update":
        await try_update(content, request.app.state)
    document = await catalog.create(
        id,
        body.type,
        writer,
        content=content,
        format=format,
        root=body.root,
        metadata=body.metadata,
    )
    return _created(document)


@router.get("", response_model=schemas.DocumentList)
async def list_documents(
    catalog: TheCatalog,
    caller: TheCaller,
    prefix: _IdFilter = "",
    type: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9]*$")] = None,
    after: _IdFilter = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The documents one may read, in order of id. Go on with `after` set to `next`."""
    listing = await catalog.list(
        caller.readable, prefix=prefix, type=type, after=after, limit=limit
    )
    rows = [schemas.row_of(document) for document in listing.documents]
    return json_answer({"documents": rows, "next": listing.next})


@router.get("/{id}", response_model=schemas.DocumentRow)
async def get_document(id: DocumentId, catalog: TheCatalog, caller: Reader) -> Response:
    """The document's row: type, epoch, version, times, metadata."""
    return json_answer(schemas.row_of(await catalog.get(id)))


@router.patch("/{id}", response_model=schemas.DocumentRow)
async def patch_document(
    id: DocumentId, body: schemas.DocumentPatch, catalog: TheCatalog, caller: WritingCaller
) -> Response:
    """Change the metadata, or what of the history is kept, by JSON merge patches."""
    if body.retention is not None:
        caller.check_admin()
        document = await catalog.patch_retention(
            id, {name: getattr(body.retention, name) for name in body.retention.model_fields_set}
        )
    if body.metadata is not None:
        document = await catalog.patch_metadata(id, body.metadata)
    return json_answer(schemas.row_of(document))


@router.delete("/{id}", status_code=204)
async def delete_document(
    id: DocumentId, request: Request, catalog: TheCatalog, caller: Admin
) -> Response:
    """Erase the document with its history. Whoever is connected to it is sent away."""
    await catalog.delete(id)
    request.app.state.blames.forget(id)
    return Response(status_code=204)


@router.post("/{id}/trim", response_model=schemas.TrimmedHistory)
async def trim_history(
    id: DocumentId,
    registry: TheRegistry,
    caller: Admin,
    dry_run: Annotated[bool, Query(description="Only tell what would be dropped.")] = False,
) -> Response:
    """Drop the past that the document no longer keeps, now; it is done once an hour by itself."""
    trimmed = await registry.trimmer.trim(id, dry=dry_run)
    return json_answer({"dry_run": dry_run, **msgspec.structs.asdict(trimmed)})


@router.post("/{id}/copy", status_code=201, response_model=schemas.DocumentRow)
async def copy_document(
    id: DocumentId,
    body: schemas.DocumentCopy,
    catalog: TheCatalog,
    reader: Reader,
    caller: TheCaller,
    version: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    at: Moment = None,
) -> Response:
    """Make a document of what another one contains, or contained at `version` or a moment."""
    version = await version_of(catalog.contents, id, version, at)
    new_id = _new_id(body.id, catalog)
    writer = await caller.maker(new_id)
    document = await catalog.copy(
        id,
        new_id,
        writer,
        version=version,
        metadata=body.metadata,
    )
    return _created(document)


def _new_id(id: str | None, catalog: TheCatalog) -> str:
    return catalog.make_id() if id is None else check_document_id(id)


async def _initial(body: schemas.NewDocument) -> tuple[bytes | None, str]:
    """The initial content, if there is some, and in which format."""
    if body.content is None:
        return None, body.format or "text"
    return await aside(len(body.content), content_of, body.content, body.format)


def content_of(sent: bytes, format: str | None) -> tuple[bytes, str]:
    """Content in a JSON body as the type reads it, and in which format; an update is in base64.

    Raises InvalidContent, Malformed.
    """
    if not sent.startswith(b'"'):
        return sent, format or "json"
    if format == "json":
        raise InvalidContent("content that is a string has another format than json")
    content = decode_text(sent)
    if format == "update":
        try:
            content = base64.b64decode(content, validate=True)
        except ValueError:
            raise InvalidContent("an update is base64") from None
    return content, format or "text"


def _created(document: Document) -> Response:
    headers = {"Location": f"/v1/documents/{document.id}"}
    return json_answer(schemas.row_of(document), 201, headers)
