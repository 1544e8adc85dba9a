"""From what is stored to a state: the snapshot, then the commits after it.

Raises instead of guessing: a document that does not load is never shown, and never saved over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio.lowlevel

from collab.authority import Authority
from collab.errors import DocumentBroken, InvalidOperation
from collab.names import Names
from collab.settings import Settings
from collab.storage import Loaded
from collab.tail import Tail
from collab.types import DocumentType
from collab.words import Commit

# What is applied between two looks at the other tasks: commits, and bytes of operations.
_STRIDE_COMMITS = 200
_STRIDE_BYTES = 64 * 1024


async def replay(apply: Callable[[Commit], None], commits: Sequence[Commit]) -> None:
    """Apply commits one after the other without keeping the loop from everybody else."""
    count = size = 0
    for commit in commits:
        apply(commit)
        count += 1
        size += len(commit.operation)
        if count >= _STRIDE_COMMITS or size >= _STRIDE_BYTES:
            count = size = 0
            await anyio.lowlevel.checkpoint()


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
    await replay(authority.apply, loaded.commits)
    if authority.version != loaded.document.version:
        raise DocumentBroken(
            f"the log ends at {authority.version}, its head is {loaded.document.version}"
        )
    return authority


async def load_state(loaded: Loaded, type: DocumentType) -> Any:
    """The state at the newest version that was loaded; raises DocumentBroken."""
    state = type.load(loaded.snapshot.content) if loaded.snapshot else type.empty()

    def apply(commit: Commit) -> None:
        nonlocal state
        try:
            state = type.apply(state, type.decode(commit.operation))
        except InvalidOperation as error:
            raise DocumentBroken(f"commit {commit.version} does not apply") from error

    await replay(apply, loaded.commits)
    return state
