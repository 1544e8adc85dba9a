"""The port's methods as PostgreSQL statements: SQL, and rows made into words.

Each is one statement, so it sees one state of the database and commits by itself. In READ
COMMITTED, a row that is locked is looked at again as it is then, but what else a statement reads is
as it was when the statement began: what must not change in between hangs on a locked row. Knows
neither connections nor waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collab.errors import DocumentBroken
from collab.storage.contract import (
    decode_credits,
    decode_metadata,
    decode_retention,
    encode_credits,
)
from collab.words import Access, Commit, Document, Grant, Snapshot

SNAPSHOTS_KEPT = 2
LOCK_WAIT_MS = 3000

# An outsider's lock is not waited for beyond this. The setting ends with the statement's own
# transaction; whoever locks rows asks for it first, by comparing with it.
LOCK_WAIT = f"SELECT set_config('lock_timeout', '{LOCK_WAIT_MS}', true) AS set"

ROW = "id, type, epoch, version, floor, created, updated, metadata, retention"

GET = f"SELECT {ROW} FROM documents WHERE id = $1 AND NOT deleted"

# $1 id  $2 type  $3 epoch  $4 version  $5 created  $6 updated  $7 metadata  $8 revive
# $9… the commits: versions, times, credits, operations
CREATE = f"""
WITH made AS (
    INSERT INTO documents AS there
        (id, type, epoch, version, floor, created, updated, metadata, deleted)
    VALUES ($1, $2, $3, $4, 0, $5, $6, $7, FALSE)
    ON CONFLICT (id) DO UPDATE SET
        type = excluded.type, epoch = excluded.epoch, version = excluded.version, floor = 0,
        created = excluded.created, updated = excluded.updated, metadata = excluded.metadata,
        retention = excluded.retention, deleted = FALSE
    WHERE there.deleted AND $8
    RETURNING key, {ROW}
), added AS (
    INSERT INTO commits (document, version, time, credits, operation)
    SELECT made.key, new.*
    FROM made, unnest($9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[]) AS new
)
SELECT {ROW} FROM made
"""

IS_DELETED = "SELECT epoch, deleted FROM documents WHERE id = $1"

# $1 id
LOAD = f"""
WITH found AS MATERIALIZED (
    SELECT key, {ROW},
        EXISTS (
            SELECT FROM commits WHERE document = key AND commits.version > documents.version
        ) AS above
    FROM documents WHERE id = $1 AND NOT deleted
), newest AS MATERIALIZED (
    SELECT kept.version, kept.time, kept.content, kept.names
    FROM found, snapshots AS kept
    WHERE kept.document = found.key AND kept.version <= found.version
    ORDER BY kept.version DESC LIMIT 1
)
SELECT 0 AS kind, version, created AS time, NULL::bytea AS first, NULL::bytea AS second,
    id, type, epoch, floor, updated, metadata, retention, above FROM found
UNION ALL
SELECT 1, version, time, content, names,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM newest
UNION ALL
SELECT 2, logged.version, logged.time, logged.credits, logged.operation,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM found, commits AS logged
WHERE logged.document = found.key AND logged.version <= found.version
    AND logged.version > coalesce((SELECT version FROM newest), 0)
ORDER BY kind, version
"""

# $1 id  $2 epoch  $3 after  $4 until  $5 max_bytes
READ = f"""
WITH found AS MATERIALIZED (
    SELECT key, {ROW} FROM documents WHERE id = $1 AND epoch = $2 AND NOT deleted
), page AS (
    SELECT logged.version, logged.time, logged.credits, logged.operation,
        sum(octet_length(logged.operation)) OVER (ORDER BY logged.version) AS bytes,
        count(*) OVER () AS there
    FROM found, commits AS logged
    WHERE logged.document = found.key AND logged.version > $3 AND logged.version <= $4
        AND logged.version <= found.version
)
SELECT found.id, found.type, found.epoch, found.version, found.floor, found.created,
    found.updated, found.metadata, found.retention, coalesce(page.there, 0) AS there,
    page.version AS number, page.time, page.credits, page.operation
