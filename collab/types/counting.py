"""How much an operation of the log writes and deletes.

Owns what is counted: UTF-16 units of text, an embed being one. Of a Yjs deletion only the ids are
told, so there everything that was deleted counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collab.ot.delta import Delta
from collab.types import DocumentType
from collab.types.yjs import YJS
from collab.types.yjs_update import EMBED, STRING


class Count(msgspec.Struct, frozen=True):
    """Units that were inserted and deleted; of yjs also how many each Yjs client inserted, and the
    users of the clients that are new in it."""

    inserted: int
    deleted: int
    by_client: Mapping[int, int] = {}
    owners: Mapping[int, str] = {}


def counted(type: DocumentType, operation: bytes) -> Count:
    """What an operation, from the log, does."""
    if type is YJS:
        return _of_yjs(operation)
    delta: Delta = type.decode(operation)
    inserted = sum(op.length for op in delta if op.insert is not None)
    return Count(inserted, sum(op.delete or 0 for op in delta))


def _of_yjs(operation: bytes) -> Count:
    change = YJS.decode(operation)
    update = YJS.parse(change.update)
    by_client = {
        client: sum(struct[0] for struct in structs if struct[1] in {STRING, EMBED})
        for client, _, structs in update.sections
    }
    deleted = sum(end - start for ranges in update.deletes.values() for start, end in ranges)
    return Count(sum(by_client.values()), deleted, by_client, change.owners)
