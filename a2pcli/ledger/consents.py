"""Who agreed to what, when and how: one row a fact, never changed but by its end.

A withdrawal is a fact too, with a row of its own (basis ``withdrawn``): what was given before it does not count
any more, wherever that is written, in this ledger or in a contacts file. An empty programme or channel means
every one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, func, insert, literal, literal_column, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger.bulk import as_list, insert_columns
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import NEVER, ColumnOf, Imported, now_ms
from a2pcli.ledger.tables import consents

if TYPE_CHECKING:
    from a2pcli.ledger import consent_standing
else:
    (consent_standing,) = lazily("a2pcli.ledger", "consent_standing")

BASES = ("express", "soft-opt-in", "implied-purchase", "implied-enquiry")
WITHDRAWN = "withdrawn"
PENDING, CONFIRMED = "pending", "confirmed"

_DAY = 86_400_000

_c = consents.c
_later = consents.alias("later")


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A row of the table. Times are UTC milliseconds."""

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
        """Return whether the record applies to messages of this programme and channel."""
        return self.programme in ("", programme) and self.channel in ("", channel)

    def state(self, now: int) -> str:
        """Return the record's state: ``in force``, ``pending``, ``not yet``, ``expired``, ``revoked`` or
        ``withdrawn``. Other records are not considered."""
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
    """Consents to record, as parallel columns or values that are the same in every row."""

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
    """Withdrawals of consent at ``revoked_at`` (UTC milliseconds), as parallel columns or constants."""

    address: Sequence[str] | Any
    revoked_at: ColumnOf
    source: ColumnOf
    revoked_by: ColumnOf
    programme: ColumnOf = ""
    channel: ColumnOf = ""


def clamped(given_at: int, now: int) -> int | None:
    """Return when consent was given, at most ``now``; None if it is more than a day ahead, which is an error (a date
    of today may be some hours ahead in UTC)."""
    return None if given_at > now + _DAY else min(given_at, now)


class Consents(SubStore):
    """The consent records of an open ledger. Times are UTC milliseconds; ``now`` is for tests."""

    def record(self, new: NewConsents, now: int | None = None) -> Imported:
        """Record consents in one transaction; identical ones are not recorded twice. A million take seconds."""
        with self._ledger.writing() as connection:
            return _add(connection, new, now_ms() if now is None else now)

    def revoke(
        self,
        address: str,
        *,
        programme: str = "",
        channel: str = "",
        source: str,
        by: str,
        now: int | None = None,
    ) -> int:
        """Record that a person withdrew consent, for one programme or all and one channel or all; return how many
        records it ends."""
        at = now_ms() if now is None else now
        mine = [
            _c.address.in_(same_phone_forms(address)),
            _c.revoked_at.is_(None),
            _c.basis != WITHDRAWN,
            _c.given_at <= at,
        ]
        mine += [_c.programme == programme] if programme else []
        mine += [_c.channel == channel] if channel else []
        values = {
            "address": address,
            "programme": programme,
            "channel": channel,
            "basis": WITHDRAWN,
            "given_at": at,
            "source": source,
            "recorded_at": at,
            "revoked_at": at,
            "revoked_by": by,
        }
        ending = update(consents).where(*mine).values(revoked_at=at, revoked_by=by)
        with self._ledger.writing() as connection:
            ended = connection.execute(ending).rowcount
            connection.execute(insert(consents).values(values))
        return ended

    def record_withdrawals(self, new: NewWithdrawals, now: int | None = None) -> Imported:
        """Record withdrawals, each with its own time; known ones are not recorded twice.

        Consent given later still counts, wherever it is recorded. ``end_overridden`` marks the records that a
        withdrawal ends.
        """
        with self._ledger.writing() as connection:
            return _withdraw(connection, new, now_ms() if now is None else now)

    def end_overridden(self) -> int:
        """Mark records that a withdrawal of the same or a later time ends, in whatever order they were recorded;
        return how many. Call it once a file is recorded completely."""
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
        query = update(consents).where(
            *chosen, exists(select(literal_column("1")).where(*overriding).correlate(consents))
        )
        with self._ledger.writing() as connection:
            return connection.execute(query.values(revoked_at=at, revoked_by=by)).rowcount

    def of(self, address: str) -> list[ConsentRecord]:
        """Return all consent records of a phone, under all forms of its number, oldest first."""
        with self._ledger.reading() as connection:
            return of_address(connection, address)

    def allowing(
        self, address: str, programme: str, channel: str, now: int | None = None
    ) -> ConsentRecord | None:
        """Return the record that allows a message to this address, or None."""
        with self._ledger.reading() as connection:
            return allowing(connection, address, programme, channel, now_ms() if now is None else now)

    def standing(self, programme: str, channel: str, now: int | None = None) -> consent_standing.Standing:
        """Return who has consent, and who withdrew it, for a programme and channel."""
        with self._ledger.reading() as connection:
            return consent_standing.standing(connection, programme, channel, now_ms() if now is None else now)

    def counts(self, now: int | None = None) -> list[tuple[str, str, str, str, int]]:
        """Return the number of records by programme, channel, basis and state (see ``ConsentRecord.state``)."""
        at = now_ms() if now is None else now
        state = case(
            (_c.basis == WITHDRAWN, WITHDRAWN),
            (_c.revoked_at.is_not(None), "revoked"),
            (_c.expires_at <= at, "expired"),
            (_c.double_opt_in == PENDING, PENDING),
            (_c.given_at <= at, "in force"),
            else_="not yet",
        )
        keys = (_c.programme, _c.channel, _c.basis, state)
        with self._ledger.reading() as connection:
            found = connection.execute(select(*keys, func.count()).group_by(*keys).order_by(*keys))
            return [(row[0], row[1], row[2], row[3], int(row[4])) for row in found]

    def all(self, *, newest: bool = False, chunk: int = 10_000) -> Iterator[ConsentRecord]:
        """Yield all records in the order they were recorded, or newest first."""
        query = select(*_fields()).order_by(_c.number.desc() if newest else _c.number).limit(chunk)
        page = query
        while True:
            with self._ledger.reading() as connection:
                found = [ConsentRecord(*row) for row in connection.execute(page)]
            yield from found
            if len(found) < chunk:
                return
            after = found[-1].number
            page = query.where(_c.number < after if newest else _c.number > after)


