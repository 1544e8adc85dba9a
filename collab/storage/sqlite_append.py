"""Compare-and-append in SQLite: one statement for a whole group that nothing is wrong with.

Every call of SQLite gives up the interpreter's lock and has to get it back from a busy event loop,
which then waits for this thread in turn. So a group that every edit of the node waits for is a
single call: a row into a view, for each commit, and a trigger that does the work. Where a row meets
another head than it expects nothing is written, and a slower way tells whose fault it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from collab.storage import Append, AppendResult
from collab.storage.contract import encode_credits, is_run
from collab.storage.sqlite_file import transaction

# What the values of one document can be refused with; anything else is the database's trouble.
REFUSALS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    OverflowError,
    UnicodeEncodeError,
)

# Rows of one statement: as many as one batch of a busy document or one commit each of many.
_ROWS = 64

_PREPARE = """
CREATE TEMP VIEW appended (id, epoch, version, time, credits, operation)
    AS SELECT NULL, NULL, NULL, NULL, NULL, NULL;
CREATE TEMP TRIGGER append INSTEAD OF INSERT ON appended BEGIN
    UPDATE documents SET version = NEW.version, updated = max(updated, NEW.time)
        WHERE id = NEW.id AND epoch = NEW.epoch AND version = NEW.version - 1 AND NOT deleted;
    SELECT RAISE(ABORT, 'another head') WHERE changes() = 0;
    INSERT INTO commits (document, version, time, credits, operation)
        SELECT key, NEW.version, NEW.time, NEW.credits, NEW.operation
        FROM documents WHERE id = NEW.id;
END;
"""
_MOVE_HEAD = """
    UPDATE documents SET version = ?, updated = max(updated, ?)
    WHERE id = ? AND epoch = ? AND version = ? AND NOT deleted RETURNING key
"""
_IS_THERE = "SELECT 1 FROM documents WHERE id = ? AND epoch = ? AND NOT deleted"
_ADD_COMMIT = """
    INSERT INTO commits (document, version, time, credits, operation) VALUES (?, ?, ?, ?, ?)
"""


def prepare_to_append(sql: sqlite3.Connection) -> None:
    """Once for a connection that `append` will be called with; writes nothing to the file."""
    sql.executescript(_PREPARE)


def append(sql: sqlite3.Connection, batches: Sequence[Append]) -> list[AppendResult]:
    """See `Store.append`; raises what is the database's trouble, with nothing written."""
    try:
        if all(
            batch.commits and is_run(batch.commits, batch.expected_version) for batch in batches
        ):
            _append_all(sql, [row for batch in batches for row in _rows(batch)])
            return [AppendResult.OK] * len(batches)
    except REFUSALS:
        pass
    with transaction(sql):
        return [_append_guarded(sql, batch) for batch in batches]


def add_commits(sql: sqlite3.Connection, key: int, commits: Sequence[Any]) -> None:
    """Commits of the document `key`, whose head is another's to move."""
    sql.executemany(
        _ADD_COMMIT,
        [(key, c.version, c.time, encode_credits(c.credits), c.operation) for c in commits],
    )


def _rows(batch: Append) -> list[tuple[object, ...]]:
    return [
        (batch.id, batch.epoch, c.version, c.time, encode_credits(c.credits), c.operation)
        for c in batch.commits
    ]


def _append_all(sql: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """All rows, or none if it raises."""
    if len(rows) <= _ROWS:
        _append_rows(sql, rows)  # a statement is a transaction by itself
        return
    with transaction(sql):
        for start in range(0, len(rows), _ROWS):
            _append_rows(sql, rows[start : start + _ROWS])


def _append_rows(sql: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    sql.execute(_statement(len(rows)), [value for row in rows for value in row])


@lru_cache(_ROWS)
def _statement(rows: int) -> str:
    return f"INSERT INTO appended VALUES {', '.join(['(?, ?, ?, ?, ?, ?)'] * rows)}"


def _append_guarded(sql: sqlite3.Connection, batch: Append) -> AppendResult:
    sql.execute("SAVEPOINT one")
    try:
        result = _append_one(sql, batch)
    except REFUSALS:
        sql.execute("ROLLBACK TO one")
        result = AppendResult.FAILED
    sql.execute("RELEASE one")
    return result


def _append_one(sql: sqlite3.Connection, batch: Append) -> AppendResult:
    """OK, or nothing was written; whoever called rolls back what was written before it raises."""
    place = (batch.id, batch.epoch, batch.expected_version)
    version = batch.expected_version + len(batch.commits)
    updated = max((commit.time for commit in batch.commits), default=0)
    moved = sql.execute(_MOVE_HEAD, (version, updated, *place)).fetchall()
    if not moved:
        there = sql.execute(_IS_THERE, place[:2]).fetchone()
        return AppendResult.CONFLICT if there else AppendResult.GONE
    if not is_run(batch.commits, batch.expected_version):
        raise sqlite3.IntegrityError("commits that are not numbered from the head on")
    add_commits(sql, moved[0][0], batch.commits)
    return AppendResult.OK
