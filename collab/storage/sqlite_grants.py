"""Grants as SQLite queries, and the poll that tells a node what is new of them and of the logs.

Plain functions of a connection, called in its thread. A row that does not decode is never taken for
one that is not there: who may do what is not to be guessed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from collab.errors import DocumentBroken, StoreFailure
from collab.storage import NewGrant, Polled
from collab.storage.sqlite_file import transaction
from collab.words import Access, Grant, Head

_ROW = "document, grantee, access, version"
_HEADS = """
    SELECT id, epoch, version FROM documents
    WHERE id IN (SELECT value FROM json_each(?)) AND NOT deleted
"""
_PUT = f"""
    INSERT INTO grants ({_ROW}) VALUES (?, ?, ?, ?) ON CONFLICT (document, grantee)
    DO UPDATE SET access = excluded.access, version = excluded.version
"""
_FOR = f"""
    SELECT {_ROW} FROM grants
    WHERE document IN (SELECT value FROM json_each(?))
    AND grantee IN (SELECT value FROM json_each(?)) AND access IS NOT NULL
"""
_CHANGES = f"SELECT {_ROW} FROM grants WHERE version > ? ORDER BY version LIMIT ?"


def poll(sql: sqlite3.Connection, ids: Sequence[str]) -> Polled:
    with transaction(sql, "BEGIN"):  # one view of the two tables
        return Polled(_heads(sql, ids), _access_version(sql))


def _heads(sql: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Head]:
    rows = sql.execute(_HEADS, (_listed(ids),))
    try:
        heads = [msgspec.convert(row, tuple[str, str, int]) for row in rows]
    except msgspec.ValidationError as error:
        raise DocumentBroken("the head of a document does not decode") from error
    return {id: Head(epoch, version) for id, epoch, version in heads}


def _access_version(sql: sqlite3.Connection) -> int:
    match sql.execute("SELECT version FROM access_version").fetchall():
        case [(int(version),)]:
            return version
    raise StoreFailure("the counter of grants does not decode")


def _listed(words: Sequence[str]) -> str:
    return msgspec.json.encode(words).decode()


def _grants(rows: Iterable[tuple[Any, ...]]) -> list[Grant]:
    try:
        return [Grant(*msgspec.convert(row, tuple[str, str, Access | None, int])) for row in rows]
    except msgspec.ValidationError as error:
        raise StoreFailure("a stored grant does not decode") from error


def set_grants(sql: sqlite3.Connection, grants: Sequence[NewGrant]) -> list[Grant]:
    with transaction(sql):
        known = _access_version(sql)
        stored = [
            Grant(new.document, new.user, new.access, version)
            for version, new in enumerate(grants, start=known + 1)
        ]
        sql.executemany(_PUT, [(g.document, g.user, g.access, g.version) for g in stored])
        sql.execute("UPDATE access_version SET version = ?", (known + len(stored),))
    return stored


def grants(sql: sqlite3.Connection, documents: Sequence[str], users: Sequence[str]) -> list[Grant]:
    return _grants(sql.execute(_FOR, (_listed(documents), _listed(users))))


def list_grants(
    sql: sqlite3.Connection,
    document: str | None,
    user: str | None,
    after: tuple[str, str],
    limit: int,
) -> list[Grant]:
    conditions = ["access IS NOT NULL", "(document, grantee) > (?, ?)"]
    values = [*after]
    if document is not None:
        conditions.append("document = ?")
        values.append(document)
    if user is not None:
        conditions.append("grantee = ?")
        values.append(user)
    query = (
        f"SELECT {_ROW} FROM grants WHERE {' AND '.join(conditions)}"
        " ORDER BY document, grantee LIMIT ?"
    )
    return _grants(sql.execute(query, (*values, max(limit, 0))))


def grant_changes(sql: sqlite3.Connection, after: int, limit: int) -> list[Grant]:
    return _grants(sql.execute(_CHANGES, (after, max(limit, 0))))
