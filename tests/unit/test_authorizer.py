"""Standings: what is decided at admission, and how changes reach what is under way."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence

import anyio
import pytest

from collab.authorizer import Authorizer, Standing
from collab.errors import (
    CollabError,
    DocumentNotFound,
    NotAllowed,
    NotSignedIn,
    Quarantined,
    StoreFailure,
)
from collab.rights import Principal
from collab.storage import NewGrant
from collab.storage.memory import MemoryStore
from collab.words import ANY, Access, Grant
from tests.simulation import virtual

pytestmark = pytest.mark.anyio

NONE, READ, WRITE, ADMIN = Access

Heard = list[Access | type[CollabError]]


class Recorder:
    """A holder that notes what it is told."""

    def __init__(self) -> None:
        self.heard: Heard = []

    def change_access(self, access: Access) -> None:
        self.heard.append(access)

    def end(self, error: CollabError) -> None:
        self.heard.append(type(error))


class HeldStore(MemoryStore):
    """Holds back what `grants` answers, counts its calls; fails those named in `failing`."""

    def __init__(self) -> None:
        super().__init__(shared=True)
        self.lookups = 0
        self.pages: list[int] = []
        self.failing: set[str] = set()
        self.answered = anyio.Event()
        self.release = anyio.Event()
        self.release.set()

    def hold(self) -> None:
        self.answered, self.release = anyio.Event(), anyio.Event()

    async def grants(self, documents: Sequence[str], users: Sequence[str]) -> Sequence[Grant]:
        self.lookups += 1
        self._check("grants")
        found = await super().grants(documents, users)
        self.answered.set()
        await self.release.wait()
        return found

    async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
        self._check("set_grants")
        return await super().set_grants(grants)

    async def grant_changes(self, after: int, limit: int) -> Sequence[Grant]:
        self._check("grant_changes")
        self.pages.append(after)
        return await super().grant_changes(after, limit)

    def _check(self, call: str) -> None:
        if call in self.failing:
            raise StoreFailure(f"{call} fails as told")


def who(user: str | None = "ada", *, expires: int | None = None, **rights: Access) -> Principal:
    """A principal with these rights; `all` stands for `*`."""
    said = tuple(("*" if pattern == "all" else pattern, it) for pattern, it in rights.items())
    return Principal(user, None, said, expires)


def at(now: int = 0, store: MemoryStore | None = None) -> Authorizer:
    return Authorizer(store or MemoryStore(), lambda: now)


async def held(
    authorizer: Authorizer, principal: Principal, document: str = "doc"
) -> tuple[Standing, Heard]:
    """A standing, and what its holder will hear."""
    standing = await authorizer.admit(principal, document)
    recorder = Recorder()
    standing.tell(recorder)
    return standing, recorder.heard


async def grant(
    authorizer: Authorizer, access: Access | None, *, document: str = "doc", user: str = "ada"
) -> None:
    await authorizer.change([NewGrant(document, user, access)])


async def catch_up(authorizer: Authorizer, store: MemoryStore) -> None:
    """What a node does after each poll."""
    await authorizer.catch_up((await store.poll(())).access_version)


# Admission ---------------------------------------------------------------------------------------


async def test_without_grants_the_token_counts_and_the_store_is_not_asked() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    await authorizer.start()
    standing = await authorizer.admit(who(doc=WRITE), "doc")
    assert standing.access is WRITE
    assert standing.permits(WRITE)
    assert not standing.permits(ADMIN)
    assert store.lookups == 0


async def test_a_principal_is_admitted_even_without_a_right_and_refused_when_it_is_needed() -> None:
    authorizer = at()
    unknown = await authorizer.admit(who(), "doc")
    assert unknown.access is NONE
    unknown.check(NONE)
    with pytest.raises(DocumentNotFound):
        unknown.check(READ)
    refused = await authorizer.admit(who(doc=NONE), "doc")
    with pytest.raises(NotAllowed):
        refused.check(READ)


async def test_grants_of_before_the_start_count() -> None:
    store = HeldStore()
    await store.set_grants([NewGrant("doc", ANY, READ), NewGrant("doc", "ada", WRITE)])
    authorizer = at(store=store)
    await authorizer.start()
    assert (await authorizer.admit(who("ada"), "doc")).access is WRITE
    assert (await authorizer.admit(who("bob"), "doc")).access is READ
    assert (await authorizer.admit(who(None), "doc")).access is READ
    assert (await authorizer.admit(who("ada"), "other")).access is NONE


async def test_a_lookup_that_fails_admits_nobody() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    await grant(authorizer, NONE)
    store.failing.add("grants")
    with pytest.raises(StoreFailure):
        await authorizer.admit(who(all=ADMIN), "doc")
    with pytest.raises(StoreFailure):
        await authorizer.permitted(who(all=ADMIN), ["doc"], READ)


@pytest.mark.parametrize(("expires", "holds"), [(999, False), (1000, False), (1001, True)])
async def test_an_expired_token_is_not_admitted(expires: int, holds: bool) -> None:
    authorizer = at(1000)
    principal = who(doc=READ, expires=expires)
    if holds:
        assert (await authorizer.admit(principal, "doc")).access is READ
    else:
        with pytest.raises(NotSignedIn):
            await authorizer.admit(principal, "doc")


# Changes -----------------------------------------------------------------------------------------


async def test_a_change_is_told_to_the_holder_once() -> None:
    authorizer = at()
    standing, heard = await held(authorizer, who(doc=WRITE))
    await grant(authorizer, READ)
    assert heard == [READ]
    assert standing.access is READ
    await grant(authorizer, READ)
    assert heard == [READ]
    await grant(authorizer, ADMIN)
    await grant(authorizer, None)
    assert heard == [READ, ADMIN, WRITE]


async def test_a_change_reaches_those_it_is_for_and_no_others() -> None:
    authorizer = at()
    present = [
        await held(authorizer, who("ada", all=WRITE)),
        await held(authorizer, who("ada", all=WRITE), "other"),
        await held(authorizer, who("bob", all=WRITE)),
        await held(authorizer, who(None, all=WRITE)),
        await held(authorizer, who("eve", all=ADMIN)),
    ]
    heard = [told for _, told in present]
    await grant(authorizer, ADMIN)
    assert heard == [[ADMIN], [], [], [], []]
    await grant(authorizer, READ, user=ANY)
    assert heard == [[ADMIN], [], [READ], [READ], []]
    await grant(authorizer, READ, document=ANY)
    assert heard == [[ADMIN], [READ], [READ], [READ], []]
    await grant(authorizer, NONE, document=ANY, user=ANY)
    assert heard == [[ADMIN], [READ], [READ], [READ], []]
    await grant(authorizer, None, user=ANY)
    assert heard == [[ADMIN], [READ], [READ, NotAllowed], [READ, NotAllowed], []]


@pytest.mark.parametrize("access", [NONE, None])
async def test_a_right_taken_back_ends_its_holder(access: Access | None) -> None:
    authorizer = at()
    await grant(authorizer, WRITE)
    standing, heard = await held(authorizer, who())
    await grant(authorizer, access)
    assert heard == [NotAllowed]
    assert standing.access is NONE
    with pytest.raises(NotAllowed if access is NONE else DocumentNotFound):
        standing.check(READ)


async def test_a_holder_is_ended_once_and_hears_no_more() -> None:
    authorizer = at()
    await grant(authorizer, WRITE)
    standing, heard = await held(authorizer, who())
    for access in (NONE, None, WRITE, NONE):
        await grant(authorizer, access)
    standing.end(NotSignedIn("over"))
    assert heard == [NotAllowed]


async def test_a_right_that_comes_back_is_there_for_the_next_holder() -> None:
    authorizer = at()
    standing, _ = await held(authorizer, who(doc=READ))
    await grant(authorizer, NONE)
    await grant(authorizer, WRITE)
    standing.check(WRITE)
    recorder = Recorder()
    standing.tell(recorder)
    await grant(authorizer, READ)
    assert recorder.heard == [READ]


async def test_a_holder_that_comes_after_the_end_is_ended_at_once() -> None:
    authorizer = at()
    taken_back = await authorizer.admit(who(doc=READ), "doc")
    await grant(authorizer, NONE)
    over = await authorizer.admit(who("bob", doc=READ), "doc")
    over.end(NotSignedIn("over"))
    for standing, error in ((taken_back, NotAllowed), (over, NotSignedIn)):
        recorder = Recorder()
        standing.tell(recorder)
        assert recorder.heard == [error]


async def test_only_the_newest_holder_is_told() -> None:
    authorizer = at()
    standing, first = await held(authorizer, who(doc=READ))
    second = Recorder()
    standing.tell(second)
    await grant(authorizer, WRITE)
    standing.tell(None)
    await grant(authorizer, ADMIN)
    assert (first, second.heard) == ([], [WRITE])


async def test_of_two_changes_out_of_order_the_newer_counts() -> None:
    authorizer = at()
    standing = await authorizer.admit(who(), "doc")
    standing.take([Grant("doc", "ada", READ, 7)])
    standing.take([Grant("doc", "ada", WRITE, 6)])
    assert standing.access is READ


async def test_a_change_that_was_not_stored_changes_nothing() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    standing, heard = await held(authorizer, who(doc=READ))
    store.failing.add("set_grants")
    with pytest.raises(StoreFailure):
        await grant(authorizer, WRITE)
    assert (standing.access, heard) == (READ, [])


# While an admission looks up ---------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_change_during_the_lookup_is_not_missed(elsewhere: bool) -> None:
    """The lookup's answer is older: the grant was still there."""
    store = HeldStore()
    authorizer = at(store=store)
    await grant(authorizer, WRITE)
    store.hold()
    admitted: list[Standing] = []

    async def admit() -> None:
        admitted.append(await authorizer.admit(who(doc=READ), "doc"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(admit)
        await store.answered.wait()
        if elsewhere:
            await grant(at(store=store), NONE)
            await catch_up(authorizer, store)
        else:
            await grant(authorizer, NONE)
        store.release.set()
    assert admitted[0].access is NONE
    with pytest.raises(NotAllowed):
        admitted[0].check(READ)


async def test_taking_back_during_the_lookup_is_not_undone_by_its_answer() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    await grant(authorizer, WRITE)
    store.hold()
    admitted: list[Standing] = []

    async def admit() -> None:
        admitted.append(await authorizer.admit(who(doc=READ), "doc"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(admit)
        await store.answered.wait()
        await grant(authorizer, None)
        store.release.set()
    assert admitted[0].access is READ


async def test_the_first_change_ever_is_looked_up_by_whoever_comes_meanwhile() -> None:
    """Between its commit and its answer, a change is known to nobody here but the store."""

    class LateAnswer(HeldStore):
        async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
            stored = await super().set_grants(grants)
            self.answered.set()
            await self.release.wait()
            return stored

    store = LateAnswer()
    authorizer = at(store=store)
    await authorizer.start()
    store.hold()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(grant, authorizer, NONE)
        await store.answered.wait()
        store.release.set()
        standing = await authorizer.admit(who(doc=WRITE), "doc")
        assert standing.access is NONE


# Other nodes -------------------------------------------------------------------------------------


async def test_another_nodes_change_is_heard_of() -> None:
    store = HeldStore()
    here, there = at(store=store), at(store=store)
    await here.start()
    standing, heard = await held(here, who(doc=WRITE))
    await grant(there, READ)
    assert standing.access is WRITE
    await catch_up(here, store)
    assert heard == [READ]
    await grant(there, NONE, document=ANY)
    await grant(there, None)
    await catch_up(here, store)
    assert heard == [READ, NotAllowed]
    assert (await here.admit(who(doc=WRITE), "doc")).access is NONE


async def test_ones_own_changes_are_not_told_again() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    _, heard = await held(authorizer, who(doc=WRITE))
    await grant(authorizer, READ)
    await catch_up(authorizer, store)
    assert heard == [READ]


async def test_catching_up_goes_page_by_page() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    await authorizer.start()
    _, heard = await held(authorizer, who(doc=READ))
    changes = [NewGrant(f"doc-{n}", "ada", READ) for n in range(2500)]
    await store.set_grants([*changes, NewGrant("doc", "ada", WRITE)])
    await catch_up(authorizer, store)
    assert store.pages == [0, 1000, 2000]
    assert heard == [WRITE]
    await catch_up(authorizer, store)
    assert store.pages == [0, 1000, 2000]


async def test_a_catching_up_that_fails_is_made_up_for() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    _, heard = await held(authorizer, who(doc=READ))
    await store.set_grants([NewGrant("doc", "ada", WRITE)])
    store.failing.add("grant_changes")
    with pytest.raises(StoreFailure):
        await catch_up(authorizer, store)
    store.failing.clear()
    await catch_up(authorizer, store)
    assert heard == [WRITE]


async def test_a_start_does_not_go_through_what_is_past() -> None:
    store = HeldStore()
    await store.set_grants([NewGrant("doc", "ada", WRITE)])
    authorizer = at(store=store)
    await authorizer.start()
    await catch_up(authorizer, store)
    assert store.pages == []


# The end of tokens -------------------------------------------------------------------------------


def test_the_end_of_a_token_ends_its_holder() -> None:
    async def main() -> None:
        authorizer = Authorizer(MemoryStore(), lambda: int(anyio.current_time() * 1000))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(authorizer.run)
            long, long_heard = await held(authorizer, who("bob", doc=WRITE, expires=60_000))
            short, short_heard = await held(authorizer, who(doc=WRITE, expires=10_000))
            _, never = await held(authorizer, who("cy", doc=WRITE))
            await anyio.sleep(9.9)
            assert (short_heard, short.access) == ([], WRITE)
            await anyio.sleep(1)
            assert (short_heard, short.access) == ([NotSignedIn], NONE)
            with pytest.raises(NotSignedIn):
                short.check(READ)
            await grant(authorizer, ADMIN)
            assert (short_heard, short.access) == ([NotSignedIn], NONE)
            assert (long_heard, long.access) == ([], WRITE)
            await anyio.sleep(60)
            assert (long_heard, never) == ([NotSignedIn], [])
            tasks.cancel_scope.cancel()

    virtual.run(main)


def test_a_token_that_ends_during_the_lookup_gives_no_right() -> None:
    async def main() -> None:
        store = HeldStore()
        authorizer = Authorizer(store, lambda: int(anyio.current_time() * 1000))
        await grant(authorizer, WRITE)
        store.hold()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(authorizer.run)

            async def answer_late() -> None:
                await anyio.sleep(5)
                store.release.set()

            tasks.start_soon(answer_late)
            standing = await authorizer.admit(who(expires=2000), "doc")
            with pytest.raises(NotSignedIn):
                standing.check(READ)
            tasks.cancel_scope.cancel()

    virtual.run(main)


# What is kept ------------------------------------------------------------------------------------


async def test_a_standing_lives_as_long_as_somebody_holds_on_to_it() -> None:
    authorizer = at()
    standing, heard = await held(authorizer, who(doc=READ, expires=99))
    seen = weakref.ref(standing)
    await grant(authorizer, WRITE)
    assert heard == [WRITE]
    del standing
    gc.collect()
    assert seen() is None
    await grant(authorizer, ADMIN)
    await grant(authorizer, ADMIN, document=ANY)
    assert heard == [WRITE]


def test_nothing_is_kept_for_standings_that_are_gone() -> None:
    async def main() -> None:
        authorizer = Authorizer(MemoryStore(), lambda: int(anyio.current_time() * 1000))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(authorizer.run)
            kept, heard = await held(authorizer, who(doc=READ, expires=50_000))
            for n in range(5000):
                await authorizer.admit(who(doc=READ, expires=10**9), f"doc-{n}")
            gc.collect()
            await anyio.sleep(1)
            assert (len(authorizer._standings), len(authorizer._expiring)) == (1, 1)
            await grant(authorizer, WRITE)
            await anyio.sleep(60)
            assert heard == [WRITE, NotSignedIn]
            assert kept.access is NONE
            tasks.cancel_scope.cancel()

    virtual.run(main)


# Many at once ------------------------------------------------------------------------------------


async def test_what_somebody_may_do_with_many_documents_is_asked_once() -> None:
    store = HeldStore()
    authorizer = at(store=store)
    ada = who(doc=WRITE, refused=NONE, own=ADMIN)
    documents = ["doc", "refused", "own", "given", "everybodys", "nobodys"]
    assert await authorizer.permitted(ada, documents, READ) == {"doc", "own"}
    assert store.lookups == 0
    await authorizer.change(
        [
            NewGrant("given", "ada", WRITE),
            NewGrant("everybodys", ANY, READ),
            NewGrant("own", ANY, READ),
            NewGrant("nobodys", "bob", ADMIN),
        ]
    )
    assert await authorizer.permitted(ada, documents, READ) == {"doc", "own", "given", "everybodys"}
    assert await authorizer.permitted(ada, documents, WRITE) == {"doc", "own", "given"}
    assert await authorizer.permitted(ada, documents, ADMIN) == {"own"}
    assert await authorizer.permitted(who(None), documents, READ) == {"everybodys", "own"}
    assert store.lookups == 4
    await grant(authorizer, READ, document=ANY)
    assert await authorizer.permitted(ada, documents, READ) == set(documents)
    assert await authorizer.permitted(ada, documents, WRITE) == {"given"}
    assert await authorizer.permitted(ada, [], READ) == set()


async def test_permitted_and_admitted_agree() -> None:
    authorizer = at()
    places = [(document, user) for document in ("a", "b", ANY) for user in ("ada", "bob", ANY)]
    await authorizer.change(
        [NewGrant(*place, Access(n % 4)) for n, place in enumerate(places) if n % 3]
    )
    for principal in (who("ada", a=ADMIN), who("bob", b=READ), who("cy"), who(None, all=ADMIN)):
        for needed in (READ, WRITE, ADMIN):
            expected = {
                document
                for document in ("a", "b", "c")
                if (await authorizer.admit(principal, document)).permits(needed)
            }
            assert await authorizer.permitted(principal, ("a", "b", "c"), needed) == expected


async def test_stored_grants_can_be_listed() -> None:
    authorizer = at()
    stored = await authorizer.change([NewGrant("a", "ada", READ), NewGrant("b", "bob", WRITE)])
    assert list(await authorizer.stored()) == list(stored)
    assert list(await authorizer.stored(document="b")) == [stored[1]]
    assert list(await authorizer.stored(user="ada")) == [stored[0]]
    assert list(await authorizer.stored(after=("a", "ada"), limit=1)) == [stored[1]]


def test_a_change_that_may_have_been_stored_is_looked_for() -> None:
    class Forgetful(MemoryStore):
        async def set_grants(self, grants: Sequence[NewGrant]) -> Sequence[Grant]:
            await super().set_grants(grants)
            raise StoreFailure("stored, but the answer is lost")

    async def main() -> None:
        authorizer = at(store=Forgetful())
        standing, heard = await held(authorizer, who(doc=WRITE))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(authorizer.run)
            with pytest.raises(StoreFailure):
                await grant(authorizer, READ)
            await anyio.sleep(2)
            assert (heard, standing.access) == ([READ], READ)
            tasks.cancel_scope.cancel()

    virtual.run(main)


# Quarantine ---------------------------------------------------------------------------------------


async def test_a_quarantine_sends_everybody_away_whatever_their_right() -> None:
    authorizer = at()
    people = [
        await held(authorizer, who("ada", all=ADMIN)),
        await held(authorizer, who(None, doc=WRITE)),
        await held(authorizer, who("bob", doc=READ)),
    ]
    await authorizer.quarantine("doc", True)
    assert [heard for _, heard in people] == 3 * [[Quarantined]]
    standing, late = await held(authorizer, who("ada", all=ADMIN))
    assert late == [Quarantined]
    assert not standing.permits(READ)
    with pytest.raises(Quarantined):
        standing.check(READ)


async def test_a_quarantine_is_of_one_document() -> None:
    authorizer = at()
    _, heard = await held(authorizer, who(all=WRITE), "other")
    await authorizer.quarantine("doc", True)
    assert heard == []
    assert (await authorizer.admit(who(all=WRITE), "another")).permits(WRITE)


async def test_who_may_not_know_of_a_document_hears_of_no_quarantine() -> None:
    authorizer = at()
    await authorizer.quarantine("doc", True)
    for principal, error in ((who(), DocumentNotFound), (who(doc=NONE), NotAllowed)):
        with pytest.raises(error):
            (await authorizer.admit(principal, "doc")).check(READ)
    with pytest.raises(NotAllowed):
        (await authorizer.admit(who(doc=READ), "doc")).check(WRITE)


async def test_after_a_quarantine_rights_are_as_they_were() -> None:
    authorizer = at()
    await grant(authorizer, READ)
    standing = await authorizer.admit(who(doc=WRITE), "doc")
    await authorizer.quarantine("doc", True)
    assert standing.right is READ
    await authorizer.quarantine("doc", False)
    assert standing.access is READ
    assert (await authorizer.admit(who("bob", doc=WRITE), "doc")).access is WRITE


async def test_another_node_hears_of_a_quarantine_and_of_its_end() -> None:
    store = HeldStore()
    here, there = at(store=store), at(store=store)
    standing, heard = await held(there, who(doc=WRITE))
    await here.quarantine("doc", True)
    await there.catch_up((await store.poll(())).access_version)
    assert heard == [Quarantined]
    await here.quarantine("doc", False)
    await there.catch_up((await store.poll(())).access_version)
    assert standing.access is WRITE


async def test_a_quarantine_is_found_at_the_start() -> None:
    store = HeldStore()
    await at(store=store).quarantine("doc", True)
    authorizer = at(store=store)
    await authorizer.start()
    assert await authorizer.is_quarantined("doc")
    assert not await authorizer.is_quarantined("other")
    with pytest.raises(Quarantined):
        (await authorizer.admit(who(all=ADMIN), "doc")).check(READ)


async def test_quarantines_are_listed_in_order_and_are_no_grants() -> None:
    authorizer = at()
    for id in ("c", "a", "b", "d"):
        await authorizer.quarantine(id, True)
        await grant(authorizer, READ, document=id)
    await authorizer.quarantine("d", False)
    assert await authorizer.quarantined("", 2) == ["a", "b"]
    assert await authorizer.quarantined("b", 2) == ["c"]
    for limit in (1, 2, 3, 10):
        found = await authorizer.stored(limit=limit)
        assert [(each.document, each.user) for each in found] == [
            (id, "ada") for id in "abcd"[:limit]
        ]
    assert await authorizer.permitted(who(all=READ), ["a"], READ) == {"a"}
