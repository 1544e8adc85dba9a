"""Tokens over HTTP: a backend gets one for a user, an administrator of documents one to share.

Owns who may have which token made. An operator, who administers everything, may have any. Others
get one for themselves, by the name they have, or for nobody by name, for documents that they
administer now, and nothing that would outlast their own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from collab.authorizer import Authorizer
from collab.errors import NotAllowed
from collab.rights import ACCESS_BY_NAME, Principal
from collab.tokens import MAX_NAME_LENGTH, MAX_PATTERNS, mint, signing_key
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import TheCaller, TheRegistry, TheSettings
from collab.web.schemas import Body
from collab.words import Access, check_document_id

router = APIRouter(prefix="/v1/tokens", tags=["access"], route_class=StrictRoute)

_DAY_SECONDS: Final = 86_400
_PAGE_GRANTS: Final = 1000

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
Right = Literal["none", "read", "write", "admin"]


class NewToken(Body):
    """A token to be made: for whom, for what and for how long."""

    user: Name | None = Field(
        None, examples=["ada"], description="Absent: whoever has it is nobody by name."
    )
    name: Name | None = Field(None, examples=["Ada L."], description="What others see.")
    docs: dict[str, Right] = Field(
        examples=[{"notes": "write"}],
        max_length=MAX_PATTERNS,
        description="From ids of documents, or beginnings of ids and a `*`, to rights; `none` "
        "refuses.",
    )
    seconds: int = Field(3600, ge=1, le=_DAY_SECONDS, description="How long it holds.")


class SignedToken(BaseModel):
    """A token, and when it ends in ms since 1970; sooner than asked for if the caller's does."""

    token: str = Field(examples=["eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"])
    expires: int = Field(examples=[1_760_000_000_000])


@router.post("", status_code=201, response_model=SignedToken)
async def make_token(
    body: NewToken, caller: TheCaller, registry: TheRegistry, settings: TheSettings
) -> Response:
    """Sign a token with the server's key.

    Operators, who administer every document, may have any made. Others: for themselves or without
    a user, for ids of documents that they administer, no longer than their own holds.
    """
    signing_key(settings)
    principal = caller.principal
    docs = {pattern: ACCESS_BY_NAME[right] for pattern, right in body.docs.items()}
    name = body.name
    now = time.time_ns() // 1_000_000
    expires = now + body.seconds * 1000
    if not await _is_operator(registry.authorizer, principal):
        await _check(registry.authorizer, principal, body.user, docs)
        if body.user is not None and principal.name is not None:
            if name not in {None, principal.name}:
                raise NotAllowed("only operators may have tokens made with another name")
            name = principal.name
        expires = _sooner(expires, principal.expires)
    elif Principal(None, None, tuple(docs.items())).administers_everything:
        # Otherwise an operator's token that is about to end could be kept alive for ever.
        expires = _sooner(expires, principal.expires)
    made = mint(settings, docs, user=body.user, name=name, now=now, expires=expires)
    answer = {"token": made.token, "expires": made.expires}
    return json_answer(answer, 201, {"Cache-Control": "no-store"})


async def _is_operator(authorizer: Authorizer, principal: Principal) -> bool:
    """Whether the token administers everything and no grant has taken any of that away."""
    if not principal.administers_everything:
        return False
    if principal.user is None:
        return True
    after = ("", "")
    while grants := await authorizer.stored(user=principal.user, after=after, limit=_PAGE_GRANTS):
        if any(each.access is not Access.ADMIN for each in grants):
            return False
        after = (grants[-1].document, grants[-1].user)
    return True


async def _check(
    authorizer: Authorizer, principal: Principal, user: str | None, docs: Mapping[str, Access]
) -> None:
    """Raises NotAllowed if who is no operator may not have such a token; InvalidDocumentId."""
    if user is not None and user != principal.user:
        raise NotAllowed("only operators may have tokens made for other users")
    if any(pattern.endswith("*") for pattern in docs):
        raise NotAllowed("only operators may have tokens made for patterns: name the documents")
    for id in docs:
        check_document_id(id)
    if user is None and Access.ADMIN in docs.values():
        # Nobody could take it back: grants for everybody do not bind who administers by token.
        raise NotAllowed("only operators may have a token made that administers without a user")
    if len(await authorizer.permitted(principal, docs.keys(), Access.ADMIN)) < len(docs):
        raise NotAllowed("tokens are made for documents that you administer")


def _sooner(expires: int, limit: int | None) -> int:
    return expires if limit is None else min(expires, limit)
