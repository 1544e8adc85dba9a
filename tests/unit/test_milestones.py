"""How far apart milestones are, and what they may cost."""

from __future__ import annotations

import pytest

from collab.errors import DocumentBroken
from collab.milestones import FAR, NEAR, Stretch, pack, unpack
from collab.words import Commit, Credit, Milestone, Snapshot

KEYSTROKE_BYTES = 90


def kept(commits: int, commit_bytes: int, packed_size: int, step: int = 100) -> list[int]:
    """The versions of the milestones of a history that looks every `step` commits."""
    versions: list[int] = []
    last = 0
    for version in range(step, commits + 1, step):
        run = version - last
        if Stretch(run, run * commit_bytes).is_due(packed_size if versions else 0):
            versions.append(version)
            last = version
    return versions


@pytest.mark.parametrize("commit_bytes", [20, KEYSTROKE_BYTES, 2000])
@pytest.mark.parametrize("packed_size", [1, 30_000, 100_000, 5_000_000])
def test_milestones_are_never_far_apart(commit_bytes: int, packed_size: int) -> None:
    versions = kept(60_000, commit_bytes, packed_size)
    for earlier, later in zip([0, *versions], versions, strict=False):
        stretch = Stretch(later - earlier, (later - earlier) * commit_bytes)
        assert NEAR <= stretch.work < FAR + Stretch(100, 100 * commit_bytes).work


@pytest.mark.parametrize("packed_size", [1, 10_000, 90_000, 200_000])
def test_milestones_take_no_more_than_the_log_unless_they_would_be_too_far_apart(
    packed_size: int,
) -> None:
    commits = 250_000
    versions = kept(commits, KEYSTROKE_BYTES, packed_size)
    log = commits * KEYSTROKE_BYTES
    work = Stretch(commits, log).work
    assert len(versions) * packed_size <= log + packed_size * (1 + work / FAR)


def test_of_a_small_document_milestones_are_near_each_other() -> None:
    assert kept(10_000, KEYSTROKE_BYTES, 500)[:3] == [800, 1600, 2400]


def test_few_long_commits_are_a_long_way_too() -> None:
    assert Stretch(4, 4 * 64 * 1024).is_due(1000)
    assert not Stretch(3, 3 * 1024).is_due(0)


def test_a_stretch_is_bare_when_what_is_written_in_time_would_not_leave_it() -> None:
    assert not Stretch(FAR + NEAR, 0).is_bare
    assert Stretch(2 * FAR + 1, 0).is_bare
    assert Stretch(1, 2 * FAR * 256).is_bare


def test_a_stretch_grows_by_commits_and_about_what_they_take() -> None:
    credit = Credit("a" * 16, 1, "somebody", b"d" * 12)
    commits = [Commit(version, 0, (credit,), b"x" * 100) for version in (1, 2)]
    grown = Stretch(3, 1000).with_more(commits)
    assert (grown.commits, grown.size) == (5, 1280)


def test_a_packed_state_unpacks_to_what_it_was() -> None:
    dump = b'"' + b"all work and no play " * 1000 + b'"'
    milestone = pack(7, 1234, dump)
    assert (milestone.version, milestone.time) == (7, 1234)
    assert len(milestone.content) < len(dump) / 10
    assert unpack(milestone) == dump
    assert unpack(Snapshot(7, 1234, dump, b"names")) == dump


def test_a_damaged_milestone_is_told_and_not_guessed() -> None:
    whole = pack(7, 0, b'"something"').content
    for damaged in (b"", whole[:-3], b"y" + whole[1:]):
        with pytest.raises(DocumentBroken, match="version 7"):
            unpack(Milestone(7, 0, damaged))
