"""Making a ledger and bringing an older one up to date, on both databases."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import readykit
import sqlalchemy as sa
from ledgerkit import Make, states
from openingkit import refused, schema

from a2pcli import __version__
from a2pcli.ledger import migrate, tables
from a2pcli.ledger.database import connect, ledger_url
from a2pcli.ledger.store import Ledger


@pytest.fixture
def second_url(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Another empty database of the same kind."""
    if "://" not in url:
        return str(tmp_path / "second.db")
    import psycopg

    from a2pcli.ledger.database import ledger_url as parsed

    name = str(parsed(url).query["options"]).rpartition("=")[2]
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}_b")
    return f"{url}_b"


def test_the_migrations_make_the_very_schema_of_the_tables(url: str, second_url: str) -> None:
    """A new ledger is made from the tables, an old one by migrations: nobody can tell them apart after."""
    Ledger.open(url).close()
    parsed = ledger_url(second_url)
    engine = connect(parsed, busy_seconds=5)
    with engine.begin() as connection:
        migrate.upgrade(connection)
    engine.dispose()
    assert schema(second_url) == schema(url)
    with Ledger.open(second_url) as ledger:
        assert states(ledger, Make(ledger).plan(3)) == {"planned": 3}


def test_alembic_finds_no_difference_between_ledger_and_tables(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Ledger.open(url).close()
    engine = connect(ledger_url(url), busy_seconds=5)
    with engine.connect() as connection:
        options = {"version_table": migrate.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_every_migration_is_known() -> None:
    files = sorted(path.name.partition("_")[0] for path in (migrate.FOLDER / "versions").glob("[0-9]*.py"))
    assert tuple(files) == migrate.KNOWN
    for path in (migrate.FOLDER / "versions").glob("[0-9]*.py"):
        number = int(path.name[:4])
        before = "None" if number == 1 else f'"{number - 1:04}"'
        assert f'revision = "{number:04}"\ndown_revision = {before}\n' in path.read_text(), path.name


NEXT = f"{len(migrate.KNOWN) + 1:04d}"


NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "NEXT", "NEWEST", None, None

def upgrade():
    op.add_column("runs", sa.Column("colour", sa.Text()))
    if BROKEN:
        raise RuntimeError("half-way")
"""


def with_next_version(monkeypatch: pytest.MonkeyPatch, folder: Path, *, broken: bool) -> None:
    """As if this were the next version of a2pcli, whose schema has one migration more."""
    shutil.copytree(migrate.FOLDER, folder / "migrations", dirs_exist_ok=True)
    newest = migrate.KNOWN[-1]
    script = NEXT_MIGRATION.replace("BROKEN", str(broken)).replace("NEXT", NEXT).replace("NEWEST", newest)
    (folder / "migrations" / "versions" / f"{NEXT}_colour.py").write_text(script)
    monkeypatch.setattr(migrate, "FOLDER", folder / "migrations")
    monkeypatch.setattr(migrate, "KNOWN", (*migrate.KNOWN, NEXT))
    monkeypatch.setattr(migrate, "__version__", "0.2.0")


def test_an_older_ledger_is_migrated_when_it_is_opened(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).plan(3)
    with_next_version(monkeypatch, tmp_path / "next", broken=False)
    with Ledger.open(url) as ledger:
        assert states(ledger, ledger.runs.get(run.id)) == {"planned": 3}
        with ledger.engine.connect() as connection:
            assert connection.execute(sa.text("SELECT colour FROM runs")).all() == [(None,)]
            version = sa.text("SELECT value FROM about WHERE name = 'version'")
            assert connection.execute(version).scalar() == "0.2.0"
    monkeypatch.undo()
    assert f"written by version 0.2.0 of a2pcli (schema {NEXT})" in str(refused(url))


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).plan(3)
    before = schema(url)
    with_next_version(monkeypatch, tmp_path / "next", broken=True)
    with pytest.raises(RuntimeError, match="half-way"):
        Ledger.open(url)
    monkeypatch.undo()
    assert schema(url) == before
    with Ledger.open(url) as ledger:
        assert states(ledger, ledger.runs.get(run.id)) == {"planned": 3}


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    Ledger.open(url).close()
    engine = connect(ledger_url(url), busy_seconds=5)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '0042'"))
        connection.execute(sa.text("UPDATE about SET value = '9.1.0' WHERE name = 'version'"))
    before = schema(url)
    error = refused(url)
    assert "written by version 9.1.0 of a2pcli (schema 0042)" in str(error)
    assert f"this is {__version__}" in str(error)
    assert "pip install --upgrade" in str(error)
    assert schema(url) == before
    engine.dispose()


def test_two_processes_may_make_the_same_ledger_at_once(url: str) -> None:
    script = "import sys; from a2pcli.ledger.store import Ledger; Ledger.open(sys.argv[1]).close()"
    processes = [readykit.Forked(["ready:script", script, url]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0] * 3


def test_opening_a_ledger_that_is_up_to_date_imports_no_alembic(url: str) -> None:
    script = (
        "import sys; from a2pcli.ledger.store import Ledger; Ledger.open(sys.argv[1]).close();"
        "Ledger.open(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, url], check=False).returncode == 0
