"""The SQLite file itself: who may open it, what is in it, how a connection to it is set up.

Everything here blocks. Whatever keeps the file from being used is a ConfigurationError, which names
the file without its folder, and leaves it as it was. Knows no queries but its own.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from collab.errors import ConfigurationError
from collab.storage.schema import is_migration_due, migrate

OLDEST_SQLITE = (3, 38, 0)  # RETURNING and json_each
BUSY_TIMEOUT_SECONDS = 5.0

_ADVICE = {
    sqlite3.SQLITE_NOTADB: "is not an SQLite database; name another one, or restore a backup",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a backup, or see what `.recover` can save of it",
    sqlite3.SQLITE_READONLY: "may not be written; check the rights on it and on its folder",
    sqlite3.SQLITE_PERM: "may not be written; check the rights on it and on its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_BUSY: "is locked by another program; close that first",
    sqlite3.SQLITE_FULL: "cannot grow; make room on its disk",
}


def located(path: str | os.PathLike[str]) -> Path:
    """One name for the file, so that two links to it are the same claim."""
    return Path(os.path.realpath(path))


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Keep every other server off the database at `path` for the length of the block.

    The claim is a lock on a file beside it, which ends with the process however that ends. Tools
    that only read need no claim.
    """
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path, sqlite3.SQLITE_CANTOPEN) from error
    try:
        if not _lock(descriptor):
            raise ConfigurationError(
                f"another collab server has the database file {path.name} open; "
                "an SQLite database serves one process: stop the other one, or run a single worker"
            )
        yield
    finally:
        os.close(descriptor)


def prepare(path: Path) -> bool:
    """Make the database at `path` ready: created if absent, migrated if old. Whether it was due."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigurationError(
            f"SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer is needed, "
            f"this Python has {sqlite3.sqlite_version}"
        )
    due = _is_migration_due(path)
    # SQLite opens such a file and reads it; only the first edit would find out.
    if path.exists() and not os.access(path, os.W_OK):
        raise _unusable(path, sqlite3.SQLITE_READONLY)
    if not due:
        return False
    from sqlalchemy import URL
    from sqlalchemy.exc import DBAPIError

    with closing(connect(path)):  # in WAL from the first page on
        pass
    try:
        migrate(URL.create("sqlite", database=str(path)))
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise _explain(path, error.orig) from error
        raise
    return True


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection for one thread at a time, without transactions of the driver's own."""
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False
        )
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # macOS: past the drive's cache too
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            connection.execute(f"PRAGMA query_only = {int(read_only)}")
            if mode != "wal":
                raise ConfigurationError(
                    f"the database file {path.name} is on a disk without shared memory; "
                    "use a local disk"
                )
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _explain(path, error) from error
    return connection


@contextmanager
def transaction(sql: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """One transaction: durable when the block is left, rolled back if it raises."""
    sql.execute(begin)
    try:
        yield
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:  # some errors have ended it already
            sql.execute("ROLLBACK")
        raise


def _is_migration_due(path: Path) -> bool:
    """Look at the file without a chance of writing to it."""
    if not path.exists():
        return True
    if not path.is_file():
        raise ConfigurationError(
            f"DATABASE_URL names {path.name}, a folder or a device; name a file"
        )
    try:
        return _look(path, "ro")
    except sqlite3.Error as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise _explain(path, error) from error
    try:
        return _look(path, "rw")  # killed while it was first made: SQLite has to roll back first
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _look(path: Path, mode: str) -> bool:
    uri = f"{path.as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
        tables = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite^_%'"
                " ESCAPE '^'"
            )
        }
        revision = None
        if "alembic_version" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            revision = row[0] if row else None
        try:
            return is_migration_due(tables, revision)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path.name}: {error}") from None


def _explain(path: Path, error: sqlite3.Error) -> ConfigurationError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return _unusable(path, code, getattr(error, "sqlite_errorname", "SQLITE_ERROR"))


def _unusable(path: Path, code: int, name: str = "") -> ConfigurationError:
    advice = _ADVICE.get(code & 0xFF, f"cannot be used ({name})")  # the low byte: what it is
    return ConfigurationError(f"the database file {path.name} {advice}")


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
