"""What became of an event, as people and programs see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.kinds import masked
from a2pcli.moments import moment_text
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.values import iso, money

if TYPE_CHECKING:
    from a2pcli.actions.events import Triggered

_MESSAGES = {
    "accepted": "the gateway accepted it",
    "planned": "the gateway did not accept it; `a2pcli listen` tries again",
    "submitting": "another process is sending it",
    "rejected": "the gateway rejected it",
    "unknown": "whether the gateway accepted it is unknown",
    "expired": "not accepted in time",
    "skipped": "not sent: the person has opted out",
}


def is_well(done: Triggered, *, dry_run: bool) -> bool:
    """Whether a message was accepted, will be sent later, or was made by the same event before."""
    if done.is_ignored or not done.is_new:
        return True
    state = _state(done)
    if dry_run or state != "sent":
        return state in ("waiting", "sent")
    return done.message is not None and str(done.message.state) in ("accepted", "submitting", "planned")


def triggered_document(done: Triggered, *, dry_run: bool) -> dict[str, Any]:
    """An event and its message; the number is masked."""
    planned = None if done.handled is None else done.handled.planned
    message = done.message
    text = None
    if (planned is not None and planned.reason is None) or (
        planned is not None and planned.held_until is not None
    ):
        text = planned.body
    return {
        "event": None if done.event is None else done.event.code,
        "name": done.name,
        "campaign": done.campaign,
        "dry_run": dry_run,
        "state": _state(done),
        "is_new": done.is_new,
        "reason": _reason(done),
        "detail": _detail(done),
        "due_at": iso(_due_at(done)),
        "to": None if planned is None or planned.address is None else masked(planned.address),
        "channel": None if planned is None else planned.channel,
        "gateway": None if planned is None else planned.gateway,
        "sender": None if planned is None else planned.sender,
        "text": text,
        "parts": None if planned is None else planned.parts,
        "cost": None if planned is None or planned.cost is None else money(planned.cost),
        "currency": None if planned is None else planned.currency,
        "message": None
        if message is None
        else {
            "state": str(message.state),
            "reference": message.reference,
            "code": message.code,
            "detail": message.detail,
            "delivery": message.delivery,
        },
    }


def triggered_lines(done: Triggered, *, dry_run: bool) -> Iterator[str]:
    """An event and its message in sentences."""
    if done.is_ignored:
        yield f"{done.name}: ignored, because `only` in events.yaml is empty or false for it"
        return
    code = "" if done.event is None else f" {done.event.code}"
    if not done.is_new:
        yield f"{done.name}{code}: an event with this key came before; {_before(done)}"
        return
    state = _state(done)
    planned = None if done.handled is None else done.handled.planned
    if planned is not None and planned.address is not None and (planned.reason is None or planned.held_until):
        price = (
            ""
            if planned.cost is None or not planned.currency
            else f", {money(planned.cost)} {planned.currency}"
        )
        parts = "" if not planned.parts else f", {planned.parts} part{'' if planned.parts == 1 else 's'}"
        sender = f" from {planned.sender}" if planned.sender else ""
        to = f"{masked(planned.address)} by {planned.channel} ({planned.gateway})"
        yield f"{done.campaign} to {to}{sender}{parts}{price}"
        for line in (planned.body or "").splitlines():
            yield f"  {line}"
    yield f"{done.name}{code}: {_outcome(done, state, dry_run)}"


def _outcome(done: Triggered, state: str, dry_run: bool) -> str:
    reason, detail = _sentence(_reason(done)), _detail(done)
    if state == "sent":
        if dry_run:
            return "would be sent now; nothing was stored or sent"
        word = "planned" if done.message is None else str(done.message.state)
        answer = f" ({done.message.detail})" if done.message is not None and done.message.detail else ""
        return _MESSAGES.get(word, word) + ("" if word == "accepted" else answer)
    if state == "waiting":
        due = _due_at(done)
        when = "" if due is None else f" until {moment_text(due)}"
        would = "would wait" if dry_run else "waits"
        tail = "nothing was stored" if dry_run else "`a2pcli listen` sends it then"
        return f"{would}{when} ({reason or 'events are gathered'}); {tail}"
    if state == "expired":
        if not reason:
            return "no message, because the event is older than `expires` allows"
        return f"no message, because the event expires before its message may be sent ({reason})"
    return f"no message: {reason or 'excluded'}" + (f" ({detail})" if detail else "")


def _before(done: Triggered) -> str:
    event = done.event
    if event is None or event.state == "waiting":
        return "it waits"
    if done.message is not None:
        delivery = f", {done.message.delivery}" if done.message.delivery else ""
        return f"its message: {_MESSAGES.get(str(done.message.state), str(done.message.state))}{delivery}"
    return f"it is {event.state}" + (f" ({_sentence(event.reason)})" if event.reason else "")


def _state(done: Triggered) -> str:
    if done.is_ignored:
        return "ignored"
    if done.event is not None and (done.event.state != "waiting" or done.handled is None):
        return done.event.state
    return "waiting" if done.handled is None else done.handled.state


def _reason(done: Triggered) -> str | None:
    if done.event is not None and done.event.reason:
        return done.event.reason
    return None if done.handled is None else done.handled.reason


def _detail(done: Triggered) -> str | None:
    if done.event is not None and done.event.detail:
        return done.event.detail
    return None if done.handled is None else done.handled.detail


def _due_at(done: Triggered) -> int | None:
    if done.event is not None:
        return done.event.due_at
    return None if done.handled is None else done.handled.due_at


def _sentence(reason: str | None) -> str:
    if not reason:
        return ""
    if reason == "event-cap":
        return "the device, or whatever `cap` counts by, has reached its limit of messages"
    try:
        return SENTENCES[Reason(reason)]
    except (ValueError, KeyError):
        return reason
