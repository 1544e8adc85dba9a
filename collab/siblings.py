"""The other workers of this machine, asked over unix sockets in a directory of their server.

Each worker has a socket there under its node's name, and answers whoever asks it about one of its
topics. Owns that exchange, its time and its size. Knows nothing of what is said. A worker that has
died refuses, and is forgotten; one that does not answer in time is counted.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import anyio
import structlog
from anyio.abc import SocketStream

from collab.errors import ConfigurationError

ANSWER_SECONDS: Final = 1.0

Answerer: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Makes an answer, which is never empty, of a question about its topic."""

_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_MAX_QUESTION_BYTES: Final = 4096
_MAX_ASKING: Final = 16  # workers that are answered at the same time
_PAUSE_SECONDS: Final = 0.5
_SUFFIX: Final = ".worker"
_PRIVATE: Final = 0o700

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the others said, and how many of them said nothing in time."""

    said: list[bytes]
    silent: int


class Siblings:
    """The others in `directory`; None: there are none. Made by `open_siblings`."""

    def __init__(self, directory: Path | None, own: Path | None) -> None:
        self._directory = directory
        self._own = own

    async def ask(self, topic: str, question: bytes = b"") -> Answers:
        """Ask all of them at the same time; takes ANSWER_SECONDS at most.

        A topic is a word; with it a question has 4 KiB at most.
        """
        asked = b"%s %s" % (topic.encode(), question)
        said: list[bytes] = []
        silent = 0

        async def ask_one(path: Path) -> None:
            nonlocal silent
            answer = await _ask(path, asked)
            if answer is None:
                silent += 1
            elif answer:
                said.append(answer)

        if self._directory is not None:
            async with anyio.create_task_group() as tasks:
                for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
                    if path != self._own:
                        tasks.start_soon(ask_one, path)
        return Answers(said, silent)


@asynccontextmanager
async def open_siblings(
    directory: Path | None, name: str, answerers: Mapping[str, Answerer]
) -> AsyncIterator[Siblings]:
    """Be one of the workers in `directory` for the length of the block; None: be alone.

    `answerers` are by their topics; what is asked about another one is not answered. Raises
    ConfigurationError if the directory is of no use.
    """
    if directory is None:
        yield Siblings(None, None)
        return
    _check(directory)
    own = directory / f"{name}{_SUFFIX}"
    # Under another name until it listens: who refuses under its own name counts as dead.
    unready = own.with_suffix(".starting")
    busy = anyio.CapacityLimiter(_MAX_ASKING)

    async def tell(stream: SocketStream) -> None:
        async with stream:
            with anyio.move_on_after(ANSWER_SECONDS), suppress(anyio.BrokenResourceError):
                try:
                    asked = await _hear(stream, _MAX_QUESTION_BYTES)
                    async with busy:
                        said = await _answer(answerers, asked)
                except Exception:
                    _log.exception("a worker could not be answered")
                else:
                    if said:
                        await stream.send(said)

    async def serve() -> None:
        while True:
            try:
                stream = await listener.accept()
            except (OSError, anyio.BrokenResourceError):  # no file is free, most likely
                _log.warning("a worker was not heard")
                await anyio.sleep(_PAUSE_SECONDS)
            else:
                tasks.start_soon(tell, stream)

    try:
        listener = await anyio.create_unix_listener(unready, mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"COLLAB_WORKERS_DIRECTORY cannot hold a socket: {error.strerror or 'path too long'}"
        ) from None
    async with listener, anyio.create_task_group() as tasks:
        os.replace(unready, own)
        tasks.start_soon(serve)
        try:
            yield Siblings(directory, own)
        finally:
            own.unlink(missing_ok=True)
            tasks.cancel_scope.cancel()


def _check(directory: Path) -> None:
    try:
        found = directory.stat()
    except OSError:
        raise ConfigurationError("COLLAB_WORKERS_DIRECTORY is not a directory") from None
    if not directory.is_dir():
        raise ConfigurationError("COLLAB_WORKERS_DIRECTORY is not a directory")
    if found.st_uid != os.geteuid() or found.st_mode & 0o777 & ~_PRIVATE:
        raise ConfigurationError(
            "COLLAB_WORKERS_DIRECTORY must belong to this user and be open to nobody else"
        )


async def _answer(answerers: Mapping[str, Answerer], asked: bytes | None) -> bytes:
    """What is said to a question; nothing if nobody understands it."""
    topic, _, question = (asked or b"").partition(b" ")
    answerer = answerers.get(topic.decode(errors="replace"))
    if answerer is None:
        _log.warning("a worker's question is not understood")
        return b""
    return await answerer(question)


async def _hear(stream: SocketStream, limit: int) -> bytes | None:
    """All that the other side says until it is silent; None if that is too much."""
    heard = bytearray()
    async for piece in stream:
        heard += piece
        if len(heard) > limit:
            return None
    return bytes(heard)


async def _ask(path: Path, asked: bytes) -> bytes | None:
    """What the worker says; empty if it is dead, None if it did not say all of it in time."""
    with anyio.move_on_after(ANSWER_SECONDS):
        try:
            before = os.stat(path)
            async with await anyio.connect_unix(path) as stream:
                await stream.send(asked)
                await stream.send_eof()
                answer = await _hear(stream, _MAX_ANSWER_BYTES)
        except FileNotFoundError:
            return b""
        except ConnectionRefusedError:
            _forget(path, before)
            return b""
        except (OSError, anyio.BrokenResourceError):
            return None
        if answer is None:
            _log.warning("a worker says too much", worker=path.stem)
        return answer or None
    return None


def _forget(path: Path, seen: os.stat_result) -> None:
    """Take the socket of a dead worker away, unless another one has its place by now."""
    with suppress(OSError):
        now = os.stat(path)
        if (now.st_ino, now.st_mtime_ns) == (seen.st_ino, seen.st_mtime_ns):
            path.unlink()
