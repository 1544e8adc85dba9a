"""Documents and their logs as SQLite queries: functions of a connection, called in its thread.

A function that writes does it in one transaction. Knows no threads, no event loop and no grants.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from collab.errors import DocumentBroken, DocumentExists, DocumentNotFound
from collab.storage import Loaded, NewDocument
from collab.storage.contract import (
    check_cursor,
    check_first_commits,
    check_run,
    check_start,
    count_fitting,
    decode_credits,
    decode_metadata,
    decode_retention,
    encode_metadata,
    encode_retention,
    end_of_prefix,
)
from collab.storage.sqlite_append import add_commits
from collab.storage.sqlite_file import transaction
from collab.words import Commit, Document, Retention, Snapshot

SNAPSHOTS_KEPT = 2

_ROW = "key, id, type, epoch, version, floor, created, updated, metadata, retention"
_ABOVE = "SELECT 1 FROM commits WHERE document = ? AND version > ? LIMIT 1"
_LENGTHS = (
    "SELECT length(operation) FROM commits"
    " WHERE document = ? AND version > ? AND version <= ? ORDER BY version"
)
_COMMITS = """
    SELECT version, time, credits, operation FROM commits
    WHERE document = ? AND version > ? AND version <= ? ORDER BY version
"""
_SNAPSHOT = """
    SELECT version, time, content, names FROM snapshots
    WHERE document = ? AND version <= ? ORDER BY version DESC LIMIT 1
"""
_DROP_MILESTONES = """
    DELETE FROM milestones WHERE document = ? AND version < ? AND version NOT IN (
        SELECT version FROM versions WHERE versions.document = milestones.document
    )
"""
RAISE_FLOOR = """
    UPDATE documents SET floor = ?, floor_time = coalesce((
        SELECT time FROM commits WHERE version = ? AND document = documents.key
    ), 0) WHERE key = ?
