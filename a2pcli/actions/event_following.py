"""What becomes of a message about an event when it leaves, and after.

Its rules are asked again if it has waited. Another gateway of its route takes it if one cannot be reached. The next
channel follows a message that was rejected or not delivered.

What it was made of stands in ``triggers.message`` until nothing more can become of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from a2pcli.actions.event_planning import UNRELATED, Lookups, PlannedEvent, Way, plan_events
from a2pcli.channels import REJECTED, UNDELIVERED
from a2pcli.delivery import NEGATIVE
from a2pcli.errors import A2PError, LedgerError
from a2pcli.ledger.answers import Answer, NewAnswer
from a2pcli.ledger.records import now_ms
from a2pcli.messages import Cause, Outcome, State

if TYPE_CHECKING:
    from a2pcli.actions.event_rules import EventRule, EventRules
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.new_triggers import Trigger
    from a2pcli.ledger.store import Ledger

KIND = "event"
"""The kind of messages about events in ``answers``."""

FRESH = 2_000
"""Milliseconds after which the rules of a campaign are asked again before its message leaves."""

REMEMBERED = 5.0
"""Seconds after which ``events.yaml`` is read again."""

RECENT, PLANNING = 60_000, 10_000
"""The same, where nothing has changed since that concerns people: hours begin and end by the minute. And milliseconds
before a message was stored in which it was planned."""

LATER = 60_000
"""Milliseconds after which a message is looked at again if its campaign cannot be planned."""

OF_THE_CHANNEL = frozenset({Cause.PERMANENT, Cause.CONTENT, Cause.COUNTRY})
"""Causes of a rejection that say nothing about other channels: who opted out with the provider is left alone."""

GONE = "event-gone"
"""The reason of a message whose event is no longer in ``events.yaml``."""


def made_of(row: Mapping[str, str], rule: EventRule, planned: PlannedEvent) -> str:
    """Return what a message is made of and what may follow it, as JSON text."""
    campaign = rule.loaded.campaign
    when = list(campaign.fallback.when) if campaign.fallback is not None else []
    later = [asdict(one) for one in planned.later] if when else []
    return json.dumps({"row": dict(row), "others": planned.way.others, "later": later, "when": when})


class EventFollower:
    """Follows the messages about events; see ``sending.answering.Follows``."""

    kind = KIND

    def __init__(self, ledger: Ledger, settings: LoadedSettings, tell: Callable[[str], None]) -> None:
        self._ledger, self._settings, self._tell = ledger, settings, tell
        self._lookups = Lookups(ledger)
        self._rules: EventRules | None = None
        self._read_at = -REMEMBERED
        self._seen: int | None = None
        self._changed_at = 0

    def may_leave(self, answer: Answer) -> bool:
        """Whether the campaign's rules let a waiting message leave now: opt-outs, consent, hours, caps, all of them.
        One that has just been planned was asked already. Audit: ``answer.send`` for one that is not sent."""
        if answer.kind != KIND or self._was_just_asked(answer):
            return True
        event = self._ledger.triggers.of_message(answer.reference)
        if event is None:
            return True
        try:
            way, reason = self._asked(event, answer.channel)
        except LedgerError:
            raise
        except A2PError as error:
            self._tell(f"messages about '{event.name}' wait: {error.problems[0]}")
            self._ledger.answers.put_off(answer, now_ms() + LATER)
            return False
        if way is not None and reason is None:
            return True
        if way is not None and way.held_until is not None and way.held_until < answer.until_at:
            self._ledger.answers.put_off(answer, way.held_until)
            return False
        with self._ledger.transaction():
            self._ledger.answers.drop(answer, reason or GONE)
            self._ledger.triggers.keep_made(event, None)
        return False

    def _was_just_asked(self, answer: Answer) -> bool:
        """Whether it was planned just now, or lately and nothing since is in the audit trail that concerns people."""
        age = now_ms() - answer.created_at
        if answer.tries or "/" in answer.key or age >= RECENT:
            return False
        self._seen, changed_at = self._ledger.audit.changed_since(self._seen, UNRELATED)
        self._changed_at = max(self._changed_at, changed_at or 0)
        return age < FRESH or answer.created_at - PLANNING > self._changed_at

    def _asked(self, event: Trigger, channel: str) -> tuple[Way | None, str | None]:
        """Plan the message again; return its way by this channel, and why it may not leave now."""
        rule = self._rule(event.name)
        if rule is None:
            return None, GONE
        row = json.loads(event.message or "{}")["row"]
        (planned,) = plan_events(
            self._ledger, self._settings, rule.loaded, [row], tell=self._tell, lookups=self._lookups
        )
        way = planned.by(channel)
        if planned.reason is not None and planned.held_until is None:
            return None, planned.reason
        if way is None:
            return None, planned.way.reason or "excluded"
        return way, way.reason

    def _rule(self, name: str) -> EventRule | None:
        from a2pcli.actions.event_rules import load_event_rules

        if (now := time.monotonic()) - self._read_at >= REMEMBERED:
            self._rules, self._read_at = load_event_rules(self._settings), now
        return None if self._rules is None else self._rules.rules.get(name)

    def settled(self, answer: Answer, state: State, outcome: Outcome) -> None:
        """Let another gateway of the route, or the next channel, take over. Audit: ``answer.add``."""
        event = self._ledger.triggers.of_message(answer.reference) if answer.kind == KIND else None
        if event is None:
            return
        made = json.loads(event.message or "{}")
        if state is State.PLANNED:
            self._other_gateway(event, answer, made)
        elif state is State.REJECTED and REJECTED in made["when"] and outcome.cause in OF_THE_CHANNEL:
            self._next(event, answer, made)
        elif not (state is State.ACCEPTED and UNDELIVERED in made["when"] and made["later"]):
            self._ledger.triggers.keep_made(event, None)

    def _other_gateway(self, event: Trigger, answer: Answer, made: dict[str, Any]) -> None:
        """The next gateway of the route tries it: at once, until each has."""
        if not made["others"]:
            return
        first, *rest = made["others"]
        made["others"] = [*rest, answer.gateway]
        waiting = self._ledger.answers.by_number(answer.number)
        due_at = None if waiting is None else waiting.due_at
        if due_at is None:
            return
        is_round = answer.tries % (len(rest) + 2) == 0
        self._ledger.answers.put_off(answer, due_at if is_round else now_ms(), gateway=first)
        self._ledger.triggers.keep_made(event, json.dumps(made))

    def _next(self, event: Trigger, answer: Answer, made: dict[str, Any]) -> bool:
        """The next channel sends it, if there is one. Its rules are asked before it leaves."""
        if not made["later"]:
            self._ledger.triggers.keep_made(event, None)
            return False
        first, *rest = made["later"]
        way = Way(**first)
        until = answer.until_at if way.until is None else min(answer.until_at, way.until)
        key, _, place = answer.key.partition("/")
        message = replace(
            message_of(way, f"{key}/{int(place or 1) + 1}", until, answer.source), purpose=answer.purpose
        )
        made |= {"others": list(way.others), "later": rest}
        self._ledger.triggers.follow(event, message, json.dumps(made))
        return True

    def look(self) -> bool:
        """Let the next channel follow messages that were not delivered; return whether any does. Audit:
        ``answer.add``."""
        found = False
        for event in self._ledger.triggers.ended_messages():
            answer = self._ledger.answers.by_reference(event.answer or "")
            made = json.loads(event.message or "{}")
            if answer is None or answer.state is not State.ACCEPTED or answer.until_at <= now_ms():
                self._ledger.triggers.keep_made(event, None)
            elif answer.delivery in NEGATIVE:
                found |= self._next(event, answer, made)
        return found


def message_of(way: Way, key: str, until_at: int, source: str) -> NewAnswer:
    """Return the message that goes this way. Raises ``ValueError`` for one without an address."""
    if way.address is None:
        raise ValueError("a message without an address")
    return NewAnswer(
        key=key,
        kind=KIND,
        address=way.address,
        channel=way.channel,
        gateway=way.gateway,
        body=way.body,
        until_at=until_at,
        source=source,
        sender=way.sender,
        spelling=way.spelling,
        content=way.content,
        programme=way.programme,
    )
