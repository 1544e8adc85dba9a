"""A running server as the commands see it: requests over HTTP, refusals in one line.

Owns the address, the token and the retries. Knows nothing of the server's insides.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import typer

from collab.settings import is_loopback

DEFAULT_URL = "http://127.0.0.1:8000"
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.2
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)

Url: TypeAlias = Annotated[str, typer.Option("--url", help="Where the server is.")]
Token: TypeAlias = Annotated[
    str | None,
    typer.Option("--token", envvar="COLLAB_TOKEN", help="Who you are.", show_default=False),
]


class CommandError(Exception):
    """The command cannot go on; the message is one line for people."""


class Refused(CommandError):
    """The server said no; `code` is its reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Remote:
    """The server at `url`. Use as a context manager."""

    def __init__(self, url: str, token: str | None) -> None:
        host = _host_of(url)
        self.url = url.rstrip("/")
        self.token = token
        self._client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_TIMEOUT,
            # A proxy of the environment does not know this machine; SSL_CERT_FILE holds for it too.
            trust_env=not is_loopback(host),
            verify=httpx.create_ssl_context(),
        )

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        """The answer to a GET; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._send("GET", path, params=given)

    def post(self, path: str, body: Any) -> httpx.Response:
        """The answer to a POST of JSON; repeated until there is one, as one and the same edit."""
        return self._send("POST", path, json=body, headers=_named())

    def put(self, path: str, content: bytes, media_type: str, match: str = "*") -> httpx.Response:
        """The answer to a PUT over what `match` names; repeated like a POST."""
        headers = {"Content-Type": media_type, "If-Match": match, **_named()}
        return self._send("PUT", path, content=content, headers=headers)

    @contextmanager
    def stream(
        self, path: str, *, silence_seconds: float, headers: Mapping[str, str], **parameters: Any
    ) -> Iterator[httpx.Response]:
        """An answer that comes bit by bit. Raises Refused; httpx.TransportError if it breaks off
        or nothing comes for so long."""
        given = {name: value for name, value in parameters.items() if value is not None}
        timeout = httpx.Timeout(silence_seconds, connect=5.0)
        with self._client.stream(
            "GET", path, params=given, headers=dict(headers), timeout=timeout
        ) as response:
            if response.is_error:
                response.read()
            yield _checked(response)

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        pause_seconds = _FIRST_PAUSE_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._client.request(method, path, **request)
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS or isinstance(error, httpx.ConnectError):
                    raise CommandError(self._unreachable(error)) from error
            else:
                if not _passes(response) or attempt == _ATTEMPTS:
                    return _checked(response)
            time.sleep(pause_seconds)
            pause_seconds *= 2
        raise AssertionError("the last attempt returns or raises")

    def _unreachable(self, error: Exception) -> str:
        return f"no answer from {self.url}: {str(error) or type(error).__name__}"


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:  # brackets, or a port that is none
        scheme, host = "", None
    if scheme in {"http", "https"} and host:
        return host
    raise CommandError(f"--url has to be http://… or https://…, not {url}")


def _named() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(16)}


def _passes(response: httpx.Response) -> bool:
    """Whether the server may answer otherwise in a moment; what is damaged stays so."""
    return response.status_code == httpx.codes.SERVICE_UNAVAILABLE and (
        _problem(response)[0] != "document_broken"
    )


def _problem(response: httpx.Response) -> tuple[str, str]:
    """Code and text of a refusal; code `unknown` if it is not one of ours."""
    try:
        problem = response.json()
        return str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return "unknown", f"the server answered {response.status_code}"


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_error:
        return response
    code, detail = _problem(response)
    raise Refused(code, detail if code == "unknown" else f"{detail} ({code})")
