"""Runs the application: sockets, signals, lifespan, and the order in which all of it ends.

Owns SIGTERM and SIGINT. Knows nothing of documents; what draining means is the application's.

The order of an end: no new connections; the application's drain, bounded; every connection that is
left is closed (websockets with 1012); the application's lifespan; exit 0. A second signal ends the
process at once, which loses nothing that anyone was told is stored; so does an end that does not
come, END_SECONDS after the drain's.
"""

from __future__ import annotations

import errno
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Final, TypeAlias

import anyio
from starlette.applications import Starlette

from collab.errors import ConfigurationError
from collab.logs import configure_logging
from collab.settings import KEY_ADVICE, SHORTEST_KEY_BYTES, Settings
from collab.web.transport import TransportConfig, TransportServer

Drain: TypeAlias = Callable[[], Awaitable[None]]
Stopping: TypeAlias = AbstractAsyncContextManager[Callable[[], Awaitable[str]]]
"""In the block a function can be awaited until the process is to stop; it says on whose word."""

END_SECONDS: Final = 4.0
"""What closing connections and the lifespan may take together, when draining is over."""

_log = logging.getLogger("collab.serve")


def serve(app: Starlette, settings: Settings) -> None:
    """Serve until a signal; returns when everything is closed in order.

    `app.state.drain`, if the application (or its lifespan) has set it, is an async function that
    finishes open work; it is called on the first signal and has COLLAB_DRAIN_SECONDS.

    Raises ConfigurationError if the server may not or cannot start: exposed without a key, the
    address taken, no use of the certificate, or the application's lifespan refuses its settings.
    """
    configure_logging(settings.log_format, settings.log_level)
    settings.check_exposure()
    with listening(settings) as listeners:
        run(app, settings, listeners, _signals(), lambda: announce(settings, listeners))


def run(
    app: Starlette,
    settings: Settings,
    listeners: list[socket.socket],
    stopping: Stopping,
    started: Callable[[], None],
) -> None:
    """Serve on `listeners` until `stopping` says so, as the main thread of the process.

    `started` is called once connections are taken. Raises as `serve`.
    """
    try:
        anyio.run(
            _run,
            app,
            settings,
            listeners,
            stopping,
            started,
            backend_options={"use_uvloop": sys.platform != "win32"},
        )
    except BaseExceptionGroup as group:
        refusal = _first_refusal(group)
        if refusal is None:
            raise
        raise refusal from None
    finally:
        _end_within(None)


@contextmanager
def listening(settings: Settings) -> Iterator[list[socket.socket]]:
    """The sockets that the settings ask for, closed at the end; raises ConfigurationError."""
    listeners = listen(
        settings.host, settings.port, settings.name_of("host"), settings.name_of("port")
    )
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def listen(
    host: str, port: int, host_name: str = "HOST", port_name: str = "PORT"
) -> list[socket.socket]:
    """Sockets that listen on every address of `host`; raises ConfigurationError, which calls the
    two settings by their names.

    Port 0 takes any free port, the same for all addresses.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise ConfigurationError(f"{host_name} {host} is not an address of this machine") from None
    listeners: list[socket.socket] = []
    refusal: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(addresses):
        if listeners and port == 0:
            address = (address[0], listeners[0].getsockname()[1], *address[2:])
        try:
            listeners.append(_bind(family, kind, protocol, address))
        except OSError as error:
            refusal = error
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                break
    else:
        if listeners:
            return listeners
    for listener in listeners:
        listener.close()
    raise ConfigurationError(_why_not(host, port, host_name, port_name, refusal))


def _bind(
    family: int, kind: int, protocol: int, address: tuple[str | int | bytes, ...]
) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not(host: str, port: int, host_name: str, port_name: str, refusal: OSError | None) -> str:
    match refusal.errno if refusal else None:
        case errno.EADDRINUSE:
            return (
                f"port {port} on {host} is in use: stop what uses it, or set {port_name} to another"
            )
        case errno.EACCES:
            return f"port {port} may not be used by this user: set {port_name} to one above 1023"
        case _:
            return f"{host_name} {host} is not an address of this machine"


class _Server(TransportServer):
    """uvicorn without its signal handlers, which would close with 1012 before any draining."""

    def __init__(self, config: TransportConfig, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    def stop_listening(self) -> None:
        for server in self.servers:
            server.close()

    def abandon(self) -> None:
        """Let go of everything at once, when there is no order left to end in."""
        if self.started:
            self.stop_listening()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def _run(
    app: Starlette,
    settings: Settings,
    listeners: list[socket.socket],
    stopping: Stopping,
    started: Callable[[], None],
) -> None:
    server = _Server(TransportConfig(app, settings), started)

    async def stop(told: Callable[[], Awaitable[str]]) -> None:
        _log.info("stopping: %s", await told())
        _end_within(settings.drain_seconds + END_SECONDS)
        if server.started:
            server.stop_listening()
            await _drained(getattr(app.state, "drain", None), settings.drain_seconds)
        server.should_exit = True

    async with stopping as told:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop, told)
            # In our own task, not in uvicorn's: when something in the lifespan fails later on, this
            # is cancelled and the process ends, where uvicorn would serve on without it.
            async with app.router.lifespan_context(app):
                try:
                    if not server.should_exit:
                        _tune_garbage_collection()
                        await server.serve(sockets=listeners)
                finally:
                    server.abandon()
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def _signals() -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """SIGTERM or SIGINT; the second one kills."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:

        async def told() -> str:
            received = await anext(signals)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            return received.name

        yield told


def _end_within(seconds: float | None) -> None:
    """Let the system end this process, if it has not ended by itself by then; None: take it back.

    Even a loop that is stuck cannot hold it up.
    """
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds or 0.0)


async def _drained(drain: Drain | None, seconds: float) -> None:
    """Let the application finish its open work; whatever goes wrong, the end goes on."""
    if drain is None:
        return
    with anyio.move_on_after(seconds) as scope:
        try:
            await drain()
        except Exception:
            _log.exception("draining failed")
    if scope.cancelled_caught:
        _log.warning("draining took more than %g s, closing what is left", seconds)


def _tune_garbage_collection() -> None:
    """Look for cycles seldom, and never again among what the start has made.

    Every connection and edit makes objects by the dozen and hardly a cycle; at the usual thresholds
    looking for them takes a seventh of the time under load and stalls the loop by 100 ms and more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def announce(settings: Settings, listeners: list[socket.socket]) -> None:
    """Say where the server is, and what is weak about it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    many = f" with {settings.workers} workers" if settings.workers > 1 else ""
    _log.info("listening on %s://%s:%d%s", scheme, host, listeners[0].getsockname()[1], many)
    if settings.development_mode:
        _log.warning("development mode: no COLLAB_SECRET_KEY, everyone on this machine may write")
    elif settings.weak_key:
        _log.warning("COLLAB_SECRET_KEY has less than %d bytes; %s", SHORTEST_KEY_BYTES, KEY_ADVICE)


def _first_refusal(group: BaseExceptionGroup[BaseException]) -> ConfigurationError | None:
    for error in group.exceptions:
        if isinstance(error, ConfigurationError):
            return error
        if isinstance(error, BaseExceptionGroup):
            refusal = _first_refusal(error)
            if refusal is not None:
                return refusal
    return None
