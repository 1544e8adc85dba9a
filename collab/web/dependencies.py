"""What the routes are given: the parts of the application, and who is asking.

Owns the rule who is told what: without any right to a document there is none (404), with too
little it is forbidden (403).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic as time
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Path, Request
from fastapi.dependencies.models import Dependant

from collab.authorizer import Authorizer, Standing
from collab.catalog import Catalog
from collab.contents import Contents, Writer
from collab.erasure import Erasure
from collab.errors import Malformed, NotAllowed, TooManyRequests
from collab.pace import Paces
from collab.registry import Registry
from collab.rights import Principal
from collab.settings import Settings
from collab.versions import Versions
from collab.web.auth import Authenticator, bearer
from collab.words import ANY, Access, check_document_id

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# No colon: it ends the user's name in the name of an edit.
_KEY = re.compile(r"[!-9;-~]{1,200}")


async def _catalog(request: Request) -> Catalog:
    catalog: Catalog = request.app.state.catalog
    return catalog


async def _contents(request: Request) -> Contents:
    return (await _catalog(request)).contents


async def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


async def _versions(request: Request) -> Versions:
    return (await _catalog(request)).versions


async def _erasure(request: Request) -> Erasure:
    return (await _catalog(request)).erasure


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _document_id(
    id: Annotated[
        str,
        Path(
            description="Letters, digits and `. _ : ~ @ -`; the first a letter or digit.",
            min_length=1,
            max_length=200,
            examples=["notes"],
        ),
    ],
) -> str:
    return check_document_id(id)


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Makes a repeated request the same edit. Visible ASCII without a colon.",
            examples=["5f1c0b1e"],
        ),
    ] = None,
) -> str | None:
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise Malformed("an Idempotency-Key is 1 to 200 visible ASCII characters, no colon")
    return idempotency_key


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as they were when they asked."""

    principal: Principal
    authorizer: Authorizer
    highest: Access
    """The highest right that anybody can have here."""

    async def readable(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that the caller may read; raises StoreFailure."""
        return await self.authorizer.permitted(self.principal, ids, Access.READ)

    async def standing(self, id: str) -> Standing:
        """The caller's right to a document, kept up to date; raises NotSignedIn, StoreFailure."""
        return await self.authorizer.admit(self.principal, id)

    async def administers_everything(self) -> bool:
        """Whether the caller may do everything to every document, whoever else says otherwise."""
        if self.highest < Access.ADMIN:
            return True
        standing = await self.standing(ANY)
        return self.principal.administers_everything and standing.permits(Access.ADMIN)

    async def check_admin(self, document: str) -> None:
        """Raises DocumentNotFound or NotAllowed unless the caller administers the document, or ANY:
        all of them."""
        if await self.administers_everything():
            return
        if document == ANY:
            raise NotAllowed("only who administers every document may do this")
        (await self.standing(document)).check(Access.ADMIN)

    async def maker(self, id: str) -> Writer:
        """The caller as the author of a new document; raises NotAllowed if they may not make it,
        Quarantined."""
        standing = await self.standing(id)
        if not standing.permits(Access.WRITE):
            if standing.quarantined:
                standing.check(Access.WRITE)
            raise NotAllowed("you may not make a document of this id")
        return _writer_of(standing, None)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for the document of the path."""

    standing: Standing
    highest: Access
    """The highest right that anybody can have here."""

    def check_admin(self) -> None:
        """Raises NotAllowed unless the caller administers the document."""
        self.standing.check(min(Access.ADMIN, self.highest))

    def writer(self, key: str | None = None) -> Writer:
        """The caller as the author of an edit of the document; without a key one that nobody will
        use again."""
        return _writer_of(self.standing, key)


def _writer_of(standing: Standing, key: str | None) -> Writer:
    return Writer(
        standing.principal.user,
        secrets.token_hex(16) if key is None else key,
        lambda: standing.permits(Access.WRITE),
    )


async def _caller(request: Request) -> Caller:
    return await _identify(request)


async def _identify(request: Request) -> Caller:
    """Who asks, looked up once a request; raises NotSignedIn, TooManyRequests, Unavailable."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        state = request.app.state
        auth: Authenticator = state.auth
        registry: Registry = state.registry
        principal = await auth.authenticate(bearer(request.headers))
        if request.method not in SAFE_METHODS:
            _pace(request, principal)
        known = request.state.caller = Caller(principal, registry.authorizer, _highest(request))
    return known


def sender_of(request: Request, principal: Principal) -> tuple[str, str | None]:
    """For whom a request counts: the user, or the address of who is nobody by name."""
    if principal.user is not None:
        return "user", principal.user
    return "address", request.client.host if request.client else None


def _pace(request: Request, principal: Principal) -> None:
    paces: Paces = request.app.state.paces
    wait = paces.wait(sender_of(request, principal), time())
    if wait:
        raise TooManyRequests("more requests that change something than one may send", wait)


TheCatalog: TypeAlias = Annotated[Catalog, Depends(_catalog)]
TheContents: TypeAlias = Annotated[Contents, Depends(_contents)]
TheRegistry: TypeAlias = Annotated[Registry, Depends(_registry)]
TheVersions: TypeAlias = Annotated[Versions, Depends(_versions)]
TheErasure: TypeAlias = Annotated[Erasure, Depends(_erasure)]
TheSettings: TypeAlias = Annotated[Settings, Depends(_settings)]
TheCaller: TypeAlias = Annotated[Caller, Depends(_caller)]
IdempotencyKey: TypeAlias = Annotated[str | None, Depends(_idempotency_key)]
DocumentId: TypeAlias = Annotated[str, Depends(_document_id)]


async def _reader(id: DocumentId, request: Request) -> Visitor:
    return await _permit(request, id, Access.READ)


async def _writer(id: DocumentId, request: Request) -> Visitor:
    return await _permit(request, id, Access.WRITE)


async def _admin(id: DocumentId, request: Request) -> Visitor:
    return await _permit(request, id, Access.ADMIN)


async def _permit(request: Request, id: str, needed: Access) -> Visitor:
    """The caller at the document, looked up once a request. Who administers everything may read and
    delete what is in quarantine."""
    caller = await _identify(request)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is None:
        visitor = request.state.visitor = Visitor(await caller.standing(id), caller.highest)
    standing = visitor.standing
    looks = standing.quarantined and needed is not Access.WRITE
    if not (looks and await caller.administers_everything()):
        standing.check(min(needed, _highest(request)))
    return visitor


def _highest(request: Request) -> Access:
    """The highest right that anybody can have: in development mode nobody is more than a writer,
    who therefore may do everything."""
    settings: Settings = request.app.state.settings
    return Access.WRITE if settings.development_mode else Access.ADMIN


Reader: TypeAlias = Annotated[Visitor, Depends(_reader)]
"""The caller, who may read the document of the path."""
WritingCaller: TypeAlias = Annotated[Visitor, Depends(_writer)]
"""The caller, who may write to it."""
Admin: TypeAlias = Annotated[Visitor, Depends(_admin)]
"""The caller, who may delete it."""

_NEEDED = {_caller: Access.NONE, _reader: Access.READ, _writer: Access.WRITE, _admin: Access.ADMIN}


def needed_access(dependant: Dependant) -> Access | None:
    """What a route asks of its caller: a right to the document of its path, or, with NONE, only to
    be signed in; None if it takes anybody."""
    asked = [_NEEDED[each.call] for each in dependant.dependencies if each.call in _NEEDED]
    return max(asked, default=None)


async def admit(request: Request, needed: Access) -> None:
    """Check the caller before anything else of the request is read.

    Raises NotSignedIn, InvalidDocumentId, DocumentNotFound, NotAllowed.
    """
    if needed is Access.NONE:
        await _identify(request)
    else:
        await _permit(request, check_document_id(request.path_params["id"]), needed)
