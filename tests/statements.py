"""One store of compiled SQL for all ledgers of a test process.

SQLAlchemy keeps what it compiled for each engine, so a process that opens one ledger compiles a statement once. Tests
open thousands of ledgers, and compiling the same few hundred statements for each of them was a third of the work.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.util import LRUCache


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
