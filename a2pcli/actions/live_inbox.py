"""Stores what a gateway reports while sending: receipts go to the inbox, replies are acted on at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from a2pcli.actions.heard_replies import HeardReply, ReplyDesk, is_stop
from a2pcli.actions.receipts import tells_optout
from a2pcli.actions.replies import PIECE, HandledReply, keeps_texts
from a2pcli.errors import LedgerError, Problem, Severity
from a2pcli.gateways.base import HearsBack
from a2pcli.ledger.live_receipts import add_live, settle_live

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.base import Gateway, WrittenReply
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

SHOWN, SHOWN_TEXT = 10, 120
"""Replies to review that are shown, and characters of each."""
LIST = 'a2pcli ledger query "SELECT * FROM replies"'


class LiveInbox:
    """Keeps what one run's gateway hears. Its methods are called on one thread at a time."""

    def __init__(
        self, ledger: Ledger, run: Run, settings: LoadedSettings, *, while_doing: str = "sending"
    ) -> None:
        self._ledger, self._run, self._settings = ledger, run, settings
        self._while_doing = while_doing
        self._desk = ReplyDesk(ledger, settings, must_answer=False)
        self._tells = tells_optout(settings)
        self._replies = self._stopped = self._unreadable = self._unconfirmed = self._told = 0
        self._to_review: list[HandledReply] = []

    def keep(
        self, receipts: Sequence[Receipt], replies: Sequence[WrittenReply], gateway: str | None = None
    ) -> None:
        """Durable when it returns; raises where it is not, and may be called with the same again. ``gateway``: which of
        them heard it, where the run has several."""
        gateway = gateway or self._run.gateway
        if receipts:
            self._told += add_live(self._ledger, receipts, gateway, self._source_of(gateway), self._tells)
        for start in range(0, len(replies), PIECE):
            self._act_on(replies[start : start + PIECE], gateway)

    def _source_of(self, gateway: str) -> str:
        return f"gateway {gateway} (while {self._while_doing} {self._run.id})"

    def settle(
        self, gateway: Gateway, *, warn: Callable[[Sequence[Problem]], None], tell: Callable[[str], None]
    ) -> None:
        """At the end: find the messages of receipts that have none yet, and ``tell`` of replies and opt-outs. What was
        sent is sent: a ledger that fails now is a warning, and the next run tries again."""
        if not isinstance(gateway, HearsBack):
            return
        self._tell_replies(tell)
        try:
            self._told += settle_live(self._ledger, self._run, gateway.name, gateway.spellings, self._tells)
        except LedgerError as error:
            warn([replace(problem, severity=Severity.WARNING) for problem in error.problems])
        if self._told:
            tell(f"note: {self._told:,} opted out, as their delivery receipts say")

    def _tell_replies(self, tell: Callable[[str], None]) -> None:
        if not self._replies:
            return
        came = "1 reply came" if self._replies == 1 else f"{self._replies:,} replies came"
        opted_out = f", {self._stopped:,} opted out" if self._stopped else ""
        dropped = "" if keeps_texts(self._settings) else " without their texts (setting `replies`)"
        tell(f"note: {came} while {self._while_doing}{opted_out}; to list them{dropped}: {LIST}")
        if self._unreadable:
            tell(
                f"note: {self._unreadable:,} came from senders without an address to suppress: nothing was done"
            )
        if self._unconfirmed:
            tell(
                f"note: {self._unconfirmed:,} of these opted out from a short code: it counts, and cannot be confirmed"
            )
        if self._to_review:
            tell(f"{len(self._to_review):,} to review:")
        for one in self._to_review[:SHOWN]:
            text = " ".join(one.text.split())[:SHOWN_TEXT]
            tell(f"  {one.number}  {one.reply.meaning}, {one.done}: {text}")
        if len(self._to_review) > SHOWN:
            tell(f"  … and {len(self._to_review) - SHOWN:,} more")

    def _act_on(self, replies: Sequence[WrittenReply], gateway: str) -> None:
        """A STOP keeps the person from every further message, also of this run; all of them are kept, or none."""
        source = self._source_of(gateway)
        with self._ledger.transaction():
            taken = [
                self._desk.take(
                    HeardReply(one.sender, one.to, one.text, one.received_at),
                    channel=self._run.channel,
                    gateway=gateway,
                    source=source,
                    run=self._run.id,
                )
                for one in replies
            ]
        done = [one.handled for one in taken if one.handled is not None]
        unreadable = sum(one.is_unreadable for one in taken)
        self._replies += len(done) + unreadable
        self._unreadable += unreadable
        self._stopped += sum(map(is_stop, taken))
        self._unconfirmed += sum(one.is_unconfirmed_stop for one in taken)
        self._to_review += [one for one in done if one.reply.flagged]
