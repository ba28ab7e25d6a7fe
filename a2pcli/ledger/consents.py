"""Who agreed to what, when and how: one row a fact, never changed but by its end.

A withdrawal is a fact too, with a row of its own (basis ``withdrawn``): what was given before it does not count
any more, wherever that is written, in this ledger or in a contacts file. An empty programme or channel means
every one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, func, insert, literal, literal_column, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import LEAST_HASH
from a2pcli.addresses.phone.same_phone import same_phone_forms, same_phone_keys
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.ledger.bulk import as_list, insert_columns
from a2pcli.ledger.numbers import people
from a2pcli.ledger.records import NEVER, ColumnOf, Imported
from a2pcli.ledger.tables import consents

if TYPE_CHECKING:
    from a2pcli.ledger.numbers import Numbers

BASES = ("express", "soft-opt-in", "implied-purchase", "implied-enquiry")
WITHDRAWN = "withdrawn"
PENDING, CONFIRMED = "pending", "confirmed"

_DAY = 86_400_000

_c = consents.c
_later = consents.alias("later")


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A row of the table. Moments are UTC milliseconds."""

    number: int
    address: str
    programme: str
    channel: str
    basis: str
    double_opt_in: str | None
    given_at: int
    confirmed_at: int | None
    expires_at: int | None
    source: str
    wording: str | None
    recorded_at: int
    revoked_at: int | None
    revoked_by: str | None

    def covers(self, programme: str, channel: str) -> bool:
        """Whether it is about messages of this programme over this channel."""
        return self.programme in ("", programme) and self.channel in ("", channel)

    def state(self, now: int) -> str:
        """``in force``, ``pending``, ``not yet``, ``expired``, ``revoked`` or ``withdrawn``, by itself."""
        if self.basis == WITHDRAWN:
            return WITHDRAWN
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.double_opt_in == PENDING:
            return PENDING
        return "in force" if self.given_at <= now else "not yet"


@dataclass(frozen=True, slots=True)
class NewConsents:
    """Facts to record, as parallel columns or values that are the same in every row."""

    address: Sequence[str] | Any
    given_at: ColumnOf
    source: ColumnOf
    programme: ColumnOf = ""
    channel: ColumnOf = ""
    basis: ColumnOf = "express"
    double_opt_in: ColumnOf = None
    confirmed_at: ColumnOf = None
    expires_at: ColumnOf = None
    wording: ColumnOf = None


