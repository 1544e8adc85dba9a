"""From a DATABASE_URL to a store. The only place that knows which adapters there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from collab.errors import ConfigurationError
from collab.storage import Store
from collab.storage.memory import open_memory
from collab.storage.schema import REVISIONS

POSTGRES = ("postgres://", "postgresql://")
NEWEST = f"schema {REVISIONS[-1]}"

S = TypeVar("S", bound=Store)

SUPPORTED = (
    "DATABASE_URL must be postgresql://USER:PASSWORD@HOST/DATABASE, sqlite:///FILE (relative), "
    "sqlite:////FILE (absolute) or memory://"
)


def open_store(database_url: str) -> AbstractAsyncContextManager[Store]:
    """The store that `database_url` names, for the length of the block.

    The URL is judged at once, the store is opened on entering; both raise ConfigurationError.
    """
    if _is_postgres(database_url):
        return _open_postgres(database_url)
    path = _parse(database_url)
    if path is None:
        return _as_port(open_memory())
    from collab.storage.sqlite import open_sqlite

    return _as_port(open_sqlite(path))


def migrate_store(database_url: str) -> str:
    """Bring the database to the newest schema; blocking, and with no server running on SQLite.

    Creates an SQLite file that is absent. Says what was done. Raises ConfigurationError.
    """
    if _is_postgres(database_url):
        return _migrate_postgres(database_url)
    path = _parse(database_url)
    if path is None:
        return "a store in memory needs no migration"
    from collab.storage.sqlite_file import claimed, connect, located, prepare

    file = located(path)
    with claimed(file):
        absent = not file.exists()
        done = "is up to date"
        if prepare(file):
            done = "has been made" if absent else "has been migrated"
        connect(file).close()  # looking at a database leaves files beside it, this takes them away
    return f"{file.name} {done} ({NEWEST})"


def _is_postgres(database_url: str) -> bool:
    return database_url.startswith(POSTGRES)


def _open_postgres(database_url: str) -> AbstractAsyncContextManager[Store]:
    # Only those who use them pay for importing the drivers.
    from collab.storage.postgres import open_postgres
    from collab.storage.postgres_url import parse_target

    return _as_port(open_postgres(parse_target(database_url)))


def _migrate_postgres(database_url: str) -> str:
    from collab.storage.postgres_schema import migrate_database
    from collab.storage.postgres_url import parse_target

    done = migrate_database(parse_target(database_url))
    return f"the database {'has been migrated' if done else 'is up to date'} ({NEWEST})"


@asynccontextmanager
async def _as_port(opening: AbstractAsyncContextManager[S]) -> AsyncIterator[Store]:
    async with opening as store:
        yield store


def _parse(database_url: str) -> Path | None:
    """The file of an SQLite URL; None for memory. Never repeats the URL: it may hold a password."""
    scheme, _, rest = database_url.partition("://")
    if scheme == "memory" and rest in ("", "/"):
        return None
    if scheme != "sqlite":
        raise ConfigurationError(SUPPORTED)
    host, slash, path = rest.partition("/")
    if host or not slash or not path or "?" in path:
        raise ConfigurationError(f"{SUPPORTED}, without host or parameters")
    if path == ":memory:":
        raise ConfigurationError(f"{SUPPORTED}; for a store in memory use memory://")
    return Path(path)
