"""Locks, full disks, servers that refuse and drivers that are not there: said in plain words."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledgerkit import NOW, Make, accepted, claim, states
from openingkit import only, refused

from a2pcli.errors import ExitStatus, LedgerError
from a2pcli.ledger.database import ledger_url
from a2pcli.ledger.records import PlannedRows
from a2pcli.ledger.store import Ledger


def test_a_ledger_that_another_program_keeps_locked_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(str(path), busy_seconds=0.1) as ledger:
        run = Make(ledger).sending(3)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError) as caught:
            ledger.attempts.exchange(run, [], 2, NOW)
        assert only(caught.value) == "ledger-locked"
        assert states(ledger, run) == {"planned": 3}  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        assert len(claim(ledger, run, 2)) == 2


def test_a_full_disk_is_said_to_be_full_and_loses_nothing(tmp_path: Path) -> None:
    """SQLite's own limit of pages gives the very error that a full disk gives."""
    path = tmp_path / "ledger.db"
    with Ledger.open(str(path)) as ledger:
        make = Make(ledger)
        run = make.sending(10)
        ids = claim(ledger, run, 4)

        @sa.event.listens_for(sa.Engine, "connect")
        def _limit(driver: sqlite3.Connection, _record: object) -> None:
            pages = driver.execute("PRAGMA page_count").fetchone()[0]
            driver.execute(f"PRAGMA max_page_count={pages}")

        try:
            unfinished = make.begun()
            with pytest.raises(LedgerError) as caught:
                ledger.plans.add_rows(unfinished, PlannedRows(accepted(range(100_000))))
        finally:
            sa.event.remove(sa.Engine, "connect", _limit)
        assert only(caught.value) == "ledger-disk-full"
        assert states(ledger, unfinished) == {}
        assert states(ledger, run) == {"planned": 6, "submitting": len(ids)}


FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from ledgerkit import *
from a2pcli.errors import LedgerError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Ledger.open(sys.argv[1]) as ledger:
    run = Make(ledger).sending(20_000)
    print(len(claim(ledger, run, 100)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    try:
        while True:
            print(len(claim(ledger, run, 100)))
    except LedgerError as error:
        print(error.problems[0].code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a file's size as on Linux")
def test_what_was_claimed_before_the_disk_was_full_is_there_after_it(tmp_path: Path) -> None:
    """A process whose files may not grow any more, as on a full disk: no claim was given out that is not kept."""
    path = tmp_path / "ledger.db"
    script = FULL_DISK.replace("2_000_000", "1_000_000")
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *claims, code = done.stdout.split()
    assert code in ("ledger-disk", "ledger-disk-full")
    with Ledger.open(str(path)) as ledger:
        counted = states(ledger, ledger.runs.all()[0])
    assert counted["submitting"] == sum(map(int, claims))
    assert counted["submitting"] + counted["planned"] == 20_000


def test_no_server_is_said_in_plain_words_without_the_password() -> None:
    error = refused("postgresql://ann:s3cret@127.0.0.1:1/campaigns", ExitStatus.LEDGER_UNAVAILABLE)
    assert only(error) == "ledger-no-server"
    assert "s3cret" not in str(error)
    assert "ann:***@127.0.0.1:1/campaigns" in str(error)


def test_a_database_that_is_not_on_the_server_is_said_so(postgres_server: str) -> None:
    error = refused(postgres_server.replace("/postgres?", "/nowhere?"))
    assert only(error) == "ledger-no-database"
    assert "createdb" in str(error)


def test_a_user_the_server_refuses_is_said_so(postgres_server: str) -> None:
    """The server of the tests trusts everybody it knows."""
    error = refused(postgres_server.replace("postgres:@", "nobody:s3cret@"))
    assert only(error) in ("ledger-refused", "ledger-no-database")
    assert "s3cret" not in str(error)


def test_a_wrong_password_is_said_and_not_shown() -> None:
    """The words are libpq's; the server of the tests takes any password."""
    import psycopg
    from sqlalchemy.exc import OperationalError

    from a2pcli.ledger.faults import in_plain_words

    url = ledger_url("postgresql://ann:s3cret@db.example/campaigns")
    said = psycopg.OperationalError('FATAL:  password authentication failed for user "ann" s3cret')
    error = in_plain_words(OperationalError("connect", None, said), url)
    assert only(error) == "ledger-refused"
    assert "s3cret" not in str(error)


def test_a_user_without_rights_is_said_so(postgres_url: str) -> None:
    import psycopg

    Ledger.open(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        schema_name = connection.execute("SELECT current_schema()").fetchone()
        assert schema_name is not None
        role = f"reader_{schema_name[0]}"
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema_name[0]} TO {role}")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema_name[0]} TO {role}")
    with Ledger.open(postgres_url.replace("postgres:@", f"{role}:@")) as ledger:
        assert ledger.runs.all() == []
        with pytest.raises(LedgerError) as caught:
            ledger.plans.occasion("spring", "once")
    assert only(caught.value) == "ledger-read-only"


def test_a_postgresql_ledger_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refused("postgresql://ann:s3cret@127.0.0.1/campaigns")
    assert only(error) == "ledger-no-driver"
    assert "a2pcli[postgres]" in str(error)


def test_sqlite_waits_for_the_disk_at_every_commit_but_those_of_a_plans_chunks(tmp_path: Path) -> None:
    """synchronous: 1 is NORMAL, 2 is FULL (https://sqlite.org/pragma.html#pragma_synchronous)."""
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = Make(ledger).begun()
        ledger.plans.add_rows(run, PlannedRows(accepted([1])))
        assert ledger.plans.chunk_engine is not None
        for engine, expected in ((ledger.engine, 2), (ledger.plans.chunk_engine, 1)):
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == expected
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        ledger.plans.finish(run, digest="d", rows_read=1, summary={})
        ledger.attempts.start(run, NOW)
        assert ledger._sending is not None
        with ledger._sending.begin():
            assert ledger._sending.exec_driver_sql("PRAGMA synchronous").scalar() == 2