@dataclass(frozen=True, slots=True)
class NewWithdrawals:
    """People who took consent back at ``revoked_at`` (UTC milliseconds), as parallel columns or constants."""

    address: Sequence[str] | Any
    revoked_at: ColumnOf
    source: ColumnOf
    revoked_by: ColumnOf
    programme: ColumnOf = ""
    channel: ColumnOf = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who may be messaged by consent, and who took theirs back, for one programme and channel.

    People are integers (``numbers.people``). ``consented`` may name one several times; ``until`` is the end of each,
    ``NEVER`` where it has none. ``withdrawn_at`` is the moment of each one's last withdrawal.
    """

    consented: Numbers
    until: Numbers
    withdrawn: Numbers
    withdrawn_at: Numbers


def clamped(given_at: int, now: int) -> int | None:
    """When consent was given: a date of today may lie some hours ahead in UTC; beyond a day it is an error (None)."""
    return None if given_at > now + _DAY else min(given_at, now)


def add(connection: Connection, new: NewConsents, now: int) -> Imported:
    """Record facts; those that are known to the letter are not recorded twice. A million in seconds."""
    columns: dict[str, Any] = {field.name: getattr(new, field.name) for field in fields(NewConsents)}
    columns["address"] = as_list(new.address)
    count = len(columns["address"])
    if not count:
        return Imported(0, 0)
    _check_bases(columns["basis"])
    names = list(columns)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE a2p_consents AS SELECT {', '.join(names)} FROM consents WHERE 1 = 0"
    )
    incoming = consents.to_metadata(type(consents.metadata)(), name="a2p_consents")
    insert_columns(connection, incoming, columns)
    known = exists(
        select(literal_column("1")).where(
            *(consents.c[name].is_not_distinct_from(incoming.c[name]) for name in names if name != "address"),
            consents.c.address == incoming.c.address,
        )
    )
    chosen = select(*(incoming.c[name] for name in names), literal(now)).distinct().where(~known)
    into = insert(consents).inline().from_select([*names, "recorded_at"], chosen)
    added = connection.execute(into, execution_options={"preserve_rowcount": True}).rowcount
    connection.exec_driver_sql("DROP TABLE a2p_consents")
    return Imported(added=added, already=count - added)


def _check_bases(basis: ColumnOf) -> None:
    unknown = {basis} if isinstance(basis, str) else set(as_list(basis))
    if unknown := unknown - {*BASES}:
        name = sorted(map(str, unknown))[0]
        raise InvalidInput(Problem(f"unknown basis '{name}'", hint=", ".join(BASES), code="basis"))


def revoke(
    connection: Connection,
    address: str,
    *,
    programme: str = "",
    channel: str = "",
    source: str,
    by: str,
    now: int,
) -> int:
    """The person took consent back (for a programme, over a channel); gives how many records that ends."""
    mine = [
        _c.address.in_(same_phone_forms(address)),
        _c.revoked_at.is_(None),
        _c.basis != WITHDRAWN,
        _c.given_at <= now,
    ]
    mine += [_c.programme == programme] if programme else []
    mine += [_c.channel == channel] if channel else []
    ended = connection.execute(update(consents).where(*mine).values(revoked_at=now, revoked_by=by)).rowcount
    values = {
        "address": address,
        "programme": programme,
        "channel": channel,
        "basis": WITHDRAWN,
        "given_at": now,
        "source": source,
        "recorded_at": now,
        "revoked_at": now,
        "revoked_by": by,
    }
    connection.execute(insert(consents).values(values))
    return ended


def withdraw(connection: Connection, new: NewWithdrawals, now: int) -> Imported:
    """Record that people took consent back, each at their moment; what is known is not recorded twice.

    What was given later than that counts on, wherever it stands (``end_overridden`` marks what does not).
    """
    names = [field.name for field in fields(NewWithdrawals)]
    columns: dict[str, Any] = {name: getattr(new, name) for name in names}
    columns["address"] = as_list(new.address)
    count = len(columns["address"])
    if not count:
        return Imported(0, 0)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE a2p_withdrawals AS SELECT {', '.join(names)} FROM consents WHERE 1 = 0"
    )
    incoming = consents.to_metadata(type(consents.metadata)(), name="a2p_withdrawals").c
    insert_columns(connection, incoming.address.table, columns)
    known = exists(
        select(literal_column("1")).where(
            _c.address == incoming.address,
            _c.basis == WITHDRAWN,
            _c.programme == incoming.programme,
            _c.channel == incoming.channel,
            _c.revoked_at == incoming.revoked_at,
        )
    )
    sources = [incoming.address, incoming.programme, incoming.channel, incoming.revoked_at]
    chosen = (
        select(
            *sources,
            incoming.revoked_at,
            func.min(incoming.source),
            func.min(incoming.revoked_by),
            literal(WITHDRAWN),
            literal(now),
        )
        .group_by(*sources)
        .where(~known)
    )
    into = ["address", "programme", "channel", "revoked_at", "given_at", "source", "revoked_by", "basis"]
    query = insert(consents).inline().from_select([*into, "recorded_at"], chosen)
    added = connection.execute(query, execution_options={"preserve_rowcount": True}).rowcount
    connection.exec_driver_sql("DROP TABLE a2p_withdrawals")
    return Imported(added=added, already=count - added)


def end_overridden(connection: Connection) -> int:
    """Mark records that a withdrawal of the same moment or later ended, in whatever order they were recorded."""
    took_back = select(_c.address).where(_c.basis == WITHDRAWN)
    overriding = (
        _later.c.address == _c.address,
        _later.c.basis == WITHDRAWN,
        or_(_later.c.programme == "", _later.c.programme == _c.programme),
        or_(_later.c.channel == "", _later.c.channel == _c.channel),
        _later.c.revoked_at >= _c.given_at,
    )
    at = select(func.min(_later.c.revoked_at)).where(*overriding).correlate(consents).scalar_subquery()
    by = select(func.min(_later.c.revoked_by)).where(*overriding).correlate(consents).scalar_subquery()
    chosen = (_c.basis != WITHDRAWN, _c.revoked_at.is_(None), _c.address.in_(took_back))
    done = connection.execute(
        update(consents)
        .where(*chosen, exists(select(literal_column("1")).where(*overriding).correlate(consents)))
        .values(revoked_at=at, revoked_by=by)
    )
    return done.rowcount


def covers(table: Any, programme: Any, channel: Any) -> Any:
    """The condition that a row is about messages of this programme over this channel."""
    nothing: Any = literal_column("''")
    return and_(
        or_(table.programme == nothing, table.programme == programme),
        or_(table.channel == nothing, table.channel == channel),
    )


def in_force(table: Any, now: Any) -> Any:
    """The condition that a row, by itself, allows messages at this moment."""
    return and_(
        table.revoked_at.is_(None),
        table.basis != literal_column(f"'{WITHDRAWN}'"),
        table.given_at <= now,
        or_(table.expires_at.is_(None), table.expires_at > now),
        or_(table.double_opt_in.is_(None), table.double_opt_in == literal_column(f"'{CONFIRMED}'")),
    )


def withdrawn_since(table: Any, programme: Any, channel: Any) -> Any:
    """The condition that consent was taken back at or after the moment a row says it was given."""
    return exists(
        select(literal_column("1")).where(
            _later.c.address == table.address,
            _later.c.basis == literal_column(f"'{WITHDRAWN}'"),
            covers(_later.c, programme, channel),
            _later.c.revoked_at >= table.given_at,
        )
    )


def standing(connection: Connection, programme: str, channel: str, now: int) -> Standing:
    """Who may be messaged by the ledger's records, and who took their consent back."""
    import numpy as np

    took_back = select(_c.address).where(_c.basis == WITHDRAWN).scalar_subquery()
    allowed = and_(in_force(_c, now), covers(_c, programme, channel))
    end = func.coalesce(_c.expires_at, literal_column(str(NEVER)))
    # Two queries: whether a record was given after a withdrawal is asked only for the few who have one.
    plain = select(_c.address, end).where(allowed, _c.address.not_in(took_back))
    again = select(_c.address, end).where(
        allowed, _c.address.in_(took_back), ~withdrawn_since(_c, programme, channel)
    )
    rows = np.concatenate([people(connection, _c.address, query, 2) for query in (plain, again)])
    last = (
        select(_c.address, func.max(_c.revoked_at))
        .where(_c.basis == WITHDRAWN, covers(_c, programme, channel))
        .group_by(_c.address)
    )
    gone = people(connection, _c.address, last, 2)
    rows = _without_other_forms(connection, rows, gone, programme, channel, now)
    return Standing(rows[:, 0], rows[:, 1], gone[:, 0], gone[:, 1])


