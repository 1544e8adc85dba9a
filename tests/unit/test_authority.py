"""The authority's rules, each by name: order, rebase, exactly once, rights, limits, history."""

from __future__ import annotations

from typing import Any

import pytest

from collab.authority import Authority, HistoryNeeded, Older, Outcome, Placed, Request, Staged
from collab.errors import (
    BaseAboveHead,
    BaseBelowOwnCommit,
    BelowFloor,
    CollabError,
    DocumentBroken,
    DocumentTooLarge,
    InvalidOperation,
    NameReused,
    NotAllowed,
    StaleSequence,
)
from collab.names import Names
from collab.tail import Tail
from collab.types.delta import TEXT
from collab.words import Commit, Edit, digest_of


def authority(
    *, text: str = "", tail_commits: int = 100, max_bytes: int = 1000, names_max: int = 100
) -> Authority:
    made = Authority(
        TEXT,
        state=TEXT.empty(),
        version=0,
        time=0,
        floor=0,
        names=Names(keep_days=7, keep_max=names_max),
        tail=Tail(0, max_commits=tail_commits, max_bytes=1 << 20),
        max_document_bytes=max_bytes,
        max_rebase_commits=50,
    )
    if text:
        commit(made, edit("setup", 1, 0, insert(text)))
    return made


def insert(text: str, at: int = 0) -> str:
    return f'[{{"retain":{at}}},{{"insert":"{text}"}}]' if at else f'[{{"insert":"{text}"}}]'


def edit(author: str, seq: int, base: int | None, operation: str) -> Request:
    raw = operation.encode()
    return Request(Edit(author, seq, base, TEXT.parse(raw), digest_of(base, raw)), permitted=True)


def stage(made: Authority, *requests: Request, now: int = 1) -> Staged:
    staged = made.stage(requests, now)
    assert isinstance(staged, Staged)
    return staged


def commit(made: Authority, *requests: Request, now: int = 1) -> tuple[Outcome | None, ...]:
    staged = stage(made, *requests, now=now)
    made.adopt(staged)
    return staged.outcomes


def refusal(outcome: Outcome | None) -> type[Any]:
    assert isinstance(outcome, CollabError)
    return type(outcome)


def text(made: Authority) -> str:
    return TEXT.render(made.state, "text").decode()


def test_a_batch_gets_consecutive_versions_in_the_order_it_came() -> None:
    made = authority()
    outcomes = commit(made, edit("ada", 1, 0, insert("a")), edit("bob", 1, 0, insert("b")))
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Placed)] == [1, 2]
    assert made.version == 2
    assert text(made) == "ab", "at the same place the committed insert stays first"


def test_an_edit_is_rebased_over_each_commit_its_author_had_not_seen() -> None:
    made = authority(text="hello world")
    commit(made, edit("ada", 1, 1, insert("big ", at=6)))
    commit(made, edit("bob", 1, 1, '[{"retain":11},{"insert":"!"}]'))
    assert text(made) == "hello big world!"


def test_staging_changes_nothing() -> None:
    made = authority(text="hello")
    before = (made.version, text(made))
    stage(made, edit("ada", 1, 1, insert("x")))
    assert (made.version, text(made)) == before
    assert made.names.get("ada") is None


def test_a_resend_is_answered_with_the_version_it_has() -> None:
    made = authority()
    first = edit("ada", 1, 0, insert("a"))
    commit(made, first)
    commit(made, edit("bob", 1, 1, insert("b")))
    assert commit(made, first) == (Placed(1, None),)
    assert (made.version, text(made)) == (2, "ba")


def test_a_resend_within_one_batch_waits_for_the_next_and_commits_once() -> None:
    made = authority()
    request = edit("ada", 1, 0, insert("a"))
    outcomes = commit(made, request, request)
    assert isinstance(outcomes[0], Placed)
    assert outcomes[1] is None
    assert commit(made, request) == (Placed(1, None),)
    assert made.version == 1


