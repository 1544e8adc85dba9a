"""Compare-and-append in PostgreSQL: one statement for a whole group, and settling what was lost.

Knows statements and sessions, and nothing of how often an attempt is made.

An attempt whose connection broke may have happened, may still happen, or never will; to read
nothing back proves nothing. To make the same attempt again does: if it is taken, the lost one is
not, as it expects a head that is there no more; if it meets another head, the commits stored after
the expected one tell whether they are ours. Either way the lost attempt has no chance any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collab.errors import StoreFailure
from collab.storage import Append, AppendResult
from collab.storage.contract import encode_credits, is_run
from collab.storage.postgres_pool import Again, Refused, Session
from collab.storage.postgres_queries import LOCK_WAIT, columns_of
from collab.storage.postgres_values import LARGEST, bounded, storable

# By document, each at a place: $1 ids  $2 epochs  $3 expected versions  $4 versions afterwards
# $5 times  $6 whether the commits are numbered as they have to be
# By commit: $7 places  $8 versions  $9 times  $10 credits  $11 operations
#
# `head` locks the rows in the order of their ids, so that two groups never wait for each other in
# a ring, and holds each row as it was when the lock was got. All else hangs on that.
_APPEND = f"""
WITH limits AS MATERIALIZED ({LOCK_WAIT}), wanted AS MATERIALIZED (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[]
    ) WITH ORDINALITY AS wanted (id, epoch, expected, version, time, fits, place)
), head AS MATERIALIZED (
    SELECT key, id, epoch, version, deleted FROM documents
    WHERE id = ANY($1::text[]) AND (SELECT set FROM limits) IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE
), judged AS MATERIALIZED (
    SELECT wanted.place, head.key, wanted.version, wanted.time, CASE
        WHEN head.key IS NULL OR head.deleted OR head.epoch <> wanted.epoch THEN 'gone'
        WHEN head.version <> wanted.expected THEN 'conflict'
        WHEN NOT wanted.fits THEN 'failed'
        ELSE 'ok' END AS result
    FROM wanted LEFT JOIN head ON head.id = wanted.id
), moved AS (
    UPDATE documents
    SET version = judged.version, updated = greatest(documents.updated, judged.time)
    FROM judged WHERE documents.key = judged.key AND judged.result = 'ok'
    RETURNING documents.key, judged.place
), added AS (
    INSERT INTO commits (document, version, time, credits, operation)
    SELECT moved.key, new.version, new.time, new.credits, new.operation
    FROM unnest($7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[])
        AS new (place, version, time, credits, operation)
    JOIN moved ON moved.place = new.place
)
SELECT result FROM judged ORDER BY place
"""

# $1 ids  $2 epochs  $3 expected versions  $4 versions afterwards
_STORED = """
SELECT wanted.place, head.version AS head, head.floor,
    logged.version, logged.time, logged.credits, logged.operation
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
    WITH ORDINALITY AS wanted (id, epoch, expected, version, place)
JOIN documents AS head
    ON head.id = wanted.id AND head.epoch = wanted.epoch AND NOT head.deleted
LEFT JOIN commits AS logged
    ON logged.document = head.key
    AND logged.version > wanted.expected AND logged.version <= wanted.version
ORDER BY wanted.place, logged.version
"""


async def append(session: Session, batches: Sequence[Append], unknown: bool) -> list[AppendResult]:
    """One attempt; `unknown` says that an earlier one may have happened. Raises Again."""
    known = [batch for batch in batches if storable(batch.id, batch.epoch)]
    attempted = await _append(session, known)
    if unknown:
        attempted = await _settle(session, known, attempted)
    if len(known) == len(batches):
        return attempted
    by_id = dict(zip((batch.id for batch in known), attempted, strict=True))
    return [by_id.get(batch.id, AppendResult.GONE) for batch in batches]


async def _append(session: Session, batches: Sequence[Append]) -> list[AppendResult]:
    """All at once; one by one if there is one among them that the database will not have."""
    try:
        return await _append_group(session, batches)
    except Refused:
        if len(batches) == 1:
            return [AppendResult.FAILED]
    try:
        return [result for batch in batches for result in await _append(session, [batch])]
    except Again as error:
        error.undone = False  # the batches before it are stored
        raise


async def _append_group(session: Session, batches: Sequence[Append]) -> list[AppendResult]:
    fits = [_fits(batch) for batch in batches]
    places = [
        place
        for place, (batch, fit) in enumerate(zip(batches, fits, strict=True), start=1)
        if fit
        for _ in batch.commits
    ]
    commits = [
        commit for batch, fit in zip(batches, fits, strict=True) if fit for commit in batch.commits
    ]
    latest = [
        max((commit.time for commit in batch.commits), default=0) if fit else 0
        for batch, fit in zip(batches, fits, strict=True)
    ]
    rows = await session.fetch(
        _APPEND, *_expectations(batches), latest, fits, places, *columns_of(commits)
    )
    return [AppendResult(result) for (result,) in rows]


def _fits(batch: Append) -> bool:
    """Whether the commits go on from the head in numbers that the columns can hold."""
    return is_run(batch.commits, batch.expected_version) and all(
        0 < commit.version <= LARGEST and abs(commit.time) <= LARGEST for commit in batch.commits
    )


def _expectations(batches: Sequence[Append]) -> tuple[list[str], list[str], list[int], list[int]]:
    """Ids, epochs, expected versions, versions afterwards."""
    return (
        [batch.id for batch in batches],
        [batch.epoch for batch in batches],
        [bounded(batch.expected_version) for batch in batches],
        [bounded(batch.expected_version + len(batch.commits)) for batch in batches],
    )


async def _settle(
    session: Session, batches: Sequence[Append], results: Sequence[AppendResult]
) -> list[AppendResult]:
    """The results, with those conflicts taken for OK that an earlier attempt of ours has caused."""
    if AppendResult.CONFLICT not in results:
        return list(results)
    stored: dict[int, list[Any]] = {}
    for row in await session.fetch(_STORED, *_expectations(batches)):
        stored.setdefault(row["place"] - 1, []).append(row)
    return [
        AppendResult.OK
        if result is AppendResult.CONFLICT and _is_ours(batches[place], stored.get(place, []))
        else result
        for place, result in enumerate(results)
    ]


def _is_ours(batch: Append, rows: Sequence[Any]) -> bool:
    """Whether what is stored after the expected version is what the batch holds.

    Raises StoreFailure if that cannot be told any more, all of it having been trimmed.
    """
    until = batch.expected_version + len(batch.commits)
    if not batch.commits or not rows or rows[0]["head"] < until:
        return False
    if rows[0]["floor"] >= until:
        raise StoreFailure("whether commits were stored cannot be told: they are trimmed already")
    found = {row["version"]: (row["time"], row["credits"], row["operation"]) for row in rows}
    return all(
        found.get(commit.version) == (commit.time, encode_credits(commit.credits), commit.operation)
        for commit in batch.commits
        if commit.version > rows[0]["floor"]
    )
