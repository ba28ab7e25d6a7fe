"""The suppression list: who is not to be messaged, by what, since when, until when, why, and who said so.

An entry is for everything, or for one programme, sender or channel. It ends when it is lifted or when its date
passes; its row stays, so the list is its own history. Within one scope the entry that lasts longest counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import and_, case, func, literal, not_, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.addresses.phone.same_phone import has_other_forms, same_phone_forms
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger import erased
from a2pcli.ledger.bulk import as_list, insert_columns, is_empty, read_rows
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.numbers import keyed, people
from a2pcli.ledger.records import EVERYTHING as EVERYTHING
from a2pcli.ledger.records import About, Imported, Suppression, now_ms
from a2pcli.ledger.sender_names import sender_key, sender_scope
from a2pcli.ledger.statements import on_sqlite
from a2pcli.ledger.tables import suppressions

if TYPE_CHECKING:
    from a2pcli.ledger import lists
    from a2pcli.ledger.numbers import Numbers
else:
    (lists,) = lazily("a2pcli.ledger", "lists")

PROGRAMME = "programme"
SENDER = "sender"
CHANNEL = "channel"
OF_THE_PERSON = (EVERYTHING, PROGRAMME)
"""Scopes that apply to a person by any of their addresses; the others apply to the messaged address only."""
SCOPES = (EVERYTHING, PROGRAMME, SENDER, CHANNEL)

ITS_DATE = "its end date passed"
"""``lifted_by`` of an expired entry that a new one followed."""
LONGER = "replaced by a longer entry"
"""``lifted_by`` of an entry that a longer one replaced."""

FEW = 500
"""Up to this many addresses are looked up one by one; for more, scanning the whole list is faster."""

_c = suppressions.c


def binds(purpose: str | None) -> bool:
    """Whether opt-outs apply to messages of this purpose: marketing and transactional yes, otp and emergency no."""
    return purpose not in ("otp", "emergency")


def check_scope(scope: str, scope_value: str) -> None:
    """Raise ``InvalidInput`` for a scope that would silently suppress nobody, or everybody."""
    if scope not in SCOPES:
        hint = "everything, programme, sender or channel"
        raise InvalidInput(Problem(f"unknown scope '{scope}'", hint=hint, code="scope"))
    if scope == EVERYTHING and scope_value:
        raise InvalidInput(Problem("the scope 'everything' takes no name", code="scope"))
    if scope != EVERYTHING and not scope_value:
        raise InvalidInput(Problem(f"the scope '{scope}' needs the name of the {scope}", code="scope"))


class Scoped(Protocol):
    """An object with the scope of an opt-out."""

    @property
    def scope(self) -> str:
        """One of ``SCOPES``."""
        ...

    @property
    def scope_value(self) -> str:
        """Name of the programme, sender or channel; empty for everything."""
        ...


class OptOutEntry(NamedTuple):
    """The part of a suppression that decides which messages it stops."""

    address: str
    scope: str
    scope_value: str


def _gateways(run: About) -> tuple[str, ...]:
    """The gateways that messages of the run's channel may be sent through: all of a route, else the run's own."""
    sending: Mapping[str, Any] = getattr(run, "sending", None) or {}
    route = (sending.get("routes") or {}).get(run.channel)
    return (run.gateway,) if route is None else tuple(route["gateways"])


def concerns(entry: Scoped, run: About, sender: str | None = None) -> bool:
    """Whether an entry applies to messages of this run; ``sender`` is the row's own, if it has one."""
    if entry.scope == SENDER:
        names = (sender_scope(sender or run.sender, gateway) for gateway in _gateways(run))
        return sender_key(entry.scope_value) in map(sender_key, names)
    values = {EVERYTHING: "", PROGRAMME: run.programme or None, CHANNEL: run.channel}
    return entry.scope in values and entry.scope_value == values[entry.scope]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where entries come from: the source and reason in words, and for a list its name and as-of time (UTC ms)."""

    source: str
    reason: str | None = None
    list_name: str | None = None
    as_of: int | None = None


class OptOuts(SubStore):
    """The suppression list of an open ledger. Times are UTC milliseconds; ``now`` is for tests."""

    def add(
        self,
        address: str,
        *,
        scope: str = EVERYTHING,
        scope_value: str = "",
        source: str,
        reason: str | None = None,
        until_at: int | None = None,
        now: int | None = None,
    ) -> bool:
        """Add an address to the list; return False if an existing entry lasts as long."""
        done = self.add_all(
            [address],
            scope=scope,
            scope_value=scope_value,
            source=source,
            reason=reason,
            until_at=until_at,
            now=now,
        )
        return done.added == 1

    def add_all(
        self,
        addresses: Sequence[str] | Any,
        *,
        scope: str = EVERYTHING,
        scope_value: str = "",
        source: str,
        reason: str | None = None,
        until_at: int | None = None,
        list_name: str | None = None,
        as_of: int | None = None,
        now: int | None = None,
    ) -> Imported:
        """Add many addresses (a list or a PyArrow array) to the list, in one transaction.

        ``list_name`` and ``as_of`` identify the do-not-contact list that names them; existing entries of that list
        take over the new time.
        """
        moment = now_ms() if now is None else now
        origin = Origin(source, reason, list_name, as_of)
        with self._ledger.writing() as connection:
            done = add_addresses(
                connection,
                addresses,
                scope=scope,
                scope_value=scope_value,
                origin=origin,
                until_at=until_at,
                now=moment,
            )
            if list_name is not None and as_of is not None and done.already:
                lists.refresh(connection, addresses, scope, scope_value, list_name, as_of)
        return done

    def lift(
        self,
        address: str,
        *,
        scope: str | None = None,
        scope_value: str = "",
        by: str,
        now: int | None = None,
    ) -> int:
        """End the suppressions of a phone (in ``scope``, or all), under all forms of its number; return how many
        ended."""
        at = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            chosen = and_(_c.address.in_(erased.also_hashed(connection, address)), _c.lifted_at.is_(None))
            if scope is not None:
                check_scope(scope, scope_value)
                values = [scope_value]
                if scope == SENDER:
                    of_senders = select(_c.scope_value).where(chosen, _c.scope == SENDER)
                    named = connection.execute(of_senders).scalars()
                    values += [value for value in named if sender_key(value) == sender_key(scope_value)]
                chosen = and_(chosen, _c.scope == scope, _c.scope_value.in_(values))
            _end(connection, and_(chosen, _c.until_at <= at), at)
            lifted = update(suppressions).where(chosen).values(lifted_at=at, lifted_by=by)
            return connection.execute(lifted).rowcount

    def of(self, address: str) -> list[Suppression]:
        """Return all entries of a phone, under all forms of its number, including ended ones, oldest first."""
        with self._ledger.reading() as connection:
            names = erased.also_hashed(connection, address)
            query = select(*_fields()).where(_c.address.in_(names)).order_by(_c.number)
            return [Suppression(*row) for row in connection.execute(query)]

    def all(
        self, *, lifted: bool = False, newest: bool = False, chunk: int = 10_000, now: int | None = None
    ) -> Iterator[Suppression]:
        """Yield the entries in the order they were added, or ``newest`` first; ended ones only with ``lifted``."""
        query = select(_c.number, *_fields()).order_by(_c.number.desc() if newest else _c.number).limit(chunk)
        if not lifted:
            query = query.where(_holding(now_ms() if now is None else now))
        page = query
        while True:
            with self._ledger.reading() as connection:
                rows = connection.execute(page).all()
            yield from (Suppression(*row[1:]) for row in rows)
            if len(rows) < chunk:
                return
            after = rows[-1].number
            page = query.where(_c.number < after if newest else _c.number > after)

    def count(self, now: int | None = None) -> int:
        """Return the number of suppression list entries that apply now."""
        holding = _holding(now_ms() if now is None else now)
        with self._ledger.reading() as connection:
            query = select(func.count()).select_from(suppressions).where(holding)
            return int(connection.execute(query).scalar_one())

    def people(self, now: int | None = None) -> dict[tuple[str, str], Numbers]:
        """Return who is suppressed now, by scope and its value: people as integers, unordered, without erased ones."""
        with self._ledger.reading() as connection:
            return _people_by_scope(connection, now_ms() if now is None else now)

    def lists(self) -> list[lists.ImportedList]:
        """Return the do-not-contact lists that were imported under a name."""
        with self._ledger.reading() as connection:
            return lists.known(connection)

    def begin_list(self, name: str, as_of: int) -> None:
        """Raise ``UsageError`` if a newer version of this do-not-contact list was imported before."""
        with self._ledger.reading() as connection:
            lists.check_newer(connection, name, as_of)

    def end_list(self, name: str, as_of: int, now: int | None = None) -> int:
        """Record that the list was imported completely; return how many of its entries this version no longer names."""
        with self._ledger.writing() as connection:
            lists.note(connection, name, as_of, now_ms() if now is None else now)
            return lists.missing(connection, name, as_of)


def _unlifted(scope: str, scope_value: str) -> Any:
    return and_(_c.scope == scope, _c.scope_value == scope_value, _c.lifted_at.is_(None))


def add_addresses(
    connection: Connection,
    addresses: Sequence[str] | Any,
    *,
    scope: str,
    scope_value: str,
    origin: Origin,
    until_at: int | None,
    now: int,
) -> Imported:
    """Add addresses; an existing entry of the scope that lasts as long is kept instead. A million take seconds."""
    check_scope(scope, scope_value)
    if until_at is not None and until_at <= now:
        raise InvalidInput(Problem("the suppression would end before it begins", code="until"))
    listed = as_list(addresses)
    gone = erased.everybody(connection)
    many = len(listed)
    if gone.hashes:  # their hash already suppresses them, and the number must not be stored again
        listed = [address for address in listed if not gone.holds(address)]
    active = _unlifted(scope, scope_value)
    listed = _not_there_in_another_form(connection, listed, active, until_at, now)
    if not listed:
        return Imported(added=0, already=many)
    _give_way(connection, listed, active, until_at, now)
    columns = {
        "address": listed,
        "scope": scope,
        "scope_value": scope_value,
        "source": origin.source,
        "reason": origin.reason,
        "added_at": now,
        "until_at": until_at,
        "list_name": origin.list_name,
        "as_of": origin.as_of,
    }
    added = insert_columns(connection, suppressions, columns, ignore_conflicts=True)
    return Imported(added=added, already=many - added)


def _not_there_in_another_form(
    connection: Connection, addresses: list[str], active: Any, until_at: int | None, now: int
) -> list[str]:
    """Remove addresses whose phone is on the list for as long under another form of its number."""
    others = {
        form: address
        for address in addresses
        if has_other_forms(address)
        for form in same_phone_forms(address)[1:]
    }
    lasts: Any = _c.until_at.is_(None)
    if until_at is not None:
        lasts = or_(lasts, _c.until_at >= until_at)
    there: set[str] = set()
    forms = list(others)
    for start in range(0, len(forms), FEW):
        query = select(_c.address).where(_c.address.in_(forms[start : start + FEW]), active, lasts)
        there.update(others[form] for form in connection.execute(query).scalars())
    return [address for address in addresses if address not in there] if there else addresses


def _give_way(
    connection: Connection, addresses: list[str], active: Any, until_at: int | None, now: int
) -> None:
    """End entries whose date has passed, and those that would end before the new ones."""
    shorter: Any = _c.until_at.is_not(None)
    if until_at is not None:
        shorter = and_(shorter, or_(_c.until_at <= now, _c.until_at < until_at))
    if len(addresses) <= FEW:
        _end(connection, and_(_c.address.in_(addresses), active, shorter), now)
    else:
        wanted = set(addresses)
        query = select(_c.number, _c.address).where(_c.until_at.is_not(None), active, shorter)
        numbers = [number for number, address in read_rows(connection, query) if address in wanted]
        for start in range(0, len(numbers), FEW):
            _end(connection, _c.number.in_(numbers[start : start + FEW]), now)


def _end(connection: Connection, chosen: Any, now: int) -> None:
    passed = _c.until_at <= now
    connection.execute(
        update(suppressions)
        .where(chosen)
        .values(
            lifted_at=case((passed, _c.until_at), else_=literal(now)),
            lifted_by=case((passed, literal(ITS_DATE)), else_=literal(LONGER)),
        )
    )


def of_addresses(connection: Connection, addresses: Sequence[str], now: int) -> list[OptOutEntry]:
    """Return the entries of a few addresses that apply now, with addresses as given.

    Uses the driver's own SQL because it runs at every claim, and SQLAlchemy would compile a statement for each list.
    """
    what = "SELECT address, scope, scope_value FROM suppressions WHERE lifted_at IS NULL"
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(addresses))
        sql = f"{what} AND (until_at IS NULL OR until_at > ?) AND address IN ({places})"
        return [OptOutEntry(*row) for row in on_sqlite(connection, sql, (now, *addresses))]
    sql = f"{what} AND (until_at IS NULL OR until_at > %s) AND address = ANY(%s)"
    return [OptOutEntry(*row) for row in connection.exec_driver_sql(sql, (now, list(addresses)))]


def _fields() -> list[Any]:
    return [_c[field.name] for field in fields(Suppression)]


def _holding(now: int) -> Any:
    return and_(_c.lifted_at.is_(None), or_(_c.until_at.is_(None), _c.until_at > now))


def _people_by_scope(connection: Connection, now: int) -> dict[tuple[str, str], Numbers]:
    """Return who is suppressed now, by scope and its value: people as integers (``numbers.people``), unordered,
    without erased ones."""
    if is_empty(connection, suppressions):
        return {(EVERYTHING, ""): keyed(())}
    # Integers in the table's own order take half the time of addresses, without a page lookup for each.
    everything = select(_c.address).where(_holding(now), _c.scope == EVERYTHING)
    found = {(EVERYTHING, ""): people(connection, _c.address, everything)}
    narrower: dict[tuple[str, str], list[tuple[str]]] = {}
    query = select(_c.scope, _c.scope_value, _c.address).where(
        _holding(now), _c.scope != EVERYTHING, not_(erased.is_hash_in(_c.address))
    )
    for scope, value, address in read_rows(connection, query):
        narrower.setdefault((scope, value), []).append((address,))
    return found | {scope: keyed(rows) for scope, rows in narrower.items()}
