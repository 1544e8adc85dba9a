"""Spans where OpenTelemetry is installed, and nothing at all where nobody asked for them."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from collab import tracing
from collab.errors import DocumentNotFound
from tests.integration.api.asgi import Server, events, serving

pytestmark = pytest.mark.anyio
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A server whose spans are kept; `spans` after it has ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()

    async def run(self) -> AsyncIterator[Server]:
        async with tracing.exporting_to(self._exporter, "here"):
            async with serving() as server:
                yield server

    def spans(self) -> dict[str, ReadableSpan]:
        """The newest span of each name."""
        return {span.name: span for span in self._exporter.get_finished_spans()}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_request_its_opening_and_its_commit_are_traced() -> None:
    traced = Traced()
    async for server in traced.run():
        await server.make("notes")
        await server.client.post(
            "/v1/documents/notes/edits",
            json={"operation": [{"insert": "hello"}]},
            headers={"traceparent": CALLER, "X-Request-ID": "mine"},
        )
    spans = traced.spans()
    request = spans["POST /v1/documents/{id}/edits"]
    assert request.kind is SpanKind.SERVER
    assert request.context is not None
    assert f"{request.context.trace_id:032x}" == CALLER.split("-")[1]
    assert attributes(request) == {
        "http.route": "/v1/documents/{id}/edits",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "request": "mine",
    }
    opening, load = spans["open"], spans["store load"]
    assert opening.context is not None
    assert opening.parent is not None
    assert opening.parent.span_id == request.context.span_id
    assert attributes(opening) == {"document": "notes"}
    assert load.parent is not None
    assert load.parent.span_id == opening.context.span_id
    append = spans["store append"]
    assert append.parent is None  # it is of everybody whose edits were in it
    assert attributes(append) == {"documents": 1}
    assert attributes(spans["store snapshot"])["document"] == "notes"
    assert spans["store snapshot"].parent is None
    assert request.resource.attributes["service.name"] == "collab"
    assert request.resource.attributes["service.instance.id"] == "here"


async def test_spans_hold_no_content_no_query_and_no_user() -> None:
    traced = Traced()
    async for server in traced.run():
        await server.make("notes", "marked content")
        await server.type("notes", "marked")
        await server.client.get("/v1/documents/notes/content?token=marked")
        await server.client.get("/marked")
        async with events(server, "notes") as reader:
            await reader.event()
    told = " ".join(span.to_json() for span in traced.spans().values())
    for secret in ("marked", "alice", "eyJ"):
        assert secret not in told
    assert not any("events" in name for name in traced.spans())


async def test_a_failed_span_tells_the_code_only() -> None:
    exporter = InMemorySpanExporter()
    async with tracing.exporting_to(exporter, "here"):
        with pytest.raises(DocumentNotFound), tracing.span("look"):
            raise DocumentNotFound("no such thing as marked")
        with pytest.raises(ValueError), tracing.span("count"):
            raise ValueError("marked")
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert spans["look"].status.status_code is StatusCode.ERROR
    assert spans["look"].status.description == "document_not_found"
    assert spans["count"].status.description == "ValueError"
    assert all(not span.events for span in spans.values())


async def test_the_end_does_not_wait_for_a_receiver_that_hangs() -> None:
    release = threading.Event()

    class Hanging(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            release.wait(60)
            return SpanExportResult.FAILURE

    try:
        with anyio.fail_after(20):
            async with tracing.exporting_to(Hanging(), "here"):
                with tracing.span("anything"):
                    pass
    finally:
        release.set()


async def test_without_an_endpoint_nothing_is_traced() -> None:
    async with tracing.exporting(None, "here"):
        with tracing.span("anything") as span:
            assert span is None
    assert tracing.span("a") is tracing.root_span("b")  # nothing is made


async def test_an_endpoint_without_the_exporter_is_told_and_harmless(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    async with tracing.exporting("http://127.0.0.1:4318", "here"):
        with tracing.span("anything") as span:
            assert span is None
    assert "opentelemetry-sdk" in caplog.text


def test_the_server_does_not_import_the_sdk_by_itself() -> None:
    code = "import sys, collab.app; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
