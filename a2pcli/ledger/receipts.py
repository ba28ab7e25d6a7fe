"""The inbox of delivery receipts: each is kept once, and matched to the message that it is about.

A receipt may come before the ledger knows the gateway's id of its message: it stays in the inbox without one, and is
looked at again at the next import. Attempts have no index on the gateway's id (sending would pay for it at every
message): the ids of an import are looked for in one pass over the attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.engine import Connection

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.ledger import answer_deliveries, counting, deliveries, told_optouts
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.deliveries import Applied, pieces
from a2pcli.ledger.falling import Due
from a2pcli.ledger.faults import retrying
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.receipt_ids import FEW, ids_in_common, messages_with_ids, unmatched_by_id
from a2pcli.ledger.receipt_matching import FORGOTTEN, ReceiptKey, match
from a2pcli.ledger.receipt_rows import Match, OfAnswer, event_of, insert_receipts
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema import unmatched as is_unmatched
from a2pcli.ledger.tables import answers, attempts, receipts, runs
from a2pcli.ledger.told_optouts import Suppressed, TellsOptOut, no_opt_out

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

_a, _n, _r = attempts.c, answers.c, receipts.c

PIECE = 5_000
"""Number of receipts in one transaction, so that a sender waits only briefly for it."""

LOOKED_UP = 100_000
"""Number of receipts whose ids are looked up in one pass."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of adding receipts. ``new`` and ``duplicates`` cover all except ``forgotten`` ones, which are not
    stored; ``unmatched`` ones of these match no message. ``accepted`` messages became so by a receipt."""

    new: int = 0
    duplicates: int = 0
    unmatched: int = 0
    forgotten: int = 0
    accepted: int = 0
    opted_out: int = 0
    """People newly added to the suppression list because of their receipts."""
    invalid: int = 0
    """Addresses newly added to it since a receipt says that they do not exist."""

    def counts(self) -> dict[str, int]:
        """Return the counts for the audit entry."""
        return {
            "receipts": self.new + self.duplicates,
            "new": self.new,
            "matched": self.new + self.duplicates - self.unmatched,
            "accepted": self.accepted,
            **({"opted_out": self.opted_out} if self.opted_out else {}),
            **({"invalid": self.invalid} if self.invalid else {}),
        }

    def plus(self, other: Taken) -> Taken:
        """Return the sum of both."""
        return Taken(
            self.new + other.new,
            self.duplicates + other.duplicates,
            self.unmatched + other.unmatched,
            self.forgotten + other.forgotten,
            self.accepted + other.accepted,
            self.opted_out + other.opted_out,
            self.invalid + other.invalid,
        )


class Inbox(SubStore):
    """The delivery receipts of an open ledger: adds them and matches them to messages."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._uncounted: set[int] = set()

    def newest(self) -> int:
        """Return the number of the newest receipt; 0 in an empty inbox."""
        with self._ledger.reading() as connection:
            return int(connection.execute(select(func.max(_r.number))).scalar() or 0)

    def gateways(self) -> set[str]:
        """Return the gateways that runs of this ledger used."""
        with self._ledger.reading() as connection:
            return set(connection.execute(select(runs.c.gateway).distinct()).scalars())

    def add(self, found: Sequence[Receipt], gateway: str, source: str, now: int | None = None) -> Taken:
        """Store receipts (at most ``LOOKED_UP``) and update the messages they match."""
        done = Taken()
        for taken in self.pieces(found, gateway, source, now=now):
            done = done.plus(taken)
        return done

    def pieces(
        self,
        found: Sequence[Receipt],
        gateway: str,
        source: str,
        record: Callable[[Taken], None] = lambda _taken: None,
        tells: TellsOptOut = no_opt_out,
        now: int | None = None,
        by_id: bool = True,
        matches: Sequence[Match] | None = None,
    ) -> Iterator[Taken]:
        """Like ``add``, in pieces of ``PIECE`` receipts, each in one transaction; yields the result of each once
        committed.

        ``record`` is called in the transaction if it changed anything. People whose receipt ``tells`` of an opt-out
        are suppressed. Without ``by_id`` only our reference is matched, which needs no pass over all attempts.
        ``matches`` are their attempts where these are known.
        """
        moment = now_ms() if now is None else now
        if matches is None:
            matches = self._matches(found, gateway, by_id)
        for start in range(0, len(found), PIECE):
            part = slice(start, start + PIECE)
            yield self._add_piece(found[part], matches[part], gateway, source, moment, record, tells)

    def look(self, found: Sequence[Receipt], gateway: str, seen: set[str]) -> Taken:
        """Return what ``add`` would do, without writing. ``seen`` are the events of earlier receipts; those of
        ``found`` are added to it."""
        matches = self._matches(found, gateway)
        there = [
            (event_of(one, gateway), at) for one, at in zip(found, matches, strict=True) if at != FORGOTTEN
        ]
        events = [event for event, _ in there]
        with self._ledger.reading() as connection:
            for start in range(0, len(events), FEW):
                query = select(_r.event).where(_r.event.in_(events[start : start + FEW]))
                seen.update(connection.execute(query).scalars())
        new = len(set(events) - seen)
        seen.update(events)
        unmatched = sum(at is None for _, at in there)
        return Taken(new, len(there) - new, unmatched, len(found) - len(there))

    def match_again(
        self,
        upto: int,
        now: int | None = None,
        record: Callable[[Taken], None] = lambda _taken: None,
        tells: TellsOptOut = no_opt_out,
    ) -> int:
        """Match earlier unmatched receipts up to this number again; return how many were matched.

        ``record`` is called in each transaction that changed something, with the changes.
        """
        moment = now_ms() if now is None else now
        with self._ledger.reading() as connection:
            known = unmatched_by_id(connection, upto)
        done = self._connect_all(known, moment, record, tells)
        after = 0
        while True:
            with self._ledger.reading() as connection:
                query = select(_r.number, _r.gateway, _r.reference).where(
                    is_unmatched, _r.reference.is_not(None), _r.number > after, _r.number <= upto
                )
                rows = connection.execute(query.order_by(_r.number).limit(LOOKED_UP)).all()
                matches = match(
                    connection, [ReceiptKey(gateway, None, reference) for _, gateway, reference in rows]
                )
            known = [(row.number, at) for row, at in zip(rows, matches, strict=True) if at is not None]
            done += self._connect_all(known, moment, record, tells)
            if len(rows) < LOOKED_UP:
                return done
            after = rows[-1].number

    def _connect_all(
        self,
        known: Sequence[tuple[int, Match]],
        now: int,
        record: Callable[[Taken], None],
        tells: TellsOptOut,
    ) -> int:
        starts = range(0, len(known), PIECE)
        return sum(self._connect(known[start : start + PIECE], now, record, tells) for start in starts)

    def shared_ids(self, gateway: str, ids: Collection[str] | None = None) -> set[str]:
        """Return those of a gateway's ids (None: all) that more than one message has; one pass over all attempts."""
        with self._ledger.reading() as connection:
            found = messages_with_ids(connection, ids_in_common(connection) if ids is None else ids)
        return {id for id, theirs in found.items() if sum(name == gateway for _, name in theirs) > 1}

    def ids_of(self, ids: Sequence[int]) -> Mapping[int, Mapping[str, bool]]:
        """By attempt: the gateway's ids that its receipts name, and whether a receipt says how that part has ended."""
        found: dict[int, dict[str, bool]] = {}
        with self._ledger.reading() as connection:
            told = deliveries.told_of(connection, ids)
        for id, reports in told.items():
            known = found.setdefault(id, {})
            for one in reports:
                if one.gateway_id is not None:
                    has_ended = one.delivery in (*ARRIVED, *NEGATIVE)
                    known[one.gateway_id] = known.get(one.gateway_id, False) or has_ended
        return found

    def ids_to_revoke(self, gateway: str, due: Sequence[Due]) -> dict[int, list[str] | None]:
        """Return the ids by which the gateway can revoke these attempts, by attempt: of a message in parts, those of
        each. None if a part has arrived, or another message has one of the ids; attempts without an id are absent."""
        known = {one.attempt: {one.gateway_id: None} for one in due if one.gateway_id}
        with self._ledger.reading() as connection:
            told = deliveries.told_of(connection, list(known))
        for id, reports in told.items():
            known[id] |= dict.fromkeys(one.gateway_id for one in reports if one.total and one.gateway_id)
        arrived = {id for id, reports in told.items() if any(one.delivery in ARRIVED for one in reports)}
        shared = self.shared_ids(gateway, {each for ids in known.values() for each in ids})
        return {
            id: None if id in arrived or not shared.isdisjoint(ids) else list(ids)
            for id, ids in known.items()
        }

    def keep_totals(self, also: Collection[int] = ()) -> None:
        """Recount the runs with messages accepted by a receipt, and those in ``also``. Call it once at the end of an
        import."""
        for number in sorted(self._uncounted.union(also)):
            with self._ledger.writing() as connection:
                row = connection.execute(select(runs).where(runs.c.number == number)).mappings().one_or_none()
                if row is not None:
                    counting.keep(connection, run_from_row(row))
        self._uncounted.clear()

    def _matches(self, found: Sequence[Receipt], gateway: str, by_id: bool = True) -> list[Match]:
        keys = [ReceiptKey(gateway, one.gateway_id if by_id else None, one.reference) for one in found]
        with self._ledger.reading() as connection:
            return match(connection, keys)

    def _add_piece(
        self,
        found: Sequence[Receipt],
        matches: Sequence[Match],
        gateway: str,
        source: str,
        now: int,
        record: Callable[[Taken], None],
        tells: TellsOptOut,
    ) -> Taken:
        there = [(one, at) for one, at in zip(found, matches, strict=True) if at != FORGOTTEN]
        suspects = {at for one, at in there if at is not None and one.delivery not in ARRIVED}
        """Only these can tell of an opt-out, or of an address that does not exist."""
        unmatched = sum(at is None for _, at in there)

        def work() -> tuple[Taken, Applied]:
            with self._ledger.transaction(), self._ledger.writing() as connection:
                added = insert_receipts(connection, there, gateway, source, now)
                applied = _apply(connection, [at for _, at in there], now)
                out = told_optouts.keep_from_receipts(
                    connection, told_optouts.of_import(suspects, now), tells, now
                )
                forgotten = len(found) - len(there)
                taken = Taken(added, len(there) - added, unmatched, forgotten, applied.accepted, *out)
                if added:
                    record(taken)
                return taken, applied

        taken, applied = retrying(work)
        self._uncounted |= applied.uncounted
        return taken

    def _connect(
        self,
        known: Sequence[tuple[int, Match]],
        now: int,
        record: Callable[[Taken], None],
        tells: TellsOptOut,
    ) -> int:
        """Store the matches of these receipts; delete receipts of people who are gone."""
        gone = [number for number, at in known if at == FORGOTTEN]
        kept = [(number, at) for number, at in known if at != FORGOTTEN]

        def work() -> Applied:
            with self._ledger.transaction(), self._ledger.writing() as connection:
                for some in pieces(gone):
                    connection.execute(delete(receipts).where(_r.number.in_(some)))
                applied, out = connect(connection, kept, tells, now)
                if known:
                    record(Taken(accepted=applied.accepted, opted_out=out.opted_out, invalid=out.invalid))
                return applied

        applied = retrying(work)
        self._uncounted |= applied.uncounted
        return len(kept)


