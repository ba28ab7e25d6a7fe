"""Stores incoming units in groups and acknowledges them only then; the operator keeps what cannot be stored."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import time
from typing import NamedTuple

from a2pcli.contacts.receipt_file import Receipt, part_receipt
from a2pcli.delivery import Delivery
from a2pcli.gateways.base import Keep, WrittenReply
from a2pcli.gateways.smpp import pdu
from a2pcli.gateways.smpp.ids import MessageIds
from a2pcli.gateways.smpp.pdu import Delivered
from a2pcli.gateways.smpp.receipts import is_receipt, read_receipt, read_reply
from a2pcli.gateways.smpp.session import Session
from a2pcli.gateways.smpp.settings import SmppBlock

log = logging.getLogger(__name__)

AS_RECEIVED = "receipt:"
"""Stands before an id in a receipt that is not known to be the id of an answer."""
COMPANY = 0.05
"""Seconds a receipt waits, so that several are stored together."""
AT_ONCE = 1_000
KNOWN = 200_000
"""Number of ids whose message is remembered here; others are looked up in the ledger."""
PATIENCE = 10.0
"""Seconds allowed at the end for storing what was received."""


class _Came(NamedTuple):
    """A receipt or a reply, and the session that acknowledges it; None for a record of an answer."""

    session: Session | None
    sequence: int
    receipt: Receipt | None
    reply: WrittenReply | None


class Inbound:
    """Collects what the sessions receive, and passes it on to be stored."""

    def __init__(self, block: SmppBlock) -> None:
        self._block = block
        self.keep: Keep | None = None
        self.ids = MessageIds(block.receipts.ids)
        self._references: OrderedDict[str, str | None] = OrderedDict()
        self._parts: dict[str, int] = {}
        self._waiting: list[_Came] = []
        self._storing: asyncio.Task[None] | None = None
        self.heard_at = 0.0

    def answered(self, message_id: str, reference: str, parts: int = 1) -> None:
        """A message, or one of its ``parts``, was taken under this id. An id that was given to two messages belongs to
        neither."""
        self.ids.answered(message_id)
        known = self._references.setdefault(message_id, reference)
        if known != reference:
            self._references[message_id] = None
        if parts > 1:
            self._parts[message_id] = parts
        if len(self._references) > KNOWN:
            self._parts.pop(self._references.popitem(last=False)[0], None)

    def also(self, message_id: str, reference: str, parts: int = 1) -> None:
        """Store that this id belongs to the message, or to one of its ``parts``: the answer came too late to be its
        outcome."""
        receipt = Receipt(0, message_id, reference, "ACCEPTED", Delivery.ACCEPTED, None, None)
        if parts > 1:
            receipt = part_receipt(message_id, reference, parts)
        self._take(_Came(None, 0, receipt, None))

    def delivered(self, session: Session, sequence: int, found: Delivered) -> None:
        """Handle a deliver_sm."""
        if self.keep is None:
            session.answer_delivery(sequence, pdu.TRY_AGAIN)
            return
        self.heard_at = asyncio.get_running_loop().time()
        if not is_receipt(found):
            reply = read_reply(found, self._block, int(time() * 1000))
            self._take(_Came(session, sequence, None, reply))
            return
        receipt = read_receipt(found)
        if receipt is None:
            log.warning("a receipt that names no message is refused")
            session.answer_delivery(sequence, pdu.REFUSED)
            return
        self.ids.received(receipt.gateway_id or "")
        self._take(_Came(session, sequence, receipt, None))

    async def all_kept(self) -> None:
        """Return once nothing waits to be stored, or after ``PATIENCE`` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._storing is not None:
                    await asyncio.wait([self._storing])

    async def close(self) -> None:
        """Stop storing; the operator keeps what was not acknowledged."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
        self._waiting.clear()

    def _with_reference(self, receipt: Receipt) -> Receipt:
        """The receipt with the message's reference and the id as the answer had it, where one message alone fits.

        Otherwise the id is marked as a receipt's, where the two may be written differently, so that it is not taken for
        an answer's.
        """
        if receipt.reference is not None:
            return receipt
        id = receipt.gateway_id or ""
        sure, doubtful = self.ids.spellings(id)
        hits = [one for one in sure if one in self._references]
        found = {self._references[one] for one in (*hits, *doubtful) if one in self._references}
        if hits and len(found) == 1 and None not in found:
            return replace(receipt, gateway_id=hits[0], reference=found.pop())
        if self._block.receipts.ids == "same":
            return receipt
        return replace(receipt, gateway_id=AS_RECEIVED + id)

    def _with_part(self, receipt: Receipt) -> tuple[Receipt, ...]:
        """The receipt, after a record that its id is that of a part: it may be stored before the message's outcome, and
        one part that was delivered must not count as the message."""
        parts = self._parts.get(receipt.gateway_id or "", 1)
        if parts == 1 or receipt.gateway_id is None or receipt.reference is None:
            return (receipt,)
        record = part_receipt(receipt.gateway_id, receipt.reference, parts)
        return (receipt,) if record == receipt else (record, receipt)

    def _take(self, came: _Came) -> None:
        if self.keep is None:
            return
        self._waiting.append(came)
        if self._storing is None:
            self._storing = asyncio.get_running_loop().create_task(self._store())

    async def _store(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(COMPANY)
                some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._store_some(some)
        finally:
            self._storing = None

    async def _store_some(self, some: Sequence[_Came]) -> None:
        status = pdu.OK
        try:
            assert self.keep is not None
            # Now, not when they came: an answer may come after its receipt.
            receipts = [self._with_reference(one.receipt) for one in some if one.receipt is not None]
            receipts = [each for one in receipts for each in self._with_part(one)]
            await self.keep(receipts, [one.reply for one in some if one.reply is not None])
        except Exception as error:
            log.warning(
                "%d receipts and replies could not be stored (%s); the operator will send them again",
                len(some), type(error).__name__,
            )  # fmt: skip
            status = pdu.TRY_AGAIN
        for one in some:
            if one.session is not None:
                one.session.answer_delivery(one.sequence, status)
