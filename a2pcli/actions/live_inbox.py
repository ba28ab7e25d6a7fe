"""What a gateway hears while it sends: receipts go to the ledger's inbox, replies are acted on and kept in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import is_own, own_numbers
from a2pcli.actions.optouts import EVERYTHING
from a2pcli.actions.replies import HandledReply, handle_reply, stop_keywords
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise
from a2pcli.errors import LedgerError, Problem, Severity
from a2pcli.gateways.base import HearsBack
from a2pcli.ledger.live_receipts import add_live, settle_live
from a2pcli.ledger.records import now_ms
from a2pcli.rules.keywords import Meaning

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.base import Gateway, WrittenReply
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

REPLIES = "replies.jsonl"
"""The file beside the ledger, in `.a2pcli`: one reply a line, as `a2pcli optout replies` reads it."""


class LiveInbox:
    """Keeps what one run's gateway hears. Its methods are called on one thread at a time."""

    def __init__(self, ledger: Ledger, run: Run, settings: LoadedSettings) -> None:
        self._ledger, self._run, self._settings = ledger, run, settings
        self._keywords: frozenset[str] | None = None
        self._own: frozenset[str] | None = None
        self.receipts = self.replies = self.stopped = 0

    def keep(self, receipts: Sequence[Receipt], replies: Sequence[WrittenReply]) -> None:
        """Durable when it returns; raises where it is not, and may be called with the same again."""
        if receipts:
            source = f"gateway {self._run.gateway} (while sending {self._run.id})"
            self.receipts += add_live(self._ledger, receipts, self._run.gateway, source)
        if replies:
            self._act_on(replies)
            self._write(replies)
            self.replies += len(replies)

    def settle(
        self, gateway: Gateway, *, warn: Callable[[Sequence[Problem]], None], tell: Callable[[str], None]
    ) -> None:
        """At the end: find the messages of receipts that have none yet, and ``tell`` of replies. What was sent is sent:
        a ledger that fails now is a warning, and the next run tries again."""
        if not isinstance(gateway, HearsBack):
            return
        if self.replies:
            came = "1 reply came" if self.replies == 1 else f"{self.replies:,} replies came"
            opted_out = f", {self.stopped:,} opted out" if self.stopped else ""
            tell(f"note: {came} while sending{opted_out}; the texts are in {self._path}")
        try:
            settle_live(self._ledger, self._run, self._run.gateway, gateway.spellings)
        except LedgerError as error:
            warn([replace(problem, severity=Severity.WARNING) for problem in error.problems])

    @property
    def _path(self) -> Path:
        return self._settings.folder / ".a2pcli" / REPLIES

    def _act_on(self, replies: Sequence[WrittenReply]) -> None:
        """A STOP keeps the person from every further message, also of this run. Audit: ``optout.reply``."""
        if self._keywords is None or self._own is None:
            self._keywords = stop_keywords(self._settings)
            self._own = own_numbers(self._settings, campaigns=True)
        policy = PhonePolicy(self._settings.settings.region, allow_fictional=True, allow_fixed_line=True)
        for one in replies:
            number = normalise(one.sender, policy).number
            if number is None or is_own(number, self._own):
                continue
            with self._ledger.transaction():
                done = handle_reply(
                    self._ledger, number, one.text, EVERYTHING, keywords=self._keywords, now=now_ms()
                )
                self._record(number, done)

    def _record(self, number: str, done: HandledReply) -> None:
        if done.reply.meaning not in (Meaning.STOP, Meaning.START):
            return
        self.stopped += done.changed and done.reply.meaning is Meaning.STOP
        detail = {"meaning": str(done.reply.meaning), "scope": EVERYTHING.words, "done": done.done}
        self._ledger.audit.add("optout.reply", self._run.id, detail, people=[number])

    def _write(self, replies: Sequence[WrittenReply]) -> None:
        from a2pcli.gateways.outbox import make_private, private_folder

        path = self._path
        private_folder(path.parent)
        lines = [
            {
                "from": one.sender,
                "to": one.to,
                "text": one.text,
                "at": datetime.fromtimestamp(one.received_at / 1000, UTC).isoformat(timespec="milliseconds"),
                "gateway": self._run.gateway,
            }
            for one in replies
        ]
        data = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines).encode()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            make_private(descriptor)
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