def test_another_payload_under_a_taken_name_is_refused_with_what_is_committed() -> None:
    made = authority()
    commit(made, edit("ada", 1, 0, insert("a")))
    (outcome,) = commit(made, edit("ada", 1, 0, insert("b")))
    assert isinstance(outcome, NameReused)
    assert (outcome.seq, outcome.version) == (1, 1)
    (outcome,) = commit(made, edit("ada", 1, 1, insert("a")))
    assert isinstance(outcome, NameReused), "the same operation on another base is another edit"


def test_a_lower_seq_is_refused() -> None:
    made = authority()
    commit(made, edit("ada", 5, 0, insert("a")))
    (outcome,) = commit(made, edit("ada", 4, 1, insert("b")))
    assert isinstance(outcome, StaleSequence)
    assert (outcome.committed_seq, outcome.version) == (5, 1)


def test_a_base_that_leaves_out_ones_own_commit_is_refused() -> None:
    made = authority()
    commit(made, edit("ada", 1, 0, insert("a")))
    (outcome,) = commit(made, edit("ada", 2, 0, insert("b")))
    assert refusal(outcome) is BaseBelowOwnCommit


def test_an_edit_rebased_to_nothing_still_takes_a_version() -> None:
    made = authority(text="abc")
    commit(made, edit("ada", 1, 1, '[{"delete":3}]'))
    (outcome,) = commit(made, edit("bob", 1, 1, '[{"delete":3}]'))
    assert isinstance(outcome, Placed)
    assert outcome.version == 3
    assert outcome.commit is not None
    assert outcome.commit.operation == b"[]"


def test_without_a_base_an_edit_is_made_on_the_head() -> None:
    made = authority(text="abc")
    commit(made, edit("ada", 1, None, insert("x")), edit("bob", 1, None, insert("y")))
    assert text(made) == "yxabc"


def test_rights_are_asked_at_staging_and_a_resend_needs_none() -> None:
    made = authority()
    first = edit("ada", 1, 0, insert("a"))
    commit(made, first)
    denied = Request(first.edit, permitted=False)
    assert commit(made, denied) == (Placed(1, None),)
    (outcome,) = commit(made, Request(edit("ada", 2, 1, insert("b")).edit, permitted=False))
    assert refusal(outcome) is NotAllowed
    assert made.version == 1


def test_a_base_from_the_future_is_refused() -> None:
    (outcome,) = commit(authority(), edit("ada", 1, 1, insert("a")))
    assert refusal(outcome) is BaseAboveHead


def test_a_base_below_the_floor_is_refused() -> None:
    made = authority(text="abc")
    commit(made, edit("ada", 1, 1, insert("x")))
    made.floor = 2
    (outcome,) = commit(made, edit("bob", 1, 1, insert("y")))
    assert refusal(outcome) is BelowFloor


def test_a_base_that_is_too_many_commits_ago_is_refused() -> None:
    made = authority()
    for seq in range(1, 53):
        commit(made, edit("ada", seq, seq - 1, insert("a")))
    (outcome,) = commit(made, edit("bob", 1, 1, insert("b")))
    assert refusal(outcome) is BelowFloor


def test_an_edit_that_may_be_a_forgotten_authors_resend_is_refused() -> None:
    made = authority(names_max=1, tail_commits=1)
    original = edit("ada", 1, 0, insert("a"))
    first = stage(made, original)
    made.adopt(first)
    commit(made, edit("bob", 1, 1, insert("b")))
    assert made.names.get("ada") is None
    staged = made.stage([original], 1, Older(0, first.operations))
    assert isinstance(staged, Staged)
    assert refusal(staged.outcomes[0]) is BelowFloor
    (outcome,) = commit(made, edit("cy", 1, 1, insert("c")))
    assert isinstance(outcome, Placed), "with a base above what is forgotten it is new"


def test_authors_of_commits_in_the_tail_are_not_forgotten() -> None:
    made = authority(names_max=1)
    original = edit("ada", 1, 0, insert("a"))
    commit(made, original)
    commit(made, edit("bob", 1, 1, insert("b")))
    assert commit(made, original) == (Placed(1, None),)