FROM found LEFT JOIN page ON page.bytes <= $5 OR page.version - 1 = $3
ORDER BY page.version
"""

POLL = """
SELECT id, epoch, version FROM documents WHERE id = ANY($1::text[]) AND NOT deleted
UNION ALL SELECT NULL, NULL, version FROM access_version
"""

# $1 id  $2 epoch  $3 version  $4 time  $5 content  $6 names  $7 how many older ones are kept
SAVE_SNAPSHOT = f"""
WITH limits AS MATERIALIZED ({LOCK_WAIT}), head AS MATERIALIZED (
    SELECT key FROM documents
    WHERE id = $1 AND epoch = $2 AND version >= $3 AND NOT deleted
        AND (SELECT set FROM limits) IS NOT NULL
    FOR NO KEY UPDATE
), kept AS MATERIALIZED (
    SELECT old.version FROM head, snapshots AS old WHERE old.document = head.key
), added AS (
    INSERT INTO snapshots (document, version, time, content, names)
    SELECT head.key, $3, $4, $5, $6 FROM head
    WHERE NOT EXISTS (SELECT FROM kept WHERE kept.version >= $3)
    ON CONFLICT DO NOTHING
    RETURNING document
), dropped AS (
    DELETE FROM snapshots AS old USING added
    WHERE old.document = added.document
        AND old.version NOT IN (SELECT version FROM kept ORDER BY version DESC LIMIT $7)
)
SELECT document FROM added
"""

# $1 id  $2 epoch  $3 before  $4 whether only to tell
TRIM = f"""
WITH limits AS MATERIALIZED ({LOCK_WAIT}), head AS MATERIALIZED (
    SELECT key, floor FROM documents
    WHERE id = $1 AND epoch = $2 AND NOT deleted AND (SELECT set FROM limits) IS NOT NULL
    FOR NO KEY UPDATE
), newest AS MATERIALIZED (
    SELECT coalesce(max(kept.version), 0) AS version
    FROM head, snapshots AS kept WHERE kept.document = head.key
), goal AS MATERIALIZED (
    SELECT head.key, head.floor AS old, greatest(head.floor, coalesce((
        SELECT min(logged.version) - 1 FROM commits AS logged, newest
        WHERE logged.document = head.key AND logged.time >= $3
            AND logged.version > head.floor AND logged.version <= newest.version
    ), (SELECT version FROM newest))) AS floor
    FROM head
), raised AS (
    UPDATE documents SET floor = goal.floor, floor_time = coalesce((
        SELECT time FROM commits AS logged
        WHERE logged.document = goal.key AND logged.version = goal.floor
    ), 0) FROM goal
    WHERE documents.key = goal.key AND goal.floor > goal.old AND NOT $4::boolean
    RETURNING documents.key, documents.floor
), forgotten AS (
    DELETE FROM commits USING raised
    WHERE commits.document = raised.key AND commits.version <= raised.floor
), dropped AS (
    DELETE FROM snapshots USING raised
    WHERE snapshots.document = raised.key AND snapshots.version < raised.floor
), passed AS (
    DELETE FROM milestones USING raised
    WHERE milestones.document = raised.key AND milestones.version < raised.floor
        AND NOT EXISTS (
            SELECT FROM versions AS named
            WHERE named.document = milestones.document AND named.version = milestones.version
        )
)
SELECT floor FROM goal
"""

# $1 after  $2 prefix  $3 end of prefix or null  $4 type or null  $5 limit
LIST = f"""
SELECT {ROW} FROM documents
WHERE NOT deleted AND id > $1 AND id >= $2 AND ($3::text IS NULL OR id < $3)
    AND ($4::text IS NULL OR type = $4)
ORDER BY id LIMIT $5
"""

SET_METADATA = f"""
UPDATE documents SET metadata = $2 WHERE id = $1 AND NOT deleted RETURNING {ROW}
"""

SET_RETENTION = f"""
UPDATE documents SET retention = $2 WHERE id = $1 AND NOT deleted RETURNING {ROW}
"""

# Deleting takes two statements, so that the second sees what was appended until the first had the
# row. Should this process stand still in between, the server ends the transaction.
BEGIN = f"""
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = {LOCK_WAIT_MS};
SET LOCAL idle_in_transaction_session_timeout = {LOCK_WAIT_MS}
"""
MARK_DELETED = """
UPDATE documents SET epoch = '', version = 0, floor = 0, floor_time = 0, metadata = '{}',
    retention = '{}', deleted = TRUE
