"""One-time passwords in the ledger: a code succeeds once, wrong entries add up, and limits hold for all processes."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from a2pcli.config.retention import Retention
from a2pcli.ledger import retention
from a2pcli.ledger.codes import CodeLimits, NewCode, RefusedCode, SentCode
from a2pcli.ledger.store import Ledger

NOW = 1_800_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LIMITS = CodeLimits(valid=5 * MINUTE, attempts=5, resend=30, per_hour=5, per_day=10)
ANN = "+447911123456"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open_with(url, None) as opened:
        yield opened


def digest(code: str, address: str = ANN) -> str:
    return hmac.digest(b"k" * 32, f"{address} {code}".encode(), "sha256").hex()


def send(
    ledger: Ledger, code: str, now: int, address: str = ANN, use: str = "login"
) -> SentCode | RefusedCode:
    return ledger.codes.begin(NewCode(use, address, "GB", digest(code, address)), LIMITS, now=now)


def enter(ledger: Ledger, code: str, now: int, use: str = "login") -> tuple[str, int]:
    found = ledger.codes.enter(use, ANN, digest(code), LIMITS, now=now)
    return found.result, found.attempts_left


def test_of_fifty_parallel_entries_of_the_right_code_one_succeeds(ledger: Ledger) -> None:
    send(ledger, "123456", NOW)
    with ThreadPoolExecutor(50) as threads:
        results = list(threads.map(lambda _: enter(ledger, "123456", NOW + 1)[0], range(50)))
    assert sorted(results) == ["used"] * 49 + ["verified"]


def test_of_parallel_wrong_entries_only_as_many_count_as_are_allowed(ledger: Ledger) -> None:
    send(ledger, "123456", NOW)
    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(lambda n: enter(ledger, f"{n:06}", NOW + 1)[0], range(20)))
    assert sorted(results) == ["void"] * 16 + ["wrong"] * 4
    assert enter(ledger, "123456", NOW + 2) == ("void", 0), "the right code comes too late"


def test_a_new_code_replaces_the_one_before_and_wrong_entries_add_up_over_both(ledger: Ledger) -> None:
    send(ledger, "111111", NOW)
    assert [enter(ledger, "000000", NOW + n) for n in range(3)] == [("wrong", 4), ("wrong", 3), ("wrong", 2)]
    again = send(ledger, "222222", NOW + 31_000)
    assert isinstance(again, SentCode)
    assert again.attempts_left == 2
    assert enter(ledger, "111111", NOW + 32_000) == ("wrong", 1), "the old code is void"
    assert enter(ledger, "000000", NOW + 33_000) == ("void", 0)
    assert send(ledger, "333333", NOW + 120_000) == RefusedCode("attempts", NOW + 31_000 + 5 * MINUTE)
    assert isinstance(send(ledger, "333333", NOW + 31_000 + 5 * MINUTE), SentCode), "after it has expired"


def test_the_wait_before_another_code_doubles(ledger: Ledger) -> None:
    moment = NOW
    for wait in (30, 60, 120):
        sent = send(ledger, "123456", moment)
        assert isinstance(sent, SentCode)
        assert sent.next_at == moment + wait * 1000
        assert send(ledger, "123456", sent.next_at - 1) == RefusedCode("wait", sent.next_at)
        moment = sent.next_at


def test_an_address_gets_five_codes_an_hour_and_ten_a_day_whatever_they_are_for(ledger: Ledger) -> None:
    times = [NOW + n * 6 * MINUTE for n in range(5)]
    for number, moment in enumerate(times):
        assert isinstance(send(ledger, "123456", moment, use=f"use {number}"), SentCode)
    assert send(ledger, "123456", times[-1] + MINUTE, use="other") == RefusedCode("per-hour", NOW + HOUR)
    for number in range(5):
        assert isinstance(send(ledger, "123456", NOW + (2 + number) * HOUR), SentCode)
    assert send(ledger, "123456", NOW + 10 * HOUR) == RefusedCode("per-day", NOW + DAY)
    assert isinstance(send(ledger, "123456", NOW + 10 * HOUR, "+447911123457"), SentCode)


def test_a_code_that_did_not_leave_counts_nowhere(ledger: Ledger) -> None:
    for moment in range(20):
        sent = send(ledger, "123456", NOW + moment)
        assert isinstance(sent, SentCode)
        ledger.codes.not_sent(sent.id, now=NOW + moment)
    assert enter(ledger, "123456", NOW + 100) == ("none", 0)


def test_a_code_holds_for_its_use_and_its_time(ledger: Ledger) -> None:
    send(ledger, "123456", NOW)
    assert enter(ledger, "123456", NOW + 1, "number") == ("none", 0)
    assert enter(ledger, "123456", NOW + 5 * MINUTE) == ("expired", 0)
    send(ledger, "123456", NOW + 6 * MINUTE)
    assert enter(ledger, "123456", NOW + 7 * MINUTE) == ("verified", 0)
    assert ledger.codes.verified_at([ANN]) == {ANN: NOW + 7 * MINUTE}


def test_who_verified_a_number_is_not_blocked_with_their_range(ledger: Ledger) -> None:
    send(ledger, "123456", NOW)
    enter(ledger, "123456", NOW + 1)
    blocked = [send(ledger, "1", NOW + DAY + n, f"+44791112{n:04}") for n in range(50)]
    refused = [one for one in blocked if isinstance(one, RefusedCode)]
    assert (len(refused), refused[0].reason, refused[0].range) == (45, "velocity", "+44791112")
    assert [one.alarm for one in refused] == [True] + [False] * 44, "people are told once an hour"
    assert isinstance(send(ledger, "123456", NOW + DAY + 100), SentCode)
    assert isinstance(send(ledger, "1", NOW + DAY + 101, "+447700900123"), SentCode), "another range"


def test_codes_are_deleted_when_no_limit_counts_them_any_more(ledger: Ledger) -> None:
    send(ledger, "123456", NOW)
    send(ledger, "123456", NOW + DAY + HOUR)
    assert retention.prune(ledger, Retention(), NOW + DAY + 2 * HOUR).codes == 1
    assert retention.prune(ledger, Retention(), NOW + DAY + 2 * HOUR).nothing


def test_no_byte_of_the_ledger_holds_a_code(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open_with(str(path), None) as ledger:
        send(ledger, "7319048265", NOW)
        enter(ledger, "7319048265", NOW + 1)
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and b"7319048265" in one.read_bytes()]
