"""The inspector: what is open on this machine, who is at it, and what an operator can do about it.

For who administers everything only. Looking works also while the store does not.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

import anyio
import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from collab.errors import Unavailable
from collab.inspection import (
    DOCUMENT_ORDERS,
    PEER_ORDERS,
    AskDocuments,
    AskPeers,
    ConnectedPeer,
    OpenDocument,
    Worker,
)
from collab.inspector import Inspector, Placed
from collab.scrape import STORE_SECONDS
from collab.web import inspect_schemas as shapes
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import Caller, DocumentId, TheCaller, TheCatalog
from collab.web.operators import check_operator
from collab.words import ANY

router = APIRouter(prefix="/v1/inspect", tags=["inspector"], route_class=StrictRoute)

_log = structlog.stdlib.get_logger(__name__)

_DOCUMENT_ORDER: Final = rf"^-?({'|'.join(DOCUMENT_ORDERS)})$"
_PEER_ORDER: Final = rf"^-?({'|'.join(PEER_ORDERS)})$"

_Offset: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]
_Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000)]
_IdPart: TypeAlias = Annotated[str, Query(max_length=200, pattern=r"^[A-Za-z0-9._:~@-]*$")]


async def _inspector(request: Request) -> Inspector:
    inspector: Inspector = request.app.state.inspector
    return inspector


TheInspector: TypeAlias = Annotated[Inspector, Depends(_inspector)]


@router.get("", response_model=shapes.InspectedMachine)
async def inspect_machine(
    caller: TheCaller,
    inspector: TheInspector,
    contains: _IdPart = "",
    type: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9]*$")] = None,
    order: Annotated[
        str, Query(pattern=_DOCUMENT_ORDER, description="A field; `-` before it: greatest first.")
    ] = "id",
    offset: _Offset = 0,
    limit: _Limit = 100,
) -> Response:
    """The workers of this machine and the documents that are open on them."""
    await check_operator(caller)
    found = await inspector.overview(AskDocuments(contains, type, order))
    page = found.documents[offset : offset + limit]
    return json_answer(
        {
            "workers": [_worker(each) for each in found.workers],
            "silent": found.silent,
            "documents": [_document(each) for each in page],
            "total": found.total,
            "left_out": found.left_out,
            "next": _next(offset, limit, len(found.documents)),
        }
    )


@router.get("/documents/{id}", response_model=shapes.InspectedPeople)
async def inspect_document(
    id: DocumentId,
    caller: TheCaller,
    inspector: TheInspector,
    order: Annotated[
        str, Query(pattern=_PEER_ORDER, description="A field; `-` before it: greatest first.")
    ] = "connection",
    offset: _Offset = 0,
    limit: _Limit = 100,
) -> Response:
    """Who is connected to a document, on all workers of this machine, and how far they are."""
    await check_operator(caller)
    found = await inspector.people(AskPeers(id, order))
    page = found.peers[offset : offset + limit]
    return json_answer(
        {
            "document": None if found.document is None else _document(found.document),
            "quarantined": await _is_quarantined(caller, id),
            "peers": [_peer(node, peer) for node, peer in page],
            "total": len(found.peers),
            "left_out": found.left_out,
            "silent": found.silent,
            "next": _next(offset, limit, len(found.peers)),
        }
    )


@router.delete("/documents/{id}/peers/{connection}", status_code=204)
async def disconnect_peer(
    id: DocumentId,
    connection: Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", examples=["9f1c0b1e5a2d"])],
    caller: TheCaller,
    inspector: TheInspector,
) -> Response:
    """Close a peer's connection (1013). It keeps what it has not sent and may come back at once;
    who is to stay away needs another right first, by `POST /v1/access`."""
    await caller.check_admin(ANY)
    await inspector.disconnect(id, connection)
    _log.info("a peer was sent away", document=id, peer=connection, by=caller.principal.user)
    return Response(status_code=204)


@router.put("/documents/{id}/quarantine", status_code=204)
async def begin_quarantine(id: DocumentId, caller: TheCaller, catalog: TheCatalog) -> Response:
    """Send everybody away from a document and let nobody in, on every node, until it is lifted.
    Who administers everything may still read it over HTTP, and delete it."""
    await caller.check_admin(ANY)
    await catalog.get(id)
    await caller.authorizer.quarantine(id, True)
    _log.warning("quarantine begins", document=id, by=caller.principal.user)
    return Response(status_code=204)


@router.delete("/documents/{id}/quarantine", status_code=204)
async def end_quarantine(id: DocumentId, caller: TheCaller) -> Response:
    """Let everybody back who has a right to the document."""
    await caller.check_admin(ANY)
    await caller.authorizer.quarantine(id, False)
    _log.warning("quarantine ends", document=id, by=caller.principal.user)
    return Response(status_code=204)


@router.get("/quarantine", response_model=shapes.QuarantineList)
async def list_quarantine(caller: TheCaller, after: _IdPart = "", limit: _Limit = 100) -> Response:
    """The documents that are in quarantine, open or not, in order of id."""
    await caller.check_admin(ANY)
    found = await caller.authorizer.quarantined(after, limit + 1)
    shown = found[:limit]
    return json_answer({"documents": shown, "next": shown[-1] if len(found) > limit else None})


async def _is_quarantined(caller: Caller, id: str) -> bool | None:
    """None if the store does not say."""
    with anyio.move_on_after(STORE_SECONDS), suppress(Unavailable):
        return await caller.authorizer.is_quarantined(id)
    return None


def _next(offset: int, limit: int, count: int) -> int | None:
    return offset + limit if offset + limit < count else None


def _worker(worker: Worker) -> dict[str, Any]:
    fields = worker.__struct_fields__
    row = {name: getattr(worker, name) for name in fields}
    return {**row, "edits_per_second": round(worker.edits_per_second, 2)}


def _document(placed: Placed) -> dict[str, Any]:
    together = placed.together
    return {
        "id": together.id,
        "type": together.type,
        "epoch": together.epoch,
        "floor": together.floor,
        **_load(together),
        "workers": [{"node": node, **_load(row)} for node, row in placed.nodes],
    }


def _load(row: OpenDocument) -> dict[str, Any]:
    times = None
    if row.commit_p50_ms is not None:
        times = {"p50": row.commit_p50_ms, "p99": row.commit_p99_ms}
    return {
        "version": row.version,
        "snapshot_version": row.snapshot_version,
        "peers": row.peers,
        "lag": row.lag,
        "waiting": row.waiting,
        "edits_per_second": round(row.edits_per_second, 2),
        "commit_ms": times,
        "held_bytes": row.held_bytes,
    }


def _peer(node: str, peer: ConnectedPeer) -> dict[str, Any]:
    return {"node": node, **{name: getattr(peer, name) for name in peer.__struct_fields__}}
