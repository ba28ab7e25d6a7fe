"""Every test of the ledger runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgerkit import Make
from postgreskit import running_postgres

from a2pcli.ledger.store import Ledger

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as the tests; from a wheel, in a folder of its own."""
    with running_postgres() as server:
        _hurry(server.get_uri())
        yield server.get_uri()


def _hurry(url: str) -> None:
    """Nobody pulls the plug on this server: it need not wait for the disk."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A schema of its own for each test: as good as a database, and made in a moment."""
    import psycopg

    schema = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{postgres_server}&options=-csearch_path%3D{schema}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that is not there yet."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def make(ledger: Ledger) -> Make:
    """Makes plans in the ledger."""
    return Make(ledger)
