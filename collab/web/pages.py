"""The pages for people: `/`, `/d/{id}`, `/inspect` and what they load, built from clients/web.

Owns what a browser is told about them: how long to keep them and what they may load. The pages get
everything else from the HTTP API and `/yjs`, like any other client; nothing here knows documents.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from secrets import token_urlsafe
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_NONCE_PLACE: Final = b"{{nonce}}"
_NONCE_BYTES: Final = 16
_COMPRESSED_TYPES: Final = ("text/", "image/svg+xml")
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

# Styles with a nonce, since CodeMirror adds its own as a <style>; no style attributes, no inline
# scripts, nothing from anywhere else. 'self' includes our websockets.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {"Cross-Origin-Opener-Policy": "same-origin"}


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file whose name changes with its content; `zipped` is None where that saves nothing."""

    media_type: str
    content: bytes
    zipped: bytes | None


def install(app: FastAPI) -> None:
    """Add the pages, as bare routes: they are no part of the HTTP API's description.

    Reads and compresses all files, once in a process, so that no request waits for that.
    """
    _index()
    _assets()
    for path in ("/", "/d/{id:path}", "/inspect", "/inspect/{id:path}"):
        app.router.add_route(path, _page, methods=["GET"], include_in_schema=False)
    app.router.add_route("/assets/{name}", _asset, methods=["GET"], include_in_schema=False)


async def _page(request: Request) -> Response:
    """The same page whatever the document: what it is, the page itself finds out.

    Without a validator, so that it is fetched anew each time: an old body would not fit the new
    nonce.
    """
    nonce = token_urlsafe(_NONCE_BYTES)
    headers = {
        **_HEADERS,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
    }
    body = _index().replace(_NONCE_PLACE, nonce.encode())
    return Response(body, headers=headers, media_type="text/html")


async def _asset(request: Request) -> Response:
    asset = _assets().get(request.path_params["name"])
    if asset is None:
        raise HTTPException(404)
    headers = {**_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    content = asset.content
    if asset.zipped is not None:
        headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            content = asset.zipped
    return Response(content, headers=headers, media_type=asset.media_type)


@cache
def _index() -> bytes:
    return (_static() / "index.html").read_bytes()


@cache
def _assets() -> dict[str, _Asset]:
    """Every file by its name: half a megabyte, and no path from a request meets the disk."""
    return {entry.name: _read(entry) for entry in (_static() / "assets").iterdir()}


def _read(file: Traversable) -> _Asset:
    media_type = _MEDIA_TYPES[file.name[file.name.rfind(".") :]]
    content = file.read_bytes()
    zipped = None
    if media_type.startswith(_COMPRESSED_TYPES):
        zipped = gzip.compress(content, mtime=0)
    return _Asset(media_type, content, zipped)


def _static() -> Traversable:
    return resources.files("collab.web") / "static"


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip without refusing it (`q=0`)."""
    for choice in accepted.split(","):
        coding, _, quality = choice.partition(";")
        if coding.strip().lower() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
