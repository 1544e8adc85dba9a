"""A PgBouncer of the tests' own that hands out server connections for one transaction each."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.integration.process import free_port
from tests.services.postgres import PostgresServer

START_SECONDS = 30
STOP_SECONDS = 20


@contextmanager
def pgbouncer(program: str, postgres: PostgresServer) -> Iterator[int]:
    """The port it listens on; two connections to the server serve everybody."""
    port = free_port()
    users = postgres.folder / f"users-{port}.txt"
    users.write_text('"postgres" ""\n')
    configuration = postgres.folder / f"pgbouncer-{port}.ini"
    configuration.write_text(
        f"""
[databases]
* = host={postgres.folder} port={postgres.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {users}
pool_mode = transaction
default_pool_size = 2
"""
    )
    log = Path(f"{configuration}.log")
    with log.open("wb") as output:
        child = subprocess.Popen(
            [program, str(configuration)], stdout=output, stderr=output, **postgres.as_owner()
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text())
        yield port
    finally:
        child.terminate()
        child.wait(STOP_SECONDS)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
