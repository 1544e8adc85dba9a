"""Who somebody is, and what a token and the stored grants together let them do.

Pure decisions over values. Knows nothing of how a token is checked or where grants are kept.

A right to a document is, by the first of these that says something: the grant for this document and
user; the grant for all documents and this user; for everybody but who administers the document by
their token, the grant for this document and all users, and the grant for all documents and all
users; the token.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from collab.errors import CollabError, DocumentNotFound, NotAllowed
from collab.words import ANY, Access, Grant

ACCESS_BY_NAME: Final[Mapping[str, Access]] = {each.name.lower(): each for each in Access}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, and the rights they came with.

    `user` is None for somebody without a name; `name` is what others are shown. `rights` pairs
    patterns with rights: a pattern is a document id, or the beginning of ids followed by `*`.
    Access.NONE refuses what another pattern allows. `expires` is in milliseconds since 1970.
    """

    user: str | None
    name: str | None
    rights: tuple[tuple[str, Access], ...]
    expires: int | None = None

    def right(self, document: str) -> Access | None:
        """What the token says about a document, whether or not it exists; None: nothing."""
        said = [right for pattern, right in self.rights if covers(pattern, document)]
        if Access.NONE in said:
            return Access.NONE
        return max(said, default=None)

    def narrowed(self, documents: Iterable[str]) -> Principal:
        """The same as far as these documents go, without the patterns that match none of them."""
        ids = sorted(documents)

        def matches(pattern: str) -> bool:
            start = pattern.removesuffix("*")
            at = bisect_left(ids, start)
            return at < len(ids) and covers(pattern, ids[at])

        return replace(self, rights=tuple(each for each in self.rights if matches(each[0])))

    @property
    def administers_everything(self) -> bool:
        """Whether the token names every document with the highest right, and excepts none."""
        return ("*", Access.ADMIN) in self.rights and all(right for _, right in self.rights)


def covers(pattern: str, document: str) -> bool:
    """Whether a pattern matches a document's id."""
    if pattern.endswith("*"):
        return document.startswith(pattern[:-1])
    return document == pattern


def right_to(document: str, principal: Principal, grants: Iterable[Grant]) -> Access | None:
    """What `principal` may do; None if nobody has said anything about it.

    `grants` are those for the document or ANY, and the principal's user or ANY; others are ignored.
    """
    granted = {(each.document, each.user): each.access for each in grants}
    own = principal.right(document)
    places = []
    if principal.user is not None:
        places += [(document, principal.user), (ANY, principal.user)]
    if own is not Access.ADMIN:
        places += [(document, ANY), (ANY, ANY)]
    said = (granted.get(place) for place in places)
    return next((access for access in said if access is not None), own)


def refusal(right: Access | None, needed: Access) -> CollabError | None:
    """Why a right is not enough; None if it is.

    Who was told nothing about a document does not learn whether it exists; who was refused by name
    is told so, whether or not it exists.
    """
    if needed is Access.NONE or (right is not None and right >= needed):
        return None
    if right is None:
        return DocumentNotFound()
    if right is Access.NONE:
        return NotAllowed("you may not open this document")
    return NotAllowed(f"you may {_WORDS[right]} this document, not {_WORDS[needed]} it")


_WORDS: Final = {Access.READ: "read", Access.WRITE: "write to", Access.ADMIN: "administer"}
