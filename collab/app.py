"""Puts the parts together: the only place that names concrete adapters.

`create_app` is also how the server is embedded in a program of one's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from collab import __version__, inspection, scrape
from collab.blames import Blames
from collab.bus.connect import open_bus
from collab.catalog import Catalog
from collab.inspection import Inspection
from collab.inspector import Inspector
from collab.metrics import node_name
from collab.pace import Paces
from collab.registry import Registry, open_registry
from collab.scrape import Node, Scraper
from collab.settings import Settings, load_settings
from collab.siblings import open_siblings
from collab.storage.connect import open_store
from collab.tracing import exporting
from collab.types.yjs_trial import Trial
from collab.web import api, hocuspocus, pages, socket, ywebsocket
from collab.web.auth import Authenticator
from collab.web.connections import Connections
from collab.web.held import HeldBodies


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without `settings` they are read from the environment.

    Its lifespan opens the store and drains on the way out. Raises ConfigurationError.
    """
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with Trial() as app.state.trial:
            node = node_name()
            async with (
                exporting(settings.otlp_endpoint, node),
                open_store(settings.database_url) as store,
                open_bus(
                    settings.redis_url, shared=store.shared, verify=settings.redis_verify
                ) as bus,
                open_registry(store, settings, bus=bus) as registry,
                _looking_at(app, registry, node, settings),
            ):
                app.state.registry = registry
                app.state.catalog = Catalog(store, registry, settings)
                app.state.blames = Blames(app.state.catalog.contents)
                app.state.drain = registry.drain
                yield

    app = Application(
        title="collab",
        version=__version__,
        summary="Collaborative documents: one ordered, durable log each, edited live by many.",
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere; docs/http.md is for people
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.auth = Authenticator(settings)
    app.state.paces = Paces(settings.requests_per_second)
    app.state.held_bodies = HeldBodies(2 * settings.max_body_bytes)
    app.state.connections = Connections(settings)
    api.install(app)
    pages.install(app)
    socket.install(app)
    ywebsocket.install(app)
    hocuspocus.install(app)
    return app


class Application(FastAPI):
    """FastAPI, whose websockets go straight to their routes: its middleware and ours are for HTTP,
    and each layer would be kept in memory for as long as a connection lives."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["app"] = self
            await self.router(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


@asynccontextmanager
async def _looking_at(
    app: FastAPI, registry: Registry, node: str, settings: Settings
) -> AsyncIterator[None]:
    """What tells operators of this worker and, by asking them, of the machine's others."""
    scraped = Node(registry, node)
    inspected = Inspection(registry, node)
    answerers = {scrape.TOPIC: scraped.answer, inspection.TOPIC: inspected.answer}
    async with open_siblings(settings.workers_directory, node, answerers) as siblings:
        app.state.scraper = Scraper(scraped, siblings)
        app.state.inspector = Inspector(inspected, siblings)
        yield
