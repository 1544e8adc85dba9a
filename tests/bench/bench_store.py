"""How long an append takes, for one document and for a group of them.

`python tests/bench/bench_store.py [DATABASE_URL]`; without a URL, SQLite in a temporary folder.
"""

from __future__ import annotations

import sys
import tempfile
from time import perf_counter_ns

import anyio

from collab.storage import Append, AppendResult, NewDocument, Store
from collab.storage.connect import open_store
from collab.words import Commit, Credit

OPERATION = b'[{"retain":1200},{"insert":"hello"}]'
GROUP = 200


def commits(after: int, count: int) -> tuple[Commit, ...]:
    return tuple(
        Commit(
            version,
            1_760_000_000_000 + version,
            (Credit("0123456789abcdef", version, "user@example.org", b"0123456789ab"),),
            OPERATION,
        )
        for version in range(after + 1, after + count + 1)
    )


async def measure(store: Store, documents: int, count: int, calls: int) -> None:
    """Time `calls` appends, each of `count` commits for each of `documents`; write one line."""
    ids = [f"{documents}-{count}-{number}" for number in range(documents)]
    for id in ids:
        await store.create(NewDocument(id, "text", "e", 1))
    times = []
    for call in range(calls):
        rows = commits(call * count, count)
        batches = [Append(id, "e", call * count, rows) for id in ids]
        begun = perf_counter_ns()
        results = await store.append(batches)
        times.append((perf_counter_ns() - begun) / 1000)
        if set(results) != {AppendResult.OK}:
            raise SystemExit("an append was not taken")
    times.sort()
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    rate = documents * count / p50 * 1e6
    sys.stdout.write(
        f"{documents:4} documents x {count:4} commits: p50 {p50:9.0f} us   p99 {p99:9.0f} us"
        f"   {rate:9.0f} commits/s\n"
    )


async def main(database_url: str) -> None:
    async with open_store(database_url) as store:
        for count, calls in ((1, 3000), (10, 1000), (100, 300), (1000, 100)):
            await measure(store, 1, count, calls)
        for count, calls in ((1, 200), (10, 50), (100, 10), (1000, 3)):
            await measure(store, GROUP, count, calls)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/bench.db"
        anyio.run(main, url, backend_options={"use_uvloop": True})
