"""What only a file can do: survive a kill, be damaged, be full, belong to somebody else."""
# ruff: noqa: ASYNC220, ASYNC240 - nothing else runs on these loops that a blocking call could hold up

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import anyio
import pytest
from structlog.testing import capture_logs

from collab.errors import ConfigurationError, DocumentBroken, StoreFailure
from collab.storage import Append, AppendResult, NewDocument, NewGrant
from collab.storage.connect import migrate_store, open_store
from collab.storage.contract import encode_credits
from collab.storage.memory import MemoryStore
from collab.storage.schema import MIGRATIONS, REVISIONS
from collab.storage.sqlite import SqliteStore, open_sqlite
from collab.words import ANY, Access, Commit, Credit, Document, Grant, Milestone, Snapshot

pytestmark = pytest.mark.anyio

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "collab.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with open_sqlite(path) as store:
        yield store


def commit(version: int, size: int = 10) -> Commit:
    return Commit(version, version, (Credit("author", version, None, b"digest"),), b"o" * size)


async def add(store: SqliteStore, id: str, version: int, size: int = 10) -> AppendResult:
    [result] = await store.append([Append(id, "e1", version - 1, (commit(version, size),))])
    return result


async def run(store: SqliteStore, query: str) -> None:
    """A query on the writing connection."""
    await store._writer.write(lambda sql: sql.execute(query).fetchall())


@contextmanager
def held_up(store: SqliteStore) -> Iterator[Event]:
    """Keep the writing thread busy until the event is set or the block is left."""
    release = Event()
    store._writer._put(lambda sql: release.wait())
    try:
        yield release
    finally:
        release.set()


# Durability --------------------------------------------------------------------------------------


