"""Plans the messages of events by the same stages as a campaign's contacts: the events take the place of the file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import FAR, now_ms
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedCampaign, LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.looked_up import Remember
    from a2pcli.planning.prepare import Prepared

OCCURRENCE = "events (none)"
"""No plan has this occurrence: whom a campaign has reached otherwise may get messages about events."""


REMEMBERED = 60.0
"""Seconds for which lists of people are remembered at most: entries of them end."""

UNRELATED = ("event.", "answer.", "listen.")
"""Beginnings of the actions in the audit trail that change no list of people."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Way:
    """One way for a message to go: a channel, with the text and address for it. ``cost`` is in 1e-9 currency units.
    ``until`` (UTC ms) is when the person's consent ends; ``others`` are the other gateways of a route. ``reason``: why
    it may not go this way now; ``held_until`` (UTC ms) is when it may, if that is later than now."""

    channel: str = ""
    gateway: str = ""
    address: str | None = None
    spelling: str | None = None
    sender: str | None = None
    body: str | None = None
    content: Mapping[str, Any] | None = None
    parts: int | None = None
    cost: int | None = None
    currency: str | None = None
    programme: str | None = None
    until: int | None = None
    others: tuple[str, ...] = ()
    reason: str | None = None
    detail: str | None = None
    held_until: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """What would be sent about an event, or why nothing is. ``held_until`` (UTC ms) is when it may be sent if that is
    later than now. ``later`` are the ways that may follow, in order; ``most`` is what all of them cost together."""

    reason: str | None
    detail: str | None
    held_until: int | None = None
    way: Way = Way()
    later: tuple[Way, ...] = ()
    most: int | None = None

    def by(self, channel: str) -> Way | None:
        """The way by a channel; None if the message may not go by it."""
        return next((one for one in (self.way, *self.later) if one.channel == channel), None)


def plan_events(
    ledger: Ledger,
    settings: LoadedSettings,
    loaded: LoadedCampaign,
    rows: Sequence[Mapping[str, str]],
    *,
    tell: Callable[[str], None],
    keeps: bool = True,
    lookups: Lookups | None = None,
) -> list[PlannedEvent]:
    """Return what the campaign would send for each row now. Rows of the same person do not exclude each other.
    ``lookups`` is for callers who plan again and again.

    Raises ``InvalidInput`` with everything that is wrong with the campaign.
    """
    from a2pcli.actions.plans import OpenCampaign, prepared
    from a2pcli.planning.pipeline import planned

    with _with_contacts(loaded, rows) as campaign:
        remember = None if lookups is None else lookups.current()
        opened = OpenCampaign(campaign, settings, ledger, None, None, tell, keeps, remember)
        ready = prepared(opened, occurrence=OCCURRENCE)
        clocks = ready.new_clocks()
        found: dict[int, dict[str, Any]] = {}
        for frame in planned(ready, None, clocks, repeats=True):
            columns = {name[1:]: frame[name] for name in frame if name.startswith("@")}
            lists = {name: values.to_pylist() for name, values in columns.items()}
            for place, line in enumerate(lists["line"]):
                found[line] = {name: values[place] for name, values in lists.items()}
        made = {number: one.clock for number, one in clocks.made.items()}
        return [_planned(ready, found[line], made) for line in sorted(found)]


