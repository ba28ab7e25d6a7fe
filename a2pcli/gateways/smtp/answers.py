"""What a reply of an SMTP server means for a message: by the step, and by the enhanced status code where it has one.

RFC 5321 section 4.2: 4yz is not now, 5yz is no. RFC 3463 says more of why. What a reply of 5yz says of a sender or an
account stops the run; what it says of a recipient or a text rejects one message. The table is ``codes/smtp.csv``, by
step and code.
"""

from __future__ import annotations

import re
from typing import Literal

from a2pcli.dataclass import dataclass
from a2pcli.gateways.codes import load_codes, outcome_of
from a2pcli.gateways.smtp.mime import Unmailable
from a2pcli.messages import Cause, Outcome, Verdict

Step = Literal["connect", "auth", "mail", "rcpt", "data"]

GREYLISTED = 300.0
"""Seconds before a recipient who is greylisted, or otherwise refused for now, is tried again; greylisting lasts some
minutes."""

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_QUEUED = re.compile(
    r"(?:queued as|queued mail for delivery as|id=|<)\s*([A-Za-z0-9._@$-]{3,100})", re.IGNORECASE
)

_OTHERWISE: dict[Step, tuple[str, str]] = {
    "connect": ("temporary", "account"),
    "auth": ("temporary", "account"),
    "mail": ("temporary", "sender"),
    "rcpt": ("temporary", "permanent"),
    "data": ("temporary", "content"),
}
"""What 4yz and 5yz mean at each step if the table does not list the code."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its three digits, and its lines joined by spaces."""

    code: int
    text: str

    @property
    def enhanced(self) -> str | None:
        """Return the enhanced status code (RFC 3463), if it fits the reply's class."""
        found = _ENHANCED.match(self.text)
        return found[0] if found and found[1] == str(self.code // 100) else None

    @property
    def is_good(self) -> bool:
        """Whether the reply is 2yz."""
        return 200 <= self.code < 300


def outcome(step: Step, reply: Reply) -> Outcome:
    """Return the outcome of any reply other than success. A reply whose class is not allowed at this step counts as
    unreachable: nothing was sent before the end of the data."""
    codes = load_codes("smtp")
    kind = reply.code // 100
    shown = reply.enhanced or str(reply.code)
    for key in (f"{step}:{reply.enhanced}", f"{step}:{reply.code}"):
        known = codes.get(key)
        if known is not None and (kind == 4) == (known.meaning in ("temporary", "rate")):
            pause = GREYLISTED if step == "rcpt" and kind == 4 else None
            return outcome_of(known.meaning, code=shown, detail=known.detail, retry_after=pause)
    if kind not in (4, 5):
        return unreachable("smtp-reply", f"the relay answered {reply.code} to {step.upper()}")
    meaning = _OTHERWISE[step][kind - 4]
    detail = f"the relay said {shown} " + ("(not now)" if kind == 4 else "(refused)")
    pause = GREYLISTED if step == "rcpt" and kind == 4 else None
    return outcome_of(meaning, code=shown, detail=detail, retry_after=pause)


def accepted(reply: Reply, message_id: str) -> Outcome:
    """Return the outcome of an accepted message, with the relay's queue id if it names one, else our Message-ID."""
    found = _QUEUED.search(reply.text)
    return Outcome(Verdict.ACCEPTED, found[1] if found else message_id.strip("<>"))


def unreachable(code: str, detail: str) -> Outcome:
    """Return that nothing was sent because of the connection; the circuit breaker counts it."""
    return Outcome(Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code=code, detail=detail)


def unknown(code: str, detail: str) -> Outcome:
    """Return that the end of the data was sent and no answer came."""
    return Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=code, detail=detail)


def unmailable(error: Unmailable) -> Outcome:
    """Return the outcome of a message that cannot be an email. A changed attachment stops the run: only what was
    approved may be sent."""
    if error.is_changed:
        return Outcome(Verdict.NOT_SENT, cause=Cause.ACCOUNT, code=error.code, detail=error.detail)
    if error.code == "no-sender":
        return Outcome(Verdict.NOT_SENT, cause=Cause.SENDER, code=error.code, detail=error.detail)
    cause = Cause.PERMANENT if error.permanent else Cause.CONTENT
    return Outcome(Verdict.REJECTED, cause=cause, code=error.code, detail=error.detail)
