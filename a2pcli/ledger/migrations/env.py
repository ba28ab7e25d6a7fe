"""Runs the migrations on the connection that ``ledger.migrate`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from a2pcli.ledger.migrate import VERSION_TABLE
from a2pcli.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    # SQLite's changes of schema are part of the transaction, too, since it is begun by hand (see engine.py).
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