class Lookups:
    """The lists of people who must not be messaged, remembered until the audit trail tells of something that may have
    changed them: with half a million opt-outs, to look them up takes longer than all else about an event."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._found: dict[tuple[object, ...], Any] = {}
        self._seen: int | None = None
        self._until = 0.0

    def current(self) -> Remember:
        """Return what looks up, or remembers."""
        entry, changed_at = self._ledger.audit.changed_since(self._seen, UNRELATED)
        if self._seen is None or changed_at is not None or time.monotonic() >= self._until:
            self._found.clear()
            self._until = time.monotonic() + REMEMBERED
        self._seen = entry
        return self._remember

    def _remember(self, name: tuple[object, ...], find: Callable[[], Found]) -> Found:
        if name not in self._found:
            self._found[name] = find()
        found: Found = self._found[name]
        return found


@contextmanager
def _with_contacts(loaded: LoadedCampaign, rows: Sequence[Mapping[str, str]]) -> Iterator[LoadedCampaign]:
    """The campaign with these rows as its contacts."""
    from a2pcli.config.campaign import ContactsSource
    from a2pcli.planning.prepare import contacts_source

    own = contacts_source(loaded.campaign)
    with TemporaryDirectory(prefix="a2pcli-") as folder:
        file = Path(folder) / "events.jsonl"
        file.write_text("".join(json.dumps(dict(row), ensure_ascii=True) + "\n" for row in rows))
        source = ContactsSource(file=str(file), region=own.region)
        yield replace(loaded, campaign=loaded.campaign.model_copy(update={"contacts": source}))


def _planned(ready: Prepared, row: Mapping[str, Any], clocks: Mapping[int, Any]) -> PlannedEvent:
    channel = row.get("channel") or ready.spec.channel
    mine = next(one for one in ready.channels if one.spec.channel == channel)
    way = _way(mine, {**row, "sender": row["sender"] or mine.spec.sender}, clocks)
    reason, detail, until = row["reason"], row["detail"], None
    if reason is None:
        reason, detail, until = way.reason, way.detail, way.held_until
    if reason is None or until is not None:
        over = _over_budget(mine, row)
        reason, detail, until = (str(Reason.OVER_LIMIT), over, None) if over else (reason, detail, until)
    by_channel = {one.spec.channel: one for one in ready.channels}
    later = tuple(
        _way(by_channel[one["channel"]], one, clocks)
        for one in json.loads(row.get("alternatives") or "[]")
        if not one.get("instead")
    )
    fallback = (ready.loaded.whole or ready.loaded).campaign.fallback
    later = () if fallback is None else later
    costs = [one.cost for one in (way, *later)]
    most = None if None in costs else sum(one or 0 for one in costs)
    return PlannedEvent(reason, detail, until, way, later, most)


def _way(ready: Prepared, values: Mapping[str, Any], clocks: Mapping[int, Any]) -> Way:
    from a2pcli.ledger.route_legs import route_of_text
    from a2pcli.message_content import content_of

    route = values.get("route")
    gateways = [one.gateway for one in route_of_text(route).legs] if route else [ready.spec.gateway]
    reason, detail, until = _held(ready, clocks.get(values.get("clock") or 0))
    body, content = values.get("body"), values.get("content")
    return Way(
        channel=ready.spec.channel,
        gateway=gateways[0],
        address=values["address"],
        spelling=values.get("spelling"),
        sender=values.get("sender"),
        body="" if body is None and content is not None else body,
        content=_with_media(content_of(content), ready),
        parts=values.get("parts") if channel_of(ready.spec.channel).parts else None,
        cost=_dearest(values),
        currency=values.get("currency"),
        programme=ready.spec.programme or None,
        until=values.get("consent_until"),
        others=tuple(gateways[1:]),
        reason=reason,
        detail=detail,
        held_until=until,
    )


def _with_media(content: Mapping[str, Any] | None, ready: Prepared) -> Mapping[str, Any] | None:
    """The content with the campaign's files, if the channel takes files and the message has none of its own."""
    from a2pcli.message_content import media_of

    if not (ready.spec.media and channel_of(ready.spec.channel).media) or media_of(content):
        return content
    return {**(content or {}), "media": [{"url": url} for url in ready.spec.media]}


def _dearest(values: Mapping[str, Any]) -> int | None:
    """The price by the dearest gateway that it may go by."""
    from a2pcli.ledger.route_legs import route_of_text

    cost: int | None = values.get("cost")
    return route_of_text(values["route"]).most.cost if values.get("route") else cost


def _held(ready: Prepared, clock: Any) -> tuple[str | None, str | None, int | None]:
    """Return why a message may not be sent now, and until when; the time is None if it never may."""
    from a2pcli.ledger.clocks import held

    hours, now = ready.hours, now_ms()
    if hours.ends is not None and hours.ends <= now:
        return str(Reason.EXPIRED), "the campaign's time is over", None
    if hours.starts is not None and hours.starts > now:
        return str(Reason.QUIET_HOURS), "before the campaign's start", hours.starts
    why = None if clock is None else held(clock, now, hours.ends)
    if why is None:
        return None, None, None
    if why.until is None or why.until >= FAR:
        return str(why.reason), why.detail, None
    return str(why.reason), why.rule, why.until


def _over_budget(ready: Prepared, row: Mapping[str, Any]) -> str | None:
    """Why one message alone costs more than the campaign's ``limits: cost``; None if it does not."""
    from a2pcli.content.prices import parse_budget
    from a2pcli.ledger.records import MONEY_UNITS

    budget = ready.loaded.campaign.limits.cost
    if not budget:
        return None
    amount, currency = parse_budget(budget)
    if row["cost"] is None:
        return f"no known price, so the budget of {amount:f} {currency} cannot be kept"
    if row["currency"] != currency:
        return f"the price is in {row['currency']}, and the budget is in {currency}"
    return (
        f"one message costs more than {amount:f} {currency}" if row["cost"] > amount * MONEY_UNITS else None
    )
