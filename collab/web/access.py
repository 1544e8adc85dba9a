"""Stored rights: who may do what, changed while people are connected."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from collab.errors import Malformed, NotAllowed
from collab.rights import ACCESS_BY_NAME
from collab.web import schemas
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import TheCaller
from collab.words import ANY, API_USERS, Grant, check_document_id

router = APIRouter(prefix="/v1/access", tags=["access"], route_class=StrictRoute)

_Place = Annotated[str | None, Query(min_length=1, max_length=200)]


@router.post("", response_model=schemas.StoredGrant)
async def change_access(body: schemas.NewGrant, caller: TheCaller) -> Response:
    """Grant, change or take back a right. It counts before the token of the user, for edits that
    are under way too; those who are connected hear of it within two seconds, on every node."""
    if body.document != ANY:
        check_document_id(body.document)
    await caller.check_admin(body.document)
    if body.user.startswith(API_USERS) and not await caller.administers_everything():
        raise NotAllowed("only who administers every document may change the rights of API keys")
    access = None if body.access is None else ACCESS_BY_NAME[body.access]
    stored = await caller.authorizer.grant(body.document, body.user, access)
    return json_answer(_row(stored))


@router.get("", response_model=schemas.GrantList)
async def list_access(
    caller: TheCaller,
    document: _Place = None,
    user: _Place = None,
    after: Annotated[str, Query(max_length=401)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The stored rights, in order of document and user. Go on with `after` set to `next`."""
    if document not in {None, ANY}:
        check_document_id(document or "")
    if "\0" in f"{user}{after}":
        raise Malformed("no user has a NUL in its name")
    await caller.check_admin(document or ANY)
    last_document, _, last_user = after.partition(" ")  # no id has a space
    found = await caller.authorizer.stored(
        document=document, user=user, after=(last_document, last_user), limit=limit + 1
    )
    shown = found[:limit]
    next = f"{shown[-1].document} {shown[-1].user}" if len(found) > limit else None
    return json_answer({"grants": [_row(each) for each in shown], "next": next})


def _row(grant: Grant) -> dict[str, Any]:
    return {
        "document": grant.document,
        "user": grant.user,
        "access": None if grant.access is None else grant.access.name.lower(),
    }