def _without_other_forms(
    connection: Connection, rows: Numbers, gone: Numbers, programme: str, channel: str, now: int
) -> Numbers:
    """Without those who took consent back under another number of their phone, and gave none since."""
    import numpy as np

    given, withdrawn = same_phone_keys(rows[:, 0]), same_phone_keys(gone[:, 0])
    if np.array_equal(given, rows[:, 0]) and np.array_equal(withdrawn, gone[:, 0]):
        return rows
    stays = np.ones(len(rows), dtype=np.bool_)
    phones = given < LEAST_HASH  # nothing else has other forms
    for key in np.unique(given[phones & np.isin(given, withdrawn)]).tolist():
        if allowing(connection, f"+{key}", programme, channel, now) is None:
            stays[given == key] = False
    return rows[stays]


def allowing(
    connection: Connection, address: str, programme: str, channel: str, now: int
) -> ConsentRecord | None:
    """The record that allows a message to this phone now, the one that lasts longest; None where there is none."""
    mine = [one for one in of_address(connection, address) if one.covers(programme, channel)]
    last = max((one.revoked_at or one.given_at for one in mine if one.basis == WITHDRAWN), default=-1)
    good = [one for one in mine if one.state(now) == "in force" and one.given_at > last]
    return max(good, key=lambda one: (one.expires_at or NEVER, one.number), default=None)


def of_address(connection: Connection, address: str) -> list[ConsentRecord]:
    """Every fact about one phone, under each of its numbers, oldest first."""
    query = select(*_fields()).where(_c.address.in_(same_phone_forms(address))).order_by(_c.number)
    return [ConsentRecord(*row) for row in connection.execute(query)]


def withdrawn_since_plan(
    connection: Connection, addresses: Sequence[str], programme: str, channel: str, since: int
) -> list[str]:
    """Those of a few addresses whose withdrawal of consent is of this moment or later, or was recorded since."""
    query = select(_c.address).where(
        _c.address.in_(list(addresses)),
        _c.basis == WITHDRAWN,
        covers(_c, programme, channel),
        or_(_c.revoked_at >= since, _c.recorded_at >= since),
    )
    return list(connection.execute(query).scalars())


def page(
    connection: Connection, after: int | None, size: int, *, newest: bool = False
) -> list[ConsentRecord]:
    """The next facts in the order they were recorded, or from the newest back; ``after`` is a row's number."""
    query = select(*_fields())
    if after is not None:
        query = query.where(_c.number < after if newest else _c.number > after)
    rows = connection.execute(query.order_by(_c.number.desc() if newest else _c.number).limit(size))
    return [ConsentRecord(*row) for row in rows]


def counts(connection: Connection, now: int) -> list[tuple[str, str, str, str, int]]:
    """How many facts there are, by programme, channel, basis and state (see ``ConsentRecord.state``)."""
    state = case(
        (_c.basis == WITHDRAWN, WITHDRAWN),
        (_c.revoked_at.is_not(None), "revoked"),
        (_c.expires_at <= now, "expired"),
        (_c.double_opt_in == PENDING, PENDING),
        (_c.given_at <= now, "in force"),
        else_="not yet",
    )
    keys = (_c.programme, _c.channel, _c.basis, state)
    found = connection.execute(select(*keys, func.count()).group_by(*keys).order_by(*keys))
    return [(row[0], row[1], row[2], row[3], int(row[4])) for row in found]


def _fields() -> list[Any]:
    return [_c[field.name] for field in fields(ConsentRecord)]