async def test_everything_is_there_after_a_reopen(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.create(NewDocument("a", "text", "e1", 1, {"k": 1}), [commit(1), commit(2)])
        await store.create(NewDocument("dead", "text", "e1", 1))
        await store.save_snapshot("a", "e1", Snapshot(1, 1, b"content", b"names"))
        await store.delete("dead")
        await store.set_grants([NewGrant("a", "ada", Access.READ), NewGrant("a", ANY, None)])
        before = await store.load("a")
    async with open_sqlite(path) as store:
        assert await store.load("a") == before
        assert list(await store.grant_changes(0, 10)) == [
            Grant("a", "ada", Access.READ, 1),
            Grant("a", ANY, None, 2),
        ]
        assert await store.append([Append("dead", "e1", 0, ())]) == [AppendResult.GONE]
        assert await add(store, "a", 3) is AppendResult.OK


async def test_the_file_is_whole_by_itself_once_closed(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.create(NewDocument("a", "text", "e1", 1), [commit(1)])
    assert {file.name for file in path.parent.iterdir()} == {"collab.db", "collab.db.lock"}


APPENDING = """
import sys, anyio
from collab.storage import Append, NewDocument
from collab.storage.sqlite import open_sqlite
from collab.words import ANY, Access, Commit, Credit, Document, Grant, Milestone, Snapshot

async def main():
    async with open_sqlite(sys.argv[1]) as store:
        for id in "abc":
            await store.create(NewDocument(id, "text", "e1", 1))
        version = 0
        while True:
            row = Commit(version + 1, 1, (Credit("x", 1, None, b""),), b"o" * 3000)
            await store.append([Append(id, "e1", version, (row,)) for id in "abc"])
            version += 1
            if version % 50 == 0:
                for id in "abc":
                    await store.save_snapshot(id, "e1", Snapshot(version, 1, b"s" * 9000, b""))
            sys.stdout.write(f"{version}\\n")
            sys.stdout.flush()

anyio.run(main)
"""


@pytest.mark.parametrize("reports", [1, 40, 300])
async def test_a_kill_loses_nothing_that_was_reported(path: Path, reports: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        reported = 0
        while reported < reports:
            reported = int(child.stdout.readline())
        child.kill()
        for line in child.stdout.read().splitlines():
            reported = int(line)
    async with open_sqlite(path) as store:
        heads = (await store.poll(["a", "b", "c"])).heads
        assert len({head.version for head in heads.values()}) == 1  # groups are whole
        for id, head in heads.items():
            assert head.version >= reported
            found = await store.load(id)  # raises if there is a gap
            assert found is not None
            commits = await store.read(id, "e1", 0, 1_000_000)
            assert [row.version for row in commits] == list(range(1, head.version + 1))
            assert await add(store, id, head.version + 1) is AppendResult.OK


async def test_a_commit_waits_for_the_disk(store: SqliteStore) -> None:
    def settings(sql: sqlite3.Connection) -> tuple[str, int, int]:
        ((mode,), (synchronous,), (keys,)) = (
            sql.execute(f"PRAGMA {name}").fetchone()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        )
        return mode, synchronous, keys

    assert await store._writer.read(settings) == ("wal", 2, 1)


# Whose file it is --------------------------------------------------------------------------------


async def test_a_second_open_is_refused(path: Path) -> None:
    async with open_sqlite(path):
        with pytest.raises(ConfigurationError, match="another collab server"):
            async with open_sqlite(path):
                pass
        with pytest.raises(ConfigurationError, match="another collab server"):
            migrate_store(f"sqlite:///{path}")
    async with open_sqlite(path):
        pass


async def test_a_second_process_is_refused_by_any_name_of_the_file(path: Path) -> None:
    other_name = path.with_name("link.db")
    other_name.symlink_to(path)
    opening = f"""
import anyio
from collab.errors import ConfigurationError
from collab.storage.sqlite import open_sqlite

async def main():
    async with open_sqlite({str(other_name)!r}):
        pass

try:
    anyio.run(main)
except ConfigurationError as error:
    raise SystemExit(str(error))
"""
    async with open_sqlite(path):
        second = await anyio.run_process([sys.executable, "-c", opening], check=False)
    assert second.returncode == 1
    assert b"another collab server" in second.stderr
    third = await anyio.run_process([sys.executable, "-c", opening], check=False)
    assert third.returncode == 0


async def test_a_killed_server_leaves_no_claim(path: Path) -> None:
    holding = f"""
import sys, anyio
from collab.storage.sqlite import open_sqlite

async def main():
    async with open_sqlite({str(path)!r}):
        sys.stdout.write("open\\n")
        sys.stdout.flush()
        await anyio.sleep_forever()

anyio.run(main)
"""
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        with pytest.raises(ConfigurationError, match="another collab server"):
            async with open_sqlite(path):
                pass
        child.kill()
    async with open_sqlite(path) as store:
        assert await store.list() == []


async def test_other_tools_may_read_while_the_server_runs(path: Path, store: SqliteStore) -> None:
    await store.create(NewDocument("a", "text", "e1", 1), [commit(1)])
    with closing(sqlite3.connect(path)) as tool:
        assert tool.execute("SELECT count(*) FROM commits").fetchone() == (1,)


# Files that are not for us -----------------------------------------------------------------------


async def refuse(path: Path, match: str) -> None:
    """Opening `path` is refused with a message, and does not change a byte of it."""
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=match) as caught:
        async with open_sqlite(path):
            pass
    assert path.name in str(caught.value)
    assert str(path) not in str(caught.value)
    assert path.read_bytes() == before
    assert not path.with_name("collab.db-journal").exists()


async def make(path: Path) -> None:
    async with open_sqlite(path) as store:
        rows = [commit(version, 1000) for version in range(1, 101)]
        await store.create(NewDocument("a", "text", "e1", 1), rows)


def execute(path: Path, *queries: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        for query in queries:
            sql.execute(query)


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    await refuse(path, "not an SQLite database")


async def test_a_truncated_database_is_refused(path: Path) -> None:
    await make(path)
    os.truncate(path, path.stat().st_size // 2)
    await refuse(path, "damaged")


async def test_a_database_with_a_damaged_first_page_is_refused(path: Path) -> None:
    await make(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)
    await refuse(path, "damaged")


async def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    await make(path)
    execute(path, "UPDATE alembic_version SET version_num = '0999'")
    await refuse(
        path,
        r"written by a newer version of collab \(schema 0999\); upgrade collab, "
        "or restore the backup",
    )


@pytest.mark.parametrize("version_table", [False, True])
async def test_a_database_of_another_application_is_refused(
    path: Path, version_table: bool
) -> None:
    execute(path, "CREATE TABLE documents (id, text)", "INSERT INTO documents VALUES (1, 'x')")
    if version_table:
        execute(
            path,
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('0001')",
        )
    await refuse(path, "another application")


async def test_damage_found_later_is_a_failure_and_not_an_empty_document(path: Path) -> None:
    await make(path)
    with path.open("r+b") as file:
        half = path.stat().st_size // 2
        file.seek(half)
        file.write(b"\xff" * half)
    async with open_sqlite(path) as store:
        with pytest.raises((StoreFailure, DocumentBroken)):
            await store.load("a")


async def test_damage_is_told_apart_from_what_passes_and_logged_once(path: Path) -> None:
    await make(path)
    async with open_sqlite(path) as store:
        with capture_logs() as logged:
            for _ in range(3):
                with pytest.raises(StoreFailure) as caught:
                    await store._reader.read(fail_as(sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"))
                assert caught.value.code == "document_broken"
                assert str(caught.value) == "the database is damaged (SQLITE_CORRUPT)"
            with pytest.raises(StoreFailure) as caught:
                await store._reader.read(fail_as(sqlite3.SQLITE_IOERR, "SQLITE_IOERR_READ"))
            assert caught.value.code == "store_failure"
    assert [(line["log_level"], line["file"], line["error"]) for line in logged] == [
        ("error", "collab.db", "SQLITE_CORRUPT"),
        ("error", "collab.db", "SQLITE_IOERR_READ"),
    ]


def fail_as(code: int, name: str) -> Callable[[sqlite3.Connection], None]:
    def work(_: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("as if")
        error.sqlite_errorcode, error.sqlite_errorname = code, name
        raise error

    return work


@pytest.mark.parametrize("column", ["epoch", "version"])
async def test_a_head_that_does_not_decode_is_a_broken_document(path: Path, column: str) -> None:
    await make(path)
    execute(path, f"UPDATE documents SET {column} = x'00'")
    async with open_sqlite(path) as store:
        with pytest.raises(DocumentBroken):
            await store.poll(["a"])


@pytest.mark.parametrize(
    "change",
    [
        "access = 'write'",
        "access = 4",
        "access = 1.5",
        "version = 'text'",
        "grantee = x'ff'",
        "document = CAST(x'ff' AS TEXT)",
    ],
)
async def test_a_grant_that_does_not_decode_is_a_failure_and_not_no_grant(
    path: Path, change: str
) -> None:
    async with open_sqlite(path) as store:
        await store.set_grants([NewGrant("a", "ada", Access.READ)])
    execute(path, f"UPDATE grants SET {change}")
    async with open_sqlite(path) as store:
        with pytest.raises(StoreFailure):
            await store.list_grants()
        with pytest.raises(StoreFailure):
            await store.grant_changes(0, 10)
        if not change.startswith(("grantee", "document")):
            with pytest.raises(StoreFailure):
                await store.grants(["a"], ["ada"])


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM access_version",
        "INSERT INTO access_version VALUES (9)",
        "UPDATE access_version SET version = 'text'",
    ],
)
async def test_a_damaged_counter_of_grants_does_not_begin_anew(path: Path, change: str) -> None:
    async with open_sqlite(path) as store:
        await store.set_grants([NewGrant("a", "ada", Access.READ)])
    execute(path, change)
    async with open_sqlite(path) as store:
        with pytest.raises(StoreFailure):
            await store.poll([])
        with pytest.raises(StoreFailure):
            await store.set_grants([NewGrant("a", "ada", Access.WRITE)])
        assert list(await store.list_grants()) == [Grant("a", "ada", Access.READ, 1)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE commits SET credits = x'c1'",
        "UPDATE commits SET credits = 'text'",
        "UPDATE commits SET operation = 'text'",
        "UPDATE documents SET metadata = 'no json'",
    ],
)
async def test_a_row_that_does_not_decode_is_a_broken_document(path: Path, change: str) -> None:
    await make(path)
    execute(path, change)
    async with open_sqlite(path) as store:
        with pytest.raises(DocumentBroken):
            await store.load("a")


async def test_a_folder_that_does_not_exist_is_named_as_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="check that its folder exists"):
        async with open_sqlite(tmp_path / "nowhere" / "collab.db"):
            pass


async def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigurationError, match="name a file"):
        async with open_sqlite(path):
            pass


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody may write to")
async def test_an_unwritable_folder_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="may be written"):
        async with open_sqlite("/proc/self/collab.db"):
            pass


OPENING = """
import os, sys, anyio
from collab.errors import ConfigurationError
from collab.storage.sqlite import open_sqlite

async def main():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    async with open_sqlite(sys.argv[1]):
        pass

try:
    anyio.run(main)
except ConfigurationError as error:
    sys.exit(str(error))
"""


async def test_a_file_without_the_right_to_write_is_refused() -> None:
    """Root may write everywhere, so the child that opens the file is somebody else then."""
    with TemporaryDirectory() as folder:  # others may not enter the folders of pytest
        path = Path(folder, "collab.db")
        await make(path)
        path.chmod(0o400)
        if os.geteuid() == 0:
            for each in (path.parent, *path.parent.iterdir()):
                os.chown(each, NOBODY, NOBODY)
        command = [sys.executable, "-c", OPENING, str(path), str(NOBODY)]
        child = await anyio.run_process(command, check=False)
        assert child.returncode == 1
        assert b"check the rights" in child.stderr


async def test_a_file_locked_by_another_program_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.storage.sqlite_file.BUSY_TIMEOUT_SECONDS", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConfigurationError, match="locked by another program"):
            async with open_sqlite(path):
                pass


# The schema --------------------------------------------------------------------------------------


def test_the_revisions_are_those_of_the_migrations() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(reversed([script.revision for script in scripts])) == REVISIONS


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    async with open_sqlite(path) as store:
        assert await store.list() == []


async def test_a_migration_that_fails_leaves_nothing_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    create_table = Operations.create_table

    def fail_at_snapshots(self: Operations, name: str, *rest: object, **more: object) -> object:
        if name == "snapshots":
            raise RuntimeError("the power went off")
        return create_table(self, name, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Operations, "create_table", fail_at_snapshots)
        with pytest.raises(RuntimeError, match="power"):
            migrate_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    async with open_sqlite(path) as store:
        assert await store.list() == []


@contextmanager
def first_schema_only() -> Iterator[None]:
    """Within the block a migration goes no further than the first schema."""
    from alembic import command

    upgrade = command.upgrade
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(command, "upgrade", lambda config, _: upgrade(config, REVISIONS[0]))
        yield


def make_first(path: Path) -> None:
    """A database of the first schema with a document of two commits and a snapshot, and a deleted
    one."""
    with first_schema_only():
        migrate_store(f"sqlite:///{path}")
    credits = encode_credits((Credit("author", 1, "ada", b"digest"),))
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        sql.executemany(
            "INSERT INTO documents (id, type, epoch, version, floor, created, updated, metadata,"
            " deleted) VALUES (?, 'text', ?, ?, 0, 1, 2, ?, ?)",
            [("a", "e1", 2, '{"k": 1}', False), ("dead", "", 0, "{}", True)],
        )
        sql.executemany(
            "INSERT INTO commits VALUES (1, ?, ?, ?, ?)",
            [(version, version, credits, b"operation") for version in (1, 2)],
        )
        sql.execute("INSERT INTO snapshots VALUES (1, 1, 1, ?, ?)", (b"content", b"names"))


async def test_a_database_of_the_first_schema_keeps_what_it_holds(path: Path) -> None:
    make_first(path)
    async with open_sqlite(path) as store:
        found = await store.load("a")
        assert found is not None
        assert found.document == Document("a", "text", "e1", 2, 0, 1, 2, {"k": 1})
        assert found.snapshot == Snapshot(1, 1, b"content", b"names")
        assert [each.version for each in found.commits] == [2]
        assert await store.get("dead") is None
        assert await store.append([Append("dead", "e1", 0, ())]) == [AppendResult.GONE]
        assert await add(store, "a", 3) is AppendResult.OK
        assert (await store.poll(["a"])).access_version == 0
        [granted] = await store.set_grants([NewGrant("a", "ada", Access.READ)])
        assert list(await store.list_grants()) == [granted]
        assert await store.save_milestone("a", "e1", Milestone(2, 1, b"packed"))
    assert "is up to date" in migrate_store(f"sqlite:///{path}")


async def test_a_migration_that_fails_leaves_the_older_schema(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    def fail(self: Operations, *_: object) -> None:
        raise RuntimeError("the power went off")

    make_first(path)
    with monkeypatch.context() as patched:
        patched.setattr(Operations, "bulk_insert", fail)
        with pytest.raises(RuntimeError, match="power"):
            migrate_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as sql:
        tables = {name for (name,) in sql.execute("SELECT name FROM sqlite_master")}
        assert not tables & {"grants", "access_version"}
        assert sql.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert "is up to date" not in migrate_store(f"sqlite:///{path}")
    async with open_sqlite(path) as store:
        assert await store.load("a") is not None
        assert (await store.poll(["a"])).access_version == 0


def test_a_migration_leaves_logging_alone(path: Path) -> None:
    loggers = set(logging.root.manager.loggerDict)
    root = (logging.root.level, list(logging.root.handlers))
    migrate_store(f"sqlite:///{path}")
    assert (logging.root.level, list(logging.root.handlers)) == root
    added = set(logging.root.manager.loggerDict) - loggers
    for name in added:
        logger = logging.getLogger(name)
        assert logger.handlers == []
        assert not logger.disabled


async def test_an_up_to_date_database_opens_without_alembic(path: Path) -> None:
    migrate_store(f"sqlite:///{path}")
    opening = f"""
import sys, anyio
from collab.storage.connect import open_store

async def main():
    async with open_store({f"sqlite:///{path}"!r}) as store:
        assert await store.list() == []

anyio.run(main)
sys.exit(1 if {{"alembic", "sqlalchemy"}} & set(sys.modules) else 0)
"""
    assert (await anyio.run_process([sys.executable, "-c", opening])).returncode == 0


# DATABASE_URL ------------------------------------------------------------------------------------


async def test_a_url_chooses_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_store("sqlite:///here.db") as store:
        assert isinstance(store, SqliteStore)
    async with open_store(f"sqlite:///{tmp_path}/there.db") as store:
        assert isinstance(store, SqliteStore)
    async with open_store("memory://") as store:
        assert isinstance(store, MemoryStore)
    migrate_store("memory://")
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"here.db", "here.db.lock", "there.db", "there.db.lock"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "collab.db",
        "mysql://user:secret@host/base",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/secret.db",
        "sqlite:///:memory:",
        "sqlite:///secret.db?mode=ro",
        "memory://secret",
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///FILE") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        migrate_store(url)


# Trouble while running ---------------------------------------------------------------------------


async def test_a_full_disk_is_a_failure_that_passes(store: SqliteStore) -> None:
    await store.create(NewDocument("a", "text", "e1", 1))
    await run(store, "PRAGMA max_page_count = 20")
    with pytest.raises(StoreFailure, match="SQLITE_FULL"):
        await add(store, "a", 1, size=1_000_000)
    assert (await store.poll(["a"])).heads["a"].version == 0
    await run(store, "PRAGMA max_page_count = 1000000")
    assert await add(store, "a", 1, size=1_000_000) is AppendResult.OK
    found = await store.load("a")
    assert found is not None
    assert found.commits == (commit(1, 1_000_000),)


async def test_a_database_locked_by_a_tool_is_a_failure_that_passes(
    path: Path, store: SqliteStore
) -> None:
    await store.create(NewDocument("a", "text", "e1", 1))
    await run(store, "PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailure, match="SQLITE_BUSY"):
            await add(store, "a", 1)
        assert (await store.poll(["a"])).heads["a"].version == 0  # reading goes on
        tool.execute("ROLLBACK")
    assert await add(store, "a", 1) is AppendResult.OK


async def test_rows_that_refuse_one_document_fail_it_alone(store: SqliteStore) -> None:
    for id in "abc":
        await store.create(NewDocument(id, "text", "e1", 1), [commit(1), commit(2)])
    # A head set back by hand: its commit 2 is in the way.
    await run(store, "UPDATE documents SET version = 1 WHERE id = 'b'")
    batches = [
        Append("a", "e1", 2, (commit(3),)),
        Append("b", "e1", 1, (commit(2),)),
        Append("c", "e1", 2, (commit(3), commit(4))),
    ]
    wanted = [AppendResult.OK, AppendResult.FAILED, AppendResult.OK]
    assert await store.append(batches) == wanted
    heads = (await store.poll(["a", "b", "c"])).heads
    assert [head.version for head in heads.values()] == [3, 1, 4]


async def test_values_the_database_cannot_hold_fail_one_document_alone(store: SqliteStore) -> None:
    for id in "ab":
        await store.create(NewDocument(id, "text", "e1", 1))
    beyond = Commit(1, 2**63, (), b"")
    results = await store.append(
        [Append("a", "e1", 0, (beyond,)), Append("b", "e1", 0, (commit(1),))]
    )
    assert results == [AppendResult.FAILED, AppendResult.OK]


async def test_grants_that_one_row_refuses_are_not_stored_at_all(store: SqliteStore) -> None:
    await store.set_grants([NewGrant("a", "ada", Access.READ)])
    # A version that was given away by hand: the second of two is in its way.
    await run(store, "INSERT INTO grants VALUES ('z', 'ada', 1, 3)")
    new = [NewGrant("a", "ada", Access.ADMIN), NewGrant("b", "ada", Access.ADMIN)]
    with pytest.raises(StoreFailure, match="SQLITE_CONSTRAINT"):
        await store.set_grants(new)
    assert list(await store.list_grants(document="a")) == [Grant("a", "ada", Access.READ, 1)]
    assert (await store.poll([])).access_version == 1
    await run(store, "DELETE FROM grants WHERE document = 'z'")
    assert [each.version for each in await store.set_grants(new)] == [2, 3]


async def test_a_cancelled_change_of_grants_is_finished_and_its_caller_told(
    store: SqliteStore,
) -> None:
    versions: list[int] = []

    async def change() -> None:
        stored = await store.set_grants([NewGrant("a", "ada", Access.READ)])
        versions.extend(each.version for each in stored)

    async with anyio.create_task_group() as tasks:
        with held_up(store) as release:
            tasks.start_soon(change)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            release.set()
    assert versions == [1]
    assert len(await store.list_grants()) == 1


async def test_reading_does_not_wait_for_writing(store: SqliteStore) -> None:
    await store.create(NewDocument("a", "text", "e1", 1), [commit(1)])
    with held_up(store):
        found = await store.load("a")
    assert found is not None
    assert found.commits == (commit(1),)


async def test_a_cancelled_append_is_finished_and_its_caller_told(store: SqliteStore) -> None:
    await store.create(NewDocument("a", "text", "e1", 1))
    results: list[AppendResult] = []

    async def write() -> None:
        results.append(await add(store, "a", 1))

    async with anyio.create_task_group() as tasks:
        with held_up(store) as release:
            tasks.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            release.set()
    assert results == [AppendResult.OK]
    assert (await store.poll(["a"])).heads["a"].version == 1


async def test_an_append_whose_task_is_torn_away_is_finished_all_the_same(
    store: SqliteStore,
) -> None:
    await store.create(NewDocument("a", "text", "e1", 1))
    with held_up(store) as release:
        task = asyncio.ensure_future(add(store, "a", 1))
        await anyio.wait_all_tasks_blocked()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
    assert await add(store, "a", 2) is AppendResult.OK


async def test_a_cancelled_read_leaves_at_once(store: SqliteStore) -> None:
    await store.create(NewDocument("a", "text", "e1", 1))
    release = Event()
    store._reader._put(lambda sql: release.wait())
    begun: list[bool] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store._reader.read, lambda sql: begun.append(True))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    release.set()
    assert await store.get("a") is not None
    assert begun == []


async def test_closing_finishes_what_was_accepted(path: Path) -> None:
    results: list[AppendResult] = []
    async with anyio.create_task_group() as tasks, open_sqlite(path) as store:
        await store.create(NewDocument("a", "text", "e1", 1))
        with held_up(store):

            async def write() -> None:
                results.append(await add(store, "a", 1))

            tasks.start_soon(write)
            await anyio.wait_all_tasks_blocked()
    assert results == [AppendResult.OK]
    with pytest.raises(StoreFailure, match="closed"):
        await store.get("a")
    with pytest.raises(StoreFailure, match="closed"):
        await add(store, "a", 2)
