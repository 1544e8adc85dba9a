"""Which schema this version of collab speaks, and how a database gets there.

The migrations beside this file own the tables, for every database. Alembic is imported only when
a migration is due, because most starts need none. Opens no store and knows no adapter.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING

from collab.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import URL, Connection, Engine

REVISIONS = ("0001", "0002", "0003", "0004")  # every schema there has been, the newest last
TABLES = frozenset({"documents", "commits", "snapshots"})
MIGRATIONS = Path(__file__).parent / "migrations"


def is_migration_due(tables: Set[str], revision: str | None) -> bool:
    """Judge a database by the names of its tables and the revision that `alembic_version` holds.

    False if it is up to date, True if it is empty or older. Raises ConfigurationError if it is
    newer than this program or somebody else's.
    """
    if not tables:
        return True
    if revision is None or not tables >= TABLES:
        raise ConfigurationError(
            "the database holds tables of another application; "
            "give collab a database of its own in DATABASE_URL"
        )
    if revision not in REVISIONS:
        raise ConfigurationError(
            f"the database was written by a newer version of collab (schema {revision}); "
            "upgrade collab, or restore the backup made before the upgrade"
        )
    return revision != REVISIONS[-1]


def migrate(url: str | URL) -> None:
    """Bring the SQLite database at `url`, in SQLAlchemy's spelling, to the newest schema.

    Blocking. All that is due happens in one transaction: killed in the middle, the database is as
    it was before. Call it only after `is_migration_due` has agreed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(url, poolclass=NullPool)
    _make_sqlite_transactional(engine)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Run the migrations that are due on `connection`, inside the transaction it is in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _make_sqlite_transactional(engine: Engine) -> None:
    """Let BEGIN come before the first CREATE TABLE, where the driver by itself would not."""
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(driver_connection: sqlite3.Connection, _: object) -> None:
        driver_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
