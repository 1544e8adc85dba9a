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
from collab.storage import Nearest
from collab.words import Commit, Credit, Document, Head, Milestone, Retention, Snapshot

MAX_CODE_POINT = 0x10FFFF

_encode_credits = msgspec.msgpack.Encoder()
_decode_credits = msgspec.msgpack.Decoder(tuple[Credit, ...])
_encode_metadata = msgspec.json.Encoder()
_decode_retention = msgspec.json.Decoder(Retention)
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


def encode_retention(retention: Retention) -> str:
    """The column that holds a document's retention: a JSON object."""
    return _encode_metadata.encode(retention).decode()


def decode_retention(column: str) -> Retention:
    """Inverse of `encode_retention`; raises DocumentBroken."""
    try:
        return _decode_retention.decode(column)
    except (msgspec.DecodeError, TypeError) as error:
        raise DocumentBroken("the retention of a document does not decode") from error


def is_run(commits: Sequence[Commit], after: int) -> bool:
    """Whether `commits` are numbered after + 1, after + 2, … without a gap."""
    return all(commit.version == after + place for place, commit in enumerate(commits, start=1))


def check_first_commits(commits: Sequence[Commit]) -> None:
    """The commits that a document is created with; anything but 1, 2, … is a caller's mistake."""
    if not is_run(commits, 0):
        raise ValueError("the first commits of a document are numbered 1, 2, 3 …")


def check_start(document: Document, snapshot: Snapshot | None) -> int:
    """The version that replaying to the head starts from; raises DocumentBroken."""
    start = 0 if snapshot is None else snapshot.version
    if start < document.floor:
        raise DocumentBroken("the snapshot that the log was trimmed to is missing")
    return start


def check_nearest(document: Document, version: int, kept: Snapshot | Milestone | None) -> Nearest:
    """What `version` is built from, `kept` being the newest state at or below it.

    Between the floor and the oldest state kept there are versions that can be resumed from but not
    built: VersionUnavailable. Raises BaseAboveHead too.
    """
    if version > document.version:
        raise BaseAboveHead(version, document.version)
    found = Nearest(document, kept)
    exact = kept is not None and kept.version == version
    if version < 0 or (found.version < document.floor and not exact):
        raise VersionUnavailable(f"version {version} needs history that was dropped")
    return found


def check_moment(document: Document, time: int, version: int, floor_time: int) -> Head:
    """The head that a document had at `time`, `version` being the newest commit from then that is
    kept, or the floor; raises VersionUnavailable."""
    if time < document.created:
        raise VersionUnavailable("the document was made later than that")
    if version == document.floor > 0 and time < floor_time:
        raise VersionUnavailable("the history of that time was dropped")
    return Head(document.epoch, version)


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