def test_an_edit_that_does_not_fit_is_refused_alone() -> None:
    made = authority(text="abc")
    outcomes = commit(
        made,
        edit("ada", 1, 1, insert("x")),
        edit("bob", 1, 1, '[{"retain":9},{"insert":"y"}]'),
        edit("cy", 1, 1, insert("z")),
    )
    assert refusal(outcomes[1]) is InvalidOperation
    assert text(made) == "xzabc"


def test_growing_past_the_document_limit_is_refused_but_shrinking_is_not() -> None:
    made = authority(text="a" * 900)
    (outcome,) = commit(made, edit("ada", 1, 1, insert("b" * 200)))
    assert refusal(outcome) is DocumentTooLarge
    made._max_document_bytes = 100
    (outcome,) = commit(made, edit("ada", 1, 1, '[{"delete":10}]'))
    assert isinstance(outcome, Placed)


def test_a_base_below_the_tail_asks_for_history_and_then_rebases_over_it() -> None:
    made = authority(tail_commits=4)
    commits: list[Commit] = []
    for seq in range(1, 11):
        staged = stage(made, edit("ada", seq, seq - 1, insert(str(seq % 10))))
        commits += staged.commits
        made.adopt(staged)
    request = edit("bob", 1, 2, insert("!", at=2))
    needed = made.stage([request], 1)
    assert needed == HistoryNeeded(2)
    operations = [TEXT.decode(each.operation) for each in commits[2 : made.tail.oldest]]
    staged_with = made.stage([request], 1, Older(2, operations))
    assert isinstance(staged_with, Staged)
    made.adopt(staged_with)
    assert text(made) == "0987654321!"


def test_time_never_runs_backwards_in_a_log() -> None:
    made = authority()
    commit(made, edit("ada", 1, 0, insert("a")), now=1000)
    staged = stage(made, edit("ada", 2, 1, insert("b")), now=10)
    assert staged.commits[0].time == 1000


def test_a_gap_in_the_log_is_a_broken_document() -> None:
    source = authority()
    commits: list[Commit] = []
    for seq in (1, 2):
        staged = stage(source, edit("ada", seq, seq - 1, insert("a")))
        commits += staged.commits
        source.adopt(staged)
    with pytest.raises(DocumentBroken):
        authority().apply(commits[1])


def test_rebasing_that_would_cost_too_much_starts_its_author_afresh() -> None:
    made = authority(text="a" * 500, tail_commits=1000, max_bytes=1 << 20)
    made._max_rebase_commits = 1000
    long = ",".join('{"retain":1},{"insert":"x"}' for _ in range(400))
    for seq in range(1, 401):
        commit(made, edit("ada", seq, made.version, insert("y")))
    (outcome,) = commit(made, edit("bob", 1, 1, f"[{long}]"))
    assert refusal(outcome) is BelowFloor
    (outcome,) = commit(made, edit("cy", 1, 1, insert("z")))
    assert isinstance(outcome, Placed)


def test_a_batch_that_would_cost_too_much_leaves_the_rest_for_the_next() -> None:
    made = authority(text="a" * 500, tail_commits=1000, max_bytes=1 << 20)
    long = ",".join('{"retain":1},{"insert":"x"}' for _ in range(300))
    for seq in range(1, 401):
        commit(made, edit("ada", seq, made.version, insert("y")))
    made._max_rebase_commits = 1000
    requests = [edit(f"writer {number}", 1, 1, f"[{long}]") for number in range(5)]
    staged = stage(made, *requests)
    assert isinstance(staged.outcomes[0], Placed)
    assert staged.outcomes[-1] is None


def test_a_fresh_edit_is_not_refused_for_what_shares_its_batch() -> None:
    made = authority(text="a" * 20_000, max_bytes=1 << 20)
    big = ",".join('{"retain":1},{"insert":"x"}' for _ in range(4_900))
    keystrokes = [edit(f"writer {number}", 1, 1, insert("k")) for number in range(20)]
    staged = stage(made, *keystrokes, edit("pastes", 1, 1, f"[{big}]"))
    assert all(isinstance(outcome, Placed | None) for outcome in staged.outcomes)
    assert isinstance(staged.outcomes[0], Placed)


