"""Options that say for what an opt-out or a consent holds, and from when until when."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError

CHANNELS = ("sms", "mms")
_HINT = "programme=news, sender=ACME or channel=sms"


@dataclass(frozen=True, slots=True)
class Scope:
    """For what an opt-out holds: ``everything``, or one programme, sender or channel."""

    kind: str = "everything"
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}={self.value}" if self.value else self.kind

    @property
    def key(self) -> tuple[str, str]:
        """What two spellings of one scope have in common: a sender's name in any case, its number in any form."""
        from a2pcli.ledger.sender_names import sender_key

        return self.kind, sender_key(self.value) if self.kind == "sender" else self.value

    @property
    def words(self) -> str:
        """What is kept away: ``every message``, ``messages from ACME``, …"""
        return {
            "everything": "every message",
            "sender": f"messages from {self.value}",
            "programme": f"the programme {self.value}",
            "channel": f"the channel {self.value}",
        }[self.kind]


def scope_of(text: str | None, sender: str | None = None) -> Scope:
    """``--scope programme=news``, or its short form ``--sender ACME``; without both, everything."""
    if sender is not None:
        if not sender.strip():
            raise UsageError(Problem("--sender is empty", hint="leave it out to suppress every message"))
        if text is not None:
            raise UsageError("--scope and --sender exclude each other")
        return Scope("sender", _sender(sender))
    if text is None or text.strip().lower() in ("everything", "all"):
        return Scope()
    kind, _, value = (part.strip() for part in text.partition("="))
    kind = {"program": "programme"}.get(kind.lower(), kind.lower())
    if kind not in ("programme", "sender", "channel") or not value:
        what = f"--scope {text}: which {kind}?" if kind in ("programme", "sender", "channel") else None
        raise UsageError(Problem(what or f"--scope {text}: not a scope", hint=f"write it like {_HINT}"))
    if kind == "channel":
        return Scope(kind, channel_of(value, "--scope channel"))
    return Scope(kind, _sender(value) if kind == "sender" else programme_of(value))


def _sender(text: str) -> str:
    """In the spelling a campaign's sender has; what can be none (``gateway twilio``) stays as it is."""
    from a2pcli.config.values import parse_sender

    try:
        return parse_sender(text)
    except ValueError:
        return text.strip()


def programme_of(text: str | None) -> str:
    """A programme as campaigns name it: lower case; "" for every one."""
    return (text or "").strip().lower()


def channel_of(text: str | None, option: str = "--channel") -> str:
    """A channel that exists; "" for every one."""
    channel = (text or "").strip().lower()
    if channel and channel not in CHANNELS:
        raise UsageError(Problem(f"{option} {text}: no such channel", hint=" or ".join(CHANNELS)))
    return channel


def until_of(text: str | None, now: int) -> int | None:
    """``--until``: a day is its end, a moment is on this machine's clock. UTC milliseconds, after ``now``."""
    if text is None:
        return None
    typed = text.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
        moment = datetime.combine(_day("--until", typed) + timedelta(days=1), time())
    else:
        moment = _moment("--until", typed)
    at = int(moment.timestamp() * 1000)
    if at <= now:
        raise UsageError(Problem(f"--until {text}: that is over already", hint="leave it out for good"))
    return at


def day_of(option: str, text: str | None) -> int | None:
    """A day, as UTC milliseconds of its beginning in UTC; or a moment with its time, read on this machine's clock."""
    if text is None:
        return None
    typed = text.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
        moment = datetime.combine(_day(option, typed), time(), UTC)
    else:
        moment = _moment(option, typed)
    return int(moment.timestamp() * 1000)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(Problem(f"{option} {text}: not a date", hint="write it as 2026-03-01")) from None


def _moment(option: str, text: str) -> datetime:
    from a2pcli.config.values import parse_moment

    try:
        return parse_moment(text)
    except ValueError:
        hint = "write it as 2026-03-01, or with a time: '2026-03-01 18:00'"
        raise UsageError(Problem(f"{option} {text}: not a date", hint=hint)) from None


def day_text(moment: int) -> str:
    """The day of a moment in UTC: ``2026-03-01``, as ``day_of`` read it."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"
