"""Runs the migrations on the connection, and inside the transaction, of `collab.storage.schema`.

Reads no ini file and leaves logging as it is.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    render_as_batch=True,  # SQLite alters a table by making a new one
)
context.run_migrations()
