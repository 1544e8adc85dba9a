"""What a document was like, as SQLite queries: milestones, and which version was there when.

Plain functions of a connection, called in its thread. Knows no threads and no event loop.
"""

from __future__ import annotations

import sqlite3

from collab.errors import DocumentNotFound
from collab.storage import Mark, Nearest
from collab.storage.contract import check_moment, check_nearest
from collab.storage.sqlite_file import transaction
from collab.storage.sqlite_queries import blob, find, find_epoch, newest_snapshot
from collab.words import Head, Milestone, Snapshot

_MILESTONE = """
    SELECT version, time, content FROM milestones
    WHERE document = ? AND version <= ? ORDER BY version DESC LIMIT 1
"""
_WAS_THERE = """
    coalesce((
        SELECT time <= :time FROM commits
        WHERE document = :key AND version = (low + high) / 2 + 1
    ), FALSE)
"""
# By halving: `low` was there at the time, what is above `high` was not.
_VERSION_AT = f"""
    WITH RECURSIVE search (low, high) AS (
        SELECT :floor, :head
        UNION ALL
        SELECT iif({_WAS_THERE}, (low + high) / 2 + 1, low),
            iif({_WAS_THERE}, high, (low + high) / 2)
        FROM search WHERE low < high
    )
    SELECT low FROM search WHERE low >= high
"""


def nearest(sql: sqlite3.Connection, id: str, version: int) -> Nearest | None:
    with transaction(sql, "BEGIN"):  # one view of the three tables
        found = find(sql, id)
        if found is None:
            return None
        key, document = found
        until = max(min(version, document.version), -1)
        snapshot = newest_snapshot(sql, key, until)
        row = sql.execute(_MILESTONE, (key, until)).fetchone()
        kept: Snapshot | Milestone | None = snapshot
        if row is not None and (snapshot is None or row[0] > snapshot.version):
            kept = Milestone(row[0], row[1], blob(row[2]))
        return check_nearest(document, version, kept)


def version_at(sql: sqlite3.Connection, id: str, time: int) -> Head:
    with transaction(sql, "BEGIN"):
        found = find(sql, id)
        if found is None:
            raise DocumentNotFound
        key, document = found
        (floor_time,) = sql.execute(
            "SELECT floor_time FROM documents WHERE key = ?", (key,)
        ).fetchone()
        values = {"floor": document.floor, "head": document.version, "time": time, "key": key}
        (version,) = sql.execute(_VERSION_AT, values).fetchone()
        return check_moment(document, time, version, floor_time)


def save_milestone(sql: sqlite3.Connection, id: str, epoch: str, milestone: Milestone) -> bool:
    with transaction(sql):
        found = find(sql, id)
        if found is None or found[1].epoch != epoch:
            return False
        key, document = found
        if not document.floor <= milestone.version <= document.version:
            return False
        added = sql.execute(
            "INSERT INTO milestones (document, version, time, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (key, milestone.version, milestone.time, milestone.content),
        )
        return added.rowcount > 0


def milestones(sql: sqlite3.Connection, id: str, epoch: str) -> list[Mark]:
    with transaction(sql, "BEGIN"):
        key, _ = find_epoch(sql, id, epoch)
        rows = sql.execute(
            "SELECT version, length(content) FROM milestones WHERE document = ? ORDER BY version",
            (key,),
        )
        return [Mark(version, size) for version, size in rows]


def log_bytes(sql: sqlite3.Connection, id: str, epoch: str, after: int, until: int) -> int:
    with transaction(sql, "BEGIN"):
        key, _ = find_epoch(sql, id, epoch)
        (total,) = sql.execute(
            "SELECT coalesce(sum(length(operation) + length(credits)), 0) FROM commits"
            " WHERE document = ? AND version > ? AND version <= ?",
            (key, after, until),
        ).fetchone()
        return int(total)
