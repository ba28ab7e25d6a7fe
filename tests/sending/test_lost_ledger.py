"""A sender whose ledger is taken away stops, and leaves what it knows where it can be found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sendkit import ACCEPTED, ScriptedGateway, open_ledger, plan_run, send, states

from a2pcli.errors import LedgerError
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, Outcome
from a2pcli.sending.options import SendOptions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be taken away there")

ROWS = 400


def rename(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def delete(path: Path) -> None:
    path.unlink()


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def empty(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(0)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    Ledger.open(str(other)).close()
    other.replace(path)


def overwrite(path: Path) -> None:
    other = path.with_name("other.db")
    Ledger.open(str(other)).close()
    shutil.copyfile(other, path)


def delete_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def delete_index(path: Path) -> None:
    Path(f"{path}-shm").unlink()


WAYS = [rename, delete, delete_folder, empty, cut, replace, overwrite, delete_log, delete_index]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2pcli.sending.insisting.LEDGER_PAUSES", (0.01,))
    monkeypatch.setattr("a2pcli.sending.timing.LEDGER_PAUSES", (0.01,))
    monkeypatch.setattr("a2pcli.ledger.watch.PATIENCE", 0.1)


def sent_until(path: Path, take_away: Callable[[Path], None]) -> tuple[ScriptedGateway, LedgerError, str]:
    """Send, take the ledger away after a few messages; gives the gateway, the error and the run's id."""

    def answer(_message: Message, n: int) -> Outcome:
        if n == 60:
            take_away(path)
        return ACCEPTED

    gateway = ScriptedGateway(answer, concurrency=4)
    with Ledger.open(str(path)) as ledger:
        run = plan_run(ledger, ROWS)
        with pytest.raises(LedgerError) as caught:
            send(ledger, run, gateway, SendOptions(concurrency=4))
    return gateway, caught.value, run.id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder / "ledger.db"


@pytest.mark.parametrize("take_away", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_sender_stops_when_its_ledger_is_taken_away(path: Path, take_away: Callable[[Path], None]) -> None:
    gateway, error, _ = sent_until(path, take_away)
    assert len(gateway.got) < 60 + 20
    assert error.problems[0].code == "ledger-gone"
    assert str(path) in str(error)


@pytest.mark.parametrize("take_away", WAYS, ids=[way.__name__ for way in WAYS])
def test_what_is_claimed_far_ahead_stays_once_the_ledger_is_gone(
    path: Path, take_away: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2pcli.sending.ledger_writer.LOOKS_EVERY", 0.0)

    def answer(_message: Message, n: int) -> Outcome:
        if n == 600:
            take_away(path)
        return ACCEPTED

    gateway = ScriptedGateway(answer, concurrency=48)
    with Ledger.open(str(path)) as ledger:
        run = plan_run(ledger, 1500)
        with pytest.raises(LedgerError) as caught:
            send(ledger, run, gateway, SendOptions(concurrency=48))
    assert len(gateway.got) < 600 + 2 * 48  # of eight times what may be in flight
    assert caught.value.problems[0].code == "ledger-gone"


@pytest.mark.parametrize("take_away", [rename, delete_log, delete_index])
def test_what_was_learnt_is_in_the_file_wherever_it_is(path: Path, take_away: Callable[[Path], None]) -> None:
    gateway, _, id = sent_until(path, take_away)
    found = path if path.exists() else path.with_name("elsewhere.db")
    with Ledger.open(str(found)) as ledger:
        counted = states(ledger, ledger.runs.get(id))
    assert counted["accepted"] == len(gateway.got)
    assert counted["accepted"] + counted["planned"] == ROWS


def test_of_a_ledger_that_was_deleted_the_sender_saves_a_copy(path: Path) -> None:
    gateway, error, id = sent_until(path, delete)
    copy = Path(f"{path}.rescued-{id}")
    assert error.problems[-1].code == "ledger-rescued"
    assert str(copy) in str(error)
    assert copy.stat().st_mode & 0o077 == 0
    copy.rename(path)
    with open_ledger(path.parent) as ledger:
        run = ledger.runs.get(id)
        assert states(ledger, run)["accepted"] == len(gateway.got)
        again = ScriptedGateway()
        send(ledger, run, again)
    assert sorted(gateway.numbers + again.numbers) == sorted(set(gateway.numbers + again.numbers))
    assert len(gateway.got) + len(again.got) == ROWS


def test_a_ledger_that_is_put_back_at_once_is_gone_on_with(path: Path) -> None:
    def there_and_back(path: Path) -> None:
        away = path.with_name("away.db")
        path.rename(away)
        away.rename(path)

    def answer(_message: Message, n: int) -> Outcome:
        if n == 60:
            there_and_back(path)
        return ACCEPTED

    gateway = ScriptedGateway(answer)
    with Ledger.open(str(path)) as ledger:
        run = plan_run(ledger, ROWS)
        send(ledger, run, gateway)
        assert states(ledger, run) == {"accepted": ROWS}


def test_a_plan_is_not_finished_in_a_file_that_is_gone(path: Path) -> None:
    with Ledger.open(str(path)) as ledger:
        path.unlink()
        with pytest.raises(LedgerError, match="deleted, renamed or replaced"):
            plan_run(ledger, 3)


def test_a_ledger_with_a_second_name_is_refused(path: Path) -> None:
    Ledger.open(str(path)).close()
    path.with_name("hard.db").hardlink_to(path)
    with pytest.raises(LedgerError, match="second name"):
        Ledger.open(str(path))
    path.with_name("hard.db").unlink()
    Ledger.open(str(path)).close()


HOLD = """
import sys
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.store import Ledger
with Ledger.open(sys.argv[1]) as ledger, sender_lock(ledger, ledger.runs.get(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("way", ["link", "folder link", "dots", "no lock folder"])
def test_a_second_sender_is_kept_out_by_whatever_path_it_comes(path: Path, way: str) -> None:
    with Ledger.open(str(path)) as ledger:
        run = plan_run(ledger, 3)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), run.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    other = path
    if way == "link":
        other = path.with_name("link.db")
        other.symlink_to(path)
    elif way == "folder link":
        path.parent.with_name("linked").symlink_to(path.parent)
        other = path.parent.with_name("linked") / path.name
    elif way == "dots":
        other = path.parent / ".." / path.parent.name / path.name
    else:
        shutil.rmtree(f"{path}-locks")
    done = subprocess.run(
        [sys.executable, "-c", HOLD, str(other), run.id],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    process.communicate()
    assert "RunBusy" in done.stderr
    assert f"process {process.pid} on " in done.stderr
