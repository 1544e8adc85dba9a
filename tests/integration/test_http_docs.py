"""The lines of docs/http.md work as printed, and its table of errors is the code's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collab import errors
from tests.integration.process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "http.md"
PRINTED = "http://127.0.0.1:8000"
# Codes that only a websocket or the start of the server can meet.
ELSEWHERE = {
    "configuration",
    "hello_timeout",
    "wrong_frame_kind",
    "replaced",
    "stale_sequence",
    "base_below_own_commit",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path)
    process.start()
    try:
        yield process
    finally:
        assert process.stop() == 0


def blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_every_line_works_as_printed(server: ServerProcess) -> None:
    script = "".join(blocks()).replace(PRINTED, server.url).replace("curl ", "curl --fail ")
    answers = []
    for line in re.split(r"(?<!\\)\n", script.strip()):
        if line.startswith("ETAG="):
            etag = line
            continue
        command = f"{etag}\n{line}" if "$ETAG" in line else line
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False
        )
        expected = 28 if "--max-time" in line else 0  # 28: curl's own time is over
        assert done.returncode == expected, line + done.stdout + done.stderr
        answers.append(done.stdout)
    everything = "\n".join(answers)
    assert '"operation":[{"retain":5},{"insert":" there"}]' in everything
    assert '"title":"Our notes"' in everything
    assert "event: welcome" in everything


def every_code(kind: type[errors.CollabError]) -> Iterator[str]:
    """The codes of the server's tree; other packages, the client's too, have classes below it."""
    if kind.__module__ == errors.__name__:
        yield kind.code
    for below in kind.__subclasses__():
        yield from every_code(below)


def test_every_error_is_told_of() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.read_text().split("| status | code |")[1]))
    assert set(every_code(errors.CollabError)) - ELSEWHERE <= told
