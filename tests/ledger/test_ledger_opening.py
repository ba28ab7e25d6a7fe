"""Opening a ledger: what it makes, what it refuses, and what it says."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledgerkit import NOW, Make, accepted, claim, states

from a2pcli import __version__
from a2pcli.errors import LedgerError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger import migrate, tables
from a2pcli.ledger.database import connect, ledger_url
from a2pcli.ledger.records import PlannedRows
from a2pcli.ledger.store import Ledger


def without_privileges(folder: Path, work: Callable[[], str]) -> str:
    """What ``work`` says when a user without privileges runs it: root may write anywhere."""
    if os.geteuid() != 0:
        return work()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def drop_and_work() -> None:
        os.setgid(65534)
        os.setuid(65534)
        sender.send(work())

    for path in [folder, *folder.iterdir()]:
        os.chown(path, 65534, 65534)
    process = context.Process(target=drop_and_work)
    process.start()
    process.join(60)
    assert receiver.poll(), "the process without privileges said nothing"
    return str(receiver.recv())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can reach."""
    with tempfile.TemporaryDirectory(prefix="a2pcli-") as folder:
        yield Path(folder)


def code_of_use(path: Path) -> str:
    """The code of the error that opening and writing the ledger ends in."""
    try:
        with Ledger.open(str(path)) as ledger:
            ledger.occasion("spring", "once")
    except LedgerError as error:
        return only(error)
    return "no error"


def refused(url: str, status: ExitStatus = ExitStatus.INVALID, **options: object) -> LedgerError:
    """The error that opening this ledger ends in."""
    with pytest.raises(LedgerError) as caught:
        Ledger.open(url, **options).close()  # type: ignore[arg-type]
    assert caught.value.exit_status == status
    return caught.value


def only(error: LedgerError) -> str:
    """The code of the one problem of an error."""
    assert len(error.problems) == 1
    return error.problems[0].code


