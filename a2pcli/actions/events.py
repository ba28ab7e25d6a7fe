"""Events that other systems report: taken, planned like a campaign, and made into messages.

``take`` stores an event; ``work`` makes messages of those that are due. A message is a row of ``answers``, which the
sender of ``a2pcli listen`` sends; ``trigger`` does all of it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from a2pcli.actions.event_following import made_of, message_of
from a2pcli.actions.event_planning import Lookups, PlannedEvent, plan_events
from a2pcli.actions.event_rules import EventRule, EventRules, needed_event_rules
from a2pcli.addresses.kinds import masked
from a2pcli.config.events import EVENTS, FILE
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, LedgerUnavailable, Problem
from a2pcli.ledger.answers import Answer
from a2pcli.ledger.new_triggers import EXPIRED, WAITING, Trigger
from a2pcli.ledger.new_triggers import Added as Added
from a2pcli.ledger.new_triggers import NewTrigger as NewTrigger
from a2pcli.ledger.records import now_ms as now_ms
from a2pcli.ledger.triggers import EXCLUDED, SENT, Leaving
from a2pcli.reporting.values import iso, money

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

COUNT = "event_count"
"""The column of a digest that says how many events it holds."""

TOGETHER = 5_000
"""Events that are looked at together."""

GROUPS = 500
"""Messages that are planned together: each of a digest may be made of many events."""

SETTLED_TOGETHER = 25
"""Messages that are stored in one transaction, so that others wait only briefly for it."""

PAUSE = 0.1
"""Seconds between two of these transactions: who waits for SQLite's lock asks for it about as often."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Handled:
    """Events that were looked at together: one, or those of a digest. ``answer`` is the number of their message."""

    triggers: tuple[Trigger, ...]
    state: str
    planned: PlannedEvent | None = None
    answer: int | None = None
    due_at: int | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Triggered:
    """What became of an event that was reported by hand. ``event`` is None for a dry run, and for one that the rule
    does not want (``is_ignored``)."""

    name: str
    campaign: str
    event: Trigger | None = None
    is_new: bool = True
    differs: bool = False
    is_ignored: bool = False
    handled: Handled | None = None
    message: Answer | None = None


def trigger(
    project: Project, name: str, data: Any, *, key: str | None = None, dry_run: bool = False
) -> Triggered:
    """Report an event by hand: store it, plan its message and send it, unless it waits for its digest or for permitted
    hours. With ``dry_run`` nothing is stored or sent.

    Raises ``InvalidInput`` for an event that cannot be mapped. Audit: ``event.receive``, ``event.settle``,
    ``answer.add``, ``answer.send``.
    """
    from a2pcli.actions.answers import send_stored

    settings = project.settings()
    rules = needed_event_rules(settings)
    rule = rules.named(name)
    new = rule.read(data, source="trigger", key=key)
    campaign = rule.loaded.campaign.name
    if new is None:
        return Triggered(name, campaign, is_ignored=True)
    if dry_run:
        with project.ledger_or_empty(campaign) as ledger:
            return Triggered(name, campaign, handled=tried(ledger, settings, rule, new, project.tell))
    with project.open_ledger(campaign=campaign) as ledger:
        (added,) = ledger.triggers.add([new])
        if not added.is_new:
            if added.differs and key is not None:
                raise conflict(added)
            message = _message_of(ledger, added.trigger)
            return Triggered(
                name, campaign, added.trigger, is_new=False, differs=added.differs, message=message
            )
        handled = next(iter(work(ledger, settings, rules, tell=project.tell, only=added.trigger)), None)
        message = None
        number, event = None if handled is None else handled.answer, added.trigger
        while number is not None:
            send_stored(ledger, settings, number, tell=project.tell)
            event = ledger.triggers.by_code(name, event.code) or event
            message = _message_of(ledger, event)
            # Another channel may follow one that was rejected.
            number = None if message is None or message.number == number else message.number
        event = ledger.triggers.by_code(name, event.code) or event
        return Triggered(name, campaign, event, handled=handled, message=message)


def tried(ledger: Ledger, settings: LoadedSettings, rule: EventRule, new: NewTrigger, tell: Tell) -> Handled:
    """Return what would become of an event now; nothing is stored."""
    if new.until_at <= now_ms():
        return Handled((), EXPIRED)
    row = _row(rule, [new.data])
    (planned,) = plan_events(ledger, settings, rule.loaded, [row], tell=tell, keeps=False)
    due = now_ms() + new.digest_ms if new.digest is not None else None
    if planned.held_until is not None and planned.held_until >= new.until_at:
        return Handled((), EXPIRED, planned, reason=planned.reason, detail=planned.detail)
    if planned.held_until is not None or (due is not None and planned.reason is None):
        when = max(planned.held_until or 0, due or 0)
        return Handled((), WAITING, planned, due_at=when, reason=planned.reason, detail=planned.detail)
    state = SENT if planned.reason is None else EXCLUDED
    return Handled((), state, planned, reason=planned.reason, detail=planned.detail)


