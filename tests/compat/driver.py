"""Node processes that run the editors' own npm packages or our client, as the tests talk to them.

Owns the processes and the lines that go to and fro. What a driver can be told is in
node/driver.mjs, which knows the providers, or in clients/typescript/tests/driver.mjs; nothing here
knows them.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.requirements import require

NODE_FOLDER = Path(__file__).parent / "node"
Y_WEBSOCKET = ("y-websocket-1", "y-websocket-2", "y-websocket-3")
HOCUSPOCUS = ("hocuspocus-2", "hocuspocus-3", "hocuspocus-4")
_ANSWER_SECONDS = 120
_EXIT_SECONDS = 10


def require_node() -> None:
    """Skip, or fail where everything has to run, unless Node and the packages are here."""
    require(shutil.which("node") is not None, "Node is not installed")
    require((NODE_FOLDER / "node_modules" / "yjs").is_dir(), "run `make install` for npm packages")


class Refused(AssertionError):
    """The driver could not do what it was told, or not in time; the text says why."""


class Driver:
    """A running driver. One thread may use it at a time."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self._numbers = count(1)
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, do: str, **arguments: Any) -> Any:
        """The result of one command; raises Refused."""
        assert self._child.stdin is not None
        number = next(self._numbers)
        self._child.stdin.write(json.dumps({"id": number, "do": do, **arguments}) + "\n")
        self._child.stdin.flush()
        line = self._answers.get(timeout=_ANSWER_SECONDS)
        if line is None:
            raise Refused("the driver is gone")
        answer = json.loads(line)
        assert answer["id"] == number
        if "error" in answer:
            raise Refused(f"{do} {arguments}: {answer['error']}")
        return answer["result"]

    def each(self, do: str, clients: Sequence[str], **arguments: Any) -> list[Any]:
        """The results of the same command for every client."""
        return [self.call(do, client=client, **arguments) for client in clients]

    def stop(self) -> None:
        """End the process; its clients say goodbye to nobody."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(_EXIT_SECONDS)
        self._reader.join(_EXIT_SECONDS)

    def _read(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout:
            for line in self._child.stdout:
                self._answers.put(line)
        self._answers.put(None)


@contextmanager
def running_driver(
    command: Sequence[str] = ("node", "driver.mjs"), folder: Path = NODE_FOLDER
) -> Iterator[Driver]:
    """A driver, ended at the end. What its clients complain of goes to the test's stderr."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as child:
        driver = Driver(child)
        try:
            yield driver
        finally:
            child.kill() if child.stdin is None else driver.stop()


def ask_oracle(requests: Sequence[dict[str, Any]]) -> list[Any]:
    """The answers of node/codec_oracle.mjs, one for each request."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(
        ["node", "codec_oracle.mjs"],
        cwd=NODE_FOLDER,
        input=lines,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=_ANSWER_SECONDS,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.split("\n") if line]
