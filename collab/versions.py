"""Versions that have a name: given, changed and taken away by people.

Owns which version a name is given to, and that its state stays readable. Knows nothing of HTTP,
tokens or rights: who may is asked of the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collab.contents import Contents, Writer
from collab.errors import DocumentNotFound, NotAllowed, VersionExists, VersionNotFound
from collab.registry import Registry
from collab.storage import Store
from collab.words import NamedVersion


class Page(msgspec.Struct, frozen=True):
    """Named versions, the newest first, of the document's epoch; `next` is what to go on before."""

    epoch: str
    versions: Sequence[NamedVersion]
    next: int | None


class Versions:
    """The named versions of the documents that `contents` reads."""

    def __init__(self, store: Store, contents: Contents, registry: Registry) -> None:
        self._store = store
        self._contents = contents
        self._registry = registry

    async def create(
        self, id: str, name: str, writer: Writer, version: int | None = None
    ) -> tuple[str, NamedVersion]:
        """Name `version`, or the newest; the epoch it is of, and what it is now.

        Raises DocumentNotFound, BaseAboveHead, VersionUnavailable, VersionExists, TooManyVersions,
        NotAllowed (no longer), Unavailable.
        """
        if version is None:
            version = (await self._contents.head(id)).version
        past = await self._registry.archivist.recall(id, version)
        milestone = await past.milestone()
        now = self._registry.now()
        named = NamedVersion(version, name, now, writer.user, writer.author, automatic=False)
        if not writer.permitted():
            raise NotAllowed("you may not name versions of this document any more")
        epoch, most = past.document.epoch, self._registry.settings.max_versions
        if not await self._store.name_version(id, epoch, named, milestone, most):
            raise VersionExists(version)
        return epoch, named

    async def list(
        self, id: str, *, before: int | None = None, limit: int = 100, automatic: bool | None = None
    ) -> Page:
        """Those below `before`; raises DocumentNotFound."""
        epoch = (await self._contents.row(id)).epoch
        found = await self._store.versions(
            id, epoch, before=before, limit=limit + 1, automatic=automatic
        )
        shown = found[:limit]
        return Page(epoch, shown, shown[-1].version if len(found) > limit else None)

    async def get(self, id: str, version: int) -> tuple[str, NamedVersion]:
        """The epoch, and the named version; raises DocumentNotFound, VersionNotFound."""
        epoch = (await self._contents.row(id)).epoch
        found = await self._store.versions(id, epoch, before=version + 1, limit=1)
        if not found or found[0].version != version:
            raise VersionNotFound(version)
        return epoch, found[0]

    async def rename(self, id: str, version: int, name: str) -> tuple[str, NamedVersion]:
        """Give it another name; raises DocumentNotFound, VersionNotFound."""
        epoch = (await self._contents.row(id)).epoch
        return epoch, await self._store.rename_version(id, epoch, version, name)

    async def forget(self, id: str, version: int) -> None:
        """Take its name away; what is below the floor can then be read no longer.

        Raises DocumentNotFound, VersionNotFound.
        """
        document = await self._store.get(id)
        if document is None:
            raise DocumentNotFound
        if not await self._store.forget_version(id, document.epoch, version):
            raise VersionNotFound(version)
