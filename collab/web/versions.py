"""Named versions of a document."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from collab.protocols.native import MAX_INTEGER
from collab.web import version_schemas as schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import DocumentId, Reader, TheVersions, WritingCaller
from collab.words import NamedVersion

router = APIRouter(prefix="/v1/documents/{id}/versions", tags=["versions"], route_class=StrictRoute)

_Version = Annotated[
    int, Path(ge=0, le=MAX_INTEGER, description="The version's number.", examples=[1])
]


@router.post("", status_code=201, response_model=schemas.Version)
async def name_version(
    id: DocumentId, body: schemas.NewVersion, versions: TheVersions, caller: WritingCaller
) -> Response:
    """Give the newest version a name, or another one. What it contains stays readable as long as it
    has a name, whatever else of the history is dropped."""
    epoch, named = await versions.create(id, body.name, caller.writer(), body.version)
    headers = {"Location": f"/v1/documents/{id}/versions/{named.version}"}
    return json_answer(_row(epoch, named), 201, headers)


@router.get("", response_model=schemas.VersionList)
async def list_versions(
    id: DocumentId,
    versions: TheVersions,
    caller: Reader,
    before: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    automatic: Annotated[
        bool | None, Query(description="Only those that were named by themselves, or only others.")
    ] = None,
) -> Response:
    """The named versions, the newest first. Go on with `before` set to `next`."""
    page = await versions.list(id, before=before, limit=limit, automatic=automatic)
    rows = [_row(page.epoch, named) for named in page.versions]
    return json_answer({"versions": rows, "next": page.next})


@router.get("/{version}", response_model=schemas.Version)
async def get_version(
    id: DocumentId, version: _Version, versions: TheVersions, caller: Reader
) -> Response:
    """One named version."""
    return json_answer(_row(*await versions.get(id, version)))


@router.patch("/{version}", response_model=schemas.Version)
async def rename_version(
    id: DocumentId,
    version: _Version,
    body: schemas.VersionPatch,
    versions: TheVersions,
    caller: WritingCaller,
) -> Response:
    """Change its name. One that was named by itself is kept from then on like any other."""
    return json_answer(_row(*await versions.rename(id, version, body.name)))


@router.delete("/{version}", status_code=204)
async def forget_version(
    id: DocumentId, version: _Version, versions: TheVersions, caller: WritingCaller
) -> Response:
    """Take its name away. The version itself stays in the log, if it is there still."""
    await versions.forget(id, version)
    return Response(status_code=204)


def _row(epoch: str, named: NamedVersion) -> dict[str, Any]:
    """A named version as `Version` describes it."""
    return {
        "epoch": epoch,
        **{name: getattr(named, name) for name in schemas.Version.model_fields if name != "epoch"},
    }
