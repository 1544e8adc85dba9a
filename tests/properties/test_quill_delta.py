"""The algebra against npm quill-delta 5 itself, run by Node, on random cases.

Every case compares the normal form of four Deltas, compose on a document and on an operation,
transform and transformPosition with both priorities, and invert.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from collab.ot.delta import Delta, Op, compose, invert, normalize
from collab.ot.transform import transform, transform_position
from tests.properties.random_deltas import random_document, random_operation, widths
from tests.requirements import require

CASES = int(os.environ.get("COLLAB_TEST_QUILL_CASES", "200000"))
BATCH = 20_000
NODE_FOLDER = Path(__file__).parents[1] / "node"
ORACLE = NODE_FOLDER / "quill_oracle.mjs"

ANSWERS = (
    "normal form of document",
    "normal form of a",
    "normal form of b",
    "normal form of c",
    "document.compose(a)",
    "a.compose(c)",
    "a.transform(b, true)",
    "a.transform(b, false)",
    "a.invert(document)",
    "a.transformPosition(position, true)",
    "a.transformPosition(position, false)",
)


class Case(msgspec.Struct):
    """What is asked of both: `a` and `b` made on `document`, `c` on the document after `a`."""

    document: list[Op]
    a: list[Op]
    b: list[Op]
    c: list[Op]
    position: int


Answer = tuple[Delta, Delta, Delta, Delta, Delta, Delta, Delta, Delta, Delta, int, int]

# Sorted, so that equal JSON is equal bytes, and true is not 1 as it is for Python's ==.
encoder = msgspec.json.Encoder(order="sorted")
answer_decoder = msgspec.json.Decoder(Answer)


def random_case(random: Random) -> Case:
    document = random_document(random, int(random.random() * 5))
    characters = widths(document)
    a, after = random_operation(random, characters, nulls=random.random() < 0.1)
    b, _ = random_operation(random, characters, nulls=random.random() < 0.1)
    c, _ = random_operation(random, after)
    return Case(document, a, b, c, int(random.random() * (sum(characters) + 3)))


def our_answer(case: Case) -> Answer:
    document, a, b, c = (normalize(ops) for ops in (case.document, case.a, case.b, case.c))
    return (
        document,
        a,
        b,
        c,
        compose(document, a),
        compose(a, c),
        transform(a, b, True),
        transform(a, b, False),
        invert(a, document),
        transform_position(a, case.position, True),
        transform_position(a, case.position, False),
    )


def ask_quill(requests: bytes) -> list[bytes]:
    """The oracle's answer lines to request lines."""
    done = subprocess.run(
        ["node", str(ORACLE)], input=requests, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.splitlines()


def batches(random: Random) -> Iterator[list[Case]]:
    for start in range(0, CASES, BATCH):
        yield [random_case(random) for _ in range(min(BATCH, CASES - start))]


def describe(case: Case, ours: Answer, quills: Any) -> str:
    lines = [
        f"{name}: {encoder.encode(getattr(case, name)).decode()}" for name in case.__struct_fields__
    ]
    for name, mine, theirs in zip(ANSWERS, ours, quills, strict=True):
        if encoder.encode(mine) != encoder.encode(theirs):
            lines += [
                f"{name}:",
                f"  collab      {encoder.encode(mine).decode()}",
                f"  quill-delta {encoder.encode(theirs).decode()}",
            ]
    return "\n".join(lines)


@pytest.mark.slow
def test_equals_quill_delta(capsys: pytest.CaptureFixture[str]) -> None:
    require(shutil.which("node") is not None, "Node is not installed")
    require(
        (NODE_FOLDER / "node_modules" / "quill-delta").is_dir(),
        "quill-delta is not installed: run `npm ci` in tests/node",
    )
    seed = int(os.environ.get("COLLAB_TEST_SEED") or secrets.randbits(32))
    random = Random(seed)
    started = time.monotonic()
    checked = 0
    # While Node answers one batch, the next is made and answered here.
    with ThreadPoolExecutor(1) as oracle:
        for cases in batches(random):
            asked = oracle.submit(ask_quill, b"\n".join(map(encoder.encode, cases)))
            ours = [our_answer(case) for case in cases]
            lines = asked.result()
            assert len(lines) == len(cases)
            for case, mine, line in zip(cases, ours, lines, strict=True):
                quills = answer_decoder.decode(line)
                if encoder.encode(mine) != encoder.encode(quills):
                    pytest.fail(f"COLLAB_TEST_SEED={seed}\n{describe(case, mine, quills)}")
                checked += 1
    with capsys.disabled():
        sys.stdout.write(
            f"\nquill-delta: {checked} cases equal in {time.monotonic() - started:.0f} s, "
            f"COLLAB_TEST_SEED={seed}\n"
        )
