"""The rules checked for one message: what each one looked at, its result, and its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Literal

from a2pcli.dataclass import dataclass
from a2pcli.ledger.caps import Cap, counted
from a2pcli.ledger.clocks import RunClock, held
from a2pcli.ledger.optouts import OF_THE_PERSON, binds, concerns
from a2pcli.ledger.records import About, Suppression
from a2pcli.ledger.store import Ledger
from a2pcli.reasons import CONTACTS_FILE, SENTENCES, Reason
from a2pcli.reporting.sentences import opt_out
from a2pcli.reporting.values import iso, local
from a2pcli.rules.clock import EXPIRED, NOT_BEFORE, UNKNOWN_ZONE
from a2pcli.rules.law import Law

Outcome = Literal["passed", "left-out", "held", "not-asked", "note"]

OURS: dict[str, str] = {
    "campaign-window": "the campaign's own hours",
    "cap-campaign": "the campaign's own limit",
    "cap-programme": "the programme's limit in the settings",
    "cap-global": "the settings' limit over all campaigns",
    UNKNOWN_ZONE: "a message is held if the time zone is unknown",
    NOT_BEFORE: "the campaign's not_before",
    EXPIRED: "the campaign's expires",
}
"""Rules that are no law's, in words."""


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule and one message. ``rule`` is its id; ``source`` and ``confidence`` (H, M, L) are of a rule of the law,
    ``says`` is what it demands; ``data`` is what it looked at."""

    rule: str
    outcome: Outcome
    why: str
    says: str | None = None
    source: str | None = None
    confidence: str | None = None
    checked: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The value as a JSON-ready dict."""
        return {
            "rule": self.rule,
            "outcome": self.outcome,
            "why": self.why,
            "says": self.says,
            "source": self.source,
            "confidence": self.confidence,
            "checked": self.checked,
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class MessageContext:
    """A message to one person, as the rules see it at the moment ``at`` (UTC milliseconds).

    ``caps`` bind everybody in the run; those of the law come with the clock. ``consent`` is what the run asks for, None
    where it asks for nothing; ``said`` is what the contacts file says about it, where that is what allows the row.
    """

    about: About
    address: str
    country: str | None
    at: int
    sender: str | None = None
    clock: RunClock | None = None
    caps: tuple[Cap, ...] = ()
    consent_required: bool | None = None
    said: str | None = None
    expires_at: int | None = None
    waivers: tuple[Mapping[str, Any], ...] = ()
    reason: str | None = None
    rule: str | None = None
    detail: str | None = None
    zone: str | None = None
    """In which moments of the run are told (``moments.zone_of``)."""
    others: tuple[str, ...] = ()
    """The person's other addresses."""


def considered(ledger: Ledger, law: Law, context: MessageContext) -> list[Considered]:
    """Every rule that was considered, in the order in which they are asked."""
    return [
        _opt_outs(ledger, context),
        *_consent(ledger, law, context),
        *_sender(law, context),
        *_hours(law, context),
        *_caps(ledger, law, context),
        *(_waived(waiver) for waiver in context.waivers),
        *_other(law, context),
    ]


def _opt_outs(ledger: Ledger, context: MessageContext) -> Considered:
    purpose = context.about.purpose
    if not binds(purpose):
        return Considered("optout", "not-asked", f"opt-outs do not apply to {purpose} messages")
    entries = [one for one in ledger.optouts.of(context.address) if _held_then(one, context.at)]
    mine = [one for one in entries if concerns(one, context.about, context.sender)]
    for other in context.others:
        theirs = (one for one in ledger.optouts.of(other) if one.scope in OF_THE_PERSON)
        mine += [
            one
            for one in theirs
            if _held_then(one, context.at) and concerns(one, context.about, context.sender)
        ]
    if mine:
        data = {"scope": mine[0].scope, "scope_value": mine[0].scope_value, "source": mine[0].source}
        return Considered(
            "optout", "left-out", opt_out(mine[0]), data=data | {"added_at": iso(mine[0].added_at)}
        )
    others = f"; {len(entries)} for other messages" if entries else ""
    return Considered("optout", "passed", f"not on the suppression list for this message{others}")


def _held_then(one: Suppression, at: int) -> bool:
    """Whether an entry held at that moment, lifted since or not."""
    ends = [moment for moment in (one.lifted_at, one.until_at) if moment is not None]
    return one.added_at <= at and all(end > at for end in ends)


def _consent(ledger: Ledger, law: Law, context: MessageContext) -> Iterator[Considered]:
    about = context.about
    record = ledger.consents.allowing(context.address, about.programme or "", about.channel, context.at)
    if record is not None:
        until = f" until {local(record.expires_at)}" if record.expires_at else ""
        wording = f": “{record.wording}”" if record.wording else ""
        why = f"{record.basis} consent of {local(record.given_at)} by {record.source}{until}{wording}"
        data = {
            "basis": record.basis, "given_at": iso(record.given_at), "source": record.source, "wording": record.wording,
            "programme": record.programme or None, "expires_at": iso(record.expires_at),
        }  # fmt: skip
        yield Considered("consent", "passed", why, data=data)
    elif context.reason == Reason.NO_CONSENT:
        yield Considered("consent", "left-out", context.detail or SENTENCES[Reason.NO_CONSENT])
    elif context.said:
        yield Considered(
            "consent", "passed", f"the contacts file says: {context.said}", data={"cells": context.said}
        )
    elif context.consent_required:
        yield Considered("consent", "left-out", "required, but not on record")
    elif context.consent_required is None:
        yield Considered("consent", "not-asked", f"{about.purpose} messages do not need it")
    else:
        yield Considered("consent", "not-asked", "assumed: the campaign requires no proof")
    if about.purpose != "marketing" or context.consent_required or record is not None or context.said:
        return
    for rule in law.consent(context.country or "", (), about.purpose, about.channel):
        if rule.required:
            yield _of_law(
                law,
                rule.id,
                "note",
                "the law requires consent, which was not checked: make sure that you have it",
            )


def _hours(law: Law, context: MessageContext) -> Iterator[Considered]:
    if context.clock is None:
        yield Considered("hours", "not-asked", "no sending hours apply")
        return
    clock = context.clock.clock
    zones = ", ".join(clock.zones) or "unknown"
    why = held(clock, context.at, context.expires_at)
    closed = clock.closed_by(context.at)
    data = {"zones": list(clock.zones), "at": iso(context.at), "held_until": iso(why.until) if why else None}
    if clock.lacks_zone:
        yield _of_law(law, UNKNOWN_ZONE, "held", "the person's time zone is unknown", data)
        return
    for rule in dict.fromkeys([*(window.rule for window in clock.windows), *closed]):
        if rule in closed:
            until = (
                f" until {local(why.until, context.zone)}"
                if why is not None and why.until is not None
                else ""
            )
            yield _of_law(law, rule, "held", f"closed in {zones}{until}", data)
        else:
            yield _of_law(law, rule, "passed", f"open in {zones}", data)


def _caps(ledger: Ledger, law: Law, context: MessageContext) -> Iterator[Considered]:
    caps = [*context.caps, *(context.clock.caps if context.clock else ())]
    if not counted(context.about.purpose):
        yield Considered(
            "caps", "not-asked", f"frequency caps do not apply to {context.about.purpose} messages"
        )
        return
    if not caps:
        yield Considered("caps", "not-asked", "no cap is set")
        return
    contacts = ledger.messages.contacts_of(
        context.address, context.at - max(cap.seconds for cap in caps) * 1000, context.at
    )
    for cap in caps:
        since = context.at - cap.seconds * 1000
        count = sum(one.at > since and cap.counts(context.about, one) for one in contacts)
        data = {"limit": cap.limit, "seconds": cap.seconds, "per": cap.scope, "count": count}
        capped = context.reason == Reason.CAPPED and context.rule == cap.rule
        outcome: Outcome = (
            "left-out" if capped or (context.reason is None and count >= cap.limit) else "passed"
        )
        yield _of_law(law, cap.rule, outcome, f"{count} earlier messages; the cap is {cap.text}", data)


def _sender(law: Law, context: MessageContext) -> Iterator[Considered]:
    about = context.about
    sender = context.sender or about.sender
    rules = law.senders(context.country or "", about.purpose or "", about.channel)
    if context.reason == Reason.NO_SENDER:
        yield _of_law(
            law, context.rule or "sender", "left-out", context.detail or SENTENCES[Reason.NO_SENDER]
        )
        return
    if not sender:
        yield Considered("sender", "not-asked", f"gateway {about.gateway} chooses the sender")
        return
    for rule in rules:
        yield _of_law(law, rule.id, "passed", f"{sender} is allowed there", {"sender": sender})
    if not rules:
        yield Considered("sender", "passed", f"no rule is known for {sender} there", data={"sender": sender})


def _waived(waiver: Mapping[str, Any]) -> Considered:
    return Considered(str(waiver.get("rule")), "note", f"waived: {waiver.get('reason')}", data=waiver)


_TOLD = (
    Reason.OPTED_OUT,
    Reason.NO_CONSENT,
    Reason.NO_SENDER,
    Reason.CAPPED,
    Reason.QUIET_HOURS,
    Reason.UNKNOWN_ZONE,
)


def _other(law: Law, context: MessageContext) -> Iterator[Considered]:
    """What left the row out and is none of the rules above: the campaign, the row, the number."""
    if context.reason is None or (context.reason in _TOLD and context.rule != CONTACTS_FILE):
        return
    sentence = (
        SENTENCES[Reason(context.reason)] if context.reason in Reason._value2member_map_ else context.reason
    )
    why = f"{sentence}; {context.detail}" if context.detail else sentence
    if context.rule == CONTACTS_FILE and context.detail:
        why = context.detail
    yield _of_law(law, context.rule or context.reason, "left-out", why)


def _of_law(
    law: Law, rule_id: str, outcome: Outcome, why: str, data: Mapping[str, Any] | None = None
) -> Considered:
    """With what the law's rule of that id says; other ids have only their own words."""
    rule = law.rule(rule_id)
    if rule is None:
        return Considered(rule_id, outcome, why, OURS.get(rule_id), data=data or {})
    source = f"{rule.source}; changed here: {rule.reason}" if rule.reason else rule.source
    checked = rule.checked.isoformat() if rule.checked else None
    return Considered(rule_id, outcome, why, rule.says, source, rule.confidence, checked, data or {})
