"""Opening a document: puts the replica, its connection and the user's document together.

Owns the lifecycle: the one task, the flush on leaving, how failures reach the caller.
"""

from __future__ import annotations

import secrets
import ssl as tls
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any, Literal, TypeAlias, overload

import anyio
from pycrdt import Doc

from collab.words import check_client_id, check_document_id
from collab_client import errors
from collab_client.channel import (
    OpenBinaryChannel,
    OpenChannel,
    binary_websocket_opener,
    hocuspocus_url,
    socket_url,
    websocket_opener,
)
from collab_client.connection import Connection, Token
from collab_client.core import Replica
from collab_client.document import LiveDocument
from collab_client.open_document import OpenDocument
from collab_client.speakers import NativeSpeaker, YjsSpeaker
from collab_client.yjs_document import YjsDocument
from collab_client.yjs_replica import YjsReplica

Parts: TypeAlias = tuple[OpenDocument, list[Callable[[], Coroutine[Any, Any, None]]]]
"""A document, and the tasks that keep it."""


@overload
def connect(
    url: str,
    document: str,
    *,
    type: None = None,
    token: Token = None,
    client_id: str | None = None,
    create: str | None = None,
    ssl: tls.SSLContext | None = None,
    keep_trying: bool = False,
    open_seconds: float | None = 30.0,
    flush_seconds: float | None = 10.0,
    open_channel: OpenChannel | None = None,
    random: Random | None = None,
) -> AbstractAsyncContextManager[LiveDocument]: ...


@overload
def connect(
    url: str,
    document: str,
    *,
    type: Literal["yjs"],
    ydoc: Doc[Any] | None = None,
    token: Token = None,
    ssl: tls.SSLContext | None = None,
    open_seconds: float | None = 30.0,
    flush_seconds: float | None = 10.0,
    open_channel: OpenBinaryChannel | None = None,
    random: Random | None = None,
) -> AbstractAsyncContextManager[YjsDocument]: ...


@asynccontextmanager
async def connect(
    url: str,
    document: str,
    *,
    type: Literal["yjs"] | None = None,
    open_seconds: float | None = 30.0,
    flush_seconds: float | None = 10.0,
    **options: Any,
) -> AsyncIterator[Any]:
    """Open `document` on the server at `url` and keep it in touch until the context is left.

    url            http(s):// or ws(s)://, without the API's path
    type           "yjs" for a YjsDocument, which is made on first use where we may write; without
                   it a LiveDocument, whose type the server tells
    token          or a function, async or not, that gives a fresh one for each connection
    ssl            the context for https
    open_seconds   how long the first welcome may take (None: for ever); then Unreachable
    flush_seconds  how long leaving may wait for edits to be durable (None: for ever); then Unsaved
    open_channel, random   another transport, and the source of jitter, for tests

    Without a `type`:

    client_id      16 to 64 of A-Z a-z 0-9 _ -; secret, and for one process at a time (random)
    create         the type to create the document with if it does not exist
    keep_trying    also when there is no such document, or it is deleted: unsaved text goes into the
                   next document of that id. Without it NotFound or Gone ends the connection

    With `type="yjs"`:

    ydoc           the pycrdt document to keep in touch (a new one); what is in it is sent

    Raises what says that the server will not have us: NotSignedIn, NotAllowed, NotFound … Later
    losses of connection are mended without end; only what is final closes the document. Leaving
    flushes, after an exception too (whose place a failed flush does not take), but not when
    cancelled.
    """
    if type not in (None, "yjs"):
        raise ValueError('type is "yjs" or left out; create="text" makes a document of that type')
    parts = _yjs if type == "yjs" else _native
    live, work = parts(url, document, **options)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        for task in work:
            tasks.start_soon(task)
        try:
            await _opened(live, open_seconds)
            try:
                yield live
            except Exception as error:
                failure = error
            await _flushed(live, flush_seconds)
        except Exception as error:
            if failure is None:
                failure = error
            else:
                failure.add_note(f"and on leaving: {error}")
        finally:
            live.leave()
            tasks.cancel_scope.cancel()
    if failure is not None:
        # Raised out here, since what passes through a task group comes out in an ExceptionGroup.
        raise failure


def _native(
    url: str,
    document: str,
    *,
    token: Token = None,
    client_id: str | None = None,
    create: str | None = None,
    ssl: tls.SSLContext | None = None,
    keep_trying: bool = False,
    open_channel: OpenChannel | None = None,
    random: Random | None = None,
) -> Parts:
    socket = socket_url(url, document)
    replica = Replica(check_client_id(client_id or secrets.token_urlsafe(24)))
    speaker = NativeSpeaker(replica, create=create)
    open_channel = open_channel or websocket_opener(ssl)
    connection = Connection(
        speaker, socket, open_channel, random or Random(), token=token, keep_trying=keep_trying
    )
    live = LiveDocument(document, replica, connection)
    speaker.hear = live.hear
    return live, [connection.run]


def _yjs(
    url: str,
    document: str,
    *,
    ydoc: Doc[Any] | None = None,
    token: Token = None,
    ssl: tls.SSLContext | None = None,
    open_channel: OpenBinaryChannel | None = None,
    random: Random | None = None,
) -> Parts:
    socket = hocuspocus_url(url)
    check_document_id(document)
    replica = YjsReplica(Doc() if ydoc is None else ydoc, anyio.current_time)
    speaker = YjsSpeaker(document, replica)
    open_channel = open_channel or binary_websocket_opener(ssl)
    connection = Connection(speaker, socket, open_channel, random or Random(), token=token)
    live = YjsDocument(document, replica, connection)
    speaker.hear = live.hear
    return live, [connection.run, live.keep_time]


async def _opened(live: OpenDocument, seconds: float | None) -> None:
    with anyio.move_on_after(seconds) as scope:
        await live.opened()
    if scope.cancelled_caught:
        trouble = live.trouble
        raise errors.Unreachable(f"the server did not welcome us: {trouble}") from trouble


async def _flushed(live: OpenDocument, seconds: float | None) -> None:
    with anyio.move_on_after(seconds) as scope:
        await live.flush()
    if scope.cancelled_caught:
        raise live.unsaved_error(seconds or 0.0)