def connect(
    connection: Connection, kept: Sequence[tuple[int, Match]], tells: TellsOptOut, now: int
) -> tuple[Applied, Suppressed]:
    """Store the messages of receipts, and what these say of them."""
    values = [
        {
            "b_number": number,
            "b_attempt": at if isinstance(at, int) else None,
            "b_answer": at.number if isinstance(at, OfAnswer) else None,
        }
        for number, at in kept
    ]
    if values:
        one = update(receipts).where(_r.number == bindparam("b_number"))
        connection.execute(one.values(attempt=bindparam("b_attempt"), answer=bindparam("b_answer")), values)
    applied = _apply(connection, [at for _, at in kept], now)
    numbers = told_optouts.of_numbers(number for number, _ in kept)
    return applied, told_optouts.keep_from_receipts(
        connection, told_optouts.Chosen(numbers, numbers), tells, now
    )


def _apply(connection: Connection, matches: Sequence[Match], now: int) -> Applied:
    """Write what receipts say into these messages."""
    done = deliveries.apply(connection, [at for at in matches if isinstance(at, int)], now)
    of_answers = [at.number for at in matches if isinstance(at, OfAnswer)]
    accepted = answer_deliveries.apply(connection, of_answers, now) if of_answers else 0
    return Applied(done.accepted + accepted, done.uncounted, done.gone)


def of_attempts(connection: Connection, ids: Sequence[int]) -> Any:
    """Return the condition for the receipts of these attempts, and for unmatched ones with their gateway ids."""
    named = select(_a.gateway_id).where(_a.id.in_(ids), _a.gateway_id.is_not(None))
    return _r.attempt.in_(ids) | (is_unmatched & _r.gateway_id.in_(named))


def forget(connection: Connection, ids: Sequence[int]) -> int:
    """Delete the receipts of these attempts; return how many. The attempts keep their delivery."""
    return sum(
        connection.execute(delete(receipts).where(of_attempts(connection, some))).rowcount
        for some in pieces(ids)
    )


def forget_of_answers(connection: Connection, addresses: Collection[str]) -> int:
    """Delete the receipts of messages outside of runs to these addresses; return how many."""
    mine = _n.address.in_(addresses)
    of_them = _r.answer.in_(select(_n.number).where(mine))
    named = select(_n.gateway_id).where(mine, _n.gateway_id.is_not(None))
    return connection.execute(
        delete(receipts).where(of_them | (is_unmatched & _r.gateway_id.in_(named)))
    ).rowcount
