"""Every test of the ledger runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledgerkit import Make

from a2pcli.ledger.store import Ledger

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(server: Any) -> str:
    """The URL of a PostgreSQL that lives as long as the tests."""
    return str(server.get_uri())


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
