"""Options that say for what an opt-out or a consent holds, and from when until when."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.actions.consents import ConsentFacts

_HINT = "programme=news, sender=ACME or channel=sms"


def scope_of(text: str | None, sender: str | None = None) -> Scope | None:
    """``--scope programme=news``, or its short form ``--sender ACME``; None without both."""
    if sender is not None:
        if not sender.strip():
            raise UsageError(Problem("--sender is empty", hint="leave it out to suppress all messages"))
        if text is not None:
            raise UsageError("--scope and --sender cannot be combined")
        return Scope("sender", _sender(sender))
    if text is None:
        return None
    if text.strip().lower() in ("everything", "all"):
        return EVERYTHING
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
    from a2pcli.actions.addresses import channel_named

    return channel_named(text, option) if text and text.strip() else ""


def until_of(text: str | None) -> int | None:
    """``--until``: a day is its end, a moment is on this machine's clock. UTC milliseconds, still to come."""
    if text is None:
        return None
    typed = text.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
        moment = datetime.combine(_day("--until", typed) + timedelta(days=1), time())
    else:
        moment = _moment("--until", typed)
    at = int(moment.timestamp() * 1000)
    if at <= now_ms():
        raise UsageError(
            Problem(f"--until {text}: that date has passed", hint="leave --until out for no end date")
        )
    return at


def since_of(text: str | None) -> int | None:
    """``--since``: a day or a moment on this machine's clock, or how long ago (``3 days``). UTC milliseconds, in the
    past."""
    from a2pcli.config.retention import parse_age

    if text is None:
        return None
    typed = text.strip()
    try:
        ago = parse_age(typed)
    except ValueError:
        ago = None
    if ago is not None:
        return now_ms() - ago
    if re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
        moment = datetime.combine(_day("--since", typed), time())
    else:
        moment = _moment("--since", typed)
    at = int(moment.timestamp() * 1000)
    if at > now_ms():
        raise UsageError(f"--since {text}: that is in the future")
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


@dataclass(frozen=True, slots=True)
class ConsentOptions:
    """The options that say what was agreed to, as they were typed."""

    source: str | None = None
    given_at: str | None = None
    programme: str | None = None
    channel: str | None = None
    basis: str = "express"
    wording: str | None = None
    wording_version: str | None = None
    double_opt_in: str | None = None
    expires: str | None = None


def consent_facts(facts: ConsentOptions) -> ConsentFacts:
    """What they say. Raises ``UsageError`` for what cannot be."""
    from a2pcli.actions.consents import BASES, CONFIRMED, PENDING, ConsentFacts, clamped

    if facts.basis not in BASES:
        raise UsageError(Problem(f"--basis {facts.basis}: no such basis", hint=", ".join(BASES)))
    if facts.double_opt_in not in (None, PENDING, CONFIRMED):
        raise UsageError(Problem(f"--double-opt-in {facts.double_opt_in}", hint=f"{PENDING} or {CONFIRMED}"))
    if facts.wording and facts.wording_version:
        raise UsageError("--wording and --wording-version cannot be combined")
    if facts.source is not None and not facts.source.strip():
        raise UsageError(Problem("--source is empty", hint="state how consent was given: web form, paper, …"))
    given_at = day_of("--given-at", facts.given_at)
    if given_at is not None:
        given_at = clamped(given_at, now_ms())
        if given_at is None:
            raise UsageError(f"--given-at {facts.given_at}: that is in the future")
    expires_at = day_of("--expires", facts.expires)
    if expires_at is not None and given_at is not None and expires_at <= given_at:
        raise UsageError(f"--expires {facts.expires}: that is before the consent was given")
    return ConsentFacts(
        facts.source.strip() if facts.source else None,
        given_at,
        programme_of(facts.programme),
        channel_of(facts.channel),
        facts.basis,
        f"version {facts.wording_version.strip()}" if facts.wording_version else facts.wording,
        facts.double_opt_in,
        expires_at,
    )


def locale_of(text: str | None) -> str | None:
    """``--locale en_GB``. Raises ``UsageError`` for what is none."""
    from a2pcli.config.values import parse_locale

    try:
        return parse_locale(text) if text else None
    except ValueError as error:
        raise UsageError(f"--locale: {error.args[0]}") from None