def work(
    ledger: Ledger,
    settings: LoadedSettings,
    rules: EventRules,
    *,
    tell: Tell,
    only: Trigger | None = None,
    without: Collection[str] = (),
    lookups: Lookups | None = None,
    stuck: Tell = lambda _name: None,
) -> list[Handled]:
    """Make the messages of events that are due, or of ``only`` this one if it is due. Return what became of each.

    What is wrong with the campaign of one event keeps only its own events waiting; ``tell`` hears of it, and ``stuck``
    gets the event's name. With ``only`` it is raised. ``without``: these events are left alone. Raises
    ``LedgerUnavailable``. Audit: ``event.settle``, ``event.hold``, ``answer.add``.
    """
    found: list[Handled] = []
    for name in [only.name] if only is not None else ledger.triggers.due_names():
        if name in without:
            continue
        due = ledger.triggers.due(name, TOGETHER, only=None if only is None else only.number)
        for groups in _groups(ledger, due):
            try:
                found += _handled(ledger, settings, rules.rules.get(name), groups, tell, lookups)
            except LedgerUnavailable:
                raise
            except Exception as error:
                if only is not None:
                    raise
                tell(f"events '{name}' wait: {_why(error)}")
                stuck(name)
    return found


def _why(error: Exception) -> str:
    return str(error.problems[0]) if isinstance(error, A2PError) else type(error).__name__


def warm(ledger: Ledger, settings: LoadedSettings, rules: EventRules, lookups: Lookups, tell: Tell) -> None:
    """Plan a message to nobody for each event, so that the first one that comes does not wait for what is loaded and
    looked up once. What is wrong with a campaign is told."""
    for name, rule in rules.rules.items():
        try:
            plan_events(ledger, settings, rule.loaded, [_nobody(rule)], tell=tell, lookups=lookups)
        except InvalidInput as error:
            tell(f"events '{name}' will wait: {_why(error)}")


def planning_problems(ledger: Ledger, settings: LoadedSettings, rule: EventRule) -> Sequence[Problem]:
    """Return what is wrong with an event's campaign once it is planned with the event's columns."""
    try:
        plan_events(ledger, settings, rule.loaded, [_nobody(rule)], tell=lambda _: None, keeps=False)
    except InvalidInput as error:
        return [replace(one, message=f"{one.message}, for the event '{rule.name}'") for one in error.problems]
    return ()


def _nobody(rule: EventRule) -> dict[str, str]:
    """The columns of an event without values."""
    return dict.fromkeys([*rule.columns, *([COUNT] if rule.event.digest else [])], "")


def _groups(ledger: Ledger, some: Sequence[Trigger]) -> Iterator[list[list[Trigger]]]:
    """Yield the events, those of each digest together, as many groups as are planned at once."""
    single = [[one] for one in some if one.digest is None]
    for first in range(0, len(single), GROUPS):
        yield single[first : first + GROUPS]
    now = now_ms()
    late = [[one] for one in some if one.digest is not None and one.until_at <= now]
    if late:
        yield late
    digests = list(dict.fromkeys(one.digest for one in some if one.digest is not None))
    for first in range(0, len(digests), GROUPS):
        gathered = ledger.triggers.gathered(digests[first : first + GROUPS])
        if gathered:
            yield list(gathered.values())


def _handled(
    ledger: Ledger,
    settings: LoadedSettings,
    rule: EventRule | None,
    groups: Sequence[Sequence[Trigger]],
    tell: Tell,
    lookups: Lookups | None,
) -> list[Handled]:
    """Make the messages of these groups; events that are too late are left out. Raises ``InvalidInput``."""
    now, found = now_ms(), list[Handled]()
    late = [one for group in groups for one in group if one.until_at <= now]
    good = [[one for one in group if one.until_at > now and one.data is not None] for group in groups]
    good = [group for group in good if group]
    if late:
        with ledger.triggers.together():
            for one in late:
                ledger.triggers.settle([one], EXPIRED)
                found.append(Handled((one,), EXPIRED))
    if not good:
        return found
    if rule is None:
        raise InvalidInput(Problem(f"the event is no longer in {FILE}", code="event"))
    rows = [_row(rule, [one.data or {} for one in group]) for group in good]
    planned = plan_events(ledger, settings, rule.loaded, rows, tell=tell, lookups=lookups)
    for first in range(0, len(good), SETTLED_TOGETHER):
        if first:
            time.sleep(PAUSE)
        with ledger.triggers.together():
            some = zip(good[first:], rows[first:], planned[first : first + SETTLED_TOGETHER], strict=False)
            found += [_settled(ledger, rule, group, row, one) for group, row, one in some]
    return found


