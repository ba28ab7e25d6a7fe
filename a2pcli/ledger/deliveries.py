"""What receipts say of attempts, written into them: the delivery, and that the gateway took the message.

An attempt's delivery is worked out from all of its receipts each time (``delivery.delivery_of``), so neither their
order nor how often one comes matters. A receipt also says that the gateway took the message: what was ``unknown``
is ``accepted`` then. Where the gateway is known to have taken only some of its parts, it stays ``unknown`` until a
part failed or all parts are known. A message that the gateway was thought not to have taken is ``accepted`` where a
receipt says that it was sent or has arrived: else it would be sent again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE, Delivery, Report, delivery_of, is_partly_known, parts_in
from a2pcli.ledger import billed, caps, counting, fallbacks, falling, outcomes, spending
from a2pcli.ledger.counting import DeliveryKey
from a2pcli.ledger.plans import changed, lock_run, run_from_row
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import ROWS_PER_RUN, attempts, receipts, runs
from a2pcli.messages import State

_a, _r = attempts.c, receipts.c

PIECE = 500
"""Ids in one statement."""

NOTE = "a receipt shows that the gateway took it"

_deliver = (
    update(attempts)
    .where(_a.id == bindparam("b_id"))
    .values(
        delivery=bindparam("b_delivery"), delivered_at=bindparam("b_at"), delivery_code=bindparam("b_code")
    )
)


@dataclass(frozen=True, slots=True)
class Applied:
    """Result of ``apply``. ``accepted`` attempts became accepted by a receipt; ``uncounted`` are their runs, whose
    totals must be stored again. The people of the attempts in ``gone`` were erased or removed by retention."""

    accepted: int
    uncounted: frozenset[int]
    gone: frozenset[int]


def pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the ids in groups that fit into one statement."""
    for start in range(0, len(ids), PIECE):
        yield ids[start : start + PIECE]


