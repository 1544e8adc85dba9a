"""A proof that passes whatever happened proves nothing: what it must not accept."""

from __future__ import annotations

import json
from random import Random
from typing import Any, cast

import pytest

from collab.words import Commit, Credit
from tests.integration.nodes.proof import check_told
from tests.integration.nodes.watch import Watch
from tests.integration.nodes.writers import FILLER, Writer

A, B = "一", "𠀀"


def commit(version: int, text: str, author: str = "a", seq: int | None = None) -> Commit:
    name = Credit(author, version if seq is None else seq, None, b"digest")
    return Commit(version, 0, (name,), json.dumps([{"insert": text}]).encode())


def writer(*told: str, frames: list[dict[str, Any]] | None = None) -> Writer:
    """Somebody who was told that these tokens are durable, and was sent these frames."""
    someone = Writer(0, cast(Any, None), Watch(), Random(0))
    someone.told = set(told)
    for frame in frames or []:
        someone.watch.note(json.dumps(frame))
    return someone


def edits(version: int, text: str, author: str = "a") -> dict[str, Any]:
    """The frame of one commit, whose seq is its version."""
    edit = {"version": version, "author": author, "seq": version, "operation": [{"insert": text}]}
    return {"type": "edits", "edits": [edit]}


LOG = [commit(1, A + FILLER), commit(2, B + FILLER)]


def test_what_was_told_and_shown_as_it_is_passes() -> None:
    contents = {"type": "welcome", "version": 2, "contents": f"{B}{FILLER}{A}{FILLER}"}
    frames = [edits(1, A + FILLER), edits(2, B + FILLER), contents]
    check_told("text", LOG, [writer(A, B, frames=frames), writer()])


@pytest.mark.parametrize(
    "log",
    [LOG[:1], [commit(1, FILLER), commit(2, B)], []],
    ids=["cut off", "without it", "empty"],
)
def test_a_token_that_is_lost_is_missed(log: list[Commit]) -> None:
    with pytest.raises(AssertionError, match="are not there"):
        check_told("text", log, [writer(A, B)])


@pytest.mark.parametrize(
    "log",
    [
        [*LOG, commit(3, A)],
        [*LOG, commit(3, FILLER, seq=1)],
        [LOG[0], commit(3, B)],
        [LOG[1], LOG[0]],
        LOG[1:],
    ],
    ids=["a token twice", "a name twice", "a gap", "out of order", "without its beginning"],
)
def test_a_log_that_repeats_or_leaves_out_is_refused(log: list[Commit]) -> None:
    with pytest.raises(AssertionError):
        check_told("text", log, [writer()])


@pytest.mark.parametrize(
    "frames",
    [
        [edits(2, A + FILLER)],
        [edits(1, A + FILLER, author="b")],
        [edits(1, A + FILLER), edits(1, B + FILLER)],
        [{"type": "reset", "version": 1, "contents": B}],
        [{"type": "welcome", "version": 2, "contents": [{"insert": A}]}],
    ],
    ids=["another place", "another author", "two orders", "a reset", "a welcome"],
)
def test_what_was_shown_and_is_not_so_is_found(frames: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError):
        check_told("text", LOG, [writer(frames=frames)])


def test_what_was_shown_beyond_the_end_of_the_log_is_found() -> None:
    with pytest.raises(AssertionError, match="shown version 3"):
        check_told("text", LOG, [writer(frames=[edits(3, A)])])
