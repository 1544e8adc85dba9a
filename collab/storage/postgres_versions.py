"""Named versions as PostgreSQL statements.

As in `postgres_queries`, each is one statement. Knows neither connections nor waiting.
"""

from __future__ import annotations

from typing import Any

from collab.storage.postgres_queries import LOCK_WAIT
from collab.words import NamedVersion

_COLUMNS = 'version, name, time, "user", author, automatic'
_HEAD = f"""
WITH limits AS MATERIALIZED ({LOCK_WAIT}), head AS MATERIALIZED (
    SELECT key, version, floor FROM documents
    WHERE id = $1 AND epoch = $2 AND NOT deleted AND (SELECT set FROM limits) IS NOT NULL
    FOR NO KEY UPDATE
)"""

# $1 id  $2 epoch  $3 version  $4 name  $5 time  $6 user  $7 author  $8 automatic
# $9 the milestone's time  $10 its content  $11 how many that are not automatic there may be
NAME_VERSION = f"""
{_HEAD}, others AS MATERIALIZED (
    SELECT count(*) AS count FROM head, versions
    WHERE versions.document = head.key AND NOT versions.automatic AND versions.version <> $3
), there AS MATERIALIZED (
    SELECT versions.automatic FROM head, versions
    WHERE versions.document = head.key AND versions.version = $3
), added AS (
    INSERT INTO versions (document, {_COLUMNS})
    SELECT head.key, $3, $4, $5, $6, $7, $8 FROM head, others
    WHERE head.version >= $3 AND ($8 OR others.count < $11)
    ON CONFLICT (document, version) DO UPDATE SET name = excluded.name, time = excluded.time,
        "user" = excluded."user", author = excluded.author, automatic = FALSE
    WHERE versions.automatic AND NOT excluded.automatic
    RETURNING document
), pinned AS (
    INSERT INTO milestones (document, version, time, content)
    SELECT document, $3, $9, $10 FROM added ON CONFLICT DO NOTHING
)
SELECT head.version, EXISTS (SELECT FROM added) AS added,
    EXISTS (SELECT FROM there WHERE $8 OR NOT automatic) AS taken,
    EXISTS (SELECT FROM others WHERE NOT $8 AND count >= $11) AS full
FROM head
"""

# $1 id  $2 epoch  $3 before or null  $4 limit  $5 automatic or null. One row at least if there is
# such a document.
VERSIONS = f"""
WITH head AS MATERIALIZED (
    SELECT key FROM documents WHERE id = $1 AND epoch = $2 AND NOT deleted
), named AS MATERIALIZED (
    SELECT versions.* FROM head, versions
    WHERE versions.document = head.key AND ($3::bigint IS NULL OR version < $3)
        AND ($5::boolean IS NULL OR automatic = $5)
    ORDER BY version DESC LIMIT $4
)
SELECT {_COLUMNS} FROM head LEFT JOIN named ON TRUE ORDER BY version DESC
"""

# $1 id  $2 epoch  $3 version  $4 name
RENAME_VERSION = f"""
{_HEAD}, renamed AS (
    UPDATE versions SET name = $4, automatic = FALSE FROM head
    WHERE versions.document = head.key AND versions.version = $3
    RETURNING versions.*
)
SELECT {", ".join(f"renamed.{name}" for name in _COLUMNS.split(", "))}
FROM head LEFT JOIN renamed ON TRUE
"""

# $1 id  $2 epoch  $3 version
FORGET_VERSION = f"""
{_HEAD}, forgotten AS (
    DELETE FROM versions USING head
    WHERE versions.document = head.key AND versions.version = $3
    RETURNING versions.document
), dropped AS (
    DELETE FROM milestones USING forgotten, head
    WHERE milestones.document = forgotten.document AND milestones.version = $3
        AND $3 < head.floor
)
SELECT EXISTS (SELECT FROM forgotten) AS forgotten FROM head
"""


def named_of(row: Any) -> NamedVersion | None:
    """The version in a row; None if there is only the document."""
    if row["version"] is None:
        return None
    return NamedVersion(
        row["version"], row["name"], row["time"], row["user"], row["author"], row["automatic"]
    )