WHERE id = $1 AND NOT deleted RETURNING key
"""
ERASE = """
WITH erased AS (DELETE FROM snapshots WHERE document = $1),
    forgotten AS (DELETE FROM milestones WHERE document = $1),
    unnamed AS (DELETE FROM versions WHERE document = $1)
DELETE FROM commits WHERE document = $1
"""
COMMIT = "COMMIT"

GRANT_ROW = "document, grantee, access, version"

# $1 documents  $2 users  $3 accesses. The counter's row is locked until all of it is visible.
SET_GRANTS = """
WITH counted AS (
    UPDATE access_version SET version = version + cardinality($1::text[])
    RETURNING version - cardinality($1::text[]) AS before
), new AS MATERIALIZED (
    SELECT given.document, given.grantee, given.access, counted.before + given.place AS version
    FROM counted, unnest($1::text[], $2::text[], $3::int[])
        WITH ORDINALITY AS given(document, grantee, access, place)
), stored AS (
    INSERT INTO grants (document, grantee, access, version)
    SELECT DISTINCT ON (document, grantee) document, grantee, access, version
    FROM new ORDER BY document, grantee, version DESC
    ON CONFLICT (document, grantee) DO UPDATE
    SET access = excluded.access, version = excluded.version
)
SELECT document, grantee, access, version FROM new ORDER BY version
"""

GRANTS = f"""
SELECT {GRANT_ROW} FROM grants
WHERE document = ANY($1::text[]) AND grantee = ANY($2::text[]) AND access IS NOT NULL
"""

# $1, $2 after  $3 document or null  $4 user or null  $5 limit
LIST_GRANTS = f"""
SELECT {GRANT_ROW} FROM grants
WHERE (document, grantee) > ($1, $2) AND access IS NOT NULL
    AND ($3::text IS NULL OR document = $3) AND ($4::text IS NULL OR grantee = $4)
ORDER BY document, grantee LIMIT $5
"""

GRANT_CHANGES = f"SELECT {GRANT_ROW} FROM grants WHERE version > $1 ORDER BY version LIMIT $2"


def document_of(row: Any) -> Document:
    return Document(
        row["id"],
        row["type"],
        row["epoch"],
        row["version"],
        row["floor"],
        row["created"],
        row["updated"],
        decode_metadata(row["metadata"]),
        decode_retention(row["retention"]),
    )


def grants_of(rows: Sequence[Any]) -> list[Grant]:
    try:
        return [
            Grant(document, user, None if access is None else Access(access), version)
            for document, user, access, version in rows
        ]
    except ValueError as error:
        raise DocumentBroken("a stored grant is of a kind that is not known") from error


def parts_of(rows: Sequence[Any]) -> tuple[Document, bool, Snapshot | None, tuple[Commit, ...]]:
    """What LOAD found: the document, whether its log goes on above its head, snapshot, commits."""
    head, *rest = rows
    document = document_of(
        {
            "created": head["time"],
            **{name: head[name] for name in ROW.split(", ") if name != "created"},
        }
    )
    snapshot = None
    if rest and rest[0]["kind"] == 1:
        _, version, time, content, names, *_ = rest.pop(0)
        snapshot = Snapshot(version, time, content, names)
    commits = tuple(
        Commit(version, time, decode_credits(credits), operation)
        for _, version, time, credits, operation, *_ in rest
    )
    return document, head["above"], snapshot, commits


def columns_of(
    commits: Sequence[Commit],
) -> tuple[list[int], list[int], list[bytes], list[bytes]]:
    """Versions, times, credits, operations."""
    return (
        [commit.version for commit in commits],
        [commit.time for commit in commits],
        [encode_credits(commit.credits) for commit in commits],
        [commit.operation for commit in commits],
    )
