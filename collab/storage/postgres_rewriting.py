"""Writing a document's history anew in PostgreSQL: statements of one transaction, in their order.

The document's row is locked first, so that nothing is appended meanwhile. Knows nothing of how
often an attempt is made.
"""

from __future__ import annotations

from collab.storage import Rewrite
from collab.storage.contract import encode_credits
from collab.storage.postgres_pool import Session
from collab.words import Head

_LOCK = """
SELECT key, epoch, version, floor FROM documents WHERE id = $1 AND NOT deleted FOR NO KEY UPDATE
"""
# $1 key  $2 versions  $3 times  $4 credits  $5 operations
_PUT_COMMITS = """
UPDATE commits SET time = new.time, credits = new.credits, operation = new.operation
FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
    AS new (version, time, credits, operation)
WHERE commits.document = $1 AND commits.version = new.version
"""
# $1 key  $2 epoch  $3 floor
_MOVE = """
UPDATE documents SET epoch = $2, floor = greatest(floor, $3::bigint),
    floor_time = CASE WHEN $3 > floor THEN coalesce((
        SELECT time FROM commits WHERE document = $1 AND version = $3
    ), 0) ELSE floor_time END
WHERE key = $1
"""
_DROP_COMMITS = "DELETE FROM commits WHERE document = $1 AND version <= $2"
_DROP_SNAPSHOTS = "DELETE FROM snapshots WHERE document = $1"
_ADD_SNAPSHOTS = """
INSERT INTO snapshots (document, version, time, content, names)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
"""
_DROP_MILESTONES = "DELETE FROM milestones WHERE document = $1"
_ADD_MILESTONES = """
INSERT INTO milestones (document, version, time, content)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[])
"""
_DROP_VERSIONS = "DELETE FROM versions WHERE document = $1 AND version < $2"
_FORGET_USER = """
UPDATE versions SET "user" = NULL WHERE document = $1 AND "user" = $2::text
"""


async def rewrite(session: Session, id: str, head: Head, change: Rewrite) -> bool:
    """One attempt, in the transaction that the session is in."""
    rows = await session.fetch(_LOCK, id)
    if not rows:
        return False
    [(key, epoch, version, _)] = rows
    if epoch == change.epoch:
        return True
    if Head(epoch, version) != head:
        return False
    commits = change.commits
    await session.fetch(
        _PUT_COMMITS,
        key,
        [each.version for each in commits],
        [each.time for each in commits],
        [encode_credits(each.credits) for each in commits],
        [each.operation for each in commits],
    )
    await session.fetch(_MOVE, key, change.epoch, change.floor)
    await session.fetch(_DROP_COMMITS, key, change.floor)
    if (snapshots := change.snapshots) is not None:
        await session.fetch(_DROP_SNAPSHOTS, key)
        await session.fetch(
            _ADD_SNAPSHOTS,
            key,
            [each.version for each in snapshots],
            [each.time for each in snapshots],
            [each.content for each in snapshots],
            [each.names for each in snapshots],
        )
    if (milestones := change.milestones) is not None:
        await session.fetch(_DROP_MILESTONES, key)
        await session.fetch(
            _ADD_MILESTONES,
            key,
            [each.version for each in milestones],
            [each.time for each in milestones],
            [each.content for each in milestones],
        )
    await session.fetch(_DROP_VERSIONS, key, change.floor)
    await session.fetch(_FORGET_USER, key, change.user)
    return True
