"""Where the public keys of COLLAB_JWKS come from: a file, or an address that publishes them.

Owns when they are read anew, and that the old ones stay in use as long as new ones cannot be had.
Knows nothing of tokens but the key and the algorithm they name.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import anyio
import httpx
import structlog
from anyio import to_thread

from collab.errors import ConfigurationError, Unavailable
from collab.settings import is_loopback
from collab.web.keys import (
    MAX_KEY_SET_BYTES,
    CheckingKey,
    KeySet,
    UnusableKeySet,
    read_key_set,
)

LOOK_SECONDS: Final = 2.0
"""A file is looked at no more often than this."""
REFRESH_SECONDS: Final = 600.0
"""Keys from an address are fetched anew when they are so old."""
UNKNOWN_SECONDS: Final = 30.0
"""For keys that are not in the set it is fetched no more often than this."""
FIRST_SECONDS: Final = 5.0
"""While there are no keys at all, fetching them is tried no more often than this."""
FETCH_SECONDS: Final = 5.0

Clock = Callable[[], float]

_log = structlog.stdlib.get_logger(__name__)


class KeySource(Protocol):
    """Keys as they are now."""

    async def find(self, id: str | None, algorithm: str) -> Sequence[CheckingKey]:
        """As `KeySet.find`; raises Unavailable if there are no keys to be had."""
        ...


def open_source(place: str, clock: Clock = time.monotonic) -> KeySource:
    """The keys at a path or an address; raises ConfigurationError, which does not repeat it."""
    if "://" not in place:
        return KeyFile(Path(place), clock)
    try:
        parts = urlsplit(place)
        host, _, _ = parts.hostname, parts.port, httpx.URL(place)
    except (ValueError, httpx.InvalidURL):
        host = None
    if not host or parts.scheme not in {"https", "http"}:
        raise ConfigurationError("COLLAB_JWKS has to be a path or an https address")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            "COLLAB_JWKS over http could be forged on its way: it has to be https, "
            "unless it is on this machine"
        )
    return KeyAddress(place, host, clock)


class KeyFile:
    """A file, which is read anew when it changes."""

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        try:
            self._mark: tuple[int, int, int] | None = self._stat()
            self._keys = self._read()
        except OSError as error:
            reason = error.strerror or "it is no file"
            raise ConfigurationError(f"COLLAB_JWKS cannot be read: {reason}") from None
        except UnusableKeySet as error:
            raise ConfigurationError(f"COLLAB_JWKS cannot be used: {error}") from None

    async def find(self, id: str | None, algorithm: str) -> Sequence[CheckingKey]:
        """As KeySource has it; never raises."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            await to_thread.run_sync(self._look)
        return self._keys.find(id, algorithm)

    def _look(self) -> None:
        known = self._mark
        try:
            self._mark = self._stat()
            if self._mark != known:
                self._keys = self._read()
        except OSError as error:
            self._mark = None
            if known is not None:
                _log.warning("COLLAB_JWKS cannot be read", reason=error.strerror)
        except UnusableKeySet as error:
            _log.warning("COLLAB_JWKS cannot be used", reason=str(error))

    def _stat(self) -> tuple[int, int, int]:
        """What changes when the file does."""
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> KeySet:
        with self._path.open("rb") as file:
            return read_key_set(file.read(MAX_KEY_SET_BYTES + 1))


class KeyAddress:
    """An address, which is asked when keys are needed: by one at a time, for all who wait."""

    def __init__(self, url: str, host: str, clock: Clock = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        # A proxy of the environment does not know this machine.
        self._trust_env = not is_loopback(host)
        self._tls: ssl.SSLContext | bool = False  # over http there is nothing to verify
        if url.lower().startswith("https:"):
            self._tls = httpx.create_ssl_context()
        self._lock = anyio.Lock()
        self._keys: KeySet | None = None
        self._fetched = 0.0  # when the keys came
        self._tried: float | None = None  # when fetching them last ended, well or not

    async def find(self, id: str | None, algorithm: str) -> Sequence[CheckingKey]:
        """As KeySource has it."""
        if self._is_lacking(id) or (self._is_old() and not self._lock.locked()):
            async with self._lock:
                if (self._is_lacking(id) or self._is_old()) and self._may_try():
                    await self._fetch()
        if self._keys is None:
            raise Unavailable("the keys that check tokens cannot be fetched")
        return self._keys.find(id, algorithm)

    def _is_lacking(self, id: str | None) -> bool:
        return self._keys is None or (id is not None and not self._keys.knows(id))

    def _is_old(self) -> bool:
        return self._clock() - self._fetched >= REFRESH_SECONDS

    def _may_try(self) -> bool:
        pause = FIRST_SECONDS if self._keys is None else UNKNOWN_SECONDS
        return self._tried is None or self._clock() - self._tried >= pause

    async def _fetch(self) -> None:
        """Take new keys if they can be had. Whoever asked may leave meanwhile: the others wait."""
        reason = f"no answer within {FETCH_SECONDS:g} s"
        with anyio.move_on_after(FETCH_SECONDS, shield=True):
            try:
                self._keys = read_key_set(await self._get())
                self._fetched = self._clock()
                reason = ""
            except httpx.HTTPError as error:
                reason = type(error).__name__  # its text may hold the address
            except UnusableKeySet as error:
                reason = str(error)
        self._tried = self._clock()
        if reason:
            _log.warning("the keys of COLLAB_JWKS cannot be fetched", reason=reason)

    async def _get(self) -> bytes:
        """The body, neither compressed nor from wherever a redirect leads."""
        body = b""
        headers = {"Accept": "application/jwk-set+json, application/json"}
        headers["Accept-Encoding"] = "identity"
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=self._trust_env) as client,
            client.stream("GET", self._url, headers=headers, timeout=FETCH_SECONDS) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise UnusableKeySet(f"the answer has status {answer.status_code}")
            async for part in answer.aiter_raw():
                body += part
                if len(body) > MAX_KEY_SET_BYTES:
                    break  # read_key_set says so
        return body
