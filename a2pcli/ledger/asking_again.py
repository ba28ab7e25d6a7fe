"""Checks that a claim repeats for every message, and the choice of the next channel if the message's own fails them.

The plan of a campaign with ``fallback:`` contains what may be tried after each channel. People who opted out of the
channel since the plan, withdrew consent for it, reached a cap that binds it, or whose service window has closed get the
message by the first of these that passes the same checks. An opt-out from everything fails all of them. Where a
service window has closed, what stands in for the free text (``Alternative.instead``) comes first, with or without
``fallback:``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import forms_of
from a2pcli.channels import channel_of
from a2pcli.ledger import caps, erased, falling, other_forms, refusals
from a2pcli.ledger.alternatives import (
    Alternative,
    alternatives_of,
    by_another_channel,
    channels_of,
    place_of,
)
from a2pcli.ledger.attempt_ids import is_later
from a2pcli.ledger.intents import ADDRESS, BODY, CHANNEL, ID
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.plan_cursor import Beside, Fresh
from a2pcli.ledger.records import Run
from a2pcli.ledger.route_legs import route_of_text
from a2pcli.ledger.tables import replies
from a2pcli.message_content import needs_window
from a2pcli.reasons import Reason

GOES_ON = frozenset({Reason.OPTED_OUT, Reason.NO_CONSENT, Reason.CAPPED, Reason.OUTSIDE_WINDOW})
"""Reasons that may apply to one channel and not to another; people who were erased or have the message get no other."""

ONLY_CLOSED = frozenset({Reason.OUTSIDE_WINDOW})
"""What may apply to a free text and not to the template that stands in for it."""

CLOSED = "the 24 hours after the person wrote were over when the message was to leave"
"""Detail of a message planned inside the service window whose turn came after the window had closed."""

_PIECE = 500
_r = replies.c


class Stopped(NamedTuple):
    """A message that its channel may not carry. ``channel`` is None for a first attempt, ``body`` the text of a later
    one, ``others`` are the person's other addresses, ``alternatives`` is the plan's column."""

    id: int
    address: str
    others: tuple[str, ...]
    channel: str | None
    alternatives: str | None
    body: str | None = None


class Written(NamedTuple):
    """A message that may need an open service window: its channel (None for the run's), its content as JSON, and its
    route, if a route chooses its gateway."""

    id: int
    address: str
    channel: str | None
    content: str | None
    route: str | None


class Asking:
    """The checks of one claim, at its moment (UTC milliseconds)."""

    def __init__(self, connection: Connection, run: Run, now: int, kept: caps.Caps) -> None:
        self.connection, self._run, self.now, self.caps = connection, run, now, kept
        self.falls_back = falling.rule_of(run) is not None
        names = channels_of(run) or (run.channel,)
        self.windows = frozenset(name for name in names if channel_of(name).window)
        """The run's channels that take free texts only for a while after the person wrote."""
        self.goes_on = GOES_ON if self.falls_back else ONLY_CLOSED if self.windows else frozenset[Reason]()
        """The reasons for which a message may leave in another form, or by another channel."""
        self.erasures = binds(run.purpose) and erased.exist(connection)

    def of_channel(self, channel: str | None) -> tuple[Run, dict[str, Any]]:
        """Return the run for messages of a channel, and the parameters for checking opt-outs and consent."""
        run = by_another_channel(self._run, channel)
        return run, {**refusals.parameters(run), "binds": binds(run.purpose)}

    def refused(self, channel: str | None, candidates: Iterable[other_forms.Candidate]) -> dict[int, Reason]:
        """Return the candidates of one channel who may no longer be messaged, each with the reason."""
        run, asked = self.of_channel(channel)
        return other_forms.refused_of_plan(self.connection, run, candidates, asked, self.now)

    def refused_waiting(
        self, channel: str | None, candidates: Iterable[other_forms.Candidate]
    ) -> dict[int, Reason]:
        """Return the same for rows that waited: what the query that found them could not compare."""
        run, asked = self.of_channel(channel)
        return other_forms.refused(self.connection, run, candidates, asked, self.now)

    def over(
        self, rows: Sequence[tuple[int, str, int | None, tuple[str, ...]]]
    ) -> dict[int, tuple[str, str]]:
        """Return those of these (id, address, clock, other addresses) that exceed a cap: the rule, and a sentence."""
        return self.caps.over(self.connection, rows, self.now)

    def erased(self, rows: Sequence[tuple[int, str, tuple[str, ...]]]) -> set[int]:
        """Return which of these (id, address, the person's other addresses) were erased, by any of the addresses."""
        addresses = [one for _, address, others in rows for one in (address, *others)]
        if not addresses:
            return set()
        gone = erased.erased_of(self.connection, addresses)
        return {id for id, address, others in rows if gone and not gone.isdisjoint((address, *others))}

    def outside(self, rows: Iterable[Written]) -> set[int]:
        """Return the ids of free texts whose person did not write within the channel's service window."""
        by_channel: dict[str, list[Written]] = defaultdict(list)
        for one in rows:
            channel = one.channel or self._run.channel
            if channel in self.windows and needs_window(one.content):
                by_channel[channel].append(one)
        return {id for channel, mine in by_channel.items() for id in self._closed(channel, mine)}

    def _closed(self, channel: str, rows: Sequence[Written]) -> set[int]:
        """Return those who did not write to every gateway that their message may go by."""
        own = (by_another_channel(self._run, channel).gateway,)
        names = {
            one.id: own if one.route is None else tuple(leg.gateway for leg in route_of_text(one.route).legs)
            for one in rows
        }
        since = self.now - channel_of(channel).window * 1000
        forms = {one.id: set(forms_of(one.address)) for one in rows}
        addresses = sorted(set().union(*forms.values()))
        wrote: dict[str, set[str]] = {}
        for name in {name for mine in names.values() for name in mine}:
            wrote[name] = set()
            for start in range(0, len(addresses), _PIECE):
                mine = (_r.address.in_(addresses[start : start + _PIECE]), _r.gateway == name)
                query = select(_r.address).where(*mine).group_by(_r.address).having(func.max(_r.at) > since)
                wrote[name] |= set(self.connection.execute(query).scalars())
        return {id for id, mine in names.items() if any(wrote[name].isdisjoint(forms[id]) for name in mine)}

    def ways(self, stopped: Sequence[Stopped]) -> dict[int, Alternative]:
        """Return the first allowed alternative of each message; those without one are absent."""
        left = {one.id: (one, self._after(one)) for one in stopped}
        if self.erasures and left:
            gone = self.erased([(one.id, one.address, one.others) for one, _ in left.values()])
            left = {id: pair for id, pair in left.items() if id not in gone}
        found: dict[int, Alternative] = {}
        while left := {id: pair for id, pair in left.items() if pair[1]}:
            tried = {id: (one, ways.pop(0)) for id, (one, ways) in left.items()}
            against = self._against(tried)
            found |= {id: way for id, (_, way) in tried.items() if id not in against}
            left = {id: pair for id, pair in left.items() if id in against}
        return found

    def _after(self, one: Stopped) -> list[Alternative]:
        """Return what may be tried after the message: the rest of the plan's alternatives; without a fallback only what
        stands in for it."""
        every = alternatives_of(one.alternatives)
        at = place_of(every, one.channel, one.body)
        left = every if one.channel is None else every[at + 1 :] if at >= 0 else []
        if self.falls_back:
            return left
        return [way for way in left[:1] if way.instead]

    def _against(self, tried: Mapping[int, tuple[Stopped, Alternative]]) -> set[int]:
        """Return the ids whose alternative fails the checks, too."""
        others = {id: _others(one, way) for id, (one, way) in tried.items()}
        found: set[int] = set()
        for channel in {way.channel for _, way in tried.values()}:
            candidates = (
                other_forms.Candidate(id, way.address, way.sender, True, way.consent_until, others[id])
                for id, (_, way) in tried.items()
                if way.channel == channel
            )
            found |= set(self.refused(channel, candidates))
        found |= self.outside(
            Written(id, way.address, way.channel, way.content, way.route) for id, (_, way) in tried.items()
        )
        rows = [(id, way.address, way.clock, others[id]) for id, (_, way) in tried.items() if id not in found]
        if self.caps and rows:
            found |= set(self.over(rows))
        return found


def _others(one: Stopped, way: Alternative) -> tuple[str, ...]:
    """Return the person's addresses other than the alternative's."""
    return tuple(sorted({one.address, *one.others} - {way.address}))


def stopped_fresh(row: Fresh) -> Stopped:
    """Return a message without attempts."""
    return Stopped(row.id, row.address, other_forms.others_of(row.others), None, row.alternatives)


def stopped_waiting(row: Any, beside: Beside) -> Stopped:
    """Return a waiting message, with the columns that only its chunk has."""
    channel = row[CHANNEL] if is_later(row[ID]) else None
    others = other_forms.others_of(beside.others)
    return Stopped(row[ID], row[ADDRESS], others, channel, beside.alternatives, row[BODY])


SkippedFresh: TypeAlias = "tuple[Fresh, str, str | None, str | None]"
"""A message without attempts, and why it is skipped: reason, detail, rule."""
