"""What an HTTP status says about a message where the provider's own code says nothing.

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

from http import HTTPStatus

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.waits import retry_after
from a2pcli.messages import Cause, Outcome, Verdict

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
    """The outcome that the status alone allows; never ``accepted``."""
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
    """A status that means yes, with a body that does not: a captive portal says 200 too."""
    return Outcome(
        Verdict.UNKNOWN,
        cause=Cause.AMBIGUOUS,
        code=str(response.status),
        detail="the answer could not be read, so it is unknown whether the message was accepted",
    )


def sentence(status: int) -> str:
    """``the provider answered 404 (Not Found)``."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return f"the provider answered {status}"
    return f"the provider answered {status} ({phrase})"
