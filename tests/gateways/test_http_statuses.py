"""What an HTTP status means where the provider's own code says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.statuses import by_status, retry_after, seconds, unreadable
from a2pcli.messages import STOPS_THE_RUN, Cause, Verdict

TABLE = """
301 not_sent account
302 not_sent account
307 not_sent account
400 rejected content
401 not_sent account
402 not_sent credit
403 not_sent account
404 not_sent account
405 not_sent account
407 not_sent account
408 unknown ambiguous
409 unknown ambiguous
410 not_sent account
413 rejected content
415 not_sent account
421 not_sent temporary
422 rejected content
423 unknown ambiguous
425 not_sent temporary
429 not_sent rate
451 rejected content
500 unknown ambiguous
501 not_sent account
502 unknown ambiguous
503 unknown ambiguous
504 unknown ambiguous
520 unknown ambiguous
599 unknown ambiguous
"""


@pytest.mark.parametrize("row", TABLE.strip().split("\n"))
def test_the_table(row: str) -> None:
    status, verdict, cause = row.split()
    outcome = by_status(HttpResponse(int(status), {}, b""))
    assert (outcome.verdict, outcome.cause, outcome.code) == (verdict, cause, status)


def test_a_wrong_address_loses_nobody() -> None:
    """404 for each message of a run means a wrong setting: it stops, everybody stays planned."""
    outcome = by_status(HttpResponse(404, {}, b""))
    assert outcome.verdict is Verdict.NOT_SENT
    assert outcome.cause in STOPS_THE_RUN


def test_503_is_certain_only_with_retry_after() -> None:
    outcome = by_status(HttpResponse(503, {"retry-after": "7"}, b""))
    assert (outcome.verdict, outcome.cause, outcome.retry_after) == (Verdict.NOT_SENT, Cause.TEMPORARY, 7.0)


def test_a_yes_that_cannot_be_read_is_unknown() -> None:
    assert unreadable(HttpResponse(200, {}, b"<html>")).verdict is Verdict.UNKNOWN


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

WAITS: dict[str, float | None] = {
    "0": 0.0,
    " 120 ": 120.0,
    "999999999999999999": 86_400.0,
    format_datetime(NOW + timedelta(seconds=90), usegmt=True): 90.0,
    format_datetime(NOW - timedelta(days=1), usegmt=True): 0.0,
    format_datetime(NOW + timedelta(days=400), usegmt=True): 86_400.0,
    (NOW + timedelta(seconds=90)).strftime("%A, %d-%b-%y %H:%M:%S GMT"): 90.0,
    (NOW + timedelta(seconds=90)).strftime("%a %b %e %H:%M:%S %Y"): 90.0,
    (NOW + timedelta(seconds=90)).isoformat(): 90.0,
    str(int((NOW + timedelta(seconds=90)).timestamp())): 90.0,
    str(int((NOW + timedelta(seconds=90)).timestamp() * 1000)): 90.0,
    "-5": 0.0,
    "+5": 5.0,
    "1.5": 2.0,
    "0.001": 1.0,
    ".5": 1.0,
    "7.": 7.0,
    '"12"': 12.0,
    "3s": 3.0,
    "30 seconds": 30.0,
    "1500ms": 2.0,
    "2 minutes": 120.0,
    "5, 9": 9.0,
    "1e3": None,
    "inf": None,
    "nan": None,
    "5, soon": None,
    "1 2": None,
    "0x10": None,
    "soon": None,
    "": None,
    "Mon, 99 Foo 2026 99:99:99 GMT": None,
    "٣": None,
}


@pytest.mark.parametrize("said", list(WAITS))
def test_retry_after(said: str) -> None:
    assert retry_after({"retry-after": said}, NOW) == WAITS[said]


def test_no_retry_after() -> None:
    assert retry_after({}) is None


def test_a_date_counts_from_the_servers_own_clock() -> None:
    headers = {
        "date": format_datetime(NOW - timedelta(days=3), usegmt=True),
        "retry-after": format_datetime(NOW - timedelta(days=3) + timedelta(seconds=20), usegmt=True),
    }
    assert retry_after(headers) == 20.0


@pytest.mark.parametrize(
    ("status", "verdict", "cause"),
    [
        (429, "not_sent", "rate"),
        (503, "not_sent", "temporary"),
        (301, "not_sent", "account"),
        (500, "unknown", "ambiguous"),
    ],
)
def test_a_decimal_is_heard_with_every_status(status: int, verdict: str, cause: str) -> None:
    outcome = by_status(HttpResponse(status, {"retry-after": "1.5"}, b""))
    assert (outcome.verdict, outcome.cause) == (verdict, cause)
    assert outcome.retry_after == (None if verdict == "unknown" else 2.0)


def test_seconds_in_a_body_are_read_alike() -> None:
    assert [seconds(one) for one in ("2.1", "-1", "soon", None)] == [3.0, 0.0, None, None]


@given(st.text())
def test_no_retry_after_raises_or_is_out_of_bounds(said: str) -> None:
    wait = retry_after({"retry-after": said})
    assert wait is None or 0 <= wait <= 86_400


@given(st.integers(100, 999))
def test_a_status_alone_never_means_accepted(status: int) -> None:
    assert by_status(HttpResponse(status, {}, b"")).verdict is not Verdict.ACCEPTED
