"""A ledger encrypted at rest: the same promises, and no byte that tells anything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import readykit
from ledgerkit import NOW, Make, claim, number, settle, states

from a2pcli.errors import LedgerError
from a2pcli.ledger import cipher
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State

pytest.importorskip("sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'")

KEY = "ab" * 32
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (cipher.KEY_VARIABLE, cipher.NEW_KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.db")


def code_of(caught: pytest.ExceptionInfo[LedgerError]) -> str:
    return caught.value.problems[0].code


def bytes_of(place: str) -> bytes:
    return b"".join(path.read_bytes() for path in Path(place).parent.rglob("*") if path.is_file())


@pytest.mark.parametrize("key", [KEY, PASSPHRASE])
def test_plan_send_and_settle_go_as_in_a_plain_ledger(place: str, key: str) -> None:
    with Ledger.open(place, key=key) as ledger:
        run = Make(ledger).sending(50)
        settle(ledger, run, claim(ledger, run, want=20))
        assert states(ledger, run) == {"accepted": 20, "planned": 30}
    with Ledger.open(place, key=key) as again:
        assert again.runs.totals(again.runs.get(run.id)).by_state == {"accepted": 20, "planned": 30}


def test_no_byte_shows_a_number_a_text_or_that_it_is_sqlite(place: str) -> None:
    with Ledger.open(place, key=KEY) as ledger:
        Make(ledger).plan(50)
        Make(ledger).plan(3, campaign="small")
        ledger.optouts.add(number(99), source="by hand")
        held = bytes_of(place)  # the write-ahead log is full just now
        assert Path(f"{place}-wal").stat().st_size > 0
    held += bytes_of(place)
    for needle in (b"7700900", b"Hello ", b"attempts", b"SQLite format", b"by hand", KEY.encode()):
        assert needle not in held


def test_the_same_search_finds_them_in_a_plain_ledger(place: str) -> None:
    with Ledger.open(place) as ledger:
        Make(ledger).plan(3)  # so few that nothing is gained by packing them
        ledger.optouts.add(number(99), source="by hand")
    held = bytes_of(place)
    assert all(
        needle in held for needle in (b"7700900", b"Hello ", b"SQLite format", b"by hand", b"attempts")
    )


@pytest.mark.parametrize("wrong", ["cd" * 32, "another passphrase"])
@pytest.mark.parametrize("right", [KEY, PASSPHRASE])
def test_a_wrong_key_is_told(place: str, right: str, wrong: str, capfd: pytest.CaptureFixture[str]) -> None:
    Ledger.open(place, key=right).close()
    with pytest.raises(LedgerError) as caught:
        Ledger.open(place, key=wrong)
    assert code_of(caught) == "ledger-wrong-key"
    assert wrong not in str(caught.value)
    assert capfd.readouterr().err == "", "the library's own talk is kept away"


def test_a_missing_key_is_told(place: str) -> None:
    Ledger.open(place, key=KEY).close()
    with pytest.raises(LedgerError) as caught:
        Ledger.open(place)
    assert code_of(caught) == "ledger-encrypted"
    assert cipher.KEY_VARIABLE in str(caught.value)


def test_a_plain_ledger_with_a_key_is_told_and_left_as_it_is(place: str) -> None:
    Ledger.open(place).close()
    with pytest.raises(LedgerError) as caught:
        Ledger.open(place, key=KEY)
    assert code_of(caught) == "ledger-not-encrypted"
    Ledger.open(place).close()


def test_the_key_comes_from_the_environment(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cipher.KEY_VARIABLE, KEY)
    Ledger.open(place).close()
    assert not cipher.is_plain(Path(place))


def test_a_key_that_is_hardly_one_is_refused(place: str) -> None:
    with pytest.raises(LedgerError, match="too short"):
        Ledger.open(place, key="1234")


def test_a_server_is_not_encrypted_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cipher.KEY_VARIABLE, KEY)
    with pytest.raises(LedgerError, match="PostgreSQL"):
        Ledger.open("postgresql://nobody@localhost/nowhere")


def test_keys_are_never_shown() -> None:
    assert KEY not in repr(cipher.LedgerKey(KEY))


MAKE = """
import sys
from a2pcli.ledger.store import Ledger
with Ledger.open(sys.argv[1], key=sys.argv[2]) as ledger:
    ledger.audit.add("import")
