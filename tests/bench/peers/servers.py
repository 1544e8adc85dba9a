"""The servers that are compared, and how each is started and spoken to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers.kit import HERE, NODE, PYPI, Kit, Unavailable, npm_version
from tests.bench.process import SERVE

COLLAB, NATIVE = "collab", "collab-native"
SHAREDB = "sharedb"
_KEY = "a-key-for-the-benchmark-and-for-nothing-else"
_USER = "bench"


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: `protocol` as the generator calls it, `package` on npm or None.

    A rival is a peer that keeps documents in memory only; collab is measured against those.
    """

    name: str
    title: str
    protocol: str
    path: str = "/{}"
    package: str | None = None
    script: str | None = None
    stores: bool = False

    @property
    def is_ours(self) -> bool:
        return self.name in {COLLAB, NATIVE}

    @property
    def is_rival(self) -> bool:
        return not self.is_ours and not self.stores

    @property
    def one_under_way(self) -> bool:
        """Whether a writer has one edit under way, so that many must write."""
        return self.protocol in {"native", "sharedb"}


CONTENDERS = (
    Contender(COLLAB, "collab", "y-websocket", "/yjs/{}?token="),
    Contender(NATIVE, "collab, native", "native", "/v1/documents/{}/socket?token="),
    Contender(
        "hocuspocus", "Hocuspocus", "hocuspocus", "/", "@hocuspocus/server", "hocuspocus.mjs"
    ),
    Contender(
        "hocuspocus-sqlite",
        "Hocuspocus, SQLite",
        "hocuspocus",
        "/",
        "@hocuspocus/extension-sqlite",
        "hocuspocus.mjs",
        stores=True,
    ),
    Contender(
        "y-websocket",
        "y-websocket",
        "y-websocket",
        package="y-websocket",
        script="ywebsocket.mjs",
    ),
    Contender(
        "y-websocket-server",
        "@y/websocket-server",
        "y-websocket",
        package="@y/websocket-server",
        script="ywebsocket_server.mjs",
    ),
    Contender(SHAREDB, "sharedb", "sharedb", "/", "sharedb", "sharedb.mjs"),
    Contender("pycrdt-websocket", "pycrdt-websocket", "y-websocket"),
)


def command_of(contender: Contender, kit: Kit, folder: Path) -> Sequence[str]:
    """How it is started: it reads HOST and PORT and keeps what it stores in `folder`."""
    if contender.is_ours:
        return ("env", *_limits(), f"COLLAB_SECRET_KEY={_KEY}", *SERVE)
    if contender.script is None:
        return (str(kit.python), str(HERE / "pycrdt_server.py"))
    files = (str(folder / "documents.db"),) if contender.stores else ()
    return ("env", "NODE_ENV=production", "node", str(NODE / contender.script), *files)


def path_of(contender: Contender, token: str) -> str:
    """The path of its websockets; {} stands for the document."""
    return contender.path + token if contender.is_ours else contender.path


def version_of(contender: Contender) -> str:
    """What is measured, as it is called where it comes from."""
    if contender.is_ours:
        return "this one"
    if contender.package is None:
        return PYPI[0].replace("==", " ")
    return f"{contender.package} {npm_version(contender.package)}"


def make_token() -> str:
    """A token for everything, as an operator makes it; raises Unavailable."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COLLAB_")}
    made = subprocess.run(
        (*SERVE[:-1], "token", "*=write", "--user", _USER),
        env=environment | {"COLLAB_SECRET_KEY": _KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise Unavailable(f"collab makes no token: {made.stderr[-1000:]}")
    return made.stdout.strip()


def _limits() -> Sequence[str]:
    """Limits hold, but one user stands for all who would be there."""
    return ("COLLAB_CONNECTIONS_PER_USER=100000",)
