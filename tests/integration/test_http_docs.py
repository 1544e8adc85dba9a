"""What the README and the pages about HTTP print works, and the table of errors is the code's."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from collab import errors
from collab.ot.rope import Rope
from collab.traces import read_trace
from tests.integration.process import ServerProcess

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "http.md"
HISTORY = ROOT / "docs" / "history.md"
INSPECTOR = ROOT / "docs" / "inspect.md"
README = (ROOT / "README.md").read_text()
PRINTED = "http://127.0.0.1:8000"
# Codes that only a websocket or the start of the server can meet.
ELSEWHERE = {
    "configuration",
    "hello_timeout",
    "wrong_frame_kind",
    "replaced",
    "sent_away",
    "stale_sequence",
    "base_below_own_commit",
    "frame_too_large",
    "presence_too_large",
    "too_fast",
    "too_many_edits",
    "too_much_presence",
    "too_many_documents",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path)
    process.start()
    try:
        yield process
    finally:
        assert process.stop() == 0


def test_the_lines_of_the_readme_work_as_printed(server: ServerProcess) -> None:
    [script] = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    script = script.replace(PRINTED, server.url).replace("curl -sN", "curl --max-time 2 -sN")
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 28, done.stdout + done.stderr  # curl's own time is over
    assert "\n\nmilk" in done.stdout.replace("\r", "")
    assert '"contents":"To buy: milk"' in done.stdout


def test_the_python_of_the_readme_follows_others_until_ctrl_c(server: ServerProcess) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    with subprocess.Popen(
        [sys.executable, "-u", "-c", example.replace(PRINTED, server.url)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], 0.2)[0]:
            assert process.poll() is None
            somebody_types(server, "greeting")
        assert re.fullmatch(r"None Good morning\. (x)+\n", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0


def somebody_types(server: ServerProcess, id: str) -> None:
    """An x at the end, once there is something."""
    place = f"{server.url}/v1/documents/{id}"
    content = httpx.get(f"{place}/content")
    if content.is_success and content.text:
        edit = [{"retain": len(content.text)}, {"insert": "x"}]
        httpx.post(f"{place}/edits", json={"operation": edit}).raise_for_status()


def test_the_trace_of_the_readme_is_one(tmp_path: Path) -> None:
    [trace] = re.findall(r"echo '(.*)' > tiny\.json", README)
    (tmp_path / "tiny.json").write_text(trace)
    recording = read_trace(tmp_path / "tiny.json", 2)
    text = Rope.empty()
    for transaction in recording.transactions:
        text = text.apply(transaction.operation)
    assert text.text() == recording.end == "hi!"


def answers(server: ServerProcess, page: Path) -> str:
    """What the commands that a page prints answer, each of which has to work as it is printed."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    script = "".join(blocks).replace(PRINTED, server.url).replace("curl ", "curl --fail ")
    remembered: list[str] = []
    told = []
    for line in re.split(r"(?<!\\)\n", script.strip()):
        if re.match(r"[A-Z]+=", line):
            remembered.append(line)
            continue
        command = "\n".join([*(remembered if "$" in line else ()), line])
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False
        )
        expected = 28 if "--max-time" in line else 0  # 28: curl's own time is over
        assert done.returncode == expected, line + done.stdout + done.stderr
        told.append(done.stdout)
    return "\n".join(told)


def test_every_line_works_as_printed(server: ServerProcess) -> None:
    everything = answers(server, PAGE)
    assert '"operation":[{"retain":5},{"insert":" there"}]' in everything
    assert '"title":"Our notes"' in everything
    assert "event: welcome" in everything


def test_every_line_about_history_works_as_printed(server: ServerProcess) -> None:
    everything = answers(server, HISTORY)
    assert '"operation":[{"insert":"Dear "}]' in everything
    assert "-hello\n+Dear hello\n" in everything
    assert "<ins " in everything
    assert '"edits":2,"inserted":11,"deleted":0' in everything
    assert '"runs":[{"text":"Dear ","version":2,' in everything
    assert ">hello\n</span></pre>" in everything
    assert '"restored":1,"undo":[{"insert":"Dear "}]' in everything
    assert '"version":4,"restores":1,"operation":[{"delete":5}]' in everything


def test_every_line_about_the_inspector_works_as_printed(server: ServerProcess) -> None:
    everything = answers(server, INSPECTOR)
    assert '"documents":[{"id":"minutes","type":"text"' in everything
    assert '"document":{"id":"minutes"' in everything
    assert "\nhello there\n" in everything
    assert '{"documents":["minutes"],"next":null}' in everything
    answer = httpx.post(f"{server.url}/v1/documents/minutes/edits", json={"operation": []})
    assert answer.is_success, "the last line ends the quarantine"


def every_row_of(page: Path, heading: str) -> set[str]:
    """The names in the first column of the first table below a heading."""
    table = page.read_text().split(f"## {heading}\n")[1].split("| field |")[1].split("\n\n")[0]
    return set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.M))))


def test_every_figure_of_a_document_is_told_of(server: ServerProcess) -> None:
    httpx.post(f"{server.url}/v1/documents", json={"id": "a", "type": "text"}).raise_for_status()
    edit = {"operation": [{"insert": "x"}]}
    httpx.post(f"{server.url}/v1/documents/a/edits", json=edit).raise_for_status()
    [row] = httpx.get(f"{server.url}/v1/inspect").json()["documents"]
    figures = set(row) - {"id", "type", "epoch", "workers"}
    assert every_row_of(INSPECTOR, "What is open") == figures


def every_code(kind: type[errors.CollabError]) -> Iterator[str]:
    """The codes of the server's tree; other packages, the client's too, have classes below it."""
    if kind.__module__ == errors.__name__:
        yield kind.code
    for below in kind.__subclasses__():
        yield from every_code(below)


def test_every_error_is_told_of() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.read_text().split("| status | code |")[1]))
    assert set(every_code(errors.CollabError)) - ELSEWHERE <= told