"""


def test_processes_that_make_the_same_ledger_at_once_agree_on_its_salt(place: str) -> None:
    makers = [readykit.Forked(["ready:script", MAKE, place, PASSPHRASE]) for _ in range(3)]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0]
    with Ledger.open(place, key=PASSPHRASE) as ledger:
        assert ledger.audit.verify().entries == 3


def _claim_and_hang(place: str, id: str, told: Any) -> None:
    with Ledger.open(place, key=KEY) as ledger:
        run = ledger.runs.get(id)
        ledger.attempts.start(run, NOW)
        told.put(claim(ledger, run, want=10))
        time.sleep(60)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
def test_what_was_claimed_before_a_kill_is_unknown_and_nothing_is_claimed_twice(place: str) -> None:
    with Ledger.open(place, key=KEY) as ledger:
        run = Make(ledger).plan(30)
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    sender = context.Process(target=_claim_and_hang, args=(place, run.id, told))
    sender.start()
    before = told.get(timeout=60)
    os.kill(sender.pid or 0, signal.SIGKILL)
    sender.join()
    with Ledger.open(place, key=KEY) as ledger:
        run = ledger.runs.get(run.id)
        assert ledger.attempts.start(run, NOW) == 10
        after = claim(ledger, run)
        assert set(before).isdisjoint(after)
        assert states(ledger, run) == {str(State.UNKNOWN): 10, str(State.SUBMITTING): 20}


def test_erasing_works_in_an_encrypted_ledger_too(place: str) -> None:
    with Ledger.open(place, key=KEY) as ledger:
        Make(ledger).plan(3)
        ledger.people.erase(Person(number(1)), NOW)
        ledger.rewrite()
        assert ledger.messages.history(number(1)) == []
        assert ledger.people.erased().holds(number(1))


# -- from one kind to the other ------------------------------------------------------------------------------


def test_a_plain_ledger_is_encrypted_rekeyed_and_decrypted_with_everything_in_it(place: str) -> None:
    with Ledger.open(place) as ledger:
        run = Make(ledger).sending(5)
        settle(ledger, run, claim(ledger, run, want=2))
        head = ledger.audit.add("import").hash
    one, two = cipher.LedgerKey(KEY), cipher.LedgerKey(PASSPHRASE)
    for old, new in ((None, one), (one, two), (two, None)):
        cipher.convert(Path(place), old, new)
        assert (b"7700900" in bytes_of(place)) == (new is None)
        with Ledger.open(place, key=None if new is None else new.text) as ledger:
            assert states(ledger, ledger.runs.get(run.id)) == {"accepted": 2, "planned": 3}
            assert ledger.audit.verify(head).sound
    with sqlite3.connect(place) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        triggers = plain.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone()
    plain.close()
    assert triggers == (2,)


def _hold_open(place: str, opened: Any, end: Any) -> None:
    with Ledger.open(place) as ledger:
        Make(ledger).plan(2)
        opened.set()
        end.wait(60)


def test_a_ledger_that_is_open_elsewhere_is_not_converted(place: str) -> None:
    context = multiprocessing.get_context("spawn")
    opened, end = context.Event(), context.Event()
    other = context.Process(target=_hold_open, args=(place, opened, end))
    other.start()
    assert opened.wait(60)
    with pytest.raises(LedgerError, match="open"):
        cipher.convert(Path(place), None, cipher.LedgerKey(KEY), wait=0.2)
    end.set()
    other.join(60)
    assert other.exitcode == 0
    assert cipher.is_plain(Path(place))
    assert [path.name for path in Path(place).parent.glob("*.new")] == []


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_converted_ledger_stays_its_owners(place: str) -> None:
    Ledger.open(place).close()
    cipher.convert(Path(place), None, cipher.LedgerKey(KEY))
    assert Path(place).stat().st_mode & 0o777 == 0o600
