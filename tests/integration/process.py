"""`collab serve` as a child process that can be stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 30
_STOP_SECONDS = 20


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server with its own SQLite file on one port for all its lives."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.database = folder / "collab.db"
        self.log: list[str] = []
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.getcwd(),
            "PORT": str(self.port),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "COLLAB_LOG_FORMAT": "json",
            **variables,
        }
        self._child: subprocess.Popen[str] | None = None
        self._listening = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start and return when it listens."""
        self._listening.clear()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "collab", "serve"],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._follow, args=(self._child,), daemon=True).start()
        if not self._listening.wait(_START_SECONDS):
            self.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.log))

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def suspend(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def resident_bytes(self) -> int:
        """The memory it has now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _end(self, how: signal.Signals) -> int:
        assert self._child is not None
        self._child.send_signal(how)
        code = self._child.wait(_STOP_SECONDS)
        return code

    def _follow(self, child: subprocess.Popen[str]) -> None:
        assert child.stderr is not None
        with child.stderr:
            for line in child.stderr:
                self.log.append(line)
                if "listening on" in line:
                    self._listening.set()


@contextmanager
def server(folder: Path, **variables: str) -> Iterator[ServerProcess]:
    """A running server, ended at the end whatever state it is in."""
    process = ServerProcess(folder, **variables)
    process.start()
    try:
        yield process
    finally:
        process.kill()
