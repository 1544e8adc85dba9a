"""What changed between two versions, as an operation, as text and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from collab.aside import aside
from collab.differences import Differences, Pair
from collab.formats import attributed
from collab.formats.attributed import Piece
from collab.protocols.native import MAX_INTEGER
from collab.tracking import Change, Tracking
from collab.web import attributions as people
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.change_schemas import Difference
from collab.web.content import SANDBOX
from collab.web.dependencies import DocumentId, Reader, TheContents

router = APIRouter(prefix="/v1/documents/{id}", tags=["history"], route_class=StrictRoute)

Root = Annotated[
    str | None,
    Query(
        max_length=1000,
        description="Of a yjs document the root that is meant, `name` or `name:type`; absent: the "
        "only one with text.",
        examples=["default:xml"],
    ),
]


@router.get(
    "/diff",
    response_model=Difference,
    responses={
        200: {
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            }
        }
    },
)
async def get_diff(
    id: DocumentId,
    contents: TheContents,
    caller: Reader,
    start: Annotated[int, Query(alias="from", ge=0, le=MAX_INTEGER, examples=[1])],
    end: Annotated[
        int | None,
        Query(alias="to", ge=0, le=MAX_INTEGER, description="Absent: the newest version."),
    ] = None,
    format: Annotated[
        Literal["delta", "text", "html"],
        Query(
            description="`delta`: the operation that turns the one into the other (a Delta, of XML "
            "as Quill has it); `text`: the lines as `diff -u` writes them; `html`: a page with "
            "what was inserted and deleted, and by whom.",
        ),
    ] = "delta",
    root: Root = None,
) -> Response:
    """What changed from one version to another, earlier or later one."""
    differences = Differences(contents)
    pair = await differences.pair(id, start, end, root)
    headers = {
        "Collab-Epoch": pair.new.head.epoch,
        "Collab-Version": str(pair.new.head.version),
    }
    if format == "text":
        text = await differences.unified(pair)
        return Response(text, headers=headers, media_type="text/plain; charset=utf-8")
    if format == "html":
        changes = await Tracking(contents).changes(pair)
        page = await aside(len(changes) * 100, _page, pair, changes)
        media_type = "text/html; charset=utf-8"
        return Response(page, headers={**headers, **SANDBOX}, media_type=media_type)
    operation = await differences.delta(pair)
    return json_answer({**_told(pair), "operation": msgspec.Raw(operation)}, headers=headers)


def _told(pair: Pair) -> dict[str, object]:
    return {
        "epoch": pair.new.head.epoch,
        "from": pair.old.head.version,
        "to": pair.new.head.version,
        "root": None if pair.root is None else ":".join(pair.root),
    }


def _page(pair: Pair, changes: Sequence[Change]) -> str:
    title = f"{pair.id}, version {pair.old.head.version} to {pair.new.head.version}"
    return attributed.write(title, map(_piece, changes))


def _piece(change: Change) -> Piece:
    text = people.shown(change.content)
    return people.piece(text, change.tag, change.by) if change.tag else Piece(text)
