"""Methods of ``Ledger`` that protect people's data: audit trail, export, erasure, retention."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.lazy import lazily
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.faults import plainly, translates_errors
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.config.retention import Retention
    from a2pcli.ledger import audit, erased, erasure, recording, retention, rewriting
else:
    audit, erased, erasure, recording, retention, rewriting = lazily(
        "a2pcli.ledger", "audit", "erased", "erasure", "recording", "retention", "rewriting"
    )

LOOK_AGAIN = 0.5
"""Seconds between two looks whether a message has been answered."""


class ProtectingMixin(LedgerCore):
    """Data protection; see ``store.Ledger``."""

    @translates_errors
    def record(
        self,
        action: str,
        subject: str | None = None,
        detail: Mapping[str, Any] | None = None,
        *,
        people: Sequence[str] = (),
        now: int | None = None,
    ) -> audit.Entry:
        """Add an entry to the audit trail: what was done, to what, with which counts.

        Never a number and never a text in ``subject`` or ``detail``: ``people`` (addresses) are counted, and a
        few of them named by their keyed hash.
        """
        moment = now_ms() if now is None else now
        with self.writing() as connection:
            entry = recording.record(connection, action, subject, detail, people, moment)
        self.note_entry()
        return entry

    @translates_errors
    def audit_trail(self, head: str | None = None) -> audit.Verified:
        """Whether the audit trail holds, up to a ``head`` that was noted before."""
        with self._reading() as connection:
            return audit.verify(connection, head)

    def audit_entries(self, chunk: int = 500) -> Iterator[audit.Entry]:
        """The audit trail from its newest entry back."""
        before: int | None = None
        while True:
            with plainly(self.url), self._reading() as connection:
                found = audit.page(connection, before, chunk)
            yield from found
            if len(found) < chunk:
                return
            before = found[-1].number

    @translates_errors
    def erased(self) -> erased.Erased:
        """Everybody who was erased, for a plan to leave them out; hashes are made only where there are some."""
        with self._reading() as connection:
            return erased.everybody(connection)

    @translates_errors
    def export_person(self, person: erasure.Person) -> dict[str, Any]:
        """Everything the ledger holds about a person, by table; see ``erasure.export``."""
        with self._reading() as connection:
            return erasure.export(connection, person, now_ms())

    @translates_errors
    def erase_person(
        self, person: erasure.Person, now: int | None = None, *, patience: float = 0.0
    ) -> erasure.Erasure:
        """Take a person out of every table; what stays is a keyed hash on the suppression list.

        From the beginning on no sender claims a message of theirs. One that a living sender has in its hands is
        waited for, ``patience`` seconds at most; ``in_flight`` says how many rows still name the person after.
        Raises ``RunBusy`` while a plan is being made. The file itself still has to be written anew: ``rewrite``.
        """
        moment = now_ms() if now is None else now
        with self.writing() as connection:
            erasure.suppress(connection, person, moment)
        done = self._erase(person, moment)
        until = time.monotonic() + patience
        while done.in_flight and time.monotonic() < until:
            time.sleep(LOOK_AGAIN)
            done = done.then(self._erase(person, moment))
        return done

    def _erase(self, person: erasure.Person, moment: int) -> erasure.Erasure:
        with erasure.hold_back(self, person) as held, self.writing() as connection:
            for hold in held.holds:
                hold.check(connection)
            rewriting.overwrite(connection)
            return erasure.erase(connection, person, moment, held.live)

    @translates_errors
    def prune(self, rules: Retention, *, dry_run: bool = False, now: int | None = None) -> retention.Pruned:
        """Let go of what is old enough; with ``dry_run``, only say what is. The file still has to be rewritten."""
        moment = now_ms() if now is None else now
        if dry_run:
            with self._reading() as connection:
                return retention.due(connection, rules, moment)
        done = retention.prune(self, rules, moment)
        self.note_entry()
        return done

    @translates_errors
    def rewrite(self) -> None:
        """Leave no byte of what was removed in the ledger's files; see ``rewriting``."""
        rewriting.rewrite_file(self.engine)
