"""One run with Yjs editors: rough nodes, then calm, then all replicas must be one.

The rules, each checked at the end of every run:

1. every client, and what a fresh node loads, hold the same document: equal text, equal vectors;
2. everything typed is there exactly once;
3. the log alone, replayed, gives that document too.
"""

from __future__ import annotations

from random import Random
from typing import Any

import anyio
import pycrdt

from collab.settings import Settings
from collab.storage import NewDocument
from collab.types.yjs import YJS
from collab.types.yjs_guard import check_state_vector
from tests.simulation import virtual
from tests.simulation.client import DOCUMENT
from tests.simulation.scenario import Plan
from tests.simulation.world import Node, World
from tests.simulation.yjs_client import YjsClient

_NODES = 3
_CALM_SECONDS = 60


def simulate(plan: Plan) -> None:
    """Run the plan; raises AssertionError when a rule is broken."""
    virtual.run(YjsRun(plan).play)


class YjsRun:
    """One play of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed + 1)
        settings = Settings(
            database_url="memory://",
            tail_commits=plan.tail_commits,
            snapshot_every=plan.snapshot_every,
            idle_seconds=2,
        )
        self.world = World(self.random, plan.chances, settings)
        self.nodes: list[Node] = []
        self.clients: list[YjsClient] = []

    async def play(self) -> None:
        new = NewDocument(id=DOCUMENT, type="yjs", epoch="e1", created=0)
        await self.world.store.create(new)
        self.nodes = [Node(self.world) for _ in range(_NODES)]
        self.clients = [
            YjsClient(self.world, self.nodes, number) for number in range(self.plan.clients)
        ]
        async with anyio.create_task_group() as lives:
            for node in self.nodes:
                lives.start_soon(node.run)
            for client in self.clients:
                lives.start_soon(client.run)
            async with anyio.create_task_group() as acts:
                for client in self.clients:
                    for _ in range(self.random.randint(1, 12)):
                        acts.start_soon(self._later, client.type)
                trouble = [self._crash] * self.plan.crashes + [self._pause] * self.plan.pauses
                trouble += [self._stop] * self.plan.stops + [self._drop] * self.plan.drops
                for act in trouble:
                    acts.start_soon(self._later, act)
            self.world.calm_down()
            with anyio.fail_after(_CALM_SECONDS):
                while not await self._is_settled():  # noqa: ASYNC110 - time is virtual
                    await anyio.sleep(0.1)
            await self._check()
            lives.cancel_scope.cancel()

    async def _later(self, act: object) -> None:
        await anyio.sleep(self.random.uniform(0, self.plan.seconds))
        assert callable(act)
        await act()

    async def _crash(self) -> None:
        self.random.choice(self.nodes).crash()

    async def _stop(self) -> None:
        self.random.choice(self.nodes).stop()

    async def _pause(self) -> None:
        await self.random.choice(self.nodes).pause(self.random.uniform(0, 3))

    async def _drop(self) -> None:
        self.random.choice(self.clients).drop_connection(self.random.uniform(0, 1))

    async def _is_settled(self) -> bool:
        """A state vector says nothing of deletions, so the texts have to agree too."""
        stored = await self._stored()
        clocks = check_state_vector(stored.get_state())
        text = str(stored.get("text", type=pycrdt.Text))
        return all(
            client.synced
            and check_state_vector(client.doc.get_state()) == clocks
            and str(client.text) == text
            for client in self.clients
        )

    async def _stored(self) -> pycrdt.Doc[Any]:
        """What a fresh node would load."""
        loaded = await self.world.store.load(DOCUMENT)
        assert loaded is not None
        state = YJS.load(loaded.snapshot.content) if loaded.snapshot else YJS.empty()
        for commit in loaded.commits:
            state = YJS.apply(state, YJS.decode(commit.operation))
        return _document(state.committed())

    async def _check(self) -> None:
        text = str((await self._stored()).get("text", type=pycrdt.Text))
        for client in self.clients:
            assert str(client.text) == text, "a client has another text"
        commits = await self.world.store.read(DOCUMENT, "e1", 0, 10_000)
        replayed = _document(YJS.merge(commits))
        assert str(replayed.get("text", type=pycrdt.Text)) == text, "the log tells otherwise"
        for token in "".join(token for client in self.clients for token in client.typed):
            assert text.count(token) == 1, f"{token!r} is there {text.count(token)} times"


def _document(update: bytes) -> pycrdt.Doc[Any]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(update)
    return doc
