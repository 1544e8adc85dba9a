"""Edits over HTTP: submit one, read the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Response
from starlette.responses import StreamingResponse

from collab.contents import Committed, Contents, Page
from collab.errors import CollabError
from collab.protocols.native import MAX_INTEGER
from collab.types.yjs_edits import TextEdit
from collab.updates import Updates
from collab.web import problems, schemas, updates
from collab.web.answers import json_answer, version_headers
from collab.web.bodies import StrictRoute
from collab.web.dependencies import (
    DocumentId,
    IdempotencyKey,
    Reader,
    TheContents,
    TheRegistry,
    WritingCaller,
)
from collab.words import Commit, Head

router = APIRouter(prefix="/v1/documents/{id}", tags=["edits"], route_class=StrictRoute)
router.include_router(updates.router)

LINES = "application/x-ndjson"
_PAGE_COMMITS = 500
_encoder = msgspec.json.Encoder()


@router.post("/edits", response_model=schemas.CommittedEdit)
async def submit_edit(
    id: DocumentId,
    body: schemas.SubmittedEdit,
    contents: TheContents,
    registry: TheRegistry,
    caller: WritingCaller,
    key: IdempotencyKey,
) -> Response:
    """Commit an operation; it is rebased over everything that came after its base.

    For a yjs document: `operations` on the text `root`, each of what those before it have left.

    A request with the same Idempotency-Key and the same body is answered with the same version,
    one with another body with `edit_name_reused`.
    """
    writer = caller.writer(key)
    if body.root is not None:
        edit = TextEdit(body.root, tuple(each.change for each in body.operations or ()))
        committed = await Updates(contents, registry).edit_text(
            id, edit, writer, base=body.base, epoch=body.epoch
        )
        return committed_answer(committed)
    operation = _encoder.encode(body.operation)
    committed = await contents.edit(id, operation, writer, base=body.base, epoch=body.epoch)
    return committed_answer(committed)


@router.get(
    "/edits",
    response_model=schemas.EditPage,
    responses={
        200: {
            "content": {
                LINES: {
                    "schema": {
                        "type": "string",
                        "description": "One LoggedEdit per line, to the head; "
                        "if something breaks midway, a problem object is the last line.",
                    }
                }
            }
        }
    },
)
async def read_edits(
    id: DocumentId,
    contents: TheContents,
    caller: Reader,
    since: Annotated[int, Query(ge=0, le=MAX_INTEGER)] = 0,
    limit: Annotated[
        int | None,
        Query(
            ge=1,
            le=MAX_INTEGER,
            description="Of a JSON page at most 1000 (the default); its size may end it sooner.",
        ),
    ] = None,
    epoch: Annotated[str | None, Query(max_length=64)] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """The commits after version `since`, as a JSON page, or all as lines (Accept:
    application/x-ndjson)."""
    if LINES in accept.lower():
        return await _lines(contents, id, since, limit, epoch)
    page = await contents.edits(id, since, min(limit or 1000, 1000), epoch)
    reached = page.commits[-1].version if page.commits else since
    answer = {
        "epoch": page.head.epoch,
        "version": page.head.version,
        "edits": [logged_edit(commit) for commit in page.commits],
        "next": reached if reached < page.head.version else None,
    }
    return json_answer(answer)


async def _lines(
    contents: Contents, id: str, since: int, limit: int | None, epoch: str | None
) -> Response:
    """The log as lines; nothing but one page of it is ever in memory."""
    wanted = MAX_INTEGER if limit is None else limit
    first = await contents.edits(id, since, min(wanted, _PAGE_COMMITS), epoch)
    # Up to what is the head now: whoever writes on meanwhile could keep the answer from ending.
    left = min(wanted, first.head.version - since)

    async def lines() -> AsyncIterator[bytes]:
        page, remaining = first, left
        try:
            while page.commits:
                yield _encode_lines(page.commits)
                remaining -= len(page.commits)
                if remaining <= 0:
                    return
                page = await _following(contents, id, page, remaining)
        except CollabError as error:
            yield bytes(problems.of_error(error).body) + b"\n"

    head = Head(first.head.epoch, first.head.version)
    headers = version_headers(head)
    del headers["ETag"]
    return StreamingResponse(lines(), media_type=LINES, headers=headers)


async def _following(contents: Contents, id: str, page: Page, remaining: int) -> Page:
    reached = page.commits[-1].version
    return await contents.edits(id, reached, min(remaining, _PAGE_COMMITS), page.head.epoch)


def _encode_lines(commits: Sequence[Commit]) -> bytes:
    return b"".join(_encoder.encode(logged_edit(commit)) + b"\n" for commit in commits)


def committed_answer(committed: Committed, **more: Any) -> Response:
    """Where an edit stands in the log, as `CommittedEdit` describes it, and `more` besides."""
    operation = committed.operation
    return json_answer(
        {
            "epoch": committed.epoch,
            "version": committed.version,
            "author": committed.author,
            "operation": None if operation is None else msgspec.Raw(operation),
            "duplicate": committed.duplicate,
            **more,
        }
    )


def logged_edit(commit: Commit) -> dict[str, Any]:
    """A commit as `LoggedEdit` describes it."""
    credit = commit.credits[0]
    return {
        "version": commit.version,
        "author": credit.author,
        "seq": credit.seq,
        "user": credit.user,
        "time": commit.time,
        "operation": msgspec.Raw(commit.operation),
    }
