"""What principals may do with documents now, and word of every change to those who rely on it.

Owns the meeting of tokens with stored grants, the end of tokens, and how a change reaches what is
under way on this node. Knows neither sockets nor how a token is checked.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import anyio

from collab.errors import CollabError, NotAllowed, NotSignedIn, Quarantined
from collab.rights import Principal, refusal, right_to
from collab.storage import NewGrant, Store
from collab.words import ANY, QUARANTINE, Access, Grant

_EXPIRY_SECONDS = 0.5
_PAGE_CHANGES = 1000
_TIDY_ABOVE = 1000


class Holder(Protocol):
    """What goes on because of a right. Neither call may block or raise."""

    def change_access(self, access: Access) -> None:
        """The right is another one now; it still includes reading."""

    def end(self, error: CollabError) -> None:
        """There is no right any more, for this reason."""


class Standing:
    """One principal's right to one document as it is now.

    Lives as long as somebody holds on to it, and is kept up to date for so long.
    """

    __slots__ = (
        "__weakref__",
        "_grants",
        "_holder",
        "document",
        "ended",
        "principal",
        "quarantined",
        "right",
    )

    def __init__(self, principal: Principal, document: str) -> None:
        self.principal = principal
        self.document = document
        self.right = principal.right(document)
        self.ended: CollabError | None = None
        self.quarantined = False
        self._grants: tuple[Grant, ...] = ()
        self._holder: Holder | None = None

    @property
    def access(self) -> Access:
        """The right, NONE if there is none, it has ended or the document is in quarantine."""
        if self.ended is not None or self.quarantined:
            return Access.NONE
        return self.right or Access.NONE

    def check(self, needed: Access) -> None:
        """Raises DocumentNotFound or NotAllowed if the right is less, Quarantined, and what ended
        it."""
        error = self._refusal(needed)
        if error is not None:
            raise error

    def permits(self, needed: Access) -> bool:
        """Whether the right includes `needed` at this moment."""
        return self.access >= needed

    def tell(self, holder: Holder | None) -> None:
        """Let `holder`, and nobody else, know of every change from now on, up to the end of it.

        Told while there is no right to read, it is ended at once.
        """
        self._holder = holder
        error = self._refusal(Access.READ)
        if error is not None:
            self._release(error)

    def take(self, grants: Iterable[Grant]) -> None:
        """Reckon with these grants, as far as they are newer than those it knows."""
        newest = {(each.document, each.user): each for each in self._grants}
        for each in grants:
            known = newest.get((each.document, each.user))
            if known is None or known.version < each.version:
                newest[each.document, each.user] = each
        self._grants = tuple(newest.values())
        before = self.access
        self.right = right_to(self.document, self.principal, self._grants)
        lock = newest.get((self.document, QUARANTINE))
        self.quarantined = lock is not None and lock.access is not None
        if self._holder is None or self.access is before:
            return
        if self.access >= Access.READ:
            self._holder.change_access(self.access)
        elif self.quarantined:
            self._release(Quarantined())
        else:
            self._release(NotAllowed("your right to this document was taken back"))

    def end(self, error: CollabError) -> None:
        """There is no right any more, whatever is granted."""
        if self.ended is None:
            self.ended = error
            self._release(error)

    def _refusal(self, needed: Access) -> CollabError | None:
        """Of a quarantine hears who would have the right otherwise."""
        error = self.ended or refusal(self.right, needed)
        return Quarantined() if error is None and self.quarantined else error

    def _release(self, error: CollabError) -> None:
        """End the holder, which hears nothing more: not even of the right's return."""
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.end(error)