def schema(url: str) -> list[tuple[object, ...]]:
    """Everything the database says about its schema."""
    engine = connect(ledger_url(url), busy_seconds=5)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
            found = connection.exec_driver_sql(query).all()
            rows = [(*row[:3], " ".join((row[3] or "").split())) for row in found]
        else:
            columns = (
                "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text,"
                " column_default::text FROM information_schema.columns WHERE table_schema = current_schema()"
            )
            indexes = (
                "SELECT tablename::text, indexname::text, replace(indexdef, current_schema() || '.', '')"
                " FROM pg_indexes WHERE schemaname = current_schema()"
            )
            checks = (
                "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"
            )
            rows = [tuple(row) for q in (columns, indexes, checks) for row in connection.exec_driver_sql(q)]
    engine.dispose()
    return sorted(rows, key=str)


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
        assert states(ledger, ledger.run(run.id)) == {"planned": 3}
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
        assert states(ledger, ledger.run(run.id)) == {"planned": 3}


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
    processes = [subprocess.Popen([sys.executable, "-c", script, url]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0] * 3


def test_opening_a_ledger_that_is_up_to_date_imports_no_alembic(url: str) -> None:
    script = (
        "import sys; from a2pcli.ledger.store import Ledger; Ledger.open(sys.argv[1]).close();"
        "Ledger.open(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, url], check=False).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_new_ledger_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "ledger.db"
    with Ledger.open(str(path)) as ledger:
        Make(ledger).plan(1)
        for file in path.parent.iterdir():
            if file.is_file():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_ledger_that_must_exist_is_not_made(tmp_path: Path) -> None:
    error = refused(str(tmp_path / "ledger.db"), create=False)
    assert only(error) == "ledger-missing"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text("first_name,phone\n" * 100)
    error = refused(str(path))
    assert only(error) == "ledger-not-a-database"
    assert path.read_text() == "first_name,phone\n" * 100


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    error = refused(str(path))
    assert only(error) == "ledger-foreign"
    assert [row[1] for row in schema(str(path))] == ["orders"]


def test_other_tables_on_the_server_do_not_matter(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    with Ledger.open(postgres_url) as ledger:
        assert states(ledger, Make(ledger).plan(2)) == {"planned": 2}


def test_tables_on_the_server_that_only_look_like_ours_are_refused(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE attempts (id INTEGER)")
    assert only(refused(postgres_url)) == "ledger-foreign"


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    assert only(refused(str(tmp_path))) == "ledger-cannot-open"


def test_a_folder_that_is_a_file_is_said_to_be_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(str(tmp_path / "file" / "ledger.db"))
    assert only(error) == "ledger-read-only"
    assert "cannot be made" in str(error)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_read_only_folder_is_said_to_be_read_only(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    assert (
        without_privileges(open_folder, lambda: code_of_use(open_folder / "ledger.db")) == "ledger-read-only"
    )


@pytest.mark.skipif(os.name != "posix", reason="file modes")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o755, 0o400), (0o555, 0o400), (0o555, 0o600)])
def test_a_ledger_that_cannot_be_written_says_so(open_folder: Path, folder_mode: int, file_mode: int) -> None:
    path = open_folder / "ledger.db"
    Ledger.open(str(path)).close()
    path.chmod(file_mode)
    open_folder.chmod(folder_mode)
    assert without_privileges(open_folder, lambda: code_of_use(path)) in (
        "ledger-read-only",
        "ledger-cannot-open",
    )


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_ledger_that_may_not_be_read_says_so(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    Ledger.open(str(path)).close()
    path.chmod(0)
    assert without_privileges(open_folder, lambda: code_of_use(path)) == "ledger-cannot-open"


def test_a_damaged_ledger_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(str(path)) as ledger:
        Make(ledger).plan(30_000)
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = os.urandom(len(content) - 4096 * 3)
    path.write_bytes(content)

    def read() -> None:
        with Ledger.open(str(path)) as ledger:
            for run in ledger.runs():
                states(ledger, run)

    with pytest.raises(LedgerError) as caught:
        read()
    assert only(caught.value) == "ledger-damaged"
    assert "backup" in str(caught.value)


def test_a_ledger_that_another_program_keeps_locked_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(str(path), busy_seconds=0.1) as ledger:
        run = Make(ledger).sending(3)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError) as caught:
            ledger.exchange(run, [], 2, NOW)
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
                ledger.add_rows(unfinished, PlannedRows(accepted(range(100_000))))
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
        counted = states(ledger, ledger.runs()[0])
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
        assert ledger.runs() == []
        with pytest.raises(LedgerError) as caught:
            ledger.occasion("spring", "once")
    assert only(caught.value) == "ledger-read-only"


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:", "://", "post gres://x"]
)
def test_what_cannot_be_a_ledger_is_refused(url: str) -> None:
    assert only(refused(url)) == "ledger-url"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_url_is_taken(scheme: str) -> None:
    assert ledger_url(f"{scheme}://ann@host/db").drivername == "postgresql+psycopg"


def test_a_postgresql_ledger_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refused("postgresql://ann:s3cret@127.0.0.1/campaigns")
    assert only(error) == "ledger-no-driver"
    assert "a2pcli[postgres]" in str(error)


def test_sqlite_waits_for_the_disk_at_every_commit_but_those_of_a_plans_chunks(tmp_path: Path) -> None:
    """synchronous: 1 is NORMAL, 2 is FULL (https://sqlite.org/pragma.html#pragma_synchronous)."""
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = Make(ledger).begun()
        ledger.add_rows(run, PlannedRows(accepted([1])))
        assert ledger._chunks is not None
        for engine, expected in ((ledger.engine, 2), (ledger._chunks, 1)):
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == expected
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        ledger.finish_plan(run, digest="d", rows_read=1, summary={})
        ledger.start_sending(run, NOW)
        assert ledger._sending is not None
        with ledger._sending.begin():
            assert ledger._sending.exec_driver_sql("PRAGMA synchronous").scalar() == 2
