"""Receipts and replies that a gateway hears on the connection it sends on: stored between the sender's transactions, or
while the gateway is asked what became of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from a2pcli.errors import LedgerUnavailable
from a2pcli.gateways.base import Gateway, HearsBack, Keep
from a2pcli.gateways.by_channel import parts_of
from a2pcli.ledger.holds import RENEWS_AFTER, Hold
from a2pcli.sending.ledger_writer import LedgerWriter
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.timing import TICK

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.base import WrittenReply

KeepNow: TypeAlias = "Callable[[Sequence[Receipt], Sequence[WrittenReply], str], None]"
"""Stores receipts and replies of the named gateway durably, on the calling thread."""


def let_keep(
    gateway: Gateway, writer: LedgerWriter, keep: KeepNow | None, heard: Callable[[], None] = lambda: None
) -> None:
    """Have each gateway that receives receipts or replies store them through ``keep`` on the ledger's thread; ``heard``
    is called once replies are stored."""
    if keep is None:
        return
    for one in parts_of(gateway):
        if isinstance(one, HearsBack):
            one.keep = _kept(one.name, writer, keep, heard)


def let_keep_here(gateways: Iterable[Gateway], keep: KeepNow) -> None:
    """Have each gateway that receives receipts or replies store them through ``keep``, one group at a time, where no
    sender is at work."""
    one_at_a_time = asyncio.Lock()

    def kept_for(name: str) -> Keep:
        async def kept(receipts: Sequence[Receipt], replies: Sequence[WrittenReply]) -> None:
            async with one_at_a_time:
                await asyncio.to_thread(keep, receipts, replies, name)

        return kept

    for one in gateways:
        if isinstance(one, HearsBack):
            one.keep = kept_for(one.name)


def _kept(name: str, writer: LedgerWriter, keep: KeepNow, heard: Callable[[], None]) -> Keep:
    async def kept(receipts: Sequence[Receipt], replies: Sequence[WrittenReply]) -> None:
        await writer.keep(lambda: keep(receipts, replies, name))
        if replies:
            heard()

    return kept


async def linger(gateway: Gateway, stop: StopRequest, hold: Hold, writer: LedgerWriter) -> None:
    """Wait for late receipts from gateways that receive them, until they are done or a stop is requested."""
    hearing = [one for one in parts_of(gateway) if isinstance(one, HearsBack)]
    if not hearing:
        return
    task = asyncio.gather(*(one.linger() for one in hearing))
    try:
        while not (task.done() or stop.draining):
            await asyncio.wait([task], timeout=TICK)
            if hold.age > RENEWS_AFTER:
                with suppress(LedgerUnavailable):  # nothing is in flight: tried again at once
                    await writer.renew()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
