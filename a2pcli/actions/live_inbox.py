"""Stores what a gateway reports while sending: receipts go to the inbox, replies are acted on at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import is_own, own_numbers
from a2pcli.actions.optouts import EVERYTHING
from a2pcli.actions.receipts import tells_optout
from a2pcli.actions.replies import PIECE, HandledReply, handle_reply, keep_reply, keeps_texts, stop_keywords
from a2pcli.addresses.any_address import any_address, kind_meant
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise
from a2pcli.channels import channel_of
from a2pcli.errors import LedgerError, Problem, Severity
from a2pcli.gateways.base import HearsBack
from a2pcli.ledger.live_receipts import add_live, settle_live
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.replies import KeptReply
from a2pcli.rules.keywords import Meaning, classify

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
        self._keywords: frozenset[str] | None = None
        self._own: frozenset[str] | None = None
        self._tells = tells_optout(settings)
        self._replies = self._stopped = self._unreadable = self._told = 0
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
        if self._to_review:
            tell(f"{len(self._to_review):,} to review:")
        for one in self._to_review[:SHOWN]:
            text = " ".join(one.text.split())[:SHOWN_TEXT]
            tell(f"  {one.number}  {one.reply.meaning}, {one.done}: {text}")
        if len(self._to_review) > SHOWN:
            tell(f"  … and {len(self._to_review) - SHOWN:,} more")

    def _act_on(self, replies: Sequence[WrittenReply], gateway: str) -> None:
        """A STOP keeps the person from every further message, also of this run; all of them are kept, or none."""
        if self._keywords is None or self._own is None:
            self._keywords = stop_keywords(self._settings)
            self._own = own_numbers(self._settings, campaigns=True)
        done: list[HandledReply] = []
        unreadable = 0
        with self._ledger.transaction():
            for one in replies:
                address = self._address_of(one.sender)
                if address is None:
                    unreadable += 1
                    self._keep_unread(one, self._keywords, gateway)
                elif not is_own(address, self._own):
                    done.append(self._handle(one, address, self._keywords, gateway))
        self._replies += len(done) + unreadable
        self._unreadable += unreadable
        self._stopped += sum(one.changed and one.reply.meaning is Meaning.STOP for one in done)
        self._to_review += [one for one in done if one.reply.flagged]

    def _address_of(self, sender: str) -> str | None:
        """The address of whoever wrote, of the kind that the run's channel has or that it looks like."""
        region, channel = self._settings.settings.region, channel_of(self._run.channel)
        if channel.kind is Kind.PHONE and kind_meant(sender)[0] is Kind.PHONE:
            policy = PhonePolicy(region, allow_fictional=True, allow_fixed_line=True)
            return normalise(sender, policy).number
        return any_address(sender, region, channel.network).address

    def _handle(self, one: WrittenReply, number: str, keywords: frozenset[str], gateway: str) -> HandledReply:
        now, source = now_ms(), self._source_of(gateway)
        done = handle_reply(self._ledger, number, one.text, EVERYTHING, keywords=keywords, now=now)
        kept = done.kept(one.to, one.received_at, gateway)
        texts = keeps_texts(self._settings)
        keep_reply(self._ledger, done, kept, EVERYTHING, source, keep_texts=texts, now=now, run=self._run.id)
        return done

    def _keep_unread(self, one: WrittenReply, keywords: frozenset[str], gateway: str) -> None:
        """A reply of whoever has no address (a short code, a name): kept as it came, and nobody to suppress.

        To erase it: ``people erase`` with the sender as it was kept."""
        meaning = classify(one.text, opted_out=False, survey_open=False, keywords=keywords).meaning
        kept = KeptReply(one.sender, one.text, str(meaning), one.to, one.received_at, gateway)
        self._ledger.replies.add([kept], self._source_of(gateway), keep_texts=keeps_texts(self._settings))
