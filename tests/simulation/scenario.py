"""One run: clients type while things go wrong; then it calms down and everything must add up.

The rules, each checked at the end of every run:

1. the log has no gap, and no (author, seq) twice;
2. whatever a client was told is saved stands in the log where it was told;
3. every client, every node and the replayed log have the same text;
4. everything typed is there exactly once, or was given back to its author;
5. where news travels, everybody sees what everybody else shows, whatever their nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import anyio
import msgspec

from collab.errors import CollabError
from collab.registry import Registry
from collab.settings import Settings
from collab.storage import NewDocument
from collab.types.delta import TEXT
from collab.words import Commit, Edit, author_of, digest_of
from tests.simulation import virtual
from tests.simulation.client import DOCUMENT, Client
from tests.simulation.world import Chances, Node, World

_CALM_SECONDS = 60


class Plan(msgspec.Struct, frozen=True):
    """How rough a run is. Everything random about it comes from `seed`."""

    seed: int
    nodes: int
    clients: int
    seconds: float
    chances: Chances
    crashes: int = 0
    pauses: int = 0
    stops: int = 0
    drops: int = 0
    strandings: int = 0
    http_edits: int = 0
    recreations: int = 0
    trims: int = 0
    tail_commits: int = 50
    snapshot_every: int = 20
    names_max: int = 1000


def plan(seed: int) -> Plan:
    """A plan for a seed: each kind of trouble in some runs, alone and together."""
    random = Random(seed)

    def some(chance: float, most: int) -> int:
        return random.randint(1, most) if random.random() < chance else 0

    http_edits = some(0.3, 5)
    return Plan(
        seed=seed,
        nodes=random.randint(1, 3),
        clients=random.randint(2, 4),
        seconds=random.uniform(2, 6),
        chances=Chances(
            store_fails=random.choice([0, 0, 0.05, 0.2]),
            store_seconds=random.choice([0.002, 0.02, 0.2]),
            network_seconds=random.choice([0.01, 0.1, 0.5]),
            deletes=random.choice([0.0, 0.3]),
            fresh_starts=random.choice([0, 0, 0.5]),
            **_news(seed),
        ),
        crashes=some(0.3, 2),
        pauses=some(0.4, 4),
        stops=some(0.3, 2),
        drops=some(0.6, 8),
        strandings=some(0.4, 3),
        http_edits=http_edits,
        recreations=some(0.15, 1),
        trims=some(0.3, 3),
        tail_commits=random.choice([4, 50, 500]),
        snapshot_every=random.choice([5, 20, 1000]),
        # An edit without a base is the same edit only as long as its name is remembered.
        names_max=random.choice([3, 1000]) if not http_edits else 1000,
    )


def _news(seed: int) -> dict[str, Any]:
    """Half of the seeds have a bus. Drawn apart, so that the others are what they were without."""
    random = Random(-seed - 1)
    if random.random() < 0.5:
        return {}
    return {
        "news": True,
        "news_lost": random.choice([0, 0.1, 0.5]),
        "news_repeated": random.choice([0, 0.3]),
        "news_seconds": random.choice([0.002, 0.05, 1.0]),
    }


def simulate(plan: Plan) -> None:
    """Run the plan; raises AssertionError when a rule is broken."""
    virtual.run(Run(plan).play)


class Run:
    """One play of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed + 1)
        settings = Settings(
            database_url="memory://",
            tail_commits=plan.tail_commits,
            snapshot_every=plan.snapshot_every,
            names_max=plan.names_max,
            idle_seconds=2,
            max_rebase_commits=40,
        )
        self.world = World(self.random, plan.chances, settings)
        self.nodes: list[Node] = []
        self.clients: list[Client] = []
        self.http_acknowledged: list[tuple[str, str, int]] = []
        self.http_tokens: list[str] = []

    async def play(self) -> None:
        await self.world.store.create(
            NewDocument(id=DOCUMENT, type="text", epoch=self.world.make_epoch(), created=0)
        )
        self.nodes = [Node(self.world) for _ in range(self.plan.nodes)]
        self.clients = [
            Client(self.world, self.nodes, number) for number in range(self.plan.clients)
        ]
        async with anyio.create_task_group() as lives:
            for node in self.nodes:
                lives.start_soon(node.run)
            for client in self.clients:
                lives.start_soon(client.run)
            async with anyio.create_task_group() as acts:
                for act in self._acts():
                    acts.start_soon(self._sometime, act)
            self.world.calm_down()
            with anyio.fail_after(_CALM_SECONDS):
                await self._settled()
            await self._check()
            lives.cancel_scope.cancel()

    def _acts(self) -> list[Callable[[], Awaitable[None]]]:
        plan = self.plan
        acts: list[Callable[[], Awaitable[None]]] = []
        for client in self.clients:
            acts += [client.type] * self.random.randint(1, 12)
        acts += [self._crash] * plan.crashes
        acts += [self._pause] * plan.pauses
        acts += [self._stop] * plan.stops
        acts += [self._drop] * plan.drops
        acts += [self._strand] * plan.strandings
        acts += [self._http_edit] * plan.http_edits
        acts += [self._recreate] * plan.recreations
        acts += [self._trim] * plan.trims
        if self.world.rough is not None:
            acts += [self._show] * (2 * plan.clients)
            acts += [self._outage] * self.random.randint(0, 2)
        return acts

    async def _sometime(self, act: Callable[[], Awaitable[None]]) -> None:
        await anyio.sleep(self.random.uniform(0, self.plan.seconds))
        await act()

    # What happens ---------------------------------------------------------------------------------

    async def _crash(self) -> None:
        self.random.choice(self.nodes).crash()

    async def _stop(self) -> None:
        self.random.choice(self.nodes).stop()

    async def _pause(self) -> None:
        await self.random.choice(self.nodes).pause(self.random.uniform(0, 3))

    async def _strand(self) -> None:
        """A node stops with a client's edit in its hands; the client goes elsewhere."""
        client = self.random.choice(self.clients)
        await client.type()
        await anyio.sleep(self.random.uniform(0, 2 * self.plan.chances.network_seconds))
        if client.node is not None:
            client.drop_connection(10)
            await client.node.pause(self.random.uniform(1, 5))

    async def _drop(self) -> None:
        self.random.choice(self.clients).drop_connection(self.random.uniform(0, 1))

    async def _show(self) -> None:
        self.random.choice(self.clients).show()

    async def _outage(self) -> None:
        """The bus is away for some time."""
        rough = self.world.rough
        assert rough is not None
        rough.away = True
        await anyio.sleep(self.random.uniform(0, 3))
        rough.come_back()

    async def _trim(self) -> None:
        """History goes behind the newest snapshot, at once."""
        document = await self.world.store.get(DOCUMENT)
        if document is not None:
            await self.world.store.trim(DOCUMENT, document.epoch, self.world.now() + 1)

    async def _recreate(self) -> None:
        await self.world.store.delete(DOCUMENT)
        await anyio.sleep(self.random.uniform(0, 1))
        await self.world.store.create(
            NewDocument(id=DOCUMENT, type="text", epoch=self.world.make_epoch(), created=0),
            revive=True,
        )

    async def _http_edit(self) -> None:
        """A program's edit under an Idempotency-Key, repeated until somebody answers."""
        token = self.world.make_token()
        self.http_tokens.append(token)
        raw = f'[{{"insert":"{token}"}}]'.encode()
        edit = Edit(author_of(f"http:-:{token}"), 1, None, TEXT.parse(raw), digest_of(None, raw))
        while True:
            registry = self.random.choice(self.nodes).registry
            if registry is not None and await self._try_http(registry, edit):
                return
            await anyio.sleep(0.1)

    async def _try_http(self, registry: Registry, edit: Edit) -> bool:
        # A crash of the node leaves the caller without an answer, not cancelled.
        with anyio.move_on_after(5):
            try:
                async with registry.open(DOCUMENT) as session:
                    placed = await session.edit(edit, lambda: True)
                    self.http_acknowledged.append((session.epoch, edit.author, placed.version))
                    return True
            except (CollabError, RuntimeError):
                return False
        return False

    # How it has to end ----------------------------------------------------------------------------

    async def _settled(self) -> None:
        while not await self._is_settled():  # noqa: ASYNC110 - time is virtual
            await anyio.sleep(0.1)

    async def _is_settled(self) -> bool:
        document = await self.world.store.get(DOCUMENT)
        assert document is not None
        return self._all_see_all() and all(
            client.replica.live
            and client.replica.settled
            and (client.replica.epoch, client.replica.version) == (document.epoch, document.version)
            for client in self.clients
        )

    def _all_see_all(self) -> bool:
        if self.world.rough is None:
            return True
        shown = {each.replica.author: each.shows for each in self.clients if each.shows}
        return all(
            each.sees()
            == {author: n for author, n in shown.items() if author != each.replica.author}
            for each in self.clients
        )

    async def _check(self) -> None:
        loaded = await self.world.store.load(DOCUMENT)
        assert loaded is not None
        document = loaded.document
        log = await self._log(document.epoch, document.floor)
        assert [commit.version for commit in log] == list(
            range(document.floor + 1, document.version + 1)
        ), "the log has a gap"
        names = Counter((credit.author, credit.seq) for commit in log for credit in commit.credits)
        assert all(count == 1 for count in names.values()), f"committed twice: {names}"
        self._check_promises(document.epoch, document.floor, log)
        state = TEXT.load(loaded.snapshot.content) if loaded.snapshot else TEXT.empty()
        for commit in loaded.commits:
            state = TEXT.apply(state, TEXT.decode(commit.operation))
        text = state.text()
        for client in self.clients:
            assert client.replica.local.text() == text, "a client has another text"
        self._check_tokens(text)

    async def _log(self, epoch: str, floor: int) -> list[Commit]:
        log: list[Commit] = []
        while page := await self.world.store.read(
            DOCUMENT, epoch, log[-1].version if log else floor, 500
        ):
            log += page
        return log

    def _check_promises(self, epoch: str, floor: int, log: list[Commit]) -> None:
        places = {
            (credit.author, commit.version): credit.seq
            for commit in log
            for credit in commit.credits
        }
        for client in self.clients:
            for name in client.saved:
                if name.epoch == epoch and name.version > floor:
                    assert places.get((name.author, name.version)) == name.seq, f"lost: {name}"
        for at, author, version in self.http_acknowledged:
            if at == epoch and version > floor:
                assert (author, version) in places, "an HTTP edit was acknowledged and is lost"

    def _check_tokens(self, text: str) -> None:
        for client in self.clients:
            assert set(client.refused) <= {"edit_fate_unknown"}, f"refused: {client.refused}"
        # What was durable in a deleted document is gone with it. What a client got back because its
        # name had been forgotten may be there or not. Nothing is ever there twice.
        returned = "".join(text for client in self.clients for text in client.returned)
        for token in self._tokens():
            expected = {0, 1} if self.plan.recreations or token in returned else {1}
            assert text.count(token) in expected, f"{token!r} is there {text.count(token)} times"

    def _tokens(self) -> list[str]:
        return [token for client in self.clients for token in client.typed] + self.http_tokens