def apply(connection: Connection, ids: Sequence[int], now: int) -> Applied:
    """Update these attempts from all of their receipts. Their runs are locked until the commit."""
    by_run: dict[int, list[int]] = defaultdict(list)
    for id in sorted(set(ids)):
        by_run[id // ROWS_PER_RUN].append(id)
    accepted = 0
    uncounted: set[int] = set()
    gone: set[int] = set()
    for number, theirs in sorted(by_run.items()):
        row = connection.execute(select(runs).where(runs.c.number == number)).mappings().one_or_none()
        if row is None:
            gone.update(theirs)
            continue
        run = run_from_row(row)
        lock_run(connection, run)
        done = _of_run(connection, run, theirs, now)
        accepted += done.accepted
        uncounted |= done.uncounted
        gone |= done.gone
    for some in pieces(sorted(gone)):
        connection.execute(delete(receipts).where(_r.attempt.in_(some)))
    return Applied(accepted, frozenset(uncounted), frozenset(gone))


def _of_run(connection: Connection, run: Run, ids: Sequence[int], now: int) -> Applied:
    told, bills = told_and_billed(connection, ids)
    values: list[dict[str, Any]] = []
    moved: Counter[DeliveryKey] = Counter()
    taken: list[tuple[RowMapping, Report | None, list[Report]]] = []
    gone = set(ids)
    followed: list[int] = []
    lost: list[int] = []
    arrived: list[int] = []
    for row in _rows(connection, ids):
        gone.discard(row["id"])
        if row["address"] is None:
            gone.add(row["id"])
            continue
        reports = told.get(row["id"], [])
        reads = channel_of(row["channel"] or run.channel).reads
        found = delivery_of(reports, parts=row["parts"] or 1, read_receipts=reads)
        before = row["delivery"], row["delivered_at"], row["delivery_code"]
        after = (str(found.delivery), found.at, found.code) if found else (None, None, None)
        if after != before:
            values.append({"b_id": row["id"], "b_delivery": after[0], "b_at": after[1], "b_code": after[2]})
            if row["followed_at"] is not None:  # the message is counted by a later attempt
                followed.append(row["id"])
            elif row["state"] == State.ACCEPTED:
                _move(moved, before, after, row["variant"])
            if found is not None and row["followed_at"] is None:
                (lost if found.delivery in NEGATIVE else arrived if found.delivery in ARRIVED else []).append(
                    row["id"]
                )
        if reports and was_taken(row["state"], found, reports):
            taken.append((row, found, reports))
    if values:
        connection.execute(_deliver, values)
    counting.adjust(connection, run, moved)
    accepted = sum(_accept(connection, run, row, found, reports, now) for row, found, reports in taken)
    if bills:
        billed.apply(connection, run, bills)
    back = fallbacks.take_back(connection, run, followed, now) if followed else 0
    if accepted:
        changed(connection, run)
    falling.told(connection, run, lost, arrived, now)
    return Applied(accepted, frozenset({run.number} if accepted or back else ()), frozenset(gone))


def _move(
    moved: Counter[DeliveryKey], before: tuple[Any, ...], after: tuple[Any, ...], variant: str | None
) -> None:
    for (delivery, _, code), many in ((before, -1), (after, 1)):
        if delivery is not None:
            moved[delivery, code, variant] += many


def was_taken(state: str, found: Report | None, reports: list[Report]) -> bool:
    """Whether receipts show that the gateway accepted a message although its answer did not say so."""
    if state == State.UNKNOWN:
        has_failed = found is not None and found.delivery in NEGATIVE
        return has_failed or not is_partly_known(reports)
    is_with_the_person = found is not None and found.delivery in (Delivery.SENT, *ARRIVED)
    return is_with_the_person and state in (State.PLANNED, State.REJECTED)


def _accept(
    connection: Connection, run: Run, row: RowMapping, found: Report | None, reports: list[Report], now: int
) -> int:
    """Mark the message as accepted; return 1 if the row changed, 0 if another run has reached the person."""
    moment = found.at if found is not None and found.at is not None else now
    ids = sorted({one.gateway_id for one in reports if one.gateway_id is not None})
    values: dict[str, Any] = {
        "state": str(State.ACCEPTED),
        "detail": NOTE,
        "code": None,
        "reason": None,
        "rule": None,
        "due_at": None,
        "settled_at": now,
        "claimed_at": moment if row["claimed_at"] is None else row["claimed_at"],
    }
    if row["gateway_id"] is None and ids:
        values["gateway_id"] = ids[0]
    as_it_is = (_a.id == row["id"]) & (_a.state == row["state"])
    try:
        with connection.begin_nested():
            if not connection.execute(update(attempts).where(as_it_is).values(values)).rowcount:
                return 0
            if row["state"] not in spending.SPENT:
                spending.was_paid(connection, run, row["currency"], row["cost"])
            if row["state"] != State.UNKNOWN and caps.noted(run.purpose):
                caps.forget(connection, [row["id"]])
                caps.note(connection, run, [(row["id"], row["address"])], values["claimed_at"])
    except IntegrityError:
        return 0
    kind = "reconciled" if row["state"] == State.UNKNOWN else "receipt"
    outcomes.note_each(connection, run, [row["id"]], now, kind=kind, code=str(State.ACCEPTED), detail=NOTE)
    return 1


def told_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[Report]]:
    """Return the receipts of the attempts, except those with an unknown status."""
    return told_and_billed(connection, ids)[0]


def told_and_billed(
    connection: Connection, ids: Sequence[int], of: Any = _r.attempt
) -> tuple[dict[int, list[Report]], billed.Bills]:
    """Return the receipts of the attempts with a known status, and the prices of all that have one. ``of``: the column
    of ``receipts`` that has these numbers."""
    told: dict[int, list[Report]] = defaultdict(list)
    bills: billed.Bills = {}
    for some in pieces(ids):
        query = select(
            of, _r.delivery, _r.at, _r.code, _r.gateway_id, _r.status, _r.price, _r.currency
        ).where(of.in_(some), _r.delivery.is_not(None) | _r.price.is_not(None))
        for id, word, at, code, gateway_id, status, price, currency in connection.execute(
            query.order_by(_r.number)
        ):
            if price is not None:
                bills.setdefault(id, {})[gateway_id] = (price, currency)
            if word is not None:
                total = parts_in(status) if word == Delivery.ACCEPTED else 0
                told[id].append(Report(Delivery(word), at, code, gateway_id, total))
    return told, bills


def _rows(connection: Connection, ids: Sequence[int]) -> Iterator[RowMapping]:
    names = (
        "id", "state", "address", "channel", "variant", "parts", "gateway_id", "claimed_at",
        "delivery", "delivered_at", "delivery_code", "followed_at", "cost", "currency",
    )  # fmt: skip
    for some in pieces(ids):
        yield from (
            connection.execute(select(*(_a[name] for name in names)).where(_a.id.in_(some))).mappings().all()
        )
