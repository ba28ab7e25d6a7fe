"""Every test of the ledger runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledgerkit import Make
from schemas import Schemas

from a2pcli.ledger.store import Ledger


@pytest.fixture(scope="session")
def postgres_server(server: Any) -> str:
    """The URL of a PostgreSQL that lives as long as the tests."""
    return str(server.get_uri())


@pytest.fixture(scope="session")
def schemas(postgres_server: str) -> Schemas:
    """Its schemas."""
    return Schemas(postgres_server)


@pytest.fixture
def postgres_url(schemas: Schemas) -> str:
    """A schema of its own for each test: as good as a database, and made in a moment."""
    return schemas.url(schemas.fresh())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A ledger that is not there yet, unless the test has ``ledger``, which is new."""
    if request.param == "sqlite":
        yield str(tmp_path / "ledger.db")
    elif "ledger" not in request.fixturenames:
        yield str(request.getfixturevalue("postgres_url"))
    else:
        schemas: Schemas = request.getfixturevalue("schemas")
        schema = schemas.with_ledger()
        yield schemas.url(schema)
        schemas.back(schema)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def make(ledger: Ledger) -> Make:
    """Makes plans in the ledger."""
    return Make(ledger)
