"""Any version of a long history over HTTP, and what the milestones cost that make it fast.

A quarter of a million edits of one character each, as somebody typed a paper. As text they are
edits of a live session, which leaves milestones behind; as yjs they are put into the store without
any, as an older version of the server would have left them, and the server fills them in. Then 300
versions, picked by a seed, are read from a server that was just started, each compared with what it
has to be.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import httpx
import msgspec
import pycrdt
from rich.table import Table

from collab.inbox import Submission
from collab.ot.delta import Delta, Op, delete, insert, retain
from collab.ot.rope import Rope
from collab.registry import open_registry
from collab.settings import Settings
from collab.storage import Append, NewDocument, Store
from collab.storage.connect import open_store
from collab.traces import read_trace
from collab.types.delta import TEXT
from collab.types.yjs import YJS
from collab.types.yjs_replica import Change
from collab.words import Commit, Credit, Edit, author_of, digest_of
from tests.bench.process import Cores, running_server
from tests.bench.room import BenchFailed

TRACE = Path(__file__).parents[3] / "shared" / "traces" / "automerge-paper.json.gz"
READS = 300
TARGET_P99_MS = 200.0
_SEED = 7
_GENERATED_EDITS = 250_000
_EPOCH = "bench"
_AUTHOR = author_of("a writer of a history")
_USER = "writer"
_TIME = 1_700_000_000_000
_MS_PER_EDIT = 500
_BATCH = 5000
_PATIENCE_SECONDS = 300.0


class History(msgspec.Struct, frozen=True):
    """One document's figures; times in ms, but `filled_seconds`: how long it took to fill in the
    milestones of a history that had none."""

    type: str
    source: str
    commits: int
    log_bytes: int
    milestones: int
    milestone_bytes: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    filled_seconds: float | None

    @property
    def share(self) -> float:
        """What the milestones take, of what the log takes."""
        return self.milestone_bytes / self.log_bytes


def measure_history(command: Sequence[str], cores: Cores) -> list[History]:
    """The figures of a text document and of a yjs document."""
    source, operations = _edits()
    return [
        anyio.run(_measure, type, source, operations, command, cores) for type in ("text", "yjs")
    ]


def _edits() -> tuple[str, list[Delta]]:
    if TRACE.exists():
        trace = read_trace(TRACE, 1)
        start: list[Delta] = [(insert(trace.start),)] if trace.start else []
        return "automerge-paper", start + [each.operation for each in trace.transactions]
    return f"no trace there: {_GENERATED_EDITS:,} generated edits", list(_generated())


def _generated() -> Iterator[Delta]:
    """Somebody who types, deletes a little, and goes elsewhere now and then."""
    pick = random.Random(_SEED)
    length = cursor = 0
    for _ in range(_GENERATED_EDITS):
        if pick.random() < 0.01:
            cursor = pick.randint(0, length)
        before: list[Op] = []
        if cursor and pick.random() < 0.3:
            cursor -= 1
            length -= 1
            change = delete(1)
        else:
            change = insert(pick.choice("etaoin shrdlu\n"))
            length += 1
        if cursor:
            before = [retain(cursor)]
        if change.insert is not None:
            cursor += 1
        yield (*before, change)


async def _measure(
    type: str, source: str, operations: list[Delta], command: Sequence[str], cores: Cores
) -> History:
    pick = random.Random(_SEED)
    versions = sorted(pick.randint(1, len(operations)) for _ in range(READS))
    expected = _texts(operations, set(versions))
    pick.shuffle(versions)
    with tempfile.TemporaryDirectory(prefix="collab-bench-") as folder:
        url = f"sqlite:///{folder}/bench.db"
        await (_type_live if type == "text" else _put_in)(url, operations)
        with running_server(command, Path(folder), cores) as server:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{server.port}", timeout=60
            ) as client:
                filled = await _wait_until_filled(client, len(operations))
                took = [await _read(client, version, expected[version]) for version in versions]
        async with open_store(url) as store:
            marks = await store.milestones("paper", _EPOCH)
            log_bytes = await store.log_bytes("paper", _EPOCH, 0, len(operations))
    cuts = statistics.quantiles(took, n=100)
    return History(
        type=type,
        source=source,
        commits=len(operations),
        log_bytes=log_bytes,
        milestones=len(marks),
        milestone_bytes=sum(mark.size for mark in marks),
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        longest_ms=max(took),
        filled_seconds=None if type == "text" else filled,
    )


def _texts(operations: Sequence[Delta], versions: set[int]) -> dict[int, str]:
    """What the document contains at these versions."""
    texts = {}
    rope = Rope.empty()
    for version, operation in enumerate(operations, start=1):
        rope = rope.apply(operation)
        if version in versions:
            texts[version] = rope.text()
    return texts


async def _create(store: Store, type: str) -> None:
    await store.create(NewDocument("paper", type, _EPOCH, _TIME))


async def _type_live(url: str, operations: Sequence[Delta]) -> None:
    """As edits of one session, as fast as it takes them."""
    settings = Settings(database_url=url)
    refused: list[object] = []
    answered = 0
    done = anyio.Event()

    def answer(outcome: object) -> None:
        nonlocal answered
        answered += 1
        if isinstance(outcome, Exception):
            refused.append(outcome)
        if refused or answered == len(operations):
            done.set()

    async with (
        open_store(url) as store,
        open_registry(store, settings) as registry,
    ):
        await _create(store, "text")
        async with registry.open("paper") as session:
            for operation in operations:
                digest = digest_of(None, TEXT.encode(operation))
                edit = Edit(_AUTHOR, 0, None, operation, digest, _USER)
                await session.room()
                session.submit(Submission(edit, lambda: True, answer))
            await done.wait()
    if refused:
        raise BenchFailed(f"an edit was refused: {refused[0]}")


async def _put_in(url: str, operations: Sequence[Delta]) -> None:
    """Straight into the store."""
    async with open_store(url) as store:
        await _create(store, "yjs")
        updates = _updates(operations)
        for start in range(0, len(updates), _BATCH):
            commits = tuple(
                Commit(
                    version=version,
                    time=_TIME + version * _MS_PER_EDIT,
                    credits=(Credit(_AUTHOR, 0, _USER, digest_of(None, update)),),
                    operation=YJS.encode(Change(update, {7: _USER} if version == 1 else {})),
                )
                for version, update in enumerate(updates[start : start + _BATCH], start=start + 1)
            )
            await store.append([Append("paper", _EPOCH, start, commits)])


def _updates(operations: Sequence[Delta]) -> list[bytes]:
    """What a Yjs editor would have sent."""
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=7)
    text = doc.get("codemirror", type=pycrdt.Text)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    for operation in operations:
        with doc.transaction():
            position = 0
            for op in operation:
                if op.retain is not None:
                    position += op.retain
                elif isinstance(op.insert, str):
                    text.insert(position, op.insert)
                    position += len(op.insert.encode())
                elif op.delete is not None:
                    del text[position : position + op.delete]
    doc.unobserve(subscription)
    if len(updates) != len(operations):
        raise BenchFailed("an edit of the history changes nothing")
    return updates


async def _wait_until_filled(client: httpx.AsyncClient, versions: int) -> float:
    """Ask for the last version but one until it is told; the seconds that took."""
    began = time.perf_counter()
    while time.perf_counter() < began + _PATIENCE_SECONDS:
        answer = await client.get(f"/v1/documents/paper/content?version={versions - 1}")
        if answer.status_code == 200:
            return time.perf_counter() - began
        if answer.status_code != 503:
            raise BenchFailed(f"a past version is answered with {answer.status_code}")
    raise BenchFailed("the history has no milestones in time")


async def _read(client: httpx.AsyncClient, version: int, text: str) -> float:
    """Milliseconds until it is there."""
    began = time.perf_counter()
    answer = await client.get(f"/v1/documents/paper/content?version={version}")
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != 200 or answer.text != text:
        raise BenchFailed(f"version {version} is not what was typed ({answer.status_code})")
    return took


COLUMNS = (
    "type",
    "commits",
    "log MB",
    "milestones",
    "MB",
    "of the log",
    "p50 ms",
    "p99 ms",
    "longest",
    "filled in",
)


def history_cells(history: History) -> tuple[str, ...]:
    """One row of the table."""
    filled = history.filled_seconds
    return (
        history.type,
        f"{history.commits:,}",
        f"{history.log_bytes / 1e6:.1f}",
        f"{history.milestones:,}",
        f"{history.milestone_bytes / 1e6:.1f}",
        f"{history.share:.0%}",
        f"{history.p50_ms:.0f}",
        f"{history.p99_ms:.0f}",
        f"{history.longest_ms:.0f}",
        "" if filled is None else f"{filled:.0f} s",
    )


def history_table(histories: Sequence[History]) -> Table:
    """The figures for the console."""
    source = histories[0].source
    table = Table(title=f"Any version of a long history ({source})", title_justify="left")
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for history in histories:
        table.add_row(*history_cells(history))
    return table