"""


def _document(row: tuple[Any, ...]) -> Document:
    _, id, type, epoch, version, floor, created, updated, metadata, retention = row
    return Document(
        id,
        type,
        epoch,
        version,
        floor,
        created,
        updated,
        decode_metadata(metadata),
        decode_retention(retention),
    )


def get(sql: sqlite3.Connection, id: str) -> Document | None:
    found = find(sql, id)
    return None if found is None else found[1]


def find(sql: sqlite3.Connection, id: str) -> tuple[int, Document] | None:
    """Key and row of a living document."""
    query = f"SELECT {_ROW} FROM documents WHERE id = ? AND NOT deleted"
    row = sql.execute(query, (id,)).fetchone()
    return None if row is None else (row[0], _document(row))


def find_epoch(sql: sqlite3.Connection, id: str, epoch: str) -> tuple[int, Document]:
    """The same, only of `epoch`; raises DocumentNotFound."""
    found = find(sql, id)
    if found is None or found[1].epoch != epoch:
        raise DocumentNotFound
    return found


def blob(column: object) -> bytes:
    """SQLite columns take values of any kind; raises DocumentBroken for any but bytes."""
    if type(column) is not bytes:
        raise DocumentBroken("a commit or snapshot is not stored as bytes")
    return column


def _commits(sql: sqlite3.Connection, key: int, after: int, until: int) -> list[Commit]:
    """All of after + 1 … until; raises DocumentBroken."""
    commits = []
    for version, time, credits, operation in sql.execute(_COMMITS, (key, after, until)):
        commits.append(Commit(version, time, decode_credits(credits), blob(operation)))
    check_run(commits, after, until)
    return commits


def create(
    sql: sqlite3.Connection, document: NewDocument, commits: Sequence[Commit], revive: bool
) -> Document:
    check_first_commits(commits)
    version = len(commits)
    updated = max([document.created, *(commit.time for commit in commits)])
    metadata = encode_metadata(document.metadata)
    row = (document.type, document.epoch, version, document.created, updated, metadata)
    with transaction(sql):
        known = sql.execute(
            "SELECT key, deleted FROM documents WHERE id = ?", (document.id,)
        ).fetchone()
        if known is None:
            key = sql.execute(
                "INSERT INTO documents"
                " (type, epoch, version, created, updated, metadata, id, floor, deleted)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, FALSE)",
                (*row, document.id),
            ).lastrowid
        else:
            key, deleted = known
            if not deleted:
                raise DocumentExists("there is a document of that id already")
            if not revive:
                raise DocumentNotFound
            sql.execute(
                "UPDATE documents SET type = ?, epoch = ?, version = ?, created = ?, updated = ?,"
                " metadata = ?, floor = 0, deleted = FALSE WHERE key = ?",
                (*row, key),
            )
        assert key is not None
        add_commits(sql, key, commits)
        found = find_epoch(sql, document.id, document.epoch)
    return found[1]


def load(sql: sqlite3.Connection, id: str) -> Loaded | None:
    with transaction(sql, "BEGIN"):  # one view of the three tables
        found = find(sql, id)
        if found is None:
            return None
        key, document = found
        if sql.execute(_ABOVE, (key, document.version)).fetchone():
            raise DocumentBroken(f"the log goes on above its head, {document.version}")
        snapshot = newest_snapshot(sql, key, document.version)
        start = check_start(document, snapshot)
        return Loaded(document, snapshot, tuple(_commits(sql, key, start, document.version)))


def newest_snapshot(sql: sqlite3.Connection, key: int, until: int) -> Snapshot | None:
    """The newest at or below a version; raises DocumentBroken."""
    row = sql.execute(_SNAPSHOT, (key, until)).fetchone()
    if row is None:
        return None
    version, time, content, names = row
    return Snapshot(version, time, blob(content), blob(names))


def read(
    sql: sqlite3.Connection, id: str, epoch: str, after: int, limit: int, max_bytes: int
) -> list[Commit]:
    with transaction(sql, "BEGIN"):
        key, document = find_epoch(sql, id, epoch)
        check_cursor(document, after)
        until = min(document.version, after + max(limit, 0))
        lengths = [length for (length,) in sql.execute(_LENGTHS, (key, after, until))]
        if len(lengths) == until - after:  # else there is a gap, which is told below
            until = after + count_fitting(lengths, max_bytes)
        return _commits(sql, key, after, until)


def save_snapshot(sql: sqlite3.Connection, id: str, epoch: str, snapshot: Snapshot) -> bool:
    with transaction(sql):
        found = find(sql, id)
        if found is None or found[1].epoch != epoch or snapshot.version > found[1].version:
            return False
        key = found[0]
        kept = [
            version
            for (version,) in sql.execute(
                "SELECT version FROM snapshots WHERE document = ? ORDER BY version DESC", (key,)
            )
        ]
        if kept and kept[0] >= snapshot.version:
            return False
        sql.execute(
            "INSERT INTO snapshots (document, version, time, content, names)"
            " VALUES (?, ?, ?, ?, ?)",
            (key, snapshot.version, snapshot.time, snapshot.content, snapshot.names),
        )
        for version in kept[SNAPSHOTS_KEPT - 1 :]:
            sql.execute("DELETE FROM snapshots WHERE document = ? AND version = ?", (key, version))
        return True


def trim(sql: sqlite3.Connection, id: str, epoch: str, before: int, dry: bool) -> int:
    with transaction(sql):
        key, document = find_epoch(sql, id, epoch)
        (newest,) = sql.execute(
            "SELECT coalesce(max(version), 0) FROM snapshots WHERE document = ?", (key,)
        ).fetchone()
        young = sql.execute(
            "SELECT version FROM commits WHERE document = ? AND version > ? AND version <= ?"
            " AND time >= ? ORDER BY version LIMIT 1",
            (key, document.floor, newest, before),
        ).fetchone()
        floor = max(document.floor, newest if young is None else young[0] - 1)
        if floor > document.floor and not dry:
            sql.execute(RAISE_FLOOR, (floor, floor, key))
            sql.execute("DELETE FROM commits WHERE document = ? AND version <= ?", (key, floor))
            sql.execute("DELETE FROM snapshots WHERE document = ? AND version < ?", (key, floor))
            sql.execute(_DROP_MILESTONES, (key, floor))
        return int(floor)


def list_documents(
    sql: sqlite3.Connection, prefix: str, type: str | None, after: str, limit: int
) -> list[Document]:
    conditions = {"id > ?": after, "id >= ?": prefix}
    end = end_of_prefix(prefix)
    if end is not None:
        conditions["id < ?"] = end
    if type is not None:
        conditions["type = ?"] = type
    query = (
        f"SELECT {_ROW} FROM documents WHERE NOT deleted AND {' AND '.join(conditions)}"
        " ORDER BY id LIMIT ?"
    )
    rows = sql.execute(query, (*conditions.values(), max(limit, 0)))
    return [_document(row) for row in rows]


def set_metadata(sql: sqlite3.Connection, id: str, metadata: dict[str, Any]) -> Document:
    column = encode_metadata(metadata)
    with transaction(sql):
        sql.execute("UPDATE documents SET metadata = ? WHERE id = ? AND NOT deleted", (column, id))
        found = find(sql, id)
    if found is None:
        raise DocumentNotFound
    return found[1]


def set_retention(sql: sqlite3.Connection, id: str, retention: Retention) -> Document:
    column = encode_retention(retention)
    with transaction(sql):
        sql.execute("UPDATE documents SET retention = ? WHERE id = ? AND NOT deleted", (column, id))
        found = find(sql, id)
    if found is None:
        raise DocumentNotFound
    return found[1]
