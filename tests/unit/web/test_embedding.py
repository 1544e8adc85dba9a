"""The application is one that any ASGI server takes."""

from __future__ import annotations

import uvicorn

from collab.app import create_app
from collab.settings import Settings


def test_a_server_that_finds_out_by_itself_speaks_asgi_3() -> None:
    config = uvicorn.Config(create_app(Settings(database_url="memory://")), log_config=None)
    config.load()
    assert config.interface == "asgi3"
