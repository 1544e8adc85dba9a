"""From what is stored to a state: the snapshot, then the commits after it.

Raises instead of guessing: a document that does not load is never shown, and never saved over.
"""

from __future__ import annotations

from typing import Any

import anyio.lowlevel

from collab.authority import Authority
from collab.errors import DocumentBroken, InvalidOperation
from collab.names import Names
from collab.settings import Settings
from collab.storage import Loaded
from collab.tail import Tail
from collab.types import DocumentType

# Commits applied between two looks at the other tasks.
_STRIDE = 200


async def load_authority(loaded: Loaded, type: DocumentType, settings: Settings) -> Authority:
    """The authority of a document at its stored head; raises DocumentBroken."""
    snapshot = loaded.snapshot
    version = snapshot.version if snapshot else 0
    authority = Authority(
        type,
        state=type.load(snapshot.content) if snapshot else type.empty(),
        version=version,
        time=snapshot.time if snapshot else 0,
        floor=loaded.document.floor,
        names=Names(
            keep_days=settings.names_days,
            keep_max=settings.names_max,
            dump=snapshot.names if snapshot else None,
        ),
        tail=Tail(version, max_commits=settings.tail_commits, max_bytes=settings.tail_bytes),
        max_document_bytes=settings.max_document_bytes,
        max_rebase_commits=settings.max_rebase_commits,
    )
    for count, commit in enumerate(loaded.commits, 1):
        authority.apply(commit)
        if count % _STRIDE == 0:
            await anyio.lowlevel.checkpoint()
    if authority.version != loaded.document.version:
        raise DocumentBroken(
            f"the log ends at {authority.version}, its head is {loaded.document.version}"
        )
    return authority


async def load_state(loaded: Loaded, type: DocumentType) -> Any:
    """The state at the newest version that was loaded; raises DocumentBroken."""
    state = type.load(loaded.snapshot.content) if loaded.snapshot else type.empty()
    for count, commit in enumerate(loaded.commits, 1):
        try:
            state = type.apply(state, type.decode(commit.operation))
        except InvalidOperation as error:
            raise DocumentBroken(f"commit {commit.version} does not apply") from error
        if count % _STRIDE == 0:
            await anyio.lowlevel.checkpoint()
    return state
