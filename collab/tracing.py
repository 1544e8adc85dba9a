"""Spans for OpenTelemetry, where its SDK is installed and has somewhere to send them.

Owns the connection to the SDK; without it a span is nothing and costs next to nothing, not even an
import. Spans say how long and how much, and of which document; never content, tokens or users.
Everything else about them (sampling, headers, names) is decided by the SDK's own OTEL_ variables.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import anyio

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

Attribute: TypeAlias = str | int | float | bool

_FLUSH_SECONDS: Final = 3.0
_EXPORTERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
)
_NOTHING: Final = nullcontext()

_log = logging.getLogger(__name__)
_tracer: Tracer | None = None


def span(name: str, **attributes: Attribute) -> AbstractContextManager[Span | None]:
    """A span for the length of the block, inside the one that is open here; an error ends it as
    failed. The block gets None where nobody traces."""
    if _tracer is None:
        return _NOTHING
    return _open(_tracer, name, attributes, None, root=False)


def root_span(name: str, **attributes: Attribute) -> AbstractContextManager[Span | None]:
    """A span of work that nobody waits for, whoever it was that started the task."""
    if _tracer is None:
        return _NOTHING
    return _open(_tracer, name, attributes, None, root=True)


def request_span(name: str, headers: Mapping[str, str]) -> AbstractContextManager[Span | None]:
    """A span for a request, inside the caller's own if the headers tell of one."""
    if _tracer is None:
        return _NOTHING
    return _open(_tracer, name, {}, headers, root=True)


@contextmanager
def _open(
    tracer: Tracer,
    name: str,
    attributes: Mapping[str, Attribute],
    headers: Mapping[str, str] | None,
    *,
    root: bool,
) -> Generator[Span]:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = Context() if root else None
    kind = SpanKind.INTERNAL
    if headers is not None:
        context = TraceContextTextMapPropagator().extract(headers, context)
        kind = SpanKind.SERVER
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        record_exception=False,  # its text and its stack may hold values
        set_status_on_exception=False,
    ) as opened:
        try:
            yield opened
        except Exception as error:
            code = getattr(error, "code", type(error).__name__)
            opened.set_status(Status(StatusCode.ERROR, str(code)))
            raise


@asynccontextmanager
async def exporting(endpoint: str | None, node: str) -> AsyncIterator[None]:
    """Send spans for the length of the block, if there is an `endpoint` and the SDK is installed.

    Says in the log what is missing. The end waits a moment for what has not been sent.
    """
    exporter = None if endpoint is None else _otlp_exporter()
    if exporter is None:
        yield
        return
    async with exporting_to(exporter, node):
        _log.info("sending traces")
        yield


@asynccontextmanager
async def exporting_to(exporter: SpanExporter, node: str) -> AsyncIterator[None]:
    """Send spans to `exporter` for the length of the block."""
    global _tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.instance.id": node})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "collab"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    before, _tracer = _tracer, provider.get_tracer("collab")
    try:
        yield
    finally:
        _tracer = before
        await _flush(provider.shutdown)


async def _flush(shutdown: Callable[[], None]) -> None:
    """Let the SDK send what is left, but not for long: who receives it may be down, and it would
    try again and again. The thread ends with the process."""
    loop = asyncio.get_running_loop()
    flushed = anyio.Event()

    def flush() -> None:
        shutdown()
        with suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(flushed.set)

    threading.Thread(target=flush, name="last spans", daemon=True).start()
    with anyio.move_on_after(_FLUSH_SECONDS, shield=True):
        await flushed.wait()


def _otlp_exporter() -> SpanExporter | None:
    for module in _EXPORTERS:
        try:
            make: Callable[[], Any] = importlib.import_module(module).OTLPSpanExporter
        except ImportError:
            continue
        exporter: SpanExporter = make()
        return exporter
    _log.warning(
        "no traces: OTEL_EXPORTER_OTLP_ENDPOINT is set, but opentelemetry-sdk and "
        "opentelemetry-exporter-otlp-proto-http are not installed"
    )
    return None
