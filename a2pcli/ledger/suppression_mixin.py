"""Methods of ``Ledger`` for the suppression list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.lazy import lazily
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.faults import plainly, translates_errors
from a2pcli.ledger.records import EVERYTHING, Imported, Suppression, now_ms

if TYPE_CHECKING:
    from a2pcli.ledger import lists, optouts
else:
    lists, optouts = lazily("a2pcli.ledger", "lists", "optouts")

if TYPE_CHECKING:
    from a2pcli.ledger.numbers import Numbers


class SuppressionMixin(LedgerCore):
    """The suppression list; see ``store.Ledger``. Moments are UTC milliseconds; ``now`` is for tests."""

    @translates_errors
    def suppress(
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
        """Put an address (E.164) on the list; False where an entry is there that holds as long."""
        done = self.suppress_all(
            [address],
            scope=scope,
            scope_value=scope_value,
            source=source,
            reason=reason,
            until_at=until_at,
            now=now,
        )
        return done.added == 1

    @translates_errors
    def suppress_all(
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
        """Put many addresses on the list, in one transaction: a list or a PyArrow array.

        ``list_name`` and ``as_of`` say which do-not-contact list names them, and the moment that is of; the
        entries which that list made before take the new moment over.
        """
        moment = now_ms() if now is None else now
        origin = optouts.Origin(source, reason, list_name, as_of)
        with self.writing() as connection:
            done = optouts.add(
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

    @translates_errors
    def lift(
        self,
        address: str,
        *,
        scope: str | None = None,
        scope_value: str = "",
        by: str,
        now: int | None = None,
    ) -> int:
        """End the address's suppressions, in one scope or all; gives how many there were."""
        moment = now_ms() if now is None else now
        with self.writing() as connection:
            return optouts.lift(connection, address, scope=scope, scope_value=scope_value, by=by, now=moment)

    @translates_errors
    def suppressions_of(self, address: str) -> list[Suppression]:
        """All entries of one address, those that ended too, oldest first."""
        with self._reading() as connection:
            return optouts.of_address(connection, address)

    def suppressions(
        self, *, lifted: bool = False, newest: bool = False, chunk: int = 10_000, now: int | None = None
    ) -> Iterator[Suppression]:
        """The list in the order it was made, or from its ``newest`` entry back; ended ones only if asked."""
        moment = now_ms() if now is None else now
        after: int | None = None
        while True:
            with plainly(self.url), self._reading() as connection:
                found, after = optouts.page(
                    connection, after, chunk, lifted=lifted, newest=newest, now=moment
                )
            yield from found
            if len(found) < chunk:
                return

    @translates_errors
    def suppression_count(self, now: int | None = None) -> int:
        """Number of suppression list entries that apply now."""
        with self._reading() as connection:
            return optouts.count(connection, now_ms() if now is None else now)

    @translates_errors
    def suppressed_people(self, now: int | None = None) -> dict[tuple[str, str], Numbers]:
        """Who is suppressed now, by scope and its value: people as integers, in no order; not the erased."""
        with self._reading() as connection:
            return optouts.people_by_scope(connection, now_ms() if now is None else now)

    @translates_errors
    def optout_lists(self) -> list[lists.ImportedList]:
        """The do-not-contact lists that were imported under a name."""
        with self._reading() as connection:
            return lists.known(connection)

    @translates_errors
    def begin_list(self, name: str, as_of: int) -> None:
        """Raises ``UsageError`` where a newer state of this do-not-contact list was imported before."""
        with self._reading() as connection:
            lists.check_newer(connection, name, as_of)

    @translates_errors
    def end_list(self, name: str, as_of: int, now: int | None = None) -> int:
        """The list was imported whole; gives how many of its entries this state of it does not name any more."""
        with self.writing() as connection:
            lists.note(connection, name, as_of, now_ms() if now is None else now)
            return lists.missing(connection, name, as_of)
