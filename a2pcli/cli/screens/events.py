"""What became of an event, as people and programs see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.kinds import masked
from a2pcli.moments import moment_text
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.values import iso, money

if TYPE_CHECKING:
    from a2pcli.actions.answers import Answer
    from a2pcli.actions.events import Triggered

_MESSAGES = {
    "accepted": "the gateway accepted it",
    "planned": "the gateway did not accept it; `a2pcli listen` tries again",
    "submitting": "another process is sending it",
    "rejected": "the gateway rejected it",
    "unknown": "whether the gateway accepted it is unknown",
    "expired": "not accepted in time",
    "skipped": "not sent",
}


_OWN = {
    "event-cap": "the device, or whatever `cap` counts by, has reached its limit of messages",
    "event-budget": "the messages of this event have reached their `max_cost`",
    "event-gone": "the event is no longer in events.yaml",
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
        text = planned.way.body
    return {
        "event": None if done.event is None else done.event.code,
        "name": done.name,
        "campaign": done.campaign,
        "dry_run": dry_run,
        "state": _state(done),
        "is_new": done.is_new,
        "differs": done.differs,
        "reason": _reason(done),
        "detail": _detail(done),
        "due_at": iso(_due_at(done)),
        "to": None if planned is None or planned.way.address is None else masked(planned.way.address),
        "channel": None if planned is None else planned.way.channel,
        "gateway": None if planned is None else planned.way.gateway,
        "sender": None if planned is None else planned.way.sender,
        "text": text,
        "parts": None if planned is None else planned.way.parts,
        "cost": None if planned is None or planned.way.cost is None else money(planned.way.cost),
        "currency": None if planned is None else planned.way.currency,
        "message": None
        if message is None
        else {
            "channel": message.channel,
            "gateway": message.gateway,
            "state": str(message.state),
            "reason": message.reason,
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
        other = " with other data" if done.differs else ""
        yield f"{done.name}{code}: an event with this key came before{other}; {_before(done)}"
        return
    state = _state(done)
    planned = None if done.handled is None else done.handled.planned
    if (
        planned is not None
        and planned.way.address is not None
        and (planned.reason is None or planned.held_until)
    ):
        price = (
            ""
            if planned.way.cost is None or not planned.way.currency
            else f", {money(planned.way.cost)} {planned.way.currency}"
        )
        parts = (
            ""
            if not planned.way.parts
            else f", {planned.way.parts} part{'' if planned.way.parts == 1 else 's'}"
        )
        sender = f" from {planned.way.sender}" if planned.way.sender else ""
        to = f"{masked(planned.way.address)} by {planned.way.channel} ({planned.way.gateway})"
        yield f"{done.campaign} to {to}{sender}{parts}{price}"
        for line in (planned.way.body or "").splitlines():
            yield f"  {line}"
    yield f"{done.name}{code}: {_outcome(done, state, dry_run)}"


def _outcome(done: Triggered, state: str, dry_run: bool) -> str:
    reason, detail = _sentence(_reason(done)), _detail(done)
    if state == "sent":
        if dry_run:
            return "would be sent now; nothing was stored or sent"
        return "it is sent" if done.message is None else _message(done, done.message)
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


def _message(done: Triggered, message: Answer) -> str:
    """What became of a message, and by which channel if it is not the one that was planned."""
    word = str(message.state)
    why = _sentence(message.reason) if word == "skipped" else message.detail or ""
    planned = None if done.handled is None or done.handled.planned is None else done.handled.planned.way
    instead = ""
    if planned is not None and planned.channel != message.channel:
        instead = f"; by {message.channel} ({message.gateway}), as {planned.channel} ({planned.gateway}) rejected it"
    return _MESSAGES.get(word, word) + (f" ({why})" if why and word != "accepted" else "") + instead


def _before(done: Triggered) -> str:
    event = done.event
    if event is None or event.state == "waiting":
        return "it waits"
    if done.message is not None:
        delivery = f", {done.message.delivery}" if done.message.delivery else ""
        return f"its message: {_message(done, done.message)}{delivery}"
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
    if reason in _OWN:
        return _OWN[reason]
    try:
        return SENTENCES[Reason(reason)]
    except (ValueError, KeyError):
        return reason
