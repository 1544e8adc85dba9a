"""One document of a running server with clients of the editors' own providers in it.

Owns the addresses that each kind of provider is given, and the words the tests tell their stories
in. Every wait has a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from tests.compat.driver import Y_WEBSOCKET, Driver
from tests.integration.process import ServerProcess

PATIENCE = 30
"""Seconds for what has no promise of its own."""


class Room:
    """The document `id`. A client is called by a name; `names` are those that are in now."""

    def __init__(self, driver: Driver, server: ServerProcess, id: str = "room") -> None:
        self.id = id
        self.names: list[str] = []
        self.client_ids: dict[str, int] = {}
        self._driver = driver
        self._server = server

    def join(self, name: str, provider: str, **options: Any) -> None:
        """Let a new client of `provider` connect."""
        endpoint = "yjs" if provider in Y_WEBSOCKET else "hocuspocus"
        self.client_ids[name] = self._driver.call(
            "open",
            client=name,
            provider=provider,
            url=f"ws://127.0.0.1:{self._server.port}/{endpoint}",
            document=self.id,
            **options,
        )
        self.names.append(name)

    def join_all(self, providers: Sequence[str]) -> list[str]:
        """A client for each of `providers`, all settled; their names."""
        names = [f"client {len(self.names) + index}" for index in range(len(providers))]
        for name, provider in zip(names, providers, strict=True):
            self.join(name, provider)
        self.settle()
        return names

    def leave(self, name: str) -> None:
        """Take a client away for good."""
        self.names.remove(name)
        self._driver.call("destroy", client=name)

    def leave_all(self) -> None:
        """Take all clients away for good."""
        for name in list(self.names):
            self.leave(name)

    def tell(self, do: str, name: str, **arguments: Any) -> Any:
        """A command of the driver to one client."""
        return self._driver.call(do, client=name, **arguments)

    def disconnect(self, name: str) -> None:
        """Close the client's connection as its application would."""
        self.tell("disconnect", name, seconds=PATIENCE)

    def settle(self) -> None:
        """Until all are synced and saved."""
        self._driver.call("settle", clients=self.names, seconds=PATIENCE)

    def converge(self) -> dict[str, Any]:
        """Until all are settled and equal; what they hold."""
        self._driver.call("converge", clients=self.names, seconds=PATIENCE)
        states = self._driver.each("state", self.names)
        whole: dict[str, Any] = states[0]
        for state in states:
            assert state == whole
        return whole

    def show(self, content: dict[str, Any]) -> None:
        """Until all show this content."""
        self._driver.call("show", clients=self.names, content=content, seconds=PATIENCE)

    def synced(self, name: str, times: int) -> None:
        """Until the client has synced so many times."""
        self._driver.call("synced", clients=[name], times=times, seconds=PATIENCE)

    def unsynced(self, name: str) -> None:
        """Until the client says that it is not synced."""
        self._driver.call("unsynced", clients=[name], seconds=PATIENCE)

    def status(self, name: str) -> dict[str, Any]:
        """How the client says it stands."""
        status: dict[str, Any] = self.tell("status", name)
        return status

    def see(self, watchers: Sequence[str], shown: Sequence[str], seconds: float) -> float:
        """Until all `watchers` see all `shown` as these show themselves; the milliseconds."""
        return float(self._driver.call("see", watchers=watchers, shown=shown, seconds=seconds))

    def miss(self, watchers: Sequence[str], gone: str, seconds: float) -> float:
        """Until none of `watchers` sees the client `gone`; the milliseconds."""
        client_id = self.client_ids[gone]
        return float(self._driver.call("miss", watchers=watchers, gone=client_id, seconds=seconds))

    def others(self, name: str) -> list[str]:
        """All clients but this one."""
        return [other for other in self.names if other != name]

    def version(self) -> int:
        """How long the document's log is."""
        version: int = self.ask("GET", "")["version"]
        return version

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """What the server answers over HTTP about the document."""
        url = f"{self._server.url}/v1/documents/{self.id}{path}"
        answer = httpx.request(method, url, timeout=PATIENCE, **options)
        answer.raise_for_status()
        return answer.json()
