"""A Redis server of the tests' own: in memory only, on a free port of this machine, for all its
lives the same one."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.certificates import Certificate
from tests.integration.process import free_port

PROGRAM = shutil.which("redis-server")
PASSWORD = "p@ss:w/d"
_PASSWORD_IN_URL = "p%40ss%3Aw%2Fd"
_START_SECONDS = 20
_STOP_SECONDS = 20


class RedisServer:
    """Made by `redis_server`."""

    def __init__(self, folder: str, certificate: Certificate | None) -> None:
        self.port = free_port()
        self._folder = folder
        self._certificate = certificate
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """The URL, perhaps with another port (a proxy's)."""
        scheme = "redis" if self._certificate is None else "rediss"
        return f"{scheme}://:{_PASSWORD_IN_URL}@127.0.0.1:{port}/0"

    def start(self) -> None:
        """Start, and return when it takes connections."""
        assert PROGRAM is not None
        self._child = subprocess.Popen(
            [
                PROGRAM,
                *self._listening(),
                *("--bind", "127.0.0.1", "--requirepass", PASSWORD),
                *("--save", "", "--appendonly", "no", "--dir", self._folder),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._child.poll() is None, "Redis did not start"
                assert time.monotonic() < deadline, "Redis does not take connections"
                time.sleep(0.02)

    def _listening(self) -> list[str]:
        made = self._certificate
        if made is None:
            return ["--port", str(self.port)]
        files = {"cert": made.cert, "key": made.key, "ca-cert": made.authority}
        arguments = [("--port", "0"), ("--tls-port", str(self.port)), ("--tls-auth-clients", "no")]
        arguments += [(f"--tls-{name}-file", str(path)) for name, path in files.items()]
        return [part for argument in arguments for part in argument]

    def kill(self) -> None:
        """kill -9."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(_STOP_SECONDS)
            self._child = None

    def suspend(self) -> None:
        """SIGSTOP."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)


@contextmanager
def redis_server(certificate: Certificate | None = None) -> Iterator[RedisServer]:
    """A running server, over TLS with a certificate, ended at the end whatever state it is in."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(folder, certificate)
        server.start()
        try:
            yield server
        finally:
            server.kill()
