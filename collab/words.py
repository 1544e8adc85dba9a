"""The values that every floor speaks of: edits, commits, snapshots, documents.

Positions and lengths are UTF-16 code units, times are milliseconds since 1970 (UTC), versions count
the commits of one document's log from 1; version 0 is the empty document.
"""

from __future__ import annotations

import hashlib
import re
from enum import IntEnum
from typing import Any, Literal

import msgspec

from collab.errors import InvalidDocumentId, Malformed

_DOCUMENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~@-]{0,199}")
ANY = "*"
"""In a grant: every document, or every user."""
QUARANTINE = "\x7fquarantine"
"""In a grant, as the user: the document is in quarantine. Users' names are printable, so nobody is
called so."""
API_USERS = "api:"
"""What the names of those users begin with who are holders of API keys, and of nobody else."""
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Access(IntEnum):
    """What somebody may do with a document; each right includes those below it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


class Edit(msgspec.Struct, frozen=True, gc=False):
    """What a client submits, after the type has parsed it.

    `base` is the version the operation was made on; None means whatever is the head when the edit
    gets its turn. `digest` covers what was submitted, so that a resend can be told from a reuse of
    its name. Seq 0 is no name: for types whose operations may come twice without harm.
    """

    author: str
    seq: int
    base: int | None
    operation: Any
    digest: bytes
    user: str | None = None


class Credit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One edit inside a commit: its name `(author, seq)`, who sent it, and its digest."""

    author: str
    seq: int
    user: str | None
    digest: bytes


class Commit(msgspec.Struct, frozen=True, gc=False):
    """An edit (or, for yjs, a batch of edits) that has its place in the log.

    `operation` is the type's own encoding of the operation as applied to version - 1.
    """

    version: int
    time: int
    credits: tuple[Credit, ...]
    operation: bytes


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The state at `version`: the type's dump, and the dump of the authority's memory of names."""

    version: int
    time: int
    content: bytes
    names: bytes


class Milestone(msgspec.Struct, frozen=True, gc=False):
    """The state at `version`, kept to look back to: the type's dump, packed. No names: nothing goes
    on from it."""

    version: int
    time: int
    content: bytes


class NamedVersion(msgspec.Struct, frozen=True):
    """A version that somebody gave a name, or that got one by policy (`automatic`).

    `time` is when it was named, `user` and `author` who did it; the server itself is neither.
    """

    version: int
    name: str
    time: int
    user: str | None
    author: str | None
    automatic: bool


class Retention(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a document's history is kept, where that is not what the settings say (None).

    `days`: for how long its past is; `version_minutes`: how much activity lies between two versions
    that are named by themselves.
    """

    days: float | Literal["forever"] | None = None
    version_minutes: float | Literal["never"] | None = None

    def days_kept(self, setting: float | None) -> float | None:
        """For how many days the past is kept; None: forever."""
        return _chosen(self.days, setting)

    def minutes_between(self, setting: float | None) -> float | None:
        """How many minutes lie between two automatic versions; None: there are none."""
        return _chosen(self.version_minutes, setting)


def _chosen(own: float | str | None, setting: float | None) -> float | None:
    if own is None:
        return setting
    return own if isinstance(own, float | int) else None


class Document(msgspec.Struct, frozen=True):
    """A document as the store knows it.

    `version` is its head, `floor` the oldest version that can still be resumed from, `metadata` a
    JSON object that belongs to the application, `retention` what of its history is kept.
    """

    id: str
    type: str
    epoch: str
    version: int
    floor: int
    created: int
    updated: int
    metadata: dict[str, Any]
    retention: Retention = Retention()


class Grant(msgspec.Struct, frozen=True):
    """A stored right: what `user` may do with `document`; either may be ANY.

    Access.NONE refuses; None is a grant that was taken back, so that the token counts again.
    `version` is the access version that it came with.
    """

    document: str
    user: str
    access: Access | None
    version: int


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a document's log stands."""

    epoch: str
    version: int


def epoch_after(epoch: str, random: str) -> str:
    """The epoch of a document whose history is written anew, `random` being a new epoch by itself:
    the same document, but nothing goes on from what was there before."""
    return f"{epoch.partition('-')[0]}-{random}"


def is_same_document(epoch: str, other: str) -> bool:
    """Whether two epochs are of one document, only written anew, and not of one made anew."""
    return epoch.partition("-")[0] == other.partition("-")[0]


def check_document_id(text: str) -> str:
    """Return `text` if it can name a document; raises InvalidDocumentId."""
    if _DOCUMENT_ID.fullmatch(text) is None:
        raise InvalidDocumentId
    return text


def check_client_id(text: str) -> str:
    """Return `text` if a connected client may call itself so; raises Malformed.

    The colon is left out on purpose: ids with one are made by the server for HTTP edits, so no
    client can use up the name of somebody's HTTP edit.
    """
    if _CLIENT_ID.fullmatch(text) is None:
        raise Malformed("a client id is 16 to 64 letters, digits, _ or -")
    return text


def author_of(client: str) -> str:
    """The public name of a secret client id: 16 hex digits that do not lead back to it."""
    return hashlib.blake2b(client.encode(), digest_size=8, person=b"collab.author").hexdigest()


def digest_of(base: int | None, submitted: bytes) -> bytes:
    """What tells a resend from another edit under the same name: a hash of base and payload."""
    hasher = hashlib.blake2b(str(base).encode(), digest_size=12, person=b"collab.edit")
    hasher.update(b"\n")
    hasher.update(submitted)
    return hasher.digest()