def test_an_author_who_sends_ahead_does_not_hold_the_others_up() -> None:
    made = authority()
    ahead = [edit("ada", seq, seq - 1, insert("a")) for seq in range(1, 5)]
    staged = stage(made, *ahead, edit("bob", 1, 0, insert("b")))
    assert [isinstance(outcome, Placed) for outcome in staged.outcomes] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_history_that_the_tail_has_moved_past_is_not_sliced_short() -> None:
    made = authority(tail_commits=4)
    commits: list[Commit] = []
    for seq in range(1, 11):
        staged = stage(made, edit("ada", seq, seq - 1, insert("x")))
        commits += staged.commits
        made.adopt(staged)
    stale = Older(2, [TEXT.decode(each.operation) for each in commits[2:5]])
    staged_with = made.stage([edit("bob", 1, 2, insert("!", at=2))], 1, stale)
    assert isinstance(staged_with, Staged)
    assert refusal(staged_with.outcomes[0]) is BelowFloor


# Staging again ------------------------------------------------------------------------------------


def forward(made: Authority, *requests: Request) -> list[Request]:
    edits = made.bring_forward([request.edit for request in requests])
    return [Request(edit, permitted=True) for edit in edits]


def test_what_is_brought_forward_gets_the_same_place_as_if_it_were_not() -> None:
    made = authority(text="abc")
    waiting = [edit("ada", 1, 1, insert("X", at=1)), edit("bob", 1, 1, insert("Y", at=3))]
    step_by_step = waiting
    for version in range(1, 5):
        commit(made, edit("eve", version, made.version, insert("e", at=version)))
        direct = stage(made, *waiting)
        brought = forward(made, *waiting)
        assert [each.edit.base for each in brought] == [made.version] * 2
        assert stage(made, *brought) == direct
        step_by_step = forward(made, *step_by_step)
        assert stage(made, *step_by_step) == direct


def test_what_was_young_enough_when_it_came_does_not_grow_too_old() -> None:
    made = authority(text="abc", tail_commits=10)
    waiting = [edit("ada", 1, 1, insert("X", at=3))]
    for version in range(1, 100):
        commit(made, edit("eve", version, made.version, insert("e")))
        waiting = forward(made, *waiting)
    [outcome] = stage(made, *waiting).outcomes
    assert isinstance(outcome, Placed)


def test_what_is_refused_or_known_is_not_brought_forward() -> None:
    made = authority(text="abc")
    own = edit("ada", 1, 1, insert("X"))
    commit(made, own)
    commit(made, edit("eve", 1, 2, insert("e")))
    above = edit("bob", 1, 9, insert("Y"))
    below_own = edit("ada", 2, 1, insert("Z"))
    anywhere = edit("cy", 1, None, insert("Z"))
    assert forward(made, own, above, below_own, anywhere) == [own, above, below_own, anywhere]
    outcomes = stage(made, *forward(made, own, above)).outcomes
    assert isinstance(outcomes[0], Placed)
    assert outcomes[0].version == 2
    assert isinstance(outcomes[1], BaseAboveHead)
    assert isinstance(stage(made, *forward(made, below_own)).outcomes[0], BaseBelowOwnCommit)


def test_an_own_commit_that_comes_after_it_was_brought_forward_refuses_it_all_the_same() -> None:
    made = authority(text="abc")
    [waiting] = forward(made, edit("ada", 2, 1, insert("X")))
    commit(made, edit("ada", 1, 1, insert("first ")))
    assert isinstance(stage(made, *forward(made, waiting)).outcomes[0], BaseBelowOwnCommit)


def test_no_more_is_brought_forward_than_one_batch_may_cost() -> None:
    made = authority(text="abc")
    for version in range(1, 50):
        commit(made, edit("eve", version, made.version, insert("e")))
    long = insert("x" * 512 * 1000)
    waiting = [edit(f"a{number}", 1, 1, long) for number in range(100)]
    brought = [each.edit.base for each in forward(made, *waiting)]
    assert brought[0] == made.version
    assert brought[-1] == 1
    assert set(brought) == {made.version, 1}
