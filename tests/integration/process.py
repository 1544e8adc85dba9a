"""`collab serve` as a child process that can be stopped, killed and started again."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_START_SECONDS = 30
_STOP_SECONDS = 20
_PORTS = range(16_000, 32_000)
_LISTENING = "listening on"
_DEFECTS = ('"exception": ', "Traceback", "Warning:")


def free_port() -> int:
    """A port that nobody listens on, and none of those that outgoing connections are given: a
    client that knocks while the server is down could otherwise be connected to itself, and the
    server would not get its port back."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
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
        self._settled = threading.Event()  # it listens, or it will not
        self._follower: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start and return when it listens."""
        self._settled.clear()
        already = len(self.log)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "collab", "serve"],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._follower = threading.Thread(target=self._follow, args=(self._child,), daemon=True)
        self._follower.start()
        self._settled.wait(_START_SECONDS)
        if not any(_LISTENING in line for line in self.log[already:]):
            self.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.log))

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for the end that something else has begun; the exit code."""
        assert self._child is not None
        assert self._follower is not None
        code = self._child.wait(_STOP_SECONDS)
        self._follower.join(_STOP_SECONDS)  # then the log is whole
        return code

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

    def limit_file_size(self, size: int | None) -> None:
        """Let no file grow past `size` bytes from now on; None takes the limit away."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        soft = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, hard))

    def defects(self) -> list[str]:
        """What the log tells of that must never happen, whoever sent what."""
        return [line for line in self.log if any(sign in line for sign in _DEFECTS)]

    def _end(self, how: signal.Signals) -> int:
        assert self._child is not None
        self._child.send_signal(how)
        return self.wait()

    def _follow(self, child: subprocess.Popen[str]) -> None:
        assert child.stderr is not None
        with child.stderr:
            for line in child.stderr:
                self.log.append(line)
                if _LISTENING in line:
                    self._settled.set()
        self._settled.set()


@contextmanager
def server(folder: Path, **variables: str) -> Iterator[ServerProcess]:
    """A running server, ended at the end whatever state it is in."""
    process = ServerProcess(folder, **variables)
    process.start()
    try:
        yield process
    finally:
        process.kill()
