"""A fresh server for every test of the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.asgi import Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running
