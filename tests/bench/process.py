"""The server as a process on a core of its own, and what the kernel says that it uses.

Linux only: affinity and `/proc`. Knows nothing of edits.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVE = (sys.executable, "-m", "collab", "serve")
START_SECONDS = 30.0
STOP_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # of a cpu line in /proc/stat: idle, iowait


class ServerFailed(Exception):
    """The server did not start, or did not end as it should."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the server runs, and where the generator does."""

    server: int
    generator: int


def choose_cores() -> Cores:
    """Two cores of this process's; raises ServerFailed if there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise ServerFailed("two cores are needed: one for the server, one for the generator")
    return Cores(server=mine[0], generator=mine[1])


def allow_many_connections() -> None:
    """Raise the limit of open files as far as it goes, for this process and its children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def busy_seconds(core: int) -> float:
    """How long `core` has been busy since the machine started, with whatever."""
    line = Path("/proc/stat").read_text().splitlines()[1 + core].split()
    if line[0] != f"cpu{core}":
        raise ServerFailed(f"/proc/stat does not say what core {core} does")
    ticks = [int(field) for field in line[1:9]]
    return (sum(ticks) - sum(ticks[field] for field in _IDLE_FIELDS)) / _TICKS


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def on_core(core: int, after: int) -> Iterator[None]:
    """What is started in the block runs on `core`; this process is on the core `after` then.

    A child inherits the affinity, and so does every thread it will ever start.
    """
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, {after})


class Server:
    """A running server. Made by `running_server`."""

    def __init__(self, pid: int, port: int, cores: Cores) -> None:
        self.pid = pid
        self.port = port
        self.cores = cores

    def cpu_seconds(self) -> float:
        """User and system time of all its threads."""
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """The memory it occupies; the kernel's socket buffers are not in it."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise ServerFailed("/proc does not say how much memory the server has")


@contextmanager
def running_server(
    command: Sequence[str],
    folder: Path,
    cores: Cores,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """The server on an empty SQLite file in `folder`, listening; ended in order at the end.

    With `variables` it is told something else. Raises ServerFailed with the end of its log.
    """
    port = _free_port()
    log = folder / "server.log"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("COLLAB_")
    }
    environment |= {
        # One machine and one connection stand for very many here.
        "COLLAB_CONNECTIONS_PER_ADDRESS": "100000",
        "COLLAB_EDITS_PER_SECOND": "100000",
        "COLLAB_PRESENCE_PER_SECOND": "100000",
        "DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "REDIS_URL": "",
        "WEB_CONCURRENCY": "",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "COLLAB_LOG_LEVEL": "warning",
    } | dict(variables or {})
    with log.open("wb") as output, on_core(cores.server, cores.generator):
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_listening(process, port, log)
        yield Server(process.pid, port, cores)
        process.terminate()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerFailed(f"the server did not end:\n{_tail(log)}") from None
        if code != 0:
            raise ServerFailed(f"the server ended with {code}:\n{_tail(log)}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise ServerFailed(f"the server did not start:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
