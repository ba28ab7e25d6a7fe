"""The story of a message in a run of several channels, in sentences: which channel came first and why, what may come
next, and whether the person got it twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.ledger.alternatives import alternatives_of, channels_of, gateways_of
from a2pcli.ledger.arrivals import Arrivals as Arrivals
from a2pcli.ledger.channel_counts import ByChannel as ByChannel
from a2pcli.ledger.history import HistoryEntry
from a2pcli.ledger.records import Run
from a2pcli.messages import State
from a2pcli.reporting.route_story import via
from a2pcli.reporting.values import money_document

GOT_BOTH = "the provider delivered a message that it had said was revoked, expired or not delivered"


def gateway_names(run: Run) -> str:
    """The gateways that a run sends through, in a sentence."""
    return " and ".join(dict.fromkeys(via(run, channel) for channel in gateways_of(run)))


def story(entry: HistoryEntry) -> Iterator[str]:
    """Sentences about the channels of a message; none in a run of one channel."""
    run, row = entry.run, entry.row
    order = list(channels_of(run))
    if not order or (row["state"] == State.SKIPPED and not entry.earlier):
        return
    each = [*entry.earlier, row]
    first = each[0]["channel"] or run.channel
    later = [one.channel for one in alternatives_of(row.get("alternatives")) if not one.instead]
    allowed = [name for name in order if name in (first, *later)]
    if first == order[0]:
        why = "the campaign's first choice"
    elif first == allowed[0] and len(later) < len(order) - 1:
        why = "the first that may be used for this person"
    else:
        why = "the contact's own preference, or the first that may be used"
    is_tried = bool(entry.earlier) or row["claimed_at"] is not None
    yield f"{'tried' if is_tried else 'goes'} by {first} first: {why}"
    done = {one["channel"] or run.channel for one in each}
    has_arrived = row["delivery"] in map(str, ARRIVED)
    if (left := [name for name in later if name not in done]) and not has_arrived:
        when = words_of(run)
        yield f"then by {' and '.join(left)}{f', {when}' if when else ''}"
    if got_both(entry):
        is_sure = row["delivery"] in map(str, ARRIVED)
        yield f"the person got both: {GOT_BOTH}" if is_sure else f"the person may have got both: {GOT_BOTH}"


def words_of(run: Run) -> str:
    """When the next channel is tried, in a few words."""
    rule: dict[str, Any] = run.sending.get("fallback") or {}
    pieces = {
        "rejected": "if the gateway refuses it",
        "undelivered": "if a receipt says that it was not delivered",
    }
    found = [pieces[one] for one in rule.get("when", ())]
    if after := rule.get("after"):
        found.append(f"if no receipt says within {after // 60} min that it was delivered")
    return " or ".join(found)


def got_both(entry: HistoryEntry) -> bool:
    """Whether an earlier attempt arrived although another was taken after it."""
    arrived = any(one["delivery"] in map(str, ARRIVED) for one in entry.earlier)
    row = entry.row
    lost = row["delivery"] in map(str, NEGATIVE)
    return arrived and not lost and row["state"] in (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING)


def arrival_sentences(found: Arrivals) -> Iterator[str]:
    """Who got the message by an attempt that had ended, each person in one sentence; none for nobody."""
    if found.both:
        yield f"{_people(found.both)} got both: {GOT_BOTH}"
    if found.perhaps:
        more = " more" if found.both else ""
        tells = "no receipt says whether the later one arrived as well"
        yield f"{_people(found.perhaps, more)} may have got both: {GOT_BOTH}, and {tells}"
    if found.earlier:
        yield f"{_people(found.earlier)} got the message by an earlier attempt alone, as a late receipt says"


def _people(many: int, more: str = "") -> str:
    return f"1{more} person" if many == 1 else f"{many:,}{more} people"


def by_channel_document(found: ByChannel) -> dict[str, Any]:
    """The attempts by channel, JSON-ready."""
    return {
        "attempts_by_channel": [
            {
                "channel": one.channel,
                "attempt": one.attempt,
                "states": dict(one.states),
                "delivered": one.delivered,
                "followed": one.followed,
                "cost": money_document(one.cost),
                "unpriced": one.unpriced,
            }
            for one in found.counts
        ],
        "got_both": found.arrivals.both + found.arrivals.perhaps,
        "may_have_got_both": found.arrivals.perhaps,
    }
