"""Whether a PostgreSQL database can be used, and bringing its schema up to date.

A server never migrates: several may be running. `collab migrate` does, in one transaction, and
of two at once the second finds nothing left to do. Knows no queries but its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import asyncpg
import structlog

from collab.errors import ConfigurationError
from collab.storage.postgres_url import Target
from collab.storage.schema import is_migration_due, upgrade

if TYPE_CHECKING:
    from sqlalchemy import Connection

_log = structlog.stdlib.get_logger(__name__)

START_SECONDS = 10.0
PAUSE_SECONDS = 0.25
MIGRATION_LOCK = 0x636F_6C6C_6162  # the number of our advisory lock: "collab"

# What an extension brought along is nobody's application.
_TABLES = """
SELECT coalesce(array_agg(class.relname::text), '{}') FROM pg_class AS class
WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND deptype = 'e')
"""
_REVISION = "SELECT max(version_num) FROM alembic_version"
_SETTINGS = """
SELECT current_schema() AS schema, current_setting('server_encoding') AS encoding,
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync
"""


async def check_database(target: Target, seconds: float = START_SECONDS) -> None:
    """Raises ConfigurationError unless the database can be reached, within `seconds`, and used."""
    connection = await _reach(target, seconds)
    try:
        settings = await connection.fetchrow(_SETTINGS)
        _check_settings(settings)
        if settings["fsync"] == "off":
            _log.warning("what the database confirms may be lost with its machine (fsync is off)")
        tables = set(await connection.fetchval(_TABLES))
        revision = None
        if "alembic_version" in tables:
            revision = await connection.fetchval(_REVISION)
        if is_migration_due(tables, revision):
            state = f"has schema {revision}, an old one" if revision else "is empty"
            raise ConfigurationError(f"the database {state}; run: collab migrate")
    except asyncpg.PostgresError as error:
        raise _unusable(error) from error
    finally:
        connection.terminate()


def migrate_database(target: Target) -> bool:
    """Bring the schema up to date; whether that was due. Blocking. Raises ConfigurationError."""
    return asyncio.run(_migrate(target))


async def _migrate(target: Target) -> bool:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    connection = await _reach(target, START_SECONDS)
    try:
        _check_settings(await connection.fetchrow(_SETTINGS))
    finally:
        connection.terminate()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=target.connect, poolclass=NullPool
    )
    try:
        async with engine.begin() as migrating:
            return await migrating.run_sync(_upgrade)
    except DBAPIError as error:
        raise _unusable(error.orig) from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> bool:
    """In the transaction of `connection`: whether a migration was due, and has been done."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    tables = set(connection.exec_driver_sql(_TABLES).scalar_one())
    revision = None
    if "alembic_version" in tables:
        revision = connection.exec_driver_sql(_REVISION).scalar_one()
    if not is_migration_due(tables, revision):
        return False
    upgrade(connection)
    return True


async def _reach(target: Target, seconds: float) -> asyncpg.Connection:
    """A connection; a database that is only just starting is waited for."""
    reason = "TimeoutError"
    with anyio.move_on_after(seconds):
        while True:
            try:
                return await target.connect()
            except (ssl.SSLCertVerificationError, asyncpg.InterfaceError, ValueError) as error:
                raise _unusable(error) from error
            except (OSError, asyncpg.InternalClientError) as error:
                reason = type(error).__name__
            except asyncpg.PostgresError as error:
                if not (error.sqlstate or "").startswith(("08", "53", "57")):
                    raise _unusable(error) from error
                reason = f"SQLSTATE {error.sqlstate}"
            await anyio.sleep(PAUSE_SECONDS)
    raise ConfigurationError(f"the database of DATABASE_URL cannot be reached ({reason})")


def _check_settings(settings: Mapping[str, Any]) -> None:
    if settings["schema"] is None:
        raise ConfigurationError(
            "the search_path of the user of DATABASE_URL names no schema that is there"
        )
    if settings["encoding"] != "UTF8":
        raise ConfigurationError(
            f"the database has the encoding {settings['encoding']}; collab needs one with UTF8"
        )
    if settings["synchronous_commit"] == "off":
        raise ConfigurationError(
            "the database confirms what it has not written yet (synchronous_commit is off); "
            "turn it on for this database"
        )


def _unusable(error: BaseException | None) -> ConfigurationError:
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigurationError(
            "the certificate of the database server is not trusted; name the one that signed it "
            "in DATABASE_URL, as sslrootcert=FILE"
        )
    if state.startswith("28"):
        return ConfigurationError("the database refuses the user or password of DATABASE_URL")
    if state == "3D000":
        return ConfigurationError("there is no database of the name in DATABASE_URL; make it first")
    if state == "42501":
        return ConfigurationError(
            "the user of DATABASE_URL lacks a right that is needed: to create tables, for "
            "collab migrate, and to read and change them"
        )
    if state:
        return ConfigurationError(f"the database cannot be used (SQLSTATE {state})")
    return ConfigurationError(
        f"the parameters of DATABASE_URL cannot be used ({type(error).__name__})"
    )
