"""How request bodies are read: after the caller is known, within bounds, and JSON strictly.

Of a key that comes twice the last counts; NaN, lone surrogates, integers beyond 2^53 - 1 and deep
nesting are refused. Knows nothing of what the bodies mean beyond what their schema says of them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope

from collab.aside import aside
from collab.errors import BodyTooLarge, JsonTooDeep, Malformed, TooLarge
from collab.protocols.native import MAX_JSON_DEPTH, check_json
from collab.settings import Settings
from collab.web.dependencies import (
    SAFE_METHODS,
    Caller,
    admit,
    needed_access,
    sender_of,
)
from collab.web.held import HeldBodies
from collab.web.schemas import Body

JSON_TYPES = frozenset({"application/json", "application/merge-patch+json"})

MAX_JSON_PARTS: Final = 500_000
"""Brackets, braces, commas and strings of one JSON text: the decoder keeps the whole process
waiting, in a thread too, about 50 ms for as many."""

_COUNTED_BYTES = 256 * 1024


def media_type(request: Request) -> str:
    """The body's media type without parameters; empty if the request names none."""
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def check_length(scope: Scope, limit: int) -> None:
    """Raises TooLarge if a request announces a body of more than `limit` bytes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise _too_large(limit)


def bounded(receive: Receive, limit: int) -> Receive:
    """`receive`, until more than `limit` bytes of body have come."""
    total = 0

    async def receive_bounded() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                # FastAPI lets only its own kind of exception out of reading a body.
                raise HTTPException(413) from _too_large(limit)
        return message

    return receive_bounded


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body of this request may have {limit} bytes")


def check_parts(raw: bytes) -> None:
    """Refuse what would take too long to decode in one go; raises TooLarge.

    Looks at a piece at a time, so that in a thread it keeps nobody waiting. As far as `raw` is JSON
    the count is exact.
    """
    parts = quotes = start = 0
    while start < len(raw):
        piece = raw[start : start + _COUNTED_BYTES]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece = raw[start : start + _COUNTED_BYTES + 1]  # an escape stays in one piece
        start += len(piece)
        segments = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(segments[quotes % 2 :: 2])
        quotes += len(segments) - 1
        parts += sum(map(outside.count, (b",", b"[", b"{")))
        if parts + quotes // 2 > MAX_JSON_PARTS:
            raise TooLarge(f"JSON of more than {MAX_JSON_PARTS} brackets, commas and strings")


def decode_json(raw: bytes, apart: str | None = None, depth: int = MAX_JSON_DEPTH) -> Any:
    """An untrusted JSON text, nested at most `depth` deep, as a value; raises Malformed, TooLarge.

    Of an object the member named `apart` is left as it was sent, as bytes.
    """
    check_parts(raw)
    if apart is None:
        return _decode(raw, depth)
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return _decode(raw, depth)  # no object: whoever reads it will say so
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(error) from None
    return {
        name: bytes(member) if name == apart else _decode(member, depth)
        for name, member in members.items()
    }


def decode_text(raw: bytes) -> bytes:
    """An untrusted JSON string as UTF-8; raises Malformed."""
    try:
        return msgspec.json.decode(raw, type=str).encode()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _malformed(error) from None


def _decode(raw: bytes | msgspec.Raw, depth: int) -> Any:
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        raise JsonTooDeep(f"nested deeper than {depth}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _malformed(error) from None
    check_json(value, depth)
    return value


def _malformed(error: Exception) -> Malformed:
    return Malformed(f"the body is not JSON as we take it: {error}")


class StrictRequest(Request):
    """A request whose JSON is read by `decode_json`, in a thread if it is long."""

    apart: str | None = None

    async def json(self) -> Any:
        raw = await self.body()
        settings: Settings = self.app.state.settings
        return await aside(len(raw), decode_json, raw, self.apart, settings.max_json_depth)


class StrictRoute(APIRoute):
    """A route that knows who calls before it reads the body, which, if there is one, is JSON of
    the length that its schema may have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        needed = needed_access(self.dependant)
        schema: Any = None if self.body_field is None else self.body_field.field_info.annotation

        assert schema is None or issubclass(schema, Body)

        async def strict(request: Request) -> Response:
            if needed is not None:
                await admit(request, needed)
            known: Caller | None = getattr(request.state, "caller", None)
            if known is None or request.method in SAFE_METHODS:
                return await handle(request)
            held: HeldBodies = request.app.state.held_bodies
            with held.counted(sender_of(request, known.principal), request.receive) as receive:
                return await read(request, receive)

        async def read(request: Request, receive: Receive) -> Response:
            if schema is None:
                return await handle(Request(request.scope, receive))
            if media_type(request) not in JSON_TYPES:
                raise HTTPException(415, "the body has to be application/json")
            settings: Settings = request.app.state.settings
            limit = settings.max_body_bytes if schema.content_field else settings.max_frame_bytes
            check_length(request.scope, limit)
            strictly = StrictRequest(request.scope, bounded(receive, limit))
            strictly.apart = schema.content_field
            return await handle(strictly)

        return strict
