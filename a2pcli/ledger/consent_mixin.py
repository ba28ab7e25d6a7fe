"""Methods of ``Ledger`` for consent records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from a2pcli.lazy import lazily
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.faults import plainly, translates_errors
from a2pcli.ledger.records import Imported, now_ms

if TYPE_CHECKING:
    from a2pcli.ledger import consents
else:
    (consents,) = lazily("a2pcli.ledger", "consents")


class ConsentMixin(LedgerCore):
    """Consents; see ``store.Ledger``. Moments are UTC milliseconds; ``now`` is for tests."""

    @translates_errors
    def record_consents(self, new: consents.NewConsents, now: int | None = None) -> Imported:
        """Record facts, in one transaction; those known to the letter are not recorded twice."""
        with self.writing() as connection:
            return consents.add(connection, new, now_ms() if now is None else now)

    @translates_errors
    def revoke_consent(
        self,
        address: str,
        *,
        programme: str = "",
        channel: str = "",
        source: str,
        by: str,
        now: int | None = None,
    ) -> int:
        """The person took consent back, for a programme or all, over a channel or all; gives the records it ends."""
        moment = now_ms() if now is None else now
        with self.writing() as connection:
            return consents.revoke(
                connection, address, programme=programme, channel=channel, source=source, by=by, now=moment
            )

    @translates_errors
    def record_withdrawals(self, new: consents.NewWithdrawals, now: int | None = None) -> Imported:
        """People took consent back, each at a moment of their own; those known already are not recorded twice."""
        with self.writing() as connection:
            return consents.withdraw(connection, new, now_ms() if now is None else now)

    @translates_errors
    def end_overridden_consents(self) -> int:
        """Mark records that a withdrawal ended; gives how many. To be called when a file was recorded whole."""
        with self.writing() as connection:
            return consents.end_overridden(connection)

    @translates_errors
    def consents_of(self, address: str) -> list[consents.ConsentRecord]:
        """Every fact about one address, oldest first."""
        with self._reading() as connection:
            return consents.of_address(connection, address)

    @translates_errors
    def consent_allowing(
        self, address: str, programme: str, channel: str, now: int | None = None
    ) -> consents.ConsentRecord | None:
        """The record that allows a message to this address; None where there is none."""
        with self._reading() as connection:
            moment = now_ms() if now is None else now
            return consents.allowing(connection, address, programme, channel, moment)

    @translates_errors
    def consent_standing(self, programme: str, channel: str, now: int | None = None) -> consents.Standing:
        """Who may be messaged by consent, and who took it back, for a programme and channel."""
        with self._reading() as connection:
            return consents.standing(connection, programme, channel, now_ms() if now is None else now)

    @translates_errors
    def consent_counts(self, now: int | None = None) -> list[tuple[str, str, str, str, int]]:
        """How many facts there are, by programme, channel, basis and state."""
        with self._reading() as connection:
            return consents.counts(connection, now_ms() if now is None else now)

    def consents(self, *, newest: bool = False, chunk: int = 10_000) -> Iterator[consents.ConsentRecord]:
        """Every fact in the order it was recorded, or from the newest back."""
        after: int | None = None
        while True:
            with plainly(self.url), self._reading() as connection:
                found = consents.page(connection, after, chunk, newest=newest)
            yield from found
            if len(found) < chunk:
                return
            after = found[-1].number
