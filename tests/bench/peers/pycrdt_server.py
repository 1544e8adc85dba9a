"""pycrdt-websocket under uvicorn, without compression; run by the interpreter that has it."""

from __future__ import annotations

import os
import signal

import uvicorn
import uvloop
from pycrdt.websocket import (  # type: ignore[import-not-found, unused-ignore]
    ASGIServer,
    WebsocketServer,
)


async def main() -> None:
    """Serve until told to end."""
    rooms = WebsocketServer(auto_clean_rooms=False)
    config = uvicorn.Config(
        ASGIServer(rooms),
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        workers=1,
        log_level="warning",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    async with rooms:
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    # uvicorn ends what it serves, then raises the signal again.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    uvloop.run(main())
