"""A PostgreSQL server of the tests' own, in a temporary folder, on a free port of this machine.

Its password has characters that a URL has to encode, it speaks TLS with a certificate for
`localhost`, and its databases sort by a language rather than by code point.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from collab.storage.connect import migrate_store
from tests.integration.certificates import Certificate, make_certificate
from tests.integration.process import free_port

PASSWORD = "p@ss:w/ör%d #?"
START_SECONDS = 60
STOP_SECONDS = 20
_TEMPLATE = "migrated"
_CONFIGURATION = """
fsync = off
full_page_writes = off
max_connections = 60
shared_buffers = 32MB
autovacuum = off
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
"""


def programs() -> Path | None:
    """The folder of the newest `initdb` and `postgres` on this machine."""
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    newest = sorted(installed, key=lambda folder: float(folder.parent.name), reverse=True)
    on_path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for folder in (*newest, *on_path):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class PostgresServer:
    """One server, with the databases that tests make. Made by `postgres_server`."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.certificate: Certificate
        self._programs = programs
        self._numbers = count(1)
        self._child: subprocess.Popen[bytes] | None = None
        # It refuses to run as root.
        self._owner = None
        if os.getuid() == 0:
            names = {user.pw_name for user in pwd.getpwall()}
            self._owner = "postgres" if "postgres" in names else "nobody"
            shutil.chown(folder, self._owner)

    @property
    def pid(self) -> int:
        """The process that all others of the server are children of."""
        assert self._child is not None
        return self._child.pid

    def url(self, database: str, *, port: int | None = None, host: str = "127.0.0.1") -> str:
        """The URL of `database`, perhaps with another port (a proxy's)."""
        password = quote(PASSWORD, safe="")
        return f"postgresql://postgres:{password}@{host}:{port or self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The same, over the socket in a folder."""
        return f"postgres://postgres@/{database}?host={quote(str(self.folder))}&port={self.port}"

    def create_cluster(self) -> None:
        """Write its files; called once."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self.certificate = make_certificate(self.folder)
        data = self.folder / "data"
        initdb = [
            *(str(self._programs / "initdb"), "--pgdata", str(data), "--username=postgres"),
            *("--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--pwfile", str(password)),
            *("--auth-host=scram-sha-256", "--auth-local=trust"),
        ]
        by_language = ["--locale-provider=icu", "--icu-locale=en"]
        if self._run([*initdb, *by_language]).returncode != 0:  # older than 15
            shutil.rmtree(data, ignore_errors=True)
            done = self._run(initdb)
            assert done.returncode == 0, done.stdout
        with (data / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
        self._give(self.certificate.cert, data / "server.crt")
        self._give(self.certificate.key, data / "server.key")

    def _give(self, source: Path, target: Path) -> None:
        """Copy a file to where its owner alone may read it."""
        shutil.copy(source, target)
        target.chmod(0o600)
        if self._owner:
            shutil.chown(target, self._owner)

    def start(self) -> None:
        """Start, and return when it answers."""
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self.folder / "data")),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self.as_owner(),
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.run("postgres", "SELECT 1")
                return
            except (OSError, asyncpg.PostgresError) as error:
                if self._child.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "log").read_text()) from error

    def stop(self) -> None:
        """End it at once, as if its machine had failed."""
        assert self._child is not None
        self._child.send_signal(signal.SIGQUIT)
        self._child.wait(STOP_SECONDS)

    def create_database(self, *, migrated: bool = True) -> str:
        """The name of a new database."""
        name = f"test_{next(self._numbers)}"
        if migrated and not self.run("postgres", f"{_IS_THERE} '{_TEMPLATE}'"):
            self.run("postgres", f"CREATE DATABASE {_TEMPLATE}")
            migrate_store(self.url(_TEMPLATE))
        template = f"TEMPLATE {_TEMPLATE}" if migrated else ""
        self.run("postgres", f"CREATE DATABASE {name} {template}")
        return name

    def run(self, database: str, query: str, *values: object) -> list[Any]:
        """The rows of one statement, over a connection of its own; blocking."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.socket_url(database), statement_cache_size=0)
            try:
                return list(await connection.fetch(query, *values))
            finally:
                await connection.close()

        return asyncio.run(run())

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            **self.as_owner(),
        )

    def as_owner(self) -> dict[str, Any]:
        """What starts a program as the user that the files belong to."""
        if self._owner is None:
            return {}
        return {"user": self._owner, "group": pwd.getpwnam(self._owner).pw_gid, "extra_groups": []}


_IS_THERE = "SELECT FROM pg_database WHERE datname ="


@contextmanager
def postgres_server(programs: Path) -> Iterator[PostgresServer]:
    """A running server for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="collab-postgres-"))
    try:
        server = PostgresServer(folder, programs)
        server.create_cluster()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
