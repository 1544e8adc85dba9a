"""Several servers on one machine answer /metrics together, whichever of them is asked; and the
lines of one connection or request are found in the log by its id."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from collab.protocols import hocuspocus
from collab.protocols.native import SUBPROTOCOL
from tests.integration.process import ServerProcess, server
from tests.integration.talk import new_client

PATIENCE_SECONDS = 20.0
ANSWER_SECONDS = 10.0
"""How long an answer may take on a machine that is busy; by itself it takes at most one second."""


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Three servers that have the same directory."""
    together = tmp_path / "together"
    together.mkdir(mode=0o700)
    with ExitStack() as running:
        processes = []
        for name in ("a", "b", "c"):
            folder = tmp_path / name
            folder.mkdir()
            process = server(folder, COLLAB_WORKERS_DIRECTORY=str(together))
            processes.append(running.enter_context(process))
        yield processes


def samples(process: ServerProcess, name: str) -> dict[int, float]:
    """The values of a metric that has no labels, by the process they are of."""
    answer = httpx.get(f"{process.url}/metrics", timeout=ANSWER_SECONDS)
    assert answer.status_code == 200, answer.text
    kinds = re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE)
    assert len(kinds) == len(set(kinds))  # all samples of a metric stand together
    return {
        int(sample.labels["node"].rpartition("-")[2]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name
    }


def test_every_worker_answers_for_all_and_for_nobody_who_is_gone(
    workers: list[ServerProcess],
) -> None:
    first, second, third = workers
    body = {"operation": [{"insert": "x"}]}
    httpx.post(f"{second.url}/v1/documents", json={"id": "n", "type": "text"}).raise_for_status()
    httpx.post(f"{second.url}/v1/documents/n/edits", json=body).raise_for_status()
    pids = {process.pid for process in workers}
    for process in workers:
        commits = samples(process, "collab_commits_total")
        assert set(commits) == pids
        assert (commits[first.pid], commits[second.pid]) == (0, 1)
        assert samples(process, "collab_workers_silent") == {process.pid: 0}

    second.suspend()
    assert set(samples(first, "collab_up")) == {first.pid, third.pid}
    assert samples(first, "collab_workers_silent") == {first.pid: 1}
    second.resume()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while set(samples(first, "collab_up")) != pids:
        assert time.monotonic() < deadline

    killed = second.pid
    second.kill()
    assert set(samples(first, "collab_up")) == pids - {killed}
    assert samples(first, "collab_workers_silent") == {first.pid: 0}
    second.start()
    assert set(samples(first, "collab_up")) == {first.pid, second.pid, third.pid}

    assert third.stop() == 0
    assert set(samples(first, "collab_up")) == {first.pid, second.pid}
    assert samples(first, "collab_workers_silent") == {first.pid: 0}


def test_a_document_that_is_denied_on_a_shared_socket_is_counted(tmp_path: Path) -> None:
    key = "a-key-of-a-scraper-that-is-long-enough"
    with server(tmp_path, COLLAB_API_KEYS=f"scraper={key}") as process:
        with connect(f"ws://127.0.0.1:{process.port}/hocuspocus", compression=None) as websocket:
            websocket.send(hocuspocus.encode("notes", hocuspocus.Token("")))
            frame = websocket.recv(timeout=PATIENCE_SECONDS)
            assert isinstance(frame, bytes)
            answer = hocuspocus.decode_server(frame)
            assert isinstance(answer, hocuspocus.FromServer)
            assert isinstance(answer.message, hocuspocus.PermissionDenied)
            headers = {"Authorization": f"Bearer {key}"}
            page = httpx.get(f"{process.url}/metrics", headers=headers, timeout=ANSWER_SECONDS)
    (line,) = re.findall(r"^collab_rejects_total\{(.*)\} 1.0$", page.text, re.MULTILINE)
    assert set(line.split(",")) >= {'code="not_signed_in"', 'of="connection"'}


def lines(process: ServerProcess) -> list[dict[str, Any]]:
    """The whole log, once it has ended in order."""
    assert process.stop() == 0
    assert process.defects() == []
    return [json.loads(line) for line in process.log]


def test_the_lines_of_one_connection_are_found_by_its_id(tmp_path: Path) -> None:
    with server(tmp_path, COLLAB_LOG_LEVEL="debug") as process:
        for kind in ("nonsense", "hello"):
            url = f"ws://127.0.0.1:{process.port}/v1/documents/notes/socket"
            with connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)]) as websocket:
                hello = {"type": kind, "client": new_client(), "create": "text"}
                websocket.send(json.dumps(hello))
                if kind == "hello":
                    websocket.recv(timeout=PATIENCE_SECONDS)
                else:
                    with pytest.raises(ConnectionClosed):
                        websocket.recv(timeout=PATIENCE_SECONDS)
        log = lines(process)
    accepted = [line for line in log if "[accepted]" in line["message"]]
    assert len({line["connection"] for line in accepted}) == 2
    told: dict[str, list[str]] = {}
    for line in log:
        if "connection" in line and line not in accepted:
            told.setdefault(line["connection"], []).append(line["message"])
    assert sorted(told.values()) == [
        ["connected", "connection refused", "disconnected"],
        ["connected", "disconnected"],
    ]
    (refused,) = [line for line in log if line["message"] == "connection refused"]
    assert (refused["level"], refused["code"]) == ("info", "malformed")


def test_a_request_has_an_id_in_its_answer_and_in_the_log(tmp_path: Path) -> None:
    with server(tmp_path) as process:
        given = {
            "proxy-7.a_B": "proxy-7.a_B",
            "two words": None,
            "x" * 65: None,
            "naïve": None,
        }
        told = []
        for asked, kept in given.items():
            headers = [(b"X-Request-ID", asked.encode())]
            answer = httpx.get(f"{process.url}/v1/documents/absent", headers=headers)
            told.append(answer.headers["X-Request-ID"])
            assert answer.status_code == 404
            assert kept is None or told[-1] == kept
        told.append(httpx.get(f"{process.url}/healthz").headers["X-Request-ID"])
        log = lines(process)
    assert len(set(told)) == len(told)
    assert all(re.fullmatch(r"[0-9a-f]{16}", id) for id in told[1:])
    access = [line["request"] for line in log if line["logger"] == "uvicorn.access"]
    assert access == told


def test_what_a_document_does_is_not_told_of_who_opened_it(tmp_path: Path) -> None:
    with server(tmp_path, COLLAB_LOG_LEVEL="debug") as process:
        new = {"id": "notes", "type": "text"}
        httpx.post(f"{process.url}/v1/documents", json=new).raise_for_status()
        body = {"operation": [{"insert": "x"}]}
        edits = f"{process.url}/v1/documents/notes/edits"
        httpx.post(edits, json=body).raise_for_status()
        process.limit_file_size(1)
        assert httpx.post(edits, json=body, timeout=ANSWER_SECONDS).status_code == 503
        process.limit_file_size(None)
        log = lines(process)
    (broken,) = [line for line in log if line["message"] == "document unavailable"]
    assert broken["document"] == "notes"
    assert not {"request", "connection"} & set(broken)
