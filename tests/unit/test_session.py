"""The write path: batches, group commit, conflicts, failures, news, and what everybody reads."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from collab.authority import Outcome, Placed
from collab.errors import (
    BaseAboveHead,
    CollabError,
    DocumentNotFound,
    NameReused,
    NotAllowed,
    StoreFailure,
    Unavailable,
)
from collab.inbox import Submission
from collab.registry import Registry
from collab.storage import Append, AppendResult
from collab.storage.memory import MemoryStore
from collab.wakeup import Wakeup
from collab.words import Commit
from tests.unit.nodes import TroubledStore, allowed, create, edit, insert, node, text_of

pytestmark = pytest.mark.anyio


class Reader:
    """A follower that remembers how it was called."""

    def __init__(self) -> None:
        self.woken = Wakeup()
        self.error: CollabError | None = None

    def wake(self) -> None:
        self.woken.set()

    def end(self, error: CollabError) -> None:
        self.error = error
        self.woken.set()


def versions(commits: object) -> tuple[int, ...]:
    assert isinstance(commits, list)
    return tuple(commit.version for commit in commits)


async def test_an_edit_is_durable_before_it_is_answered() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        placed = await session.edit(edit(session, "ada", 1, 0, insert("hello")), allowed)
        assert placed.version == 1
        assert await store.read("doc", "e1", 0, 10) == [placed.commit]
        assert text_of(session) == "hello"


async def test_whatever_waits_is_one_batch_in_one_transaction() -> None:
    store = TroubledStore()
    await create(store)
    outcomes: list[Outcome] = []
    done = anyio.Event()

    def answer(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 50:
            done.set()

    async with node(store) as registry, registry.open("doc") as session:
        for number in range(50):
            each = edit(session, f"client {number}", 1, 0, insert(str(number % 10)))
            session.submit(Submission(each, allowed, answer))
        await done.wait()
    assert [each.version for each in outcomes if isinstance(each, Placed)] == list(range(1, 51))
    assert store.appends == 1


async def test_a_full_inbox_makes_callers_wait_until_the_batch_is_taken() -> None:
    store = TroubledStore()
    await create(store)
    async with node(store, inbox_edits=2) as registry, registry.open("doc") as session:
        store.hold()
        answered: list[Outcome] = []
        for number in range(3):
            each = edit(session, f"client {number}", 1, 0, insert("x"))
            session.submit(Submission(each, allowed, answered.append))
            if number == 0:
                await store.held.wait()
        with anyio.move_on_after(0.01) as scope:
            await session.room()
        assert scope.cancelled_caught
        store.release()
        await session.room()


async def test_another_nodes_commits_make_a_conflict_and_the_edit_is_rebased() -> None:
    store = MemoryStore(shared=True)
    await create(store)
    async with node(store) as here, node(store) as there:
        async with here.open("doc") as mine, there.open("doc") as theirs:
            await mine.edit(edit(mine, "ada", 1, 0, insert("world")), allowed)
            placed = await theirs.edit(edit(theirs, "bob", 1, 0, insert("hello ")), allowed)
            assert placed.version == 2
            assert text_of(theirs) == "worldhello "


async def test_a_resend_to_another_node_commits_once() -> None:
    store = MemoryStore(shared=True)
    await create(store)
    async with node(store) as here, node(store) as there:
        async with here.open("doc") as mine, there.open("doc") as theirs:
            await mine.edit(edit(mine, "ada", 1, 0, insert("a")), allowed)
            again = await theirs.edit(edit(theirs, "ada", 1, 0, insert("a")), allowed)
            assert again == Placed(1, None)
            with pytest.raises(NameReused):
                await theirs.edit(edit(theirs, "ada", 1, 0, insert("b")), allowed)
            assert text_of(theirs) == "a"


async def test_an_original_that_lands_late_leaves_its_rewritten_copy_out() -> None:
    """A paused node holds the original while the client, after a reset, sends it again elsewhere
    with another payload: whichever is second is refused."""
    store = MemoryStore(shared=True)
    await create(store)
    async with node(store) as paused, node(store) as other:
        async with paused.open("doc") as old, other.open("doc") as new:
            await new.edit(edit(new, "bob", 1, 0, insert("bob")), allowed)
            original = edit(old, "ada", 1, 0, insert("ada"))
            rewritten = edit(new, "ada", 1, 1, insert("ada", at=3))
            assert (await new.edit(rewritten, allowed)).version == 2
            with pytest.raises(NameReused) as refused:
                await old.edit(original, allowed)
            assert refused.value.version == 2
            assert text_of(old) == "bobada"


async def test_news_makes_the_session_read_the_store_and_wake_its_followers() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as here, node(store) as there:
        async with here.open("doc") as mine, there.open("doc") as theirs:
            reader = Reader()
            mine.follow(reader)
            await theirs.edit(edit(theirs, "bob", 1, 0, insert("b")), allowed)
            assert mine.version == 0
            mine.hear(1)
            await reader.woken.wait()
            assert (mine.version, text_of(mine)) == (1, "b")


async def test_a_shared_store_is_polled_for_other_nodes_commits() -> None:
    store = MemoryStore(shared=True)
    await create(store)
    async with node(store) as here, node(store) as there:
        async with here.open("doc") as mine, there.open("doc") as theirs:
            reader = Reader()
            mine.follow(reader)
            await theirs.edit(edit(theirs, "bob", 1, 0, insert("b")), allowed)
            await reader.woken.wait()
            assert mine.version == 1


async def test_a_base_that_only_another_node_has_committed_is_read_before_it_is_refused() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as here, node(store) as there:
        async with here.open("doc") as mine, there.open("doc") as theirs:
            await theirs.edit(edit(theirs, "bob", 1, 0, insert("b")), allowed)
            await mine.edit(edit(mine, "ada", 1, 1, insert("a", at=1)), allowed)
            assert text_of(mine) == "ba"
            with pytest.raises(BaseAboveHead):
                await mine.edit(edit(mine, "ada", 2, 9, insert("x")), allowed)


@pytest.mark.parametrize("failing", ["append", "append afterwards"])
async def test_a_failed_append_ends_the_session_and_a_resend_commits_once(failing: str) -> None:
    store = TroubledStore()
    await create(store)
    async with node(store) as registry:
        async with registry.open("doc") as session:
            reader = Reader()
            session.follow(reader)
            store.failing.add(failing)
            with pytest.raises(StoreFailure):
                await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
            await reader.woken.wait()
            assert isinstance(reader.error, Unavailable)
            store.failing.clear()
        async with registry.open("doc") as session:
            placed = await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
            assert (placed.version, text_of(session)) == (1, "a")


async def test_rights_lost_between_submit_and_staging_refuse_the_edit() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        with pytest.raises(NotAllowed):
            await session.edit(edit(session, "ada", 1, 0, insert("a")), lambda: False)
        assert session.version == 0


async def test_a_document_deleted_under_an_edit_ends_the_session() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        await store.delete("doc")
        with pytest.raises(DocumentNotFound):
            await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)


async def test_a_base_below_the_tail_is_rebased_over_what_the_store_has() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store, tail_commits=10) as registry, registry.open("doc") as session:
        for seq in range(1, 101):
            await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
        await session.edit(edit(session, "bob", 1, 5, insert("!", at=5)), allowed)
        assert text_of(session) == "a" * 100 + "!"


async def test_what_cannot_be_read_for_a_rebase_ends_the_session_without_writing() -> None:
    store = TroubledStore()
    await create(store)
    async with node(store, tail_commits=4) as registry:
        async with registry.open("doc") as session:
            for seq in range(1, 11):
                await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
            store.failing.add("read")
            with pytest.raises(StoreFailure):
                await session.edit(edit(session, "bob", 1, 0, insert("b")), allowed)
        store.failing.clear()
        async with registry.open("doc") as session:
            assert text_of(session) == "a" * 10


async def test_a_frame_is_encoded_once_for_all_with_the_same_cursor() -> None:
    encoded: list[int] = []

    def encode(commits: object) -> object:
        encoded.append(1)
        return commits

    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        for seq in (1, 2):
            await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
        frames = [session.fanout.frame_after(0, encode) for _ in range(3)]
        assert len(encoded) == 1
        assert all(frame is frames[0] for frame in frames)
        assert frames[0] is not None
        assert (versions(frames[0][0]), frames[0][1]) == ((1, 2), 2)


async def test_a_cursor_below_the_tail_has_no_frame() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store, tail_commits=4) as registry, registry.open("doc") as session:
        for seq in range(1, 11):
            await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
        assert session.fanout.frame_after(0, versions) is None
        commits = await session.commits_after(0, 100)
        assert versions(commits) == tuple(range(1, 11))
        assert await session.commits_after(0, 9) is None


async def test_sessions_share_one_transaction() -> None:
    store = TroubledStore()
    for id in ("one", "two", "three"):
        await create(store, id)
    async with node(store) as registry:
        await _edit_all_at_once(registry, ["one", "two", "three"])
    assert store.appends <= 2


async def _edit_all_at_once(registry: Registry, ids: list[str]) -> None:
    opened = 0
    everyone = anyio.Event()

    async def write(id: str) -> None:
        nonlocal opened
        async with registry.open(id) as session:
            opened += 1
            if opened == len(ids):
                everyone.set()
            await everyone.wait()
            await session.edit(edit(session, "ada", 1, 0, insert(id)), allowed)

    async with anyio.create_task_group() as tasks:
        for id in ids:
            tasks.start_soon(write, id)


async def test_a_failing_adapter_ends_sessions_but_not_the_node() -> None:
    class Defective(MemoryStore):
        broken = True

        async def append(self, batches: Sequence[Append]) -> list[AppendResult]:
            if self.broken:
                raise ZeroDivisionError
            return await super().append(batches)

    store = Defective()
    await create(store)
    async with node(store) as registry:
        async with registry.open("doc") as session:
            with pytest.raises(StoreFailure):
                await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)
        store.broken = False
        async with registry.open("doc") as session:
            await session.edit(edit(session, "ada", 1, 0, insert("a")), allowed)


async def test_what_was_left_for_the_next_batch_is_answered_when_the_session_ends() -> None:
    store = TroubledStore()
    await create(store)
    outcomes: list[Outcome] = []
    async with node(store) as registry, registry.open("doc") as session:
        store.hold()
        for seq in (1, 2, 3):
            each = edit(session, "ada", seq, seq - 1, insert("x"))
            session.submit(Submission(each, allowed, outcomes.append))
        await store.held.wait()
        session.end(DocumentNotFound("the document has been deleted"))
        store.release()
        while len(outcomes) < 3:
            await anyio.lowlevel.checkpoint()
    assert isinstance(outcomes[0], Placed)
    assert all(isinstance(outcome, DocumentNotFound) for outcome in outcomes[1:])


async def test_history_read_before_a_catch_up_is_read_again() -> None:
    """An old base and a base of the future in one batch: catching up for the second moves the tail
    under the history that was read for the first."""
    store = MemoryStore(shared=True)
    await create(store)
    async with node(store, tail_commits=8) as here, node(store, tail_commits=8) as there:
        async with here.open("doc") as mine, there.open("doc") as theirs:
            for seq in range(1, 31):
                await theirs.edit(edit(theirs, "bob", seq, seq - 1, insert("x")), allowed)
                if seq == 20:
                    await mine.refresh()
            outcomes: list[Outcome] = []
            old = edit(mine, "ada", 1, 5, insert("END", at=5))
            future = edit(mine, "cy", 1, 30, insert("!"))
            for each in (old, future):
                mine.submit(Submission(each, allowed, outcomes.append))
            while len(outcomes) < 2:  # noqa: ASYNC110 - a follower is not told of answers
                await anyio.sleep(0.001)
            assert text_of(mine) == "!" + "x" * 30 + "END"


async def test_a_long_history_of_a_short_document_is_not_sent_to_who_comes_back() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        version = 0
        for _ in range(4):
            for operation in (insert("x" * 300_000), '[{"delete":300000}]'):
                version += 1
                await session.edit(edit(session, "ada", version, version - 1, operation), allowed)
        assert await session.commits_after(0, 1000) is None
        assert await session.commits_after(version - 2, 1000) is not None


async def test_frames_for_readers_that_are_behind_do_not_pile_up() -> None:
    store = MemoryStore()
    await create(store)
    async with node(store) as registry, registry.open("doc") as session:
        for seq in range(1, 101):
            await session.edit(edit(session, "ada", seq, seq - 1, insert("a")), allowed)
        for cursor in range(100):
            session.fanout.frame_after(cursor, versions_of)
        assert len(session.fanout._frames) <= 16


def versions_of(commits: Sequence[Commit]) -> tuple[int, ...]:
    return tuple(commit.version for commit in commits)
