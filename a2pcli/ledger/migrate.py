"""Bringing a ledger's schema up to this version, and refusing those that are not ours or are newer.

A new ledger is made in one transaction from ``tables.metadata`` and stamped with the newest revision: no
migration runs, and Alembic, which is slow to import, stays out. A test holds the two ways equal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import (
    Column,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Connection, Engine

from a2pcli import __version__
from a2pcli.errors import LedgerError, LedgerUnavailable, Problem
from a2pcli.ledger.about import give_id
from a2pcli.ledger.database import APPLICATION_ID, READ, missing
from a2pcli.ledger.faults import shown
from a2pcli.ledger.tables import about, metadata

FOLDER = Path(__file__).parent / "migrations"

KNOWN: tuple[str, ...] = tuple(sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*_*.py")))
"""Revisions this version can read, oldest first; the last is the schema of ``tables``."""

VERSION_TABLE = "a2pcli_revision"
"""Not Alembic's default name, because a PostgreSQL database may contain other programs' tables."""

# Like Alembic's own, including the constraint's name.
_versions = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)

_ADVISORY_KEY = 0x61327063_00000001


def prepare(
    engine: Engine, *, create: bool = False, created: Callable[[Connection], None] = lambda _connection: None
) -> None:
    """Migrate the schema if needed. An up-to-date ledger costs one query.

    An empty database becomes a ledger with ``create``, and ``created`` is called in the same transaction. Otherwise
    raises ``LedgerError`` (code ``ledger-missing``).
    """
    with engine.connect().execution_options(**READ) as connection:
        revision = _revision(connection)
        if revision == KNOWN[-1]:
            return
        if revision is None and not create:
            raise _empty(engine) if engine.dialect.name == "sqlite" else missing(engine.url)
        if revision is not None and revision not in KNOWN:
            _refuse_newer(connection, revision)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_KEY)))
        # Read again under the lock: another process may have migrated it.
        revision = _revision(connection)
        if revision is None:
            _create(connection)
            created(connection)
        elif revision not in KNOWN:
            _refuse_newer(connection, revision)
        elif revision != KNOWN[-1]:
            _refuse_under_way(connection)
            upgrade(connection)


def _refuse_under_way(connection: Connection) -> None:
    """Raise ``LedgerUnavailable`` while a process sends with the old schema, because its results could not be
    stored."""
    from a2pcli.ledger import holds

    if not inspect(connection).has_table("senders"):
        return
    for number, holder in holds.everybody(connection):
        if not holder.is_gone:
            problem = Problem(
                "the ledger must be upgraded for this version of a2pcli, but an earlier version is sending"
                f" run {number} ({holder.process})",
                path=shown(connection.engine.url),
                hint=holder.advice,
                code="ledger-busy",
            )
            raise LedgerUnavailable(problem)


def is_older(engine: Engine) -> bool:
    """Whether the schema must be migrated. Raises ``LedgerError`` if there is none, or a newer one."""
    with engine.connect().execution_options(**READ) as connection, connection.begin():
        revision = _revision(connection)
        if revision is None:
            raise _empty(engine) if engine.dialect.name == "sqlite" else missing(engine.url)
        if revision not in KNOWN:
            _refuse_newer(connection, revision)
        return revision != KNOWN[-1]


def check_revision(connection: Connection) -> None:
    """Raise ``LedgerError`` (code ``ledger-newer``) if an open ledger has been given another schema meanwhile."""
    revision = connection.execute(select(_versions.c.version_num)).scalar()
    if revision == KNOWN[-1]:
        return
    if revision is not None and revision not in KNOWN:
        _refuse_newer(connection, revision)
    text = f"the ledger has schema {revision}, and this process works with schema {KNOWN[-1]}"
    problem = Problem(text, path=shown(connection.engine.url), hint="start it again", code="ledger-newer")
    raise LedgerError(problem)


def _empty(engine: Engine) -> LedgerError:
    problem = Problem(
        "this file is an empty database: if it was a ledger, all of its data is lost",
        path=shown(engine.url),
        hint="restore it from a backup; to start over, remove the file, then: a2pcli ledger create",
        code="ledger-empty",
    )
    return LedgerError(problem)


def _revision(connection: Connection) -> str | None:
    """Return the stored revision; None for an empty database. Raises ``LedgerError`` for another program's database."""
    names = set(inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        return connection.execute(select(_versions.c.version_num)).scalar()
    ours = names & set(metadata.tables)
    if connection.dialect.name == "sqlite":
        # A file must be ours alone; a server may have other programs' tables beside ours.
        ours |= names
    if ours:
        hint = "choose another ledger; a2pcli writes only to its own databases"
        problem = Problem(
            "this database belongs to another program",
            path=shown(connection.engine.url),
            hint=hint,
            code="ledger-foreign",
        )
        raise LedgerError(problem)
    return None


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    _versions.create(connection)
    connection.execute(insert(_versions).values(version_num=KNOWN[-1]))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    _sign(connection)
    give_id(connection)


def _sign(connection: Connection) -> None:
    """Store the version of a2pcli that wrote the schema, for the error message of older versions."""
    connection.execute(about.delete().where(about.c.name == "version"))
    connection.execute(insert(about).values(name="version", value=__version__))


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the numbered migrations on this connection, inside its transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    _sign(connection)


def _refuse_newer(connection: Connection, revision: str) -> None:
    writer = "a newer version"
    if inspect(connection).has_table(about.name):
        version = connection.execute(text("SELECT value FROM about WHERE name = 'version'")).scalar()
        writer = f"version {version}" if version else writer
    problem = Problem(
        f"the ledger was written by {writer} of a2pcli (schema {revision}); this is {__version__},"
        f" which knows schemas up to {KNOWN[-1]}",
        path=shown(connection.engine.url),
        hint="upgrade a2pcli: pip install --upgrade a2pcli",
        code="ledger-newer",
    )
    raise LedgerError(problem)
