"""A ledger that may not be written can be read, and reading leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clikit import Project
from ledgerkit import Make, states

from a2pcli.errors import LedgerError
from a2pcli.ledger import migrate, reading_only
from a2pcli.ledger.store import Ledger

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file modes")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """To be called: from then on the ledger may not be written. Root may write anywhere, so it is only said."""
    return lambda: monkeypatch.setattr(reading_only, "must_be", lambda _url: True)


def counted(path: Path) -> dict[str, int]:
    with Ledger.open_to_read(str(path)) as ledger:
        return states(ledger, ledger.runs.all()[0])


def planned(path: Path, **options: str) -> None:
    with Ledger.open(str(path), **options) as ledger:  # type: ignore[arg-type]
        Make(ledger).plan(3)


def copied_while_open(path: Path, folder: Path) -> Path:
    """As a backup of the disk finds a ledger in use: the newest rows are in the log alone."""
    folder.mkdir()
    with Ledger.open(str(path)) as ledger:
        Make(ledger).plan(3)
        for word in ("", "-wal"):
            shutil.copyfile(f"{path}{word}", folder / f"ledger.db{word}")
    return folder / "ledger.db"


def test_a_closed_ledger_is_read_as_it_is(tmp_path: Path, read_only: Callable[[], None]) -> None:
    path = tmp_path / "ledger.db"
    planned(path)
    shutil.rmtree(f"{path}-locks")
    before = path.read_bytes()
    read_only()
    assert counted(path) == {"planned": 3}
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.db"]
    assert path.read_bytes() == before


def test_a_ledger_copied_with_its_log_is_read_with_what_is_in_the_log(
    tmp_path: Path, read_only: Callable[[], None]
) -> None:
    path = copied_while_open(tmp_path / "ledger.db", tmp_path / "backup")
    read_only()
    assert counted(path) == {"planned": 3}
    assert sorted(one.name for one in path.parent.iterdir()) == ["ledger.db", "ledger.db-wal"]


def test_a_ledger_that_is_being_written_is_read_along(tmp_path: Path, read_only: Callable[[], None]) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(str(path)) as ledger:
        make = Make(ledger)
        make.plan(3)
        read_only()
        with Ledger.open_to_read(str(path)) as reader:
            assert len(reader.runs.all()) == 1
            make.plan(2)
            assert len(reader.runs.all()) == 2


def test_an_encrypted_ledger_is_read_too(tmp_path: Path, read_only: Callable[[], None]) -> None:
    pytest.importorskip("sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'")
    path, key = tmp_path / "ledger.db", "ab" * 32
    planned(path, key=key)
    read_only()
    with Ledger.open_to_read(str(path), key=key) as ledger:
        assert states(ledger, ledger.runs.all()[0]) == {"planned": 3}


def test_writing_is_refused_in_plain_words(tmp_path: Path, read_only: Callable[[], None]) -> None:
    path = tmp_path / "ledger.db"
    planned(path)
    read_only()
    with Ledger.open_to_read(str(path)) as ledger, pytest.raises(LedgerError) as caught:
        ledger.plans.occasion("spring", "once")
    assert caught.value.problems[0].code == "ledger-read-only"


def test_an_older_ledger_says_that_it_cannot_be_brought_up_to_date(
    tmp_path: Path, read_only: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    planned(path)
    read_only()
    monkeypatch.setattr(migrate, "KNOWN", (*migrate.KNOWN, "9999"))
    with pytest.raises(LedgerError, match="older version"):
        Ledger.open_to_read(str(path))


READING = (
    ["runs"],
    ["report"],
    ["explain", "+447911123456"],
    ["optout", "list"],
    ["consent", "show", "+447911123456"],
)


def test_the_commands_that_ask_the_ledger_work_and_leave_nothing(
    project: Project, read_only: Callable[[], None]
) -> None:
    project.starter()
    assert project.run("send", "sale.yaml", "--yes").status in (0, 4)
    project.run("optout", "add", "+447911123499")
    read_only()
    before = {path: path.stat().st_mtime_ns for path in (project.folder / ".a2pcli").rglob("*")}
    for command in READING:
        ran = project.run(*command)
        assert ran.status == 0, (command, ran.err)
    assert project.run("optout", "list", "--json").json["count"] == 1
    assert {path: path.stat().st_mtime_ns for path in (project.folder / ".a2pcli").rglob("*")} == before


def as_nobody(folder: Path, work: Callable[[], object]) -> object:
    """What a user without privileges gets, who may read the folder and no more."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def drop_and_work() -> None:
        os.setgid(65534)
        os.setuid(65534)
        sender.send(work())

    process = context.Process(target=drop_and_work)
    process.start()
    process.join(60)
    assert receiver.poll()
    return receiver.recv()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_another_user_who_may_read_it_reads_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "ledger.db"
        planned(path)
        path.chmod(0o644)
        assert as_nobody(folder, lambda: counted(path)) == {"planned": 3}
        assert [one.name for one in folder.iterdir() if one.is_file()] == ["ledger.db"]
