"""What a document was like, as PostgreSQL statements: milestones, and which version was there when.

As in `postgres_queries`, each is one statement. Knows neither connections nor waiting.
"""

from __future__ import annotations

from typing import Any

from collab.storage.postgres_queries import LOCK_WAIT, ROW
from collab.words import Milestone, Snapshot

# $1 id  $2 version
NEAREST = f"""
WITH found AS MATERIALIZED (
    SELECT key, {ROW} FROM documents WHERE id = $1 AND NOT deleted
), snapshot AS MATERIALIZED (
    SELECT kept.version, kept.time FROM found, snapshots AS kept
    WHERE kept.document = found.key AND kept.version <= least($2::bigint, found.version)
    ORDER BY kept.version DESC LIMIT 1
), milestone AS MATERIALIZED (
    SELECT kept.version, kept.time FROM found, milestones AS kept
    WHERE kept.document = found.key AND kept.version <= least($2::bigint, found.version)
    ORDER BY kept.version DESC LIMIT 1
), kept AS MATERIALIZED (
    SELECT version, time, TRUE AS whole FROM snapshot
    UNION ALL SELECT version, time, FALSE FROM milestone
    ORDER BY version DESC, whole DESC LIMIT 1
)
SELECT {", ".join(f"found.{name}" for name in ROW.split(", "))},
    kept.version AS kept_version, kept.time, kept.whole,
    snapshots.content AS snapshot, snapshots.names, milestones.content AS milestone
FROM found LEFT JOIN kept ON TRUE
LEFT JOIN snapshots
    ON kept.whole AND snapshots.document = found.key AND snapshots.version = kept.version
LEFT JOIN milestones
    ON NOT kept.whole AND milestones.document = found.key AND milestones.version = kept.version
"""

# By halving: `low` was there at the time, what is above `high` was not.
# $1 id  $2 time
VERSION_AT = f"""
WITH RECURSIVE found AS MATERIALIZED (
    SELECT key, floor_time, {ROW} FROM documents WHERE id = $1 AND NOT deleted
), search (low, high) AS (
    SELECT floor, version FROM found
    UNION ALL
    SELECT CASE WHEN logged.time <= $2 THEN middle ELSE low END,
        CASE WHEN logged.time <= $2 THEN high ELSE middle - 1 END
    FROM found CROSS JOIN search
    CROSS JOIN LATERAL (SELECT (low + high) / 2 + 1 AS middle) AS half
    LEFT JOIN commits AS logged
        ON logged.document = found.key AND logged.version = half.middle
    WHERE low < high
)
SELECT found.*, search.low FROM found, search WHERE low >= high
"""

# $1 id  $2 epoch  $3 version  $4 time  $5 content
SAVE_MILESTONE = f"""
WITH limits AS MATERIALIZED ({LOCK_WAIT}), head AS MATERIALIZED (
    SELECT key FROM documents
    WHERE id = $1 AND epoch = $2 AND floor <= $3 AND version >= $3 AND NOT deleted
        AND (SELECT set FROM limits) IS NOT NULL
    FOR NO KEY UPDATE
)
INSERT INTO milestones (document, version, time, content)
SELECT head.key, $3, $4, $5 FROM head
ON CONFLICT DO NOTHING
RETURNING version
"""

# $1 id  $2 epoch. One row at least if there is such a document.
MILESTONES = """
SELECT kept.version, octet_length(kept.content)
FROM documents LEFT JOIN milestones AS kept ON kept.document = documents.key
WHERE documents.id = $1 AND documents.epoch = $2 AND NOT documents.deleted
ORDER BY kept.version
"""

# $1 id  $2 epoch  $3 after  $4 until
LOG_BYTES = """
SELECT coalesce((
    SELECT sum(octet_length(operation) + octet_length(credits)) FROM commits
    WHERE document = documents.key AND version > $3 AND version <= $4
), 0) AS total
FROM documents WHERE id = $1 AND epoch = $2 AND NOT deleted
"""


def kept_of(row: Any) -> Snapshot | Milestone | None:
    """The state that NEAREST found."""
    if row["kept_version"] is None:
        return None
    if row["whole"]:
        return Snapshot(row["kept_version"], row["time"], row["snapshot"], row["names"])
    return Milestone(row["kept_version"], row["time"], row["milestone"])