class Authorizer:
    """The standings of this node. `run` looks after tokens that expire."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self.announce: Callable[[int], None] = lambda version: None
        """Told of the access version after every change made here, once it is stored."""
        self._version = 0  # what every standing here has heard of
        self._doubtful = False  # whether a change may have been stored without our knowing
        self._granted = False  # whether anything was ever granted
        self._standings: dict[str, weakref.WeakSet[Standing]] = {}
        self._expiring: list[tuple[int, int, weakref.ref[Standing]]] = []
        self._count = itertools.count()
        self._tidy_above = _TIDY_ABOVE

    async def admit(self, principal: Principal, document: str) -> Standing:
        """The principal's standing at a document; raises NotSignedIn, StoreFailure."""
        if principal.expires is not None and principal.expires <= self._now():
            raise _expired()
        standing = Standing(principal, document)
        # First heard of, then looked up: a change meanwhile is not missed.
        self._standings.setdefault(document, weakref.WeakSet()).add(standing)
        if principal.expires is not None:
            entry = (principal.expires, next(self._count), weakref.ref(standing))
            heapq.heappush(self._expiring, entry)
        if self._granted:
            users = (*_users(principal), QUARANTINE)
            standing.take(await self._store.grants((document, ANY), users))
        return standing

    async def permitted(
        self, principal: Principal, documents: Collection[str], needed: Access
    ) -> set[str]:
        """Those of `documents` that the principal has the right `needed` to, whether or not they
        are in quarantine."""
        grants: dict[str, list[Grant]] = {}
        if self._granted:
            for each in await self._store.grants((*documents, ANY), _users(principal)):
                grants.setdefault(each.document, []).append(each)
        general = grants.get(ANY, [])
        principal = principal.narrowed(documents)
        rights = {id: right_to(id, principal, [*general, *grants.get(id, [])]) for id in documents}
        return {id for id, right in rights.items() if right is not None and right >= needed}

    async def grant(self, document: str, user: str, access: Access | None) -> Grant:
        """Store one grant, or with None take it back; otherwise as `change`."""
        [stored] = await self.change([NewGrant(document, user, access)])
        return stored

    async def change(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        """Store these grants; what is under way here hears of them at once, on other nodes soon.

        Raises StoreFailure.
        """
        self._granted = True
        try:
            stored = await self._store.set_grants(grants)
        except BaseException:
            self._doubtful = True
            raise
        self._apply(stored)
        if stored:
            self.announce(stored[-1].version)
        return stored

    async def stored(
        self,
        *,
        document: str | None = None,
        user: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
    ) -> Sequence[Grant]:
        """Grants in order, as `Store.list_grants`; raises StoreFailure."""
        found: list[Grant] = []
        while len(found) < limit:
            wanted = limit - len(found)
            page = await self._store.list_grants(
                document=document, user=user, after=after, limit=wanted
            )
            found += [each for each in page if each.user != QUARANTINE]
            if len(page) < wanted:
                break
            after = (page[-1].document, page[-1].user)
        return found

    async def quarantine(self, document: str, on: bool) -> None:
        """Keep everybody away from the document, or let them back; as `change`. It is stored as
        grants are, so it holds on every node and after a restart."""
        await self.change([NewGrant(document, QUARANTINE, Access.NONE if on else None)])

    async def is_quarantined(self, document: str) -> bool:
        """Whether nobody may open the document now; raises StoreFailure."""
        return self._granted and bool(await self._store.grants((document,), (QUARANTINE,)))

    async def quarantined(self, after: str, limit: int) -> Sequence[str]:
        """Ids that are in quarantine, in order, from after `after`; raises StoreFailure."""
        grants = await self._store.list_grants(
            user=QUARANTINE, after=(after, QUARANTINE), limit=limit
        )
        return [each.document for each in grants]

    async def start(self) -> None:
        """Learn whether anything is granted at all; raises StoreFailure."""
        self._version = (await self._store.poll(())).access_version
        self._granted = self._version > 0

    async def catch_up(self, version: int) -> None:
        """Hear of the changes up to access version `version`; raises StoreFailure."""
        while self._version < version:
            self._granted = True
            changes = await self._store.grant_changes(self._version, _PAGE_CHANGES)
            if not changes:
                return
            self._apply(changes)
            self._version = max(self._version, changes[-1].version)

    async def run(self) -> None:
        """End what expires, when it does; find out about changes whose outcome nobody knows."""
        while True:
            await anyio.sleep(_EXPIRY_SECONDS)
            self._expire()
            if self._doubtful:
                self._doubtful = False
                try:
                    await self.catch_up((await self._store.poll(())).access_version)
                except CollabError:
                    self._doubtful = True

    def _apply(self, changes: Iterable[Grant]) -> None:
        for change in changes:
            if change.document == ANY:
                concerned = [each for all in self._standings.values() for each in all]
            else:
                concerned = list(self._standings.get(change.document, ()))
            for standing in concerned:
                if change.user in (*_users(standing.principal), QUARANTINE):
                    standing.take((change,))

    def _expire(self) -> None:
        now = self._now()
        while self._expiring and self._expiring[0][0] <= now:
            standing = heapq.heappop(self._expiring)[2]()
            if standing is not None:
                standing.end(_expired())
        if len(self._standings) + len(self._expiring) > self._tidy_above:
            self._tidy()

    def _tidy(self) -> None:
        """Drop what was kept for standings that are gone; next time when as much has come anew."""
        self._standings = {id: alive for id, alive in self._standings.items() if alive}
        self._expiring = [entry for entry in self._expiring if entry[2]() is not None]
        heapq.heapify(self._expiring)
        self._tidy_above = 2 * (len(self._standings) + len(self._expiring)) + _TIDY_ABOVE


def _users(principal: Principal) -> tuple[str, ...]:
    return (ANY,) if principal.user is None else (principal.user, ANY)


def _expired() -> NotSignedIn:
    return NotSignedIn("the token has expired")
