"""One store of compiled SQL for all ledgers of a test process.

SQLAlchemy keeps what it compiled for each engine, so a process that opens one ledger compiles a statement once. Tests
open thousands of ledgers, and compiling the same few hundred statements for each of them was a third of the work. The
statements that make a new ledger, and those handed to the driver itself (``bulk.read_rows``), are never kept by
SQLAlchemy: here they are.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql import Select
from sqlalchemy.util import LRUCache

from a2pcli.ledger.tables import metadata


class SharedStatements(LRUCache[Any, Any]):
    """Compiled statements by the kind of database instead of by the engine that asked first."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_for_all(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_for_all(key), value)


def _for_all(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key with what SQL depends on of a dialect in place of the engine's own dialect."""
    dialect, *rest = key
    return (type(dialect), dialect.dbapi.__name__, dialect.server_version_info, *rest)


def share() -> None:
    """From here on all engines of this process use one store."""
    statements = SharedStatements(5000)

    @event.listens_for(Engine, "engine_connect")
    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)

    metadata.create_all = Schema(metadata).make  # type: ignore[method-assign]
    _keep_what_is_compiled_by_hand(statements)


def _keep_what_is_compiled_by_hand(statements: SharedStatements) -> None:
    honest = Select.compile

    def compile(query: Any, bind: Any = None, dialect: Dialect | None = None, **how: Any) -> Any:
        key = query._generate_cache_key() if dialect is not None and not how else None
        if key is None:
            return honest(query, bind, dialect, **how)
        place = (dialect, "by hand", key.key)
        compiled = statements.get(place)
        if compiled is None:
            statements[place] = compiled = query._compiler(dialect, cache_key=key)
        return Filled(compiled, key.bindparams)

    Select.compile = compile  # type: ignore[method-assign]


class Filled:
    """A compiled query with the values of one that differs from it in nothing else."""

    def __init__(self, compiled: Any, values: Any) -> None:
        self._compiled, self._values = compiled, values

    def construct_params(self, given: dict[str, Any] | None = None) -> dict[str, Any]:
        return dict(self._compiled.construct_params(given, extracted_parameters=self._values))

    def __str__(self) -> str:
        return str(self._compiled)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)


class Schema:
    """The statements that make all tables, by the kind of database: noted the first time, repeated from then on."""

    def __init__(self, tables: MetaData) -> None:
        self._create_all, self._noted = tables.create_all, dict[str, list[str]]()

    def make(self, connection: Connection, **how: Any) -> None:
        """What ``create_all`` does to an empty database."""
        noted = self._noted.get(connection.dialect.name)
        if noted is not None:
            cursor = connection.connection.cursor()
            for statement in [";\n".join(noted)] if connection.dialect.name == "postgresql" else noted:
                cursor.execute(statement)
            return
        said: list[str] = []

        def note(*call: Any) -> None:
            context = call[4]
            assert context.compiled is None or isinstance(context.compiled.statement, ExecutableDDLElement)
            said.append(context.statement)

        event.listen(connection, "before_cursor_execute", note)
        self._create_all(connection, **how)
        event.remove(connection, "before_cursor_execute", note)
        self._noted[connection.dialect.name] = said
