"""What every adapter of the store has in common: which ranges exist, what a gap is, the columns.

Pure functions over the words. Knows no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from collab.errors import (
    BaseAboveHead,
    BelowFloor,
    DocumentBroken,
    VersionUnavailable,
)
from collab.words import Commit, Credit, Document, Snapshot

MAX_CODE_POINT = 0x10FFFF

_encode_credits = msgspec.msgpack.Encoder()
_decode_credits = msgspec.msgpack.Decoder(tuple[Credit, ...])
_encode_metadata = msgspec.json.Encoder()
_decode_metadata = msgspec.json.Decoder(dict[str, Any])


def encode_credits(credits: tuple[Credit, ...]) -> bytes:
    """The column that holds a commit's credits."""
    return _encode_credits.encode(credits)


def decode_credits(column: bytes) -> tuple[Credit, ...]:
    """Inverse of `encode_credits`; raises DocumentBroken."""
    try:
        return _decode_credits.decode(column)
    except (msgspec.DecodeError, TypeError) as error:
        raise DocumentBroken("the credits of a commit do not decode") from error


def encode_metadata(metadata: dict[str, Any]) -> str:
    """The column that holds a document's metadata: a JSON object."""
    return _encode_metadata.encode(metadata).decode()


def decode_metadata(column: str) -> dict[str, Any]:
    """Inverse of `encode_metadata`; raises DocumentBroken."""
    try:
        return _decode_metadata.decode(column)
    except (msgspec.DecodeError, TypeError) as error:
        raise DocumentBroken("the metadata of a document does not decode") from error


def is_run(commits: Sequence[Commit], after: int) -> bool:
    """Whether `commits` are numbered after + 1, after + 2, … without a gap."""
    return all(commit.version == after + place for place, commit in enumerate(commits, start=1))


def check_first_commits(commits: Sequence[Commit]) -> None:
    """The commits that a document is created with; anything but 1, 2, … is a caller's mistake."""
    if not is_run(commits, 0):
        raise ValueError("the first commits of a document are numbered 1, 2, 3 …")


def check_target(document: Document, at: int | None) -> int:
    """The version that a load asks for; raises BaseAboveHead or VersionUnavailable."""
    if at is None:
        return document.version
    if at > document.version:
        raise BaseAboveHead(at, document.version)
    if at < document.floor:
        raise VersionUnavailable(f"the history before version {document.floor} was dropped")
    return at


def check_start(document: Document, snapshot: Snapshot | None, target: int) -> int:
    """The version that replaying to `target` starts from.

    Between the floor and the oldest snapshot kept there are versions that can be resumed from but
    not built: VersionUnavailable. The head must always be buildable: DocumentBroken.
    """
    start = 0 if snapshot is None else snapshot.version
    if start < document.floor:
        if target == document.version:
            raise DocumentBroken("the snapshot that the log was trimmed to is missing")
        raise VersionUnavailable(f"version {target} needs history that was dropped")
    return start


def check_run(commits: Sequence[Commit], after: int, until: int) -> None:
    """`commits` are all of after + 1 … until; raises DocumentBroken."""
    if len(commits) != until - after or not is_run(commits, after):
        raise DocumentBroken(f"the log has a gap between version {after} and {until}")


def check_cursor(document: Document, after: int) -> None:
    """Whether a reader at version `after` can go on; raises BelowFloor or BaseAboveHead."""
    if after < document.floor:
        raise BelowFloor(after, document.floor)
    if after > document.version:
        raise BaseAboveHead(after, document.version)


def end_of_prefix(prefix: str) -> str | None:
    """The least text, by code point, above everything that begins with `prefix`; None: no bound."""
    stem = prefix.rstrip(chr(MAX_CODE_POINT))
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # no text holds a surrogate
        following = 0xE000
    return stem[:-1] + chr(following)


def count_fitting(lengths: Iterable[int], max_bytes: int) -> int:
    """How many of the first come to at most `max_bytes` together; one, if there is one."""
    total = fitting = 0
    for length in lengths:
        total += length
        if total > max_bytes and fitting:
            break
        fitting += 1
    return fitting
