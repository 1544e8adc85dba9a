"""Recorded editing histories, in the format of josephg/editing-traces.

Owns reading them and who typed what knowing what. Knows nothing of clients or servers.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from collab.ot.delta import Delta, Op, compose, delete, insert, retain


class ReplayFailed(Exception):
    """The trace cannot be played, or what came out is not what should; one line for people."""


_GZIP = b"\x1f\x8b"

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class _RecordedTransaction(msgspec.Struct, frozen=True):
    patches: list[tuple[_Count, _Count, str]]
    parents: list[_Count] = []
    agent: _Count = 0


class _Recording(msgspec.Struct, frozen=True, rename="camel"):
    end_content: str
    txns: list[_RecordedTransaction]
    start_content: str = ""
    kind: str = "sequential"


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one author did at once. `seen`: of how many transactions of each author it knew."""

    author: int
    seen: tuple[int, ...]
    operation: Delta


@dataclass(frozen=True, slots=True)
class Trace:
    """A history in an order that no transaction comes before what it knew of."""

    concurrent: bool
    authors: int
    start: str
    end: str
    transactions: Sequence[Transaction]


def read_trace(path: Path, clients: int) -> Trace:
    """The trace in a file of JSON, compressed by gzip or not; a sequential one is dealt out to
    `clients`.

    Raises ReplayFailed.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ReplayFailed(f"{path} cannot be read: {error.strerror}") from None
    try:
        raw = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
        recording = msgspec.json.decode(raw, type=_Recording)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReplayFailed(f"{path} is not an editing trace: {error}") from None
    concurrent = recording.kind == "concurrent"
    authors = 1 + max((each.agent for each in recording.txns), default=0) if concurrent else clients
    if concurrent and authors > 2:
        raise ReplayFailed("concurrent traces with more than two authors cannot be played")
    clocks = _clocks(recording.txns, authors) if concurrent else _turns(recording.txns, authors)
    transactions = [
        Transaction(author, seen, _operation(each.patches))
        for each, (author, seen) in zip(recording.txns, clocks, strict=True)
    ]
    return Trace(concurrent, authors, recording.start_content, recording.end_content, transactions)


def _operation(patches: Iterable[tuple[int, int, str]]) -> Delta:
    """Patches, one after the other, as one operation.

    Positions of traces count code points, which are UTF-16 units while there is nothing beyond
    the BMP.
    """
    operation: Delta = ()
    for position, deleted, inserted in patches:
        step: list[Op] = [retain(position)] if position else []
        if inserted:
            step.append(insert(inserted))
        if deleted:
            step.append(delete(deleted))
        operation = compose(operation, tuple(step))
    return operation


def _turns(
    recorded: Sequence[_RecordedTransaction], authors: int
) -> Iterable[tuple[int, tuple[int, ...]]]:
    """Author and what it has seen, when the authors take turns and see everything."""
    for place in range(len(recorded)):
        rounds, turn = divmod(place, authors)
        yield turn, tuple(rounds + (author < turn) for author in range(authors))


def _clocks(
    recorded: Sequence[_RecordedTransaction], authors: int
) -> Iterable[tuple[int, tuple[int, ...]]]:
    """Author and what it has seen, by the parents that are named."""
    known: list[tuple[int, ...]] = []
    typed = [0] * authors
    for place, each in enumerate(recorded):
        seen = [0] * authors
        for parent in each.parents:
            if parent >= place:
                raise ReplayFailed(f"transaction {place} of the trace comes before its parent")
            seen = [max(pair) for pair in zip(seen, known[parent], strict=True)]
        if seen[each.agent] != typed[each.agent]:
            raise ReplayFailed(f"in transaction {place} of the trace an author forgets its own")
        yield each.agent, tuple(seen)
        seen[each.agent] += 1
        typed[each.agent] += 1
        known.append(tuple(seen))
