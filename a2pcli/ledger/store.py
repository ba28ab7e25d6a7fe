"""An open ledger: every promise of the ledger is a method of one of its parts, one short transaction each.

A part is made when it is first asked for, since most commands need few of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from a2pcli.lazy import lazily
from a2pcli.ledger.core import LedgerCore, OpenTransaction
from a2pcli.ledger.faults import plainly, translates_errors
from a2pcli.ledger.records import Run

if TYPE_CHECKING:
    from a2pcli.ledger import about, asking, integrity, people
    from a2pcli.ledger.answers import Answers
    from a2pcli.ledger.attempts import Attempts
    from a2pcli.ledger.audit import AuditTrail
    from a2pcli.ledger.billed import Bill
    from a2pcli.ledger.bot_usage import BotUsage
    from a2pcli.ledger.chat_turns import ChatTurns
    from a2pcli.ledger.codes import Codes
    from a2pcli.ledger.consents import Consents
    from a2pcli.ledger.conversations import Conversations
    from a2pcli.ledger.history import Messages
    from a2pcli.ledger.known import KnownLedgers
    from a2pcli.ledger.optouts import OptOuts
    from a2pcli.ledger.people import People
    from a2pcli.ledger.plans import Plans
    from a2pcli.ledger.pulls import Pulls
    from a2pcli.ledger.quotas import Quotas
    from a2pcli.ledger.reachability import Reachability
    from a2pcli.ledger.receipts import Inbox
    from a2pcli.ledger.replies import Replies
    from a2pcli.ledger.runs import Runs
    from a2pcli.ledger.surveys import SurveySessions
    from a2pcli.ledger.triggers import Triggers
    from a2pcli.ledger.unheard import Waits
else:
    about, asking, integrity, people = lazily("a2pcli.ledger", "about", "asking", "integrity", "people")


class Ledger(LedgerCore):
    """An open ledger. Thread-safe; a run has one sender (``lock.sender_lock``)."""

    known: KnownLedgers | None = None
    """The project's record of its ledgers, which is updated with each entry of the audit trail."""

    @cached_property
    def runs(self) -> Runs:
        """Finding, counting and ending runs."""
        from a2pcli.ledger.runs import Runs

        return Runs(self)

    @cached_property
    def plans(self) -> Plans:
        """Making plans."""
        from a2pcli.ledger.plans import Plans

        return Plans(self)

    @cached_property
    def attempts(self) -> Attempts:
        """Sending: claims and outcomes."""
        from a2pcli.ledger.attempts import Attempts

        return Attempts(self)

    @cached_property
    def messages(self) -> Messages:
        """The messages of all runs, and who got them."""
        from a2pcli.ledger.history import Messages

        return Messages(self)

    @cached_property
    def receipts(self) -> Inbox:
        """The delivery receipts."""
        from a2pcli.ledger.receipts import Inbox

        return Inbox(self)

    @cached_property
    def bills(self) -> Bill:
        """What providers billed."""
        from a2pcli.ledger.billed import Bill

        return Bill(self)

    @cached_property
    def waits(self) -> Waits:
        """The receipts that are waited for."""
        from a2pcli.ledger.unheard import Waits

        return Waits(self)

    @cached_property
    def pulls(self) -> Pulls:
        """Up to where providers' lists were read."""
        from a2pcli.ledger.pulls import Pulls

        return Pulls(self)

    @cached_property
    def replies(self) -> Replies:
        """The replies of recipients."""
        from a2pcli.ledger.replies import Replies

        return Replies(self)

    def has_answers(self) -> bool:
        """Whether there is any message outside of runs. What knows more about them takes long to load."""
        with self.reading() as connection:
            return connection.exec_driver_sql("SELECT 1 FROM answers LIMIT 1").first() is not None

    @cached_property
    def answers(self) -> Answers:
        """Single messages outside of campaign runs."""
        from a2pcli.ledger.answers import Answers

        return Answers(self)

    @cached_property
    def bot_usage(self) -> BotUsage:
        """What was asked of bots, and what that cost."""
        from a2pcli.ledger.bot_usage import BotUsage

        return BotUsage(self)

    @cached_property
    def chat_turns(self) -> ChatTurns:
        """What people and bots said to each other."""
        from a2pcli.ledger.chat_turns import ChatTurns

        return ChatTurns(self)

    @cached_property
    def conversations(self) -> Conversations:
        """What people wrote that a person has to read."""
        from a2pcli.ledger.conversations import Conversations

        return Conversations(self)

    @cached_property
    def codes(self) -> Codes:
        """One-time passwords, and addresses that were verified."""
        from a2pcli.ledger.codes import Codes

        return Codes(self)

    @cached_property
    def surveys(self) -> SurveySessions:
        """Who was asked the questions of surveys, and what they answered."""
        from a2pcli.ledger.surveys import SurveySessions

        return SurveySessions(self)

    @cached_property
    def triggers(self) -> Triggers:
        """Events that other systems reported."""
        from a2pcli.ledger.triggers import Triggers

        return Triggers(self)

    @cached_property
    def reachability(self) -> Reachability:
        """Whom channels can reach, according to providers."""
        from a2pcli.ledger.reachability import Reachability

        return Reachability(self)

    @cached_property
    def quotas(self) -> Quotas:
        """The quotas of accounts and senders."""
        from a2pcli.ledger.quotas import Quotas

        return Quotas(self)

    @cached_property
    def optouts(self) -> OptOuts:
        """The suppression list."""
        from a2pcli.ledger.optouts import OptOuts

        return OptOuts(self)

    @cached_property
    def consents(self) -> Consents:
        """The consent records."""
        from a2pcli.ledger.consents import Consents

        return Consents(self)

    @cached_property
    def people(self) -> People:
        """Export, erasure and retention of personal data."""
        from a2pcli.ledger.people import People

        return People(self)

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        from a2pcli.ledger.audit import AuditTrail

        return AuditTrail(self)

    def close(self) -> None:
        """Close all connections and locks; safe to call twice."""
        plans = self.__dict__.get("plans")
        if plans is not None:
            plans.close_connection()
        super().close()
        if plans is not None:
            plans.drop_locks()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One durable transaction for everything this thread reads and writes through the ledger, so that a change
        and its audit entry are stored together. Nested use joins the outer transaction."""
        if self.open_transaction is not None:
            yield
            return
        current: OpenTransaction | None = None
        try:
            with self.telling(), plainly(self.url), self.turn(), self.engine.begin() as connection:
                self.own.open = current = OpenTransaction(connection)
                try:
                    yield
                finally:
                    self.own.open = None
        except BaseException:
            for hold in current.held if current is not None else ():
                hold.doubt()
            raise
        for hold in current.held:
            hold.confirm()
        if current.is_recorded:
            self.note_entry()

    def note_entry(self) -> None:
        """Record a new audit entry in the project's record of ledgers, once it is committed."""
        if self.open_transaction is not None:
            self.open_transaction.is_recorded = True
        elif self.known is not None:
            self.known.note(self)

    def check(self, sample: Decimal | None = None, seed: int | None = None) -> integrity.Checked:
        """Check the ledger; see ``integrity``. Writes nothing."""
        with plainly(self.url):
            return integrity.check(self.engine, sample, seed)

    def ask(
        self, sql: str, some: Sequence[Run] | None, seconds: float
    ) -> AbstractContextManager[asking.Answer]:
        """Run one SQL query over the views; see ``asking.ask``. Writes nothing."""
        return asking.ask(self.engine, self.key, sql, some, seconds)

    def newest_moment(self) -> int | None:
        """Return UTC milliseconds of the newest entry; None in a ledger without one."""
        with self.reading() as connection:
            return about.newest(connection)

    def set_clock_right(self, now: int) -> None:
        """Accept ``now`` as the current time, because a user confirmed it, whatever the entries say."""
        with self.writing() as connection:
            about.set_right(connection, now)

    @translates_errors
    def rewrite(self) -> None:
        """Rewrite the ledger's files without any byte of removed data; see ``people.rewrite_file``."""
        people.rewrite_file(self.engine)
