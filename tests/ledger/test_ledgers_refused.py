"""What is no ledger, or cannot be used as one, is refused in plain words and left alone."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledgerkit import Make, states
from openingkit import only, refused, schema

from a2pcli.errors import LedgerError
from a2pcli.ledger.database import ledger_url
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
            ledger.plans.occasion("spring", "once")
    except LedgerError as error:
        return only(error)
    return "no error"


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
    assert "cannot create the ledger" in str(error)


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
            for run in ledger.runs.all():
                states(ledger, run)

    with pytest.raises(LedgerError) as caught:
        read()
    assert only(caught.value) == "ledger-damaged"
    assert "backup" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:", "://", "post gres://x"]
)
def test_what_cannot_be_a_ledger_is_refused(url: str) -> None:
    assert only(refused(url)) == "ledger-url"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_url_is_taken(scheme: str) -> None:
    assert ledger_url(f"{scheme}://ann@host/db").drivername == "postgresql+psycopg"
