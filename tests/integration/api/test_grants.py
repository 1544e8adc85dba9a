"""Grants over HTTP: what who administers a document alone may not change."""

from __future__ import annotations

import httpx
import pytest

from collab.words import Access
from tests.integration.api.asgi import Server, problem, signed

pytestmark = pytest.mark.anyio

ADA = signed("ada", {"own": "admin"})
ROOT = signed("root", {"*": "admin"})


async def grant(server: Server, bearer: str, document: str, user: str) -> httpx.Response:
    body = {"document": document, "user": user, "access": "none"}
    headers = {"Authorization": f"Bearer {bearer}"}
    return await server.client.post("/v1/access", json=body, headers=headers)


async def test_the_rights_of_api_keys_are_changed_by_operators_only(server: Server) -> None:
    """A backend from which one document was taken could make no tokens any more, for anybody."""
    assert problem(await grant(server, ADA, "own", "api:ci"), 403) == "not_allowed"
    assert not await server.registry.authorizer.stored()
    assert (await grant(server, ADA, "own", "api")).is_success
    assert (await grant(server, ROOT, "own", "api:ci")).is_success
    assert [each.access for each in await server.registry.authorizer.stored()] == 2 * [Access.NONE]
