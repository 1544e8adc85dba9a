"""Named versions as SQLite queries: functions of a connection, called in its thread.

Whoever takes a version's name away decides about its milestone too. Knows no threads and no loop.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from collab.errors import BaseAboveHead, TooManyVersions, VersionNotFound
from collab.storage.sqlite_file import transaction
from collab.storage.sqlite_queries import find_epoch
from collab.words import Milestone, NamedVersion

_ROW = 'version, name, time, "user", author, automatic'
_PUT = f"""
    INSERT INTO versions (document, {_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (document, version) DO UPDATE SET name = excluded.name, time = excluded.time,
        "user" = excluded."user", author = excluded.author, automatic = FALSE
    WHERE versions.automatic AND NOT excluded.automatic
"""


def _named(row: tuple[Any, ...]) -> NamedVersion:
    version, name, time, user, author, automatic = row
    return NamedVersion(version, name, time, user, author, bool(automatic))


def name_version(
    sql: sqlite3.Connection,
    id: str,
    epoch: str,
    named: NamedVersion,
    milestone: Milestone,
    most: int,
) -> bool:
    with transaction(sql):
        key, document = find_epoch(sql, id, epoch)
        if named.version > document.version:
            raise BaseAboveHead(named.version, document.version)
        (count,) = sql.execute(
            "SELECT count(*) FROM versions WHERE document = ? AND NOT automatic AND version <> ?",
            (key, named.version),
        ).fetchone()
        values = (named.version, named.name, named.time, named.user, named.author, named.automatic)
        if not sql.execute(_PUT, (key, *values)).rowcount:
            return False
        if not named.automatic and count >= most:
            raise TooManyVersions(most)  # which undoes it
        sql.execute(
            "INSERT INTO milestones (document, version, time, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (key, milestone.version, milestone.time, milestone.content),
        )
        return True


def versions(
    sql: sqlite3.Connection,
    id: str,
    epoch: str,
    before: int | None,
    limit: int,
    automatic: bool | None,
) -> list[NamedVersion]:
    with transaction(sql, "BEGIN"):
        key, _ = find_epoch(sql, id, epoch)
        rows = sql.execute(
            f"SELECT {_ROW} FROM versions WHERE document = ? AND (? IS NULL OR version < ?)"
            " AND (? IS NULL OR automatic = ?) ORDER BY version DESC LIMIT ?",
            (key, before, before, automatic, automatic, max(limit, 0)),
        )
        return [_named(row) for row in rows]


def rename_version(
    sql: sqlite3.Connection, id: str, epoch: str, version: int, name: str
) -> NamedVersion:
    with transaction(sql):
        key, _ = find_epoch(sql, id, epoch)
        rows = sql.execute(
            "UPDATE versions SET name = ?, automatic = FALSE WHERE document = ? AND version = ?"
            f" RETURNING {_ROW}",
            (name, key, version),
        ).fetchall()
        if not rows:
            raise VersionNotFound(version)
        return _named(rows[0])


def forget_version(sql: sqlite3.Connection, id: str, epoch: str, version: int) -> bool:
    with transaction(sql):
        key, document = find_epoch(sql, id, epoch)
        place = (key, version)
        if not sql.execute(
            "DELETE FROM versions WHERE document = ? AND version = ?", place
        ).rowcount:
            return False
        if version < document.floor:
            sql.execute("DELETE FROM milestones WHERE document = ? AND version = ?", place)
        return True
