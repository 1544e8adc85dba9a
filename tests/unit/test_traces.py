"""Traces: read, dealt out, and refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from collab.ot.rope import Rope
from collab.traces import ReplayFailed, read_trace


def write(path: Path, **trace: Any) -> Path:
    path.write_bytes(gzip.compress(json.dumps({"endContent": "", **trace}).encode()))
    return path


def transaction(*patches: list[Any], **more: Any) -> dict[str, Any]:
    return {"time": "2024-01-01T00:00:00Z", "patches": list(patches), **more}


def test_patches_of_a_transaction_follow_one_another(tmp_path: Path) -> None:
    patches = ([0, 0, "hello"], [5, 0, "!"], [1, 3, "ipp"], [0, 1, ""])
    path = write(tmp_path / "t.json.gz", txns=[transaction(*patches)])
    (only,) = read_trace(path, 1).transactions
    assert Rope.empty().apply(only.operation).text() == "ippo!"


def test_a_sequential_trace_is_dealt_out_in_turn(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json.gz", txns=[transaction([0, 0, "x"])] * 5, startContent="s")
    trace = read_trace(path, 2)
    assert (trace.concurrent, trace.authors, trace.start) == (False, 2, "s")
    assert [each.author for each in trace.transactions] == [0, 1, 0, 1, 0]
    assert [each.seen for each in trace.transactions] == [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)]


def test_parents_tell_what_an_author_of_a_concurrent_trace_had_seen(tmp_path: Path) -> None:
    patch = [0, 0, "x"]
    transactions = [
        transaction(patch, agent=0, parents=[]),
        transaction(patch, agent=0, parents=[0]),
        transaction(patch, agent=1, parents=[0]),
        transaction(patch, agent=1, parents=[2, 1]),
        transaction(patch, agent=0, parents=[1, 2]),
    ]
    path = write(tmp_path / "t.json.gz", kind="concurrent", txns=transactions)
    trace = read_trace(path, 7)
    assert (trace.concurrent, trace.authors) == (True, 2)
    assert [each.author for each in trace.transactions] == [0, 0, 1, 1, 0]
    assert [each.seen for each in trace.transactions] == [(0, 0), (1, 0), (1, 0), (2, 1), (2, 1)]


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    for name, raw in [
        ("absent.json", None),
        ("a.json", b"{}"),
        ("b.json", b'{"endContent":"","txns":[{"patches":[[-1,0,"x"]]}]}'),
        ("c.json", b'{"endContent":"","txns":[{"patches":[[0,0]]}]}'),
        ("d.json.gz", b"not gzip"),
        ("e.json", b"\xff"),
        ("f.json", b'{"kind":"concurrent","endContent":"","txns":[{"patches":[],"parents":[0]}]}'),
        (
            "h.json",
            b'{"kind":"concurrent","endContent":"","txns":[{"patches":[]},{"patches":[]}]}',
        ),
        ("g.json", b'{"kind":"concurrent","endContent":"","txns":[{"patches":[],"agent":2}]}'),
    ]:
        path = tmp_path / name
        if raw is not None:
            path.write_bytes(raw)
        with pytest.raises(ReplayFailed):
            read_trace(path, 2)
