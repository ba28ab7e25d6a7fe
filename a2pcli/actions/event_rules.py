"""What ``events.yaml`` says of each event: the campaign, and how what was reported becomes a row of its contacts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.event_expressions import Expression, refused
from a2pcli.addresses.any_address import read_address
from a2pcli.channels import channel_of
from a2pcli.config.event_maps import READY
from a2pcli.config.events import FILE, Event, LoadedEvents, cap_of, load_events, parse_span
from a2pcli.config.load import LoadedCampaign, LoadedSettings, load_campaign
from a2pcli.content.prices import parse_budget
from a2pcli.errors import A2PError, InvalidInput, Problem
from a2pcli.ledger.new_triggers import NewTrigger
from a2pcli.ledger.records import MONEY_UNITS, now_ms
from a2pcli.ledger.triggers import Budget, Limit

if TYPE_CHECKING:
    from a2pcli.config.events import Broker

DAY = 86_400_000
REMEMBERED = 20_000
"""Addresses whose reading is remembered, as many events are about the same people."""


class EventRule:
    """One event: its campaign, with its expressions compiled."""

    def __init__(self, name: str, event: Event, loaded: LoadedCampaign, settings: LoadedSettings) -> None:
        """Raises ``ValueError`` (the key that is wrong, a sentence)."""
        self.name, self.event, self.loaded = name, event, loaded
        self._settings = settings
        ready = READY[event.source] if event.source else READY["webhook"]
        self.columns = {
            column: _compiled(("map", column) if column in event.map else ("map",), text)
            for column, text in {**ready.columns, **event.map}.items()
        }
        key, time = event.key or ready.key, event.time or (ready.time if event.source else None)
        self._key = _compiled(("key",), key)
        self._time = _compiled(("time",), time)
        self._only = _compiled(("only",), event.only)
        self._digest = _compiled(("digest", "key"), event.digest.key if event.digest else None)
        self._cap = _compiled(("cap", "per"), event.cap.per if event.cap else None)
        self._address = _reader(loaded, settings)
        self._expires = parse_span(event.expires)
        self._every = parse_span(event.digest.every) if event.digest else 0

    @property
    def limit(self) -> Limit | None:
        """How many messages leave at most, by whatever the event's cap counts by."""
        return None if self.event.cap is None else Limit(*cap_of(self.event.cap))

    @property
    def budget(self) -> Budget | None:
        """What the messages of the event may cost within a day."""
        if self.event.max_cost is None:
            return None
        amount, currency = parse_budget(self.event.max_cost)
        return Budget(int(amount * MONEY_UNITS), currency, DAY, f"{amount:f} {currency} in 24 hours")

    def read(
        self,
        data: Any,
        *,
        source: str,
        key: str | None = None,
        otherwise: str | None = None,
        now: int | None = None,
    ) -> NewTrigger | None:
        """Return the event as it is stored; None if the rule does not want it (``only``).

        ``key`` is an idempotency key that stands above the rule's own, ``otherwise`` one for events that have none.
        Raises ``InvalidInput`` with everything that is wrong.
        """
        if not isinstance(data, dict):
            raise refused("an event is a JSON object", code="not-json")
        moment = now_ms() if now is None else now
        problems: list[str] = []

        def of(expression: Expression | None, what: str) -> str:
            if expression is None:
                return ""
            try:
                return expression.text(data).strip()
            except ValueError as error:
                problems.append(f"{what}: {error}")
                return ""

        if self._only is not None:
            try:
                if not self._only.holds(data):
                    return None
            except ValueError as error:
                raise refused(f"only: {error}") from None
        columns = {
            column: of(one, f"map: {column}") for column, one in self.columns.items() if one is not None
        }
        found_key = key or self._key_of(data, otherwise, problems)
        happened = self._moment(of(self._time, "time"), moment, problems)
        digest, cap = of(self._digest, "digest: key"), of(self._cap, "cap: per")
        if self.event.cap is not None and not cap and not problems:
            problems.append("cap: the event does not say by what it counts")
        if problems:
            raise InvalidInput(*(Problem(one, code="event") for one in problems))
        return NewTrigger(
            self.name, found_key, self._address(columns), columns, source, happened, happened + self._expires,
            digest=digest if self.event.digest else None, digest_ms=self._every,
            cap=cap if self.event.cap else None,
        )  # fmt: skip

    def _key_of(self, data: dict[str, Any], otherwise: str | None, problems: list[str]) -> str:
        found = ""
        if self._key is not None:
            try:
                found = self._key.text(data).strip()
            except ValueError as error:
                if self.event.key is not None:
                    problems.append(f"key: {error}")
            if not found and self.event.key is not None and not problems:
                problems.append("key: the event has none")
        return found or otherwise or secrets.token_hex(16)

    def _moment(self, text: str, now: int, problems: list[str]) -> int:
        """Return when it happened; now for a time in the future, as clocks differ."""
        if not text:
            return now
        found = moment_of(text)
        if found is None:
            # Without the value: it may be a number, and the listener's log says this.
            problems.append(f"time: `{self._time}` is not a time; it takes ISO 8601 or Unix time")
            return now
        return min(found, now)


