"""What takes away what was stored, as SQLite queries: deleting documents and writing them anew.

Connections overwrite what they delete (`secure_delete`); here the write-ahead log, which still has
the pages as they were, is brought into the file and cut off besides. Functions of a connection,
called in its thread.
"""

from __future__ import annotations

import sqlite3

from collab.storage import Rewrite
from collab.storage.contract import encode_credits
from collab.storage.sqlite_file import transaction
from collab.storage.sqlite_queries import RAISE_FLOOR, find
from collab.words import Head


def delete(sql: sqlite3.Connection, id: str) -> bool:
    deleted = _delete(sql, id)
    if deleted:
        _cut_log(sql)
    return deleted


def rewrite(sql: sqlite3.Connection, id: str, head: Head, change: Rewrite) -> bool:
    written = _rewrite(sql, id, head, change)
    if written:
        _cut_log(sql)
    return written


def _cut_log(sql: sqlite3.Connection) -> None:
    """Waits for those who read, as long as for any lock; then the next checkpoint does it."""
    sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _rewrite(sql: sqlite3.Connection, id: str, head: Head, change: Rewrite) -> bool:
    with transaction(sql):
        found = find(sql, id)
        if found is None:
            return False
        key, document = found
        if document.epoch == change.epoch:
            return True
        if Head(document.epoch, document.version) != head:
            return False
        floor = max(document.floor, change.floor)
        sql.executemany(
            "UPDATE commits SET time = ?, credits = ?, operation = ?"
            " WHERE document = ? AND version = ?",
            [
                (each.time, encode_credits(each.credits), each.operation, key, each.version)
                for each in change.commits
            ],
        )
        if floor > document.floor:
            sql.execute(RAISE_FLOOR, (floor, floor, key))
            sql.execute("DELETE FROM commits WHERE document = ? AND version <= ?", (key, floor))
        sql.execute("UPDATE documents SET epoch = ? WHERE key = ?", (change.epoch, key))
        if change.snapshots is not None:
            sql.execute("DELETE FROM snapshots WHERE document = ?", (key,))
            sql.executemany(
                "INSERT INTO snapshots (document, version, time, content, names)"
                " VALUES (?, ?, ?, ?, ?)",
                [(key, s.version, s.time, s.content, s.names) for s in change.snapshots],
            )
        if change.milestones is not None:
            sql.execute("DELETE FROM milestones WHERE document = ?", (key,))
            sql.executemany(
                "INSERT INTO milestones (document, version, time, content) VALUES (?, ?, ?, ?)",
                [(key, m.version, m.time, m.content) for m in change.milestones],
            )
        sql.execute("DELETE FROM versions WHERE document = ? AND version < ?", (key, change.floor))
        sql.execute(
            'UPDATE versions SET "user" = NULL WHERE document = ? AND "user" = ?',
            (key, change.user),
        )
        return True


def _delete(sql: sqlite3.Connection, id: str) -> bool:
    with transaction(sql):
        found = sql.execute(
            "SELECT key FROM documents WHERE id = ? AND NOT deleted", (id,)
        ).fetchone()
        if found is None:
            return False
        sql.execute("DELETE FROM commits WHERE document = ?", found)
        sql.execute("DELETE FROM snapshots WHERE document = ?", found)
        sql.execute("DELETE FROM milestones WHERE document = ?", found)
        sql.execute("DELETE FROM versions WHERE document = ?", found)
        sql.execute(
            "UPDATE documents SET epoch = '', version = 0, floor = 0, floor_time = 0,"
            " metadata = '{}', retention = '{}', deleted = TRUE WHERE key = ?",
            found,
        )
        return True
