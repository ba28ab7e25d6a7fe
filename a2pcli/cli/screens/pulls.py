"""What was read of providers' lists, as documents and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.actions.pulls import Listed
from a2pcli.moments import moment_text
from a2pcli.reporting.values import iso

if TYPE_CHECKING:
    from a2pcli.actions.pulls import Pulled

SHOWN_WORDS = 10


def pull_document(listed: Listed, done: Sequence[Pulled]) -> dict[str, Any]:
    """JSON document of a pull."""
    return {"list": str(listed), "gateways": [_document(one) for one in done]}


def _document(one: Pulled) -> dict[str, Any]:
    return {
        "gateway": one.gateway,
        "since": iso(one.since),
        "until": iso(one.until),
        "pages": one.pages,
        "listed": one.listed,
        "new": one.new,
        "known": one.known,
        "others": one.others,
        "forgotten": one.forgotten,
        "accepted": one.accepted,
        "opted_out": one.opted_out,
        "invalid": one.invalid,
        "statuses": dict(one.statuses.most_common()),
        "unknown_statuses": dict(one.unknown.most_common()),
        "problem": None if one.problem is None else one.problem.message,
    }


def pull_lines(one: Pulled) -> Iterator[str]:
    """Lines that say what was read of a list and stored."""
    if one.problem is not None and not one.pages:
        return
    name = "receipt" if one.list is Listed.RECEIPTS else "reply"
    yield f"{one.gateway}: {_count(one.listed, name)} listed since {moment_text(one.since)}"
    yield f"  new: {one.new:,}, known before: {one.known:,}"
    said = ", ".join(f"{many:,} {status}" for status, many in one.statuses.most_common())
    if said:
        yield f"  status: {said}"
    if one.others:
        yield f"  of messages that are not in this ledger, not stored: {one.others:,}"
    if one.accepted:
        yield f"  outcome now known, accepted by the gateway: {_count(one.accepted, 'message')}"
    if one.opted_out:
        yield f"  opted out: {'1 person' if one.opted_out == 1 else f'{one.opted_out:,} people'}"
    if one.invalid:
        yield f"  address does not exist, now suppressed for the channel: {one.invalid:,}"
    if one.forgotten:
        yield f"  not stored, the person's data was deleted: {one.forgotten:,}"
    if one.unknown:
        words = ", ".join(f"{many:,} × {word}" for word, many in one.unknown.most_common(SHOWN_WORDS))
        yield f"  unknown status, not counted: {words}"


def _count(many: int, name: str) -> str:
    several = "replies" if name == "reply" else f"{name}s"
    return f"{many:,} {name if many == 1 else several}"
