"""Plans the messages of events by the same stages as a campaign's contacts: the events take the place of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import FAR, now_ms
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedCampaign, LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.prepare import Prepared

OCCURRENCE = "events (none)"
"""No plan has this occurrence: whom a campaign has reached otherwise may get messages about events."""


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """What would be sent about an event, or why nothing is. ``held_until`` (UTC ms) is when it may be sent if that is
    later than now. ``cost`` is in 1e-9 currency units."""

    reason: str | None
    detail: str | None
    held_until: int | None = None
    address: str | None = None
    spelling: str | None = None
    channel: str = ""
    gateway: str = ""
    sender: str | None = None
    body: str | None = None
    content: Mapping[str, Any] | None = None
    parts: int | None = None
    cost: int | None = None
    currency: str | None = None
    programme: str | None = None


def plan_events(
    ledger: Ledger,
    settings: LoadedSettings,
    loaded: LoadedCampaign,
    rows: Sequence[Mapping[str, str]],
    *,
    tell: Callable[[str], None],
    keeps: bool = True,
) -> list[PlannedEvent]:
    """Return what the campaign would send for each row now. Rows of the same person do not exclude each other.

    Raises ``InvalidInput`` with everything that is wrong with the campaign.
    """
    from a2pcli.actions.plans import OpenCampaign, prepared
    from a2pcli.planning.pipeline import planned

    with _with_contacts(loaded, rows) as campaign:
        ready = prepared(
            OpenCampaign(campaign, settings, ledger, None, None, tell, keeps), occurrence=OCCURRENCE
        )
        clocks = ready.new_clocks()
        found: dict[int, dict[str, Any]] = {}
        for frame in planned(ready, None, clocks, repeats=True):
            columns = {name[1:]: frame[name] for name in frame if name.startswith("@")}
            lists = {name: values.to_pylist() for name, values in columns.items()}
            for place, line in enumerate(lists["line"]):
                found[line] = {name: values[place] for name, values in lists.items()}
        made = {number: one.clock for number, one in clocks.made.items()}
        return [_planned(ready, found[line], made) for line in sorted(found)]


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
    from a2pcli.message_content import content_of

    channel = row.get("channel") or ready.spec.channel
    mine = next(one for one in ready.channels if one.spec.channel == channel)
    reason, detail, until = row["reason"], row["detail"], None
    if reason is None:
        reason, detail, until = _held(mine, clocks.get(row["clock"] or 0))
    if reason is None or until is not None:
        over = _over_budget(mine, row)
        reason, detail, until = (str(Reason.OVER_LIMIT), over, None) if over else (reason, detail, until)
    return PlannedEvent(
        reason,
        detail,
        until,
        row["address"],
        row["spelling"],
        channel,
        mine.spec.gateway,
        row["sender"] or mine.spec.sender,
        row["body"] if row["body"] is not None or row["content"] is None else "",
        content_of(row["content"]),
        row["parts"],
        row["cost"],
        row["currency"],
        mine.spec.programme or None,
    )


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
