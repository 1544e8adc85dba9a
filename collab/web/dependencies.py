"""What the routes are given: the parts of the application, and who is asking.

Owns the rule who is told what: without any right to a document there is none (404), with too
little it is forbidden (403).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Path, Request
from fastapi.dependencies.models import Dependant

from collab.catalog import Catalog
from collab.contents import Contents, Writer
from collab.errors import DocumentNotFound, Malformed, NotAllowed
from collab.registry import Registry
from collab.settings import Settings
from collab.web.auth import Authenticator, Principal, bearer
from collab.words import Access, check_document_id

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
    """Who asks. `again` looks at the token once more, for requests that outlive it."""

    principal: Principal
    again: Callable[[], Principal]

    def may_read(self, id: str) -> bool:
        return self.principal.access(id) >= Access.READ

    def check(self, id: str, needed: Access) -> None:
        """Raises DocumentNotFound or NotAllowed."""
        access = self.principal.access(id)
        if access < Access.READ:
            raise DocumentNotFound
        if access < needed:
            raise NotAllowed(f"you have the right to {access.name.lower()} this document only")

    def check_new(self, id: str) -> None:
        """Raises NotAllowed if the caller may not make a document of that id."""
        if self.principal.access(id) < Access.WRITE:
            raise NotAllowed("you may not make a document of this id")

    def writer(self, id: str, key: str | None = None) -> Writer:
        """The caller as the author of an edit of the document; without a key one that nobody will
        use again."""
        return Writer(
            self.principal.user,
            secrets.token_hex(16) if key is None else key,
            lambda: self.principal.access(id) >= Access.WRITE,
        )


async def _caller(request: Request) -> Caller:
    return _identify(request)


def _identify(request: Request) -> Caller:
    """Who asks, looked up once a request; raises NotSignedIn."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        auth: Authenticator = request.app.state.auth
        token = bearer(request.headers)
        known = Caller(auth.authenticate(token), lambda: auth.authenticate(token))
        request.state.caller = known
    return known


TheCatalog: TypeAlias = Annotated[Catalog, Depends(_catalog)]
TheContents: TypeAlias = Annotated[Contents, Depends(_contents)]
TheRegistry: TypeAlias = Annotated[Registry, Depends(_registry)]
TheSettings: TypeAlias = Annotated[Settings, Depends(_settings)]
TheCaller: TypeAlias = Annotated[Caller, Depends(_caller)]
IdempotencyKey: TypeAlias = Annotated[str | None, Depends(_idempotency_key)]
DocumentId: TypeAlias = Annotated[str, Depends(_document_id)]


async def _reader(id: DocumentId, request: Request) -> Caller:
    return _permit(request, id, Access.READ)


async def _writer(id: DocumentId, request: Request) -> Caller:
    return _permit(request, id, Access.WRITE)


async def _admin(id: DocumentId, request: Request) -> Caller:
    return _permit(request, id, Access.ADMIN)


def _permit(request: Request, id: str, needed: Access) -> Caller:
    settings: Settings = request.app.state.settings
    # In development mode nobody could ever be more than a writer.
    highest = Access.WRITE if settings.development_mode else Access.ADMIN
    caller = _identify(request)
    caller.check(id, min(needed, highest))
    return caller


Reader: TypeAlias = Annotated[Caller, Depends(_reader)]
"""The caller, who may read the document of the path."""
WritingCaller: TypeAlias = Annotated[Caller, Depends(_writer)]
"""The caller, who may write to it."""
Admin: TypeAlias = Annotated[Caller, Depends(_admin)]
"""The caller, who may delete it."""

_NEEDED = {_caller: Access.NONE, _reader: Access.READ, _writer: Access.WRITE, _admin: Access.ADMIN}


def needed_access(dependant: Dependant) -> Access | None:
    """What a route asks of its caller: a right to the document of its path, or, with NONE, only to
    be signed in; None if it takes anybody."""
    asked = [_NEEDED[each.call] for each in dependant.dependencies if each.call in _NEEDED]
    return max(asked, default=None)


def admit(request: Request, needed: Access) -> None:
    """Check the caller before anything else of the request is read.

    Raises NotSignedIn, InvalidDocumentId, DocumentNotFound, NotAllowed.
    """
    if needed is Access.NONE:
        _identify(request)
    else:
        _permit(request, check_document_id(request.path_params["id"]), needed)
