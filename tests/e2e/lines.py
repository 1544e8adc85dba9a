"""A line between one window and the server that can be cut and mended, while others stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.proxy import Proxy, open_proxy


class Line:
    """A proxy that runs beside the tests."""

    def __init__(self, portal: BlockingPortal, proxy: Proxy) -> None:
        self._portal = portal
        self._proxy = proxy

    def through(self, url: str) -> str:
        """The same address over this line."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=f"127.0.0.1:{self._proxy.port}"))

    def cut(self) -> None:
        """End all connections, and take no others."""
        self._proxy.refusing = True
        self._portal.call(self._proxy.cut)

    def mend(self) -> None:
        """Take connections again."""
        self._proxy.refusing = False


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """A line to a server of this machine."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_proxy(port)) as proxy,
    ):
        yield Line(portal, proxy)