def _row(rule: EventRule, data: Sequence[Any]) -> dict[str, str]:
    """Return the columns of a message: the newest event's; of a digest also all events and how many."""
    row = dict(data[-1])
    if rule.event.digest is not None:
        values = [one.get(EVENTS, "") for one in data]
        row[EVENTS] = rule.event.digest.join.join(filter(None, values))
        row[COUNT] = str(len(data))
    return row


def _settled(
    ledger: Ledger, rule: EventRule, group: Sequence[Trigger], row: Mapping[str, str], planned: PlannedEvent
) -> Handled:
    """Store what becomes of events that were planned."""
    last, events = group[-1], tuple(group)
    until_at = max(one.until_at for one in group)
    reason, detail = planned.reason, planned.detail
    if planned.held_until is not None:
        if planned.held_until >= until_at:
            state, _ = ledger.triggers.settle(group, EXPIRED, reason=reason, detail=detail)
            return Handled(events, state, planned, reason=reason, detail=detail)
        ledger.triggers.hold(group, planned.held_until, reason or "", detail)
        return Handled(events, WAITING, planned, due_at=planned.held_until, reason=reason, detail=detail)
    if planned.reason is not None or planned.way.address is None:
        state, _ = ledger.triggers.settle(group, EXCLUDED, reason=reason, detail=detail)
        return Handled(events, state, planned, reason=reason, detail=detail)
    until_at = until_at if planned.way.until is None else min(until_at, planned.way.until)
    leaving = Leaving(
        message_of(planned.way, f"event:{last.code}", until_at, f"event {rule.name}"),
        made_of(row, rule, planned),
        planned.most,
        planned.way.currency,
        rule.limit,
        rule.budget,
    )
    state, number = ledger.triggers.settle(group, SENT, leaving=leaving)
    if state == EXCLUDED:  # by a cap or a budget
        after = ledger.triggers.by_code(last.name, last.code)
        capped = replace(planned, reason=after.reason, detail=after.detail) if after else planned
        return Handled(events, state, capped, reason=capped.reason, detail=capped.detail)
    return Handled(events, state, planned, number)


def _message_of(ledger: Ledger, event: Trigger) -> Answer | None:
    return None if event.answer is None else ledger.answers.by_reference(event.answer)


def store(ledger: Ledger, news: Sequence[NewTrigger], *, is_noted: bool = True) -> list[Added]:
    """Store events, each once by its key; see ``Triggers.add``. Raises ``LedgerError``. Audit: ``event.receive``."""
    return ledger.triggers.add(news, is_noted=is_noted)


def conflict(added: Added) -> InvalidInput:
    """Return the error of an event whose idempotency key was given for another one."""
    hint = "an event that is sent again has the same data; another one needs a key of its own"
    message = f"this key was given before, for the event {added.trigger.code} with other data"
    return InvalidInput(Problem(message, hint=hint, code="key-conflict"))


def event_document(ledger: Ledger, event: Trigger) -> dict[str, Any]:
    """What became of an event, for the program that reported it: without the number."""
    message = _message_of(ledger, event)
    return {
        "event": event.code,
        "name": event.name,
        "state": event.state,
        "reason": event.reason or (None if message is None else message.reason),
        "detail": event.detail,
        "due_at": iso(event.due_at),
        "message": None if message is None else str(message.state),
        "delivery": None if message is None else message.delivery,
    }


def new_document(added: Added) -> dict[str, Any]:
    """An event that was just stored, for the program that reported it."""
    event = added.trigger
    return {
        "event": event.code,
        "name": event.name,
        "state": event.state,
        "is_new": added.is_new,
        "differs": added.differs,
        "due_at": iso(event.due_at),
    }


def tried_document(rule: EventRule, handled: Handled) -> dict[str, Any]:
    """What would become of an event: the message as the person would get it, the number masked."""
    planned = handled.planned
    shown = planned is not None and (planned.reason is None or planned.held_until is not None)
    one = None if planned is None else planned.way
    return {
        "name": rule.name,
        "campaign": rule.loaded.campaign.name,
        "dry_run": True,
        "state": handled.state,
        "reason": handled.reason,
        "detail": handled.detail,
        "due_at": iso(handled.due_at),
        "to": masked(one.address) if one is not None and one.address else None,
        "channel": one.channel if one is not None else None,
        "gateway": one.gateway if one is not None else None,
        "sender": one.sender if one is not None else None,
        "text": one.body if one is not None and shown else None,
        "parts": one.parts if one is not None else None,
        "cost": money(one.cost) if one is not None and one.cost is not None else None,
        "currency": one.currency if one is not None else None,
    }