def _add(connection: Connection, new: NewConsents, now: int) -> Imported:
    """Record consents; identical ones are not recorded twice. A million take seconds."""
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


def _withdraw(connection: Connection, new: NewWithdrawals, now: int) -> Imported:
    """Record withdrawals, each with its own time; known ones are not recorded twice."""
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


def covers(table: Any, programme: Any, channel: Any) -> Any:
    """Return the SQL condition that a row applies to messages of this programme and channel."""
    nothing: Any = literal_column("''")
    return and_(
        or_(table.programme == nothing, table.programme == programme),
        or_(table.channel == nothing, table.channel == channel),
    )


def in_force(table: Any, now: Any) -> Any:
    """Return the SQL condition that a row, by itself, allows messages now."""
    return and_(
        table.revoked_at.is_(None),
        table.basis != literal_column(f"'{WITHDRAWN}'"),
        table.given_at <= now,
        or_(table.expires_at.is_(None), table.expires_at > now),
        or_(table.double_opt_in.is_(None), table.double_opt_in == literal_column(f"'{CONFIRMED}'")),
    )


def withdrawn_since(table: Any, programme: Any, channel: Any) -> Any:
    """Return the SQL condition that consent was withdrawn at or after the time a row says it was given."""
    return exists(
        select(literal_column("1"))
        .where(
            _later.c.address == table.address,
            _later.c.basis == literal_column(f"'{WITHDRAWN}'"),
            covers(_later.c, programme, channel),
            _later.c.revoked_at >= table.given_at,
        )
        # ``channel`` may be a column of a query two levels out, which is not correlated automatically.
        .correlate_except(_later)
    )


def withdrawn_since_plan(
    connection: Connection, addresses: Sequence[str], programme: str, channel: str, since: int
) -> list[str]:
    """Return those of a few addresses whose withdrawal of consent is dated, or was recorded, at or after ``since``
    (UTC ms)."""
    query = select(_c.address).where(
        _c.address.in_(list(addresses)),
        _c.basis == WITHDRAWN,
        covers(_c, programme, channel),
        or_(_c.revoked_at >= since, _c.recorded_at >= since),
    )
    return list(connection.execute(query).scalars())


def of_address(connection: Connection, address: str) -> list[ConsentRecord]:
    """Return all consent records of a phone, under all forms of its number, oldest first."""
    query = select(*_fields()).where(_c.address.in_(same_phone_forms(address))).order_by(_c.number)
    return [ConsentRecord(*row) for row in connection.execute(query)]


def allowing(
    connection: Connection, address: str, programme: str, channel: str, now: int
) -> ConsentRecord | None:
    """Return the record that allows a message to this phone now, the longest-lasting one; None if there is none."""
    mine = [one for one in of_address(connection, address) if one.covers(programme, channel)]
    last = max((one.revoked_at or one.given_at for one in mine if one.basis == WITHDRAWN), default=-1)
    good = [one for one in mine if one.state(now) == "in force" and one.given_at > last]
    return max(good, key=lambda one: (one.expires_at or NEVER, one.number), default=None)


def _fields() -> list[Any]:
    return [_c[field.name] for field in fields(ConsentRecord)]
