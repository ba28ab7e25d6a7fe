"""One claim in the making: rows that waited and whose moment has come, messages of the plan whose clocks are open, and
why some of either may not go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import kind_of_channel
from a2pcli.ledger import caps, clocks, other_forms, refusals
from a2pcli.ledger.alternatives import Alternative
from a2pcli.ledger.asking_again import (
    Asking,
    SkippedFresh,
    Stopped,
    stopped_fresh,
    stopped_waiting,
)
from a2pcli.ledger.attempt_ids import is_later
from a2pcli.ledger.binding import Binding
from a2pcli.ledger.channel_ways import needs_of_waiting, ways_of_fresh, ways_of_waiting
from a2pcli.ledger.claim_checks import sorted_fresh, sorted_waiting
from a2pcli.ledger.claimed_messages import Way, by_their_own_ways, claimed_messages
from a2pcli.ledger.fallbacks import as_next, follow_skipped
from a2pcli.ledger.intents import (
    ADDRESS,
    BODY,
    ID,
    NEXT_DUE,
    NEXT_DUE_OF_CHANNELS,
    SENDER,
    THESE,
    WHY_NOT,
    claim_fresh,
    mark_postgres,
    mark_sqlite,
    skip_fresh,
    skip_waiting,
    waited,
)
from a2pcli.ledger.loaded_chunk import Fresh, RowKind
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.outcomes import note_each, note_run
from a2pcli.ledger.plan_cursor import Beside, PlanCursor
from a2pcli.ledger.plan_store import End
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.statements import PreparedQuery
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State
from a2pcli.reasons import Reason

_c = attempts.c

_OPEN = (None, refusals.ASKS_SENDER)


class Claim:
    """A claim in progress: what was found so far, and the position of the search."""

    def __init__(
        self,
        connection: Connection,
        run: Run,
        now: int,
        plan: PlanCursor,
        binding: Binding,
        want: int,
        *,
        halving: bool,
        lease: int | None = None,
    ) -> None:
        self.connection = connection
        self.run = run
        self.now = now
        self.plan = plan
        self.want = want
        self.halving = halving
        self.lease = lease
        """Token of this sender's chunk leases if it is one of several."""
        self.channels: frozenset[str] | None = None
        """The only channels claimed now, in a run with several gateways; None for all."""
        self.caps = binding.caps
        self.gate = clocks.Gate(run, binding.clocks, now)
        self.is_gated = bool(binding.clocks)
        self.refusals = refusals.parameters(run)
        self.asking = Asking(connection, run, now, binding.caps)
        self.claimed: list[Claimed] = []
        self.skipped = 0
        self.of_waiting = 0
        """Number of waiting rows that no longer wait."""
        self.gone_on = 0
        """Skipped messages whose next channel now waits for a claim."""
        self._looked_at: dict[int, Any] = {}
        self.unseen = False
        """Whether rows were left unexamined because the limit of one transaction was reached."""

    @property
    def room(self) -> int:
        """Number of messages that may still be claimed."""
        return self.want - len(self.claimed)

    @property
    def spent(self) -> bool:
        """Whether so many rows were held that the rest must wait for another transaction."""
        return self.gate.held + self.gate.expired >= clocks.PIECE

    def _find(self, query: Any, **chosen: Any) -> Sequence[Any]:
        run = self.run
        parameters: dict[str, Any] = {
            "run": run.number,
            "now": self.now,
            "want": self.room,
            **chosen,
            **self.refusals,
            "binds": binds(run.purpose),
            "lease": self.lease,
        }
        if self.channels is not None:
            parameters |= {"channels": sorted(self.channels), "own_channel": run.channel}
        if isinstance(query, PreparedQuery):
            return query.rows(self.connection, parameters)
        return self.connection.execute(query, parameters).all()

    def fill(self, *, odd: bool) -> None:
        """Claim waiting rows and messages without attempts, half of each if possible; ``odd``: which gets more."""
        may_be_more = self.waited((self.room + odd) // 2)
        self.fresh()
        if may_be_more:
            self.waited(self.room)

    def waited(self, most: int) -> bool:
        """Claim up to ``most`` due waiting rows, longest due first; return whether there may be more."""
        end = len(self.claimed) + most
        while (room := end - len(self.claimed)) > 0:
            if self.is_gated:
                ids = self._open_due(room)
                rows = self._find(THESE, ids=ids) if ids else ()
            else:
                rows = self._find(self._waited(only_clocks=False), want=room)
            self._take(rows)
            if len(rows) < room:
                return False
        return True

    def _waited(self, *, only_clocks: bool) -> Any:
        mine, some = self.lease is not None, self.channels is not None
        return waited(only_clocks=only_clocks, mine=mine, some_channels=some)

    def _open_due(self, room: int) -> list[int]:
        """Return the first due rows whose clock is open; those before them keep waiting."""
        page = room
        query = self._waited(only_clocks=True)
        while True:
            rows = self._find(query, want=page)
            expired = self.gate.expired
            going = self.gate.keep_back(self.connection, rows)
            self.of_waiting += self.gate.expired - expired
            if len(going) >= room or len(rows) < page:
                return going[:room]
            if self.spent:
                self.unseen = True
                return going
            page = min(4 * page, clocks.PIECE)

    def fresh(self) -> None:
        """Claim messages of the plan without attempts whose clocks are open; expire those whose time is over."""
        if self.is_gated:
            for clock in {clock for (clock, _), many in self.plan.left.items() if many > 0}:
                self._end_if_expired(clock)
        while self.room:
            rows = self.plan.take(self.connection, self.room, self.goes)
            if not rows:
                return
            self._take_fresh(rows)

    def goes(self, kind: RowKind) -> bool:
        """Return whether messages of this clock and channel may be sent now."""
        return self.gate(kind[0]) is None and self._is_asked(kind)

    def _is_asked(self, kind: RowKind) -> bool:
        return self.channels is None or (kind[1] or self.run.channel) in self.channels

    def _end_if_expired(self, clock: int | None) -> None:
        """Expire the remaining messages of this clock if it does not open before their end."""
        why = self.gate(clock)
        if why is None or why.until is not None:
            return
        end = End(self.now, State.EXPIRED, Reason.EXPIRED, why.detail, why.rule, clock=clock)
        many = self.plan.end(self.connection, end)
        if not many:
            return
        note_run(self.connection, self.run, self.now, State.EXPIRED, why.rule, f"{many} messages")
        self.gate.expired += many

    def next_due(self) -> int | None:
        """Return when the first waiting message may be sent (UTC ms), by its retry or its clock; None if none waits."""
        moments = [self._find(NEXT_DUE if self.channels is None else NEXT_DUE_OF_CHANNELS)[0][0]]
        for kind, many in self.plan.left.items():
            why = self.gate(kind[0]) if many > 0 and self._is_asked(kind) else None
            moments.append(None if why is None else why.until)
        return min((moment for moment in moments if moment is not None), default=None)

    def _take_fresh(self, rows: Sequence[Fresh]) -> None:
        """Claim the rows that may be sent, and skip the others with their reason."""
        others = {row.id: other_forms.others_of(row.others) for row in rows}
        good, skipped = sorted_fresh(self.asking, rows, others)
        nameless = [one for one in skipped if one[1] == Reason.ERASED]
        if nameless:
            self._skip_fresh(nameless, nameless=True)
            skipped = [one for one in skipped if one[1] != Reason.ERASED]
        taken = claim_fresh(self.connection, self.run, good, self.now)
        if len(taken) < len(good):
            ids = {row.id for row in taken}
            had = str(Reason.ALREADY_SENT)
            skipped += [(row, had, None, None) for row in good if row.id not in ids]
        self._skip_fresh(skipped)
        if caps.noted(self.run.purpose):
            caps.note(self.connection, self.run, [(row.id, row.address) for row in taken], self.now)
        spellings = {row.id: row.spelling for row in taken if row.spelling is not None}
        contents = {row.id: row.content for row in taken if row.content is not None}
        claimed = claimed_messages(self.run, taken, self.gate, spellings, contents)
        ways = ways_of_fresh(self.run, taken)
        routes = {row.id: row.route for row in taken if row.route is not None}
        self._add(claimed, ways, routes)

    def _add(self, claimed: Iterable[Claimed], ways: Mapping[int, Way], routes: Mapping[int, str]) -> None:
        """Claim these messages, each with its own way and the gateways of its route, by id."""
        found = by_their_own_ways(self.run, claimed, ways) if ways else claimed
        if routes:
            found = (replace(one, route=routes.get(one.message.id)) for one in found)
        self.claimed.extend(found)

    def _skip_fresh(self, rows: Sequence[SkippedFresh], *, nameless: bool = False) -> None:
        """Skip these messages (reason, detail, rule). One that another sender has claimed meanwhile is ignored."""
        if not rows:
            return
        done = skip_fresh(self.connection, self.run, rows, self.now, nameless=nameless)
        self._note_skipped([(row.id, reason) for row, reason, _, _ in rows if row.id in done])
        if self.asking.goes_on:
            self._go_on(
                stopped_fresh(row)
                for row, reason, *_ in rows
                if row.id in done and reason in self.asking.goes_on
            )

    def _go_on(self, stopped: Iterable[Stopped]) -> None:
        """Plan attempts by the next allowed channel for messages that were just skipped."""
        ways = self.asking.ways(list(stopped))
        if not ways:
            return
        made = follow_skipped(
            self.connection, self.run, {id: as_next(one) for id, one in ways.items()}, self.now
        )
        self.gone_on += len(made)
        self.skipped -= len(made)

    def _take(self, rows: Sequence[Any]) -> None:
        """Claim the waiting rows that may be sent; skip the others with their reason."""
        if self.asking.goes_on:
            self._looked_at = {row[ID]: row for row in rows}
        good: Sequence[Any] = [row for row in rows if row[WHY_NOT] in _OPEN]
        if len(good) < len(rows):
            self._refuse({row[ID]: row[WHY_NOT] for row in rows if row[WHY_NOT] not in _OPEN})
        beside = (
            self.plan.beside(self.connection, ((row[ID], row[ADDRESS]) for row in good)) if self.plan else {}
        )
        others = {id: other_forms.others_of(one.others) for id, one in beside.items() if one.others}
        good, skipped = sorted_waiting(self.asking, good, others, partial(self._contents, beside))
        if skipped:
            self._skip(skipped)
        if not good:
            return
        ways: dict[int, Way] = {}
        later: dict[int, Alternative] = {}
        if self.plan:
            good = self._with_texts(good)
            ways, later = ways_of_waiting(self.connection, self.run, good, beside)
        if self.connection.dialect.name == "sqlite":
            taken = mark_sqlite(self.connection, good, self.now)
        else:
            taken = mark_postgres(self.connection, good, self.now, halving=self.halving)
        if len(taken) < len(good):
            ids = {row[ID] for row in taken}
            self._skip(
                [(row[ID], str(Reason.ALREADY_SENT), None, None) for row in good if row[ID] not in ids]
            )
        if caps.noted(self.run.purpose):
            caps.note(self.connection, self.run, [(row[ID], row[ADDRESS]) for row in taken], self.now)
        self.of_waiting += len(taken)
        first = {id: one for id, one in beside.items() if not is_later(id)}
        spellings = {id: one.spelling for id, one in (first | later).items() if one.spelling is not None}
        contents = {id: one.content for id, one in (first | later).items() if one.content is not None}
        if not self.plan and kind_of_channel(self.run.channel) is Kind.EMAIL:
            spellings = self._beside(taken, _c.cell)
        if not self.plan:
            contents = self._beside(taken, _c.content)
        claimed = claimed_messages(self.run, taken, self.gate, spellings, contents)
        routes = {id: one.route for id, one in (first | later).items() if one.route is not None}
        self._add(claimed, ways, routes)

    def _beside(self, rows: Sequence[Any], column: Any) -> dict[int, str]:
        """Return a column of the rows of a run without chunks, by id: addresses as given, if they differ from the
        compared form, or content."""
        chosen = _c.id.in_([row[ID] for row in rows]) & column.is_not(None)
        found = self.connection.execute(select(_c.id, column.label("value")).where(chosen))
        return {row.id: row.value for row in found}

    def _contents(
        self, beside: Mapping[int, Beside], rows: Sequence[Any]
    ) -> Mapping[int, tuple[str | None, str | None]]:
        """Return contents and routes of waiting rows, by id."""
        if self.plan:
            return needs_of_waiting(rows, beside)
        return {id: (content, None) for id, content in self._beside(rows, _c.content).items()}

    def _with_texts(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the rows with their texts from the plan. Raises ``LedgerError`` if one does not match the plan."""
        first = [row for row in rows if not is_later(row[ID])]
        texts = self.plan.texts(self.connection, ((row[ID], row[ADDRESS], row[SENDER]) for row in first))
        found = [(*row[:BODY], text, *row[BODY + 1 :]) for row, text in zip(first, texts, strict=True)]
        return found if len(found) == len(rows) else [*found, *(row for row in rows if is_later(row[ID]))]

    def _refuse(self, reasons: Mapping[int, str]) -> None:
        """Skip these rows, each with its reason."""
        details, rules = refusals.DETAILS, refusals.RULES
        self._skip(
            [(id, str(reason), details.get(reason), rules.get(reason)) for id, reason in reasons.items()]
        )

    def _skip(self, rows: Sequence[tuple[int, str, str | None, str | None]]) -> None:
        """Skip these waiting rows: id, reason, detail, rule."""
        skip_waiting(self.connection, rows, self.now)
        self.of_waiting += len(rows)
        self._note_skipped([(id, reason) for id, reason, _, _ in rows])
        going = [
            self._looked_at[id]
            for id, reason, *_ in rows
            if self._looked_at and reason in self.asking.goes_on
        ]
        if going and self.plan:
            beside = self.plan.beside(self.connection, ((row[ID], row[ADDRESS]) for row in going))
            self._go_on(stopped_waiting(row, beside[row[ID]]) for row in going if row[ID] in beside)

    def _note_skipped(self, rows: Sequence[tuple[int, str]]) -> None:
        for reason in {reason for _, reason in rows}:
            ids = [id for id, other in rows if other == reason]
            note_each(self.connection, self.run, ids, self.now, kind=str(State.SKIPPED), code=reason)
        self.skipped += len(rows)