class EventRules:
    """The events of a project."""

    def __init__(self, loaded: LoadedEvents, settings: LoadedSettings) -> None:
        """Raises ``InvalidInput`` with every problem of the file and of its campaigns."""
        self._loaded = loaded
        self.rules: dict[str, EventRule] = {}
        problems: list[Problem] = []
        for name, event in loaded.file.events.items():
            loc = ("events", name)
            try:
                campaign = load_campaign(loaded.path.parent / event.campaign)
                if found := list(_unfit(campaign)):
                    problems += [
                        loaded.document.problem(one, (*loc, "campaign"), code="event") for one in found
                    ]
                    continue
                self.rules[name] = rule = EventRule(name, event, campaign, settings)
                problems += [
                    loaded.document.problem(one, loc, of="key", code="event") for one in _lacks(rule)
                ]
            except A2PError as error:
                for one in error.problems:
                    if one.line is None and one.path:  # the file itself
                        message = f"{one.path}: {one.message}"
                        one = loaded.document.problem(
                            message, (*loc, "campaign"), hint=one.hint, code=one.code
                        )
                    problems.append(one)
            except ValueError as error:
                where, message = error.args
                problems.append(loaded.document.problem(message, (*loc, *where), code="event"))
        if problems:
            raise InvalidInput(*dict.fromkeys(problems))

    @property
    def mqtt(self) -> Broker | None:
        """The broker that devices report to."""
        return self._loaded.file.mqtt

    @property
    def loaded(self) -> LoadedEvents:
        """The file."""
        return self._loaded

    def named(self, name: str) -> EventRule:
        """Return the rule of an event. Raises ``InvalidInput``."""
        if name not in self.rules:
            from difflib import get_close_matches

            near = get_close_matches(name, self.rules, 1)
            hint = f"did you mean '{near[0]}'?" if near else "there are: " + ", ".join(self.rules)
            raise refused(f"no event '{name[:60]}' in {FILE}", hint, "no-event")
        return self.rules[name]


def events_path(settings: LoadedSettings) -> Path:
    """Return where the file of events is: beside the settings."""
    return settings.folder / FILE


def load_event_rules(settings: LoadedSettings) -> EventRules | None:
    """The events of a project; None if it has no file of them. Raises ``InvalidInput`` with every problem."""
    path = settings.folder / FILE
    return EventRules(load_events(path), settings) if path.exists() else None


def needed_event_rules(settings: LoadedSettings) -> EventRules:
    """The same. Raises ``InvalidInput`` if there is no file."""
    found = load_event_rules(settings)
    if found is None:
        place = settings.folder / FILE
        raise InvalidInput(
            Problem(f"there is no {FILE}", path=str(place), hint="docs/events.md shows one", code="event")
        )
    return found


def moment_of(text: str) -> int | None:
    """Return a time (ISO 8601, or Unix time in seconds or milliseconds) in UTC milliseconds; None if it is none.

    A time before 1970, such as the year 1 of a clock that was never set, counts as the beginning of 1970.
    """
    try:
        number = float(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        return max(0, round(moment * 1000))
    if not 0 <= number < 1e14:
        return None
    return round(number if number >= 1e11 else number * 1000)


def _reader(loaded: LoadedCampaign, settings: LoadedSettings) -> Callable[[Mapping[str, str]], str | None]:
    """Return what finds the address in the columns of an event: that of the first channel that has one."""
    from a2pcli.planning.prepare import phone_policy

    policy = phone_policy(loaded, settings)
    channels = dict.fromkeys(channel_of(view.campaign.channel) for view in loaded.views)
    readers = {
        one.column: lru_cache(REMEMBERED)(
            partial(read_address, kind=one.kind, policy=policy, network=one.network)
        )
        for one in channels
    }

    def address(columns: Mapping[str, str]) -> str | None:
        for column, read in readers.items():
            cell = columns.get(column, "")
            if cell and (found := read(cell).address):
                return found
        return None

    return address


def _compiled(loc: tuple[str, ...], text: str | None) -> Expression | None:
    if text is None:
        return None
    try:
        return Expression(text)
    except ValueError as error:
        raise ValueError(loc, str(error)) from None


def _unfit(loaded: LoadedCampaign) -> Iterator[str]:
    """Why events cannot send this campaign."""
    campaign = loaded.campaign
    if campaign.purpose != "transactional":
        yield f"{loaded.path.name} is a {campaign.purpose} campaign; events send transactional ones"
    if campaign.fallback is not None and campaign.fallback.after is not None:
        yield (
            f"{loaded.path.name} has `fallback: after`, which events do not have: the next channel follows a message"
            " that was rejected or not delivered (`fallback: {when: [rejected, undelivered]}`)"
        )


def _lacks(rule: EventRule) -> Iterator[str]:
    """The column of addresses is needed."""
    wanted = list(dict.fromkeys(channel_of(view.campaign.channel).column for view in rule.loaded.views))
    if not any(column in rule.columns for column in wanted):
        yield f"`map` needs the column {' or '.join(f'`{one}`' for one in wanted)}, whom the message is for"


def campaign_path(rule: EventRule) -> Path:
    """Where the campaign of an event is."""
    return rule.loaded.path
