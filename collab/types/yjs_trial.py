"""Tries a large Yjs update in a process of its own first, for what the guard does not know yet.

Owns that process: one, started when first needed, and again after it died or took too long. An
update that kills pycrdt kills it there. The only module of `types` that does I/O: `survives`
blocks, so call it in a thread (`await anyio.to_thread.run_sync(trial.survives, update)`).

Run as a program it is the process: on stdin comes for each trial the length of the state and of the
update (32 bits each, big endian) and their bytes; on stdout goes a byte for each, and one before
all others once it is ready.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
import time
from threading import Lock, Thread, stack_size
from types import TracebackType
from typing import IO, Final

import pycrdt

from collab.types.yjs_wire import check_state_vector

TRIAL_BYTES: Final = 64 * 1024
"""Updates longer than this are worth a trial."""

EMPTY_UPDATE: Final = b"\x00\x00"

_HEADER: Final = struct.Struct(">II")
_FINE, _FAILED, _READY = b"\x01", b"\x00", b"\x02"
_START_SECONDS: Final = 30.0
_MEMORY_BYTES: Final = 2 * 1024**3
_STACK_BYTES: Final = 1024**2
"""An eighth of what the server's own thread has, so that it is never the first to overflow."""


class Trial:
    """Where updates are tried. Threads may share it; they take turns.

    A trial that takes longer than `seconds` counts as not survived: so long it would keep the
    server's loop (what takes 35 ms honestly is 1 MB; sections of a client each, every one waiting
    for the next, take pycrdt 3.5 s in 0.7 MB).
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._turn:
            self._end()

    def survives(self, update: bytes, state: bytes = EMPTY_UPDATE) -> bool:
        """Whether pycrdt takes `update` on top of `state`, and can encode what it has then.

        Raises OSError if there can be no process to try it in.
        """
        with self._turn:
            process = self._process
            if process is None or process.poll() is not None:
                self._end()
                process = self._process = _start()
            assert process.stdin is not None
            assert process.stdout is not None
            deadline = time.monotonic() + self._seconds
            message = _HEADER.pack(len(state), len(update)) + state + update
            answer = b""
            if _write(process.stdin.fileno(), message, deadline):
                answer = _read(process.stdout.fileno(), deadline)
            if not answer:
                self._end()
            return answer == _FINE

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes its pipes and waits
                pass


def _start() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "collab.types.yjs_trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdin.fileno(), False)
    if _read(process.stdout.fileno(), time.monotonic() + _START_SECONDS) != _READY:
        process.kill()
        with process:
            raise OSError("the process for trials does not start")
    return process


def _write(fd: int, message: bytes, deadline: float) -> bool:
    rest = memoryview(message)
    while rest:
        if not select.select((), (fd,), (), max(0, deadline - time.monotonic()))[1]:
            return False
        try:
            rest = rest[os.write(fd, rest) :]
        except BrokenPipeError:
            return False
    return True


def _read(fd: int, deadline: float) -> bytes:
    if not select.select((fd,), (), (), max(0, deadline - time.monotonic()))[0]:
        return b""
    return os.read(fd, 1)


def main(source: IO[bytes], sink: IO[bytes]) -> None:
    """Try what comes until nothing more does."""
    sink.write(_READY)
    sink.flush()
    while len(header := source.read(_HEADER.size)) == _HEADER.size:
        state_length, update_length = _HEADER.unpack(header)
        state = source.read(state_length)
        sink.write(_FINE if _try(state, source.read(update_length)) else _FAILED)
        sink.flush()


def _try(state: bytes, update: bytes) -> bool:
    try:
        document: pycrdt.Doc[pycrdt.Map[object]] = pycrdt.Doc()
        document.apply_update(state)
        document.apply_update(update)
        after = document.get_update()
        pycrdt.get_state(after)
        again: pycrdt.Doc[pycrdt.Map[object]] = pycrdt.Doc()
        again.apply_update(after)
        return check_state_vector(again.get_state()) == check_state_vector(document.get_state())
    except BaseException:  # pycrdt's panics are no Exceptions
        return False


def _bound() -> None:
    """A small stack, no core dumps, and not all of the machine's memory."""
    stack_size(_STACK_BYTES)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


if __name__ == "__main__":
    _bound()
    Thread(target=main, args=(sys.stdin.buffer, sys.stdout.buffer)).start()
