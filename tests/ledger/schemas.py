"""Schemas with a new ledger's tables, for one test after another: to make the tables takes longer than most tests."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from a2pcli.ledger.store import Ledger

_numbers = itertools.count(1)

_LARGE = 2**20
"""Bytes. A table that was larger is not emptied: what is deleted stays in its pages."""

# What a test can change of a schema, but for rows.
_SHAPE = """\
SELECT
 (SELECT array_agg((relname, relkind, relacl)::text ORDER BY oid) FROM pg_class WHERE relnamespace = n.oid),
 (SELECT array_agg((attrelid, attname, atttypid, attnotnull, atthasdef)::text ORDER BY attrelid, attnum)
   FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = n.oid AND relkind = 'r'),
 (SELECT array_agg((conname, convalidated)::text ORDER BY oid) FROM pg_constraint WHERE connamespace = n.oid),
 (SELECT array_agg((tgname, tgenabled)::text ORDER BY t.oid)
   FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = n.oid),
 (SELECT array_agg((proname, prosrc)::text ORDER BY oid) FROM pg_proc WHERE pronamespace = n.oid),
 nspacl::text
FROM pg_namespace n WHERE nspname = %s
"""
_EMPTY = """\
DO $$ DECLARE one record; BEGIN
 FOR one IN SELECT oid, relkind FROM pg_class WHERE relnamespace = '{schema}'::regnamespace
   AND (relkind = 'S' OR relkind = 'r' AND pg_relation_size(oid) > 0) LOOP
  IF one.relkind = 'S' THEN PERFORM setval(one.oid::regclass, 1, false);
  ELSE EXECUTE 'DELETE FROM ' || one.oid::regclass; END IF;
 END LOOP;
END $$"""


class Schemas:
    """Gives schemas of one server, and takes them back."""

    def __init__(self, server: str) -> None:
        import psycopg

        self._server = server
        self._connect = psycopg.connect
        self._free: list[str] = []
        self._shape: Any = None
        self._rows: dict[str, list[Any]] = {}

    def url(self, schema: str) -> str:
        return f"{self._server}&options=-csearch_path%3D{schema}"

    def fresh(self) -> str:
        """The name of a new schema with nothing in it."""
        schema = f"test_{next(_numbers)}"
        with self._connect(self._server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return schema

    def with_ledger(self) -> str:
        """The name of a schema with a new ledger. No test has had that name: what processes remember of ledgers by
        their URLs is not about this one."""
        if not self._free:
            schema = self.fresh()
            Ledger.open(self.url(schema)).close()
            if self._shape is None:
                with self._connect(self.url(schema), autocommit=True) as connection:
                    self._shape = self._shape_of(connection, schema)
                    for table in ("a2pcli_revision", "about"):
                        self._rows[table] = connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            return schema
        before, schema = self._free.pop(), f"test_{next(_numbers)}"
        with self._connect(self._server, autocommit=True) as connection:
            connection.execute(f"ALTER SCHEMA {before} RENAME TO {schema}")
        return schema

    def back(self, schema: str) -> None:
        """Make it a new ledger's again for the next test, unless more than rows was changed or somebody still works."""
        with self._connect(self.url(schema), autocommit=True) as connection:
            busy = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            ).fetchone()
            large = connection.execute(
                "SELECT count(*) FROM pg_class WHERE relnamespace = %s::regnamespace AND pg_relation_size(oid) > %s",
                (schema, _LARGE),
            ).fetchone()
            if (busy, large) != ((0,), (0,)) or self._shape_of(connection, schema) != self._shape:
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
                return
            connection.execute("SET session_replication_role = replica")  # the audit trail forbids to delete
            connection.execute(_EMPTY.format(schema=schema))
            for table, rows in self._rows.items():
                for row in rows:
                    values = [row[0], secrets.token_hex(len(row[1]) // 2)] if row[0] == "id" else list(row)
                    places = ", ".join(["%s"] * len(values))
                    connection.execute(f"INSERT INTO {table} VALUES ({places})", values)
        self._free.append(schema)

    def _shape_of(self, connection: Any, schema: str) -> Any:
        found = connection.execute(_SHAPE, (schema,)).fetchone()
        assert found is not None
        classes, attributes, *rest = found
        # Numbers of tables differ between schemas: only the order in which they were made is told.
        return classes, [one.partition(",")[2] for one in attributes], *rest
