"""What an HTTP status says about a message where the provider's own code says nothing; how long to wait.

============================  ==========================================================================
2xx                           for the provider to read; unreadable is ``unreadable()``: unknown
3xx, 404, 405, 406, 410,      the address or the request's form is wrong: that is a setting, so the run
411, 414, 415, 501, 505       stops, and nobody's message is lost over it
401, 403, 407                 credentials: the run stops
402                           credit: the run stops
429                           not sent, everybody slows down, ``Retry-After`` obeyed
421, 425                      not sent, may be tried again (RFC 9110, RFC 8470)
503 with ``Retry-After``      not sent, may be tried again then
408, 409, 423, 424            unknown: some other answer to this message may exist
400, 413, 422, other 4xx      rejected: this message, as it is
500, 502, 503, 504, other     unknown: it may have been taken before the failure
============================  ==========================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from a2pcli.gateways.base import HttpResponse
from a2pcli.messages import Cause, Outcome, Verdict

LONGEST = 86_400.0
"""Seconds; longer waits count as this."""

_MILLISECONDS = {"ms", "msec", "millis", "milliseconds", "millisecond"}
_NUMBER = re.compile(
    r"([+-]?)(\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})\s*"
    r"(s|secs?|seconds?|ms|msec|millis|milliseconds?|m|mins?|minutes?|h|hours?)?",
    re.IGNORECASE | re.ASCII,
)
_UNITS = {"m": 60.0, "h": 3600.0}
# Such a large number is not a wait but a time, in seconds or milliseconds since 1970.
_SURELY_A_MOMENT = 1e9
_IN_MILLISECONDS = 1e11


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return ``Retry-After`` in whole seconds from now, 0 to a day; None if absent or invalid.

    A date is relative to the answer's own ``Date``, if it has one, because the two clocks may differ.
    """
    said = headers.get("retry-after")
    if said is None:
        return None
    if now is None:
        now = _moment(headers.get("date", "")) or datetime.now(UTC)
    said = said.strip().strip("\"'").strip()
    wait = _wait(said, now)
    if wait is None and "," in said:
        # Given twice; a date, which contains a comma too, was read above.
        waits = [_wait(one.strip(), now) for one in said.split(",")]
        wait = max((one for one in waits if one is not None), default=None) if None not in waits else None
    return wait


def seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Return a number of seconds from an answer's body, like ``retry_after``; None if it is not one."""
    return None if value is None else _wait(value.strip(), now or datetime.now(UTC))


def _wait(said: str, now: datetime) -> float | None:
    number = _NUMBER.fullmatch(said)
    if number is not None:
        return _bounded(_seconds(number, now))
    moment = _moment(said)
    if moment is None:
        return None
    try:
        return _bounded((moment - now).total_seconds())
    except OverflowError:
        return None


def _seconds(number: re.Match[str], now: datetime) -> float:
    sign, digits, unit = number[1], float(number[2]), (number[3] or "s").lower()
    if sign == "-":
        return 0.0
    if number[3] is None and digits >= _SURELY_A_MOMENT:
        return (digits / 1000 if digits >= _IN_MILLISECONDS else digits) - now.timestamp()
    if unit in _MILLISECONDS:
        return digits / 1000
    return digits * _UNITS.get(unit[0], 1.0)


def _bounded(wait: float) -> float:
    """Round up, so that it is never earlier than requested."""
    return float(math.ceil(max(0.0, min(wait, LONGEST))))


def _moment(said: str) -> datetime | None:
    """Return an HTTP date in any of its three forms, or an ISO 8601 date."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(said)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None


_BY_STATUS: dict[int, tuple[Verdict, Cause]] = {
    400: (Verdict.REJECTED, Cause.CONTENT),
    402: (Verdict.NOT_SENT, Cause.CREDIT),
    408: (Verdict.UNKNOWN, Cause.AMBIGUOUS),
    409: (Verdict.UNKNOWN, Cause.AMBIGUOUS),
    421: (Verdict.NOT_SENT, Cause.TEMPORARY),
    423: (Verdict.UNKNOWN, Cause.AMBIGUOUS),
    424: (Verdict.UNKNOWN, Cause.AMBIGUOUS),
    425: (Verdict.NOT_SENT, Cause.TEMPORARY),
    429: (Verdict.NOT_SENT, Cause.RATE),
    **dict.fromkeys(
        (401, 403, 404, 405, 406, 407, 410, 411, 414, 415, 501, 505), (Verdict.NOT_SENT, Cause.ACCOUNT)
    ),
}


def by_status(response: HttpResponse, *, code: str | None = None, detail: str | None = None) -> Outcome:
    """Return the outcome for the status alone; never ``accepted``."""
    status = response.status
    pause = retry_after(response.headers)
    if status in _BY_STATUS:
        verdict, cause = _BY_STATUS[status]
    elif 300 <= status < 400:
        verdict, cause = Verdict.NOT_SENT, Cause.ACCOUNT
    elif 400 <= status < 500:
        verdict, cause = Verdict.REJECTED, Cause.CONTENT
    elif status == 503 and pause is not None:
        verdict, cause = Verdict.NOT_SENT, Cause.TEMPORARY
    else:
        verdict, cause = Verdict.UNKNOWN, Cause.AMBIGUOUS
    if verdict is not Verdict.NOT_SENT:
        pause = None
    return Outcome(
        verdict, cause=cause, code=code or str(status), detail=detail or sentence(status), retry_after=pause
    )


def unreadable(response: HttpResponse) -> Outcome:
    """Return an unknown outcome for a success status with an unreadable body: a captive portal answers 200 too."""
    return Outcome(
        Verdict.UNKNOWN,
        cause=Cause.AMBIGUOUS,
        code=str(response.status),
        detail="the answer could not be read, so it is unknown whether the message was accepted",
    )


def sentence(status: int) -> str:
    """Return a sentence such as ``the provider answered 404 (Not Found)``."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return f"the provider answered {status}"
    return f"the provider answered {status} ({phrase})"
