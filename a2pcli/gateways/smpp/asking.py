"""Asks an operator by query_sm what became of messages that it gave an id, and by cancel_sm to take them back (SMPP
3.4, 4.8 and 4.9).

A message is asked for by the id exactly as the answer to its submit had it. Another spelling of an id could be that of
another message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from a2pcli.contacts.receipt_file import Receipt, meaning_of
from a2pcli.delivery import NEGATIVE
from a2pcli.gateways.base import Submitted
from a2pcli.gateways.codes import Code
from a2pcli.gateways.smpp import pdu
from a2pcli.gateways.smpp.addressing import Address, recipient, recipient_kind, source
from a2pcli.gateways.smpp.ids import MessageIds
from a2pcli.gateways.smpp.inbound import AS_RECEIVED
from a2pcli.gateways.smpp.link import NotBound
from a2pcli.gateways.smpp.receipts import STATES, absolute_moment
from a2pcli.gateways.smpp.session import Session
from a2pcli.gateways.smpp.settings import SmppBlock

AT_ONCE = 10
"""Unanswered queries at most; operators allow fewer of them than of submits."""
PATIENCE = 60.0
"""Seconds for which a query is tried again while the operator throttles."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before such a try; they double."""
SILENT = 10
"""Queries in a row without an answer after which no more are sent."""

UNSUPPORTED = "the operator does not support query_sm"
NO_ANSWER = "the operator did not answer query_sm in time"
DROPPED = "the connection ended before query_sm was answered"
OTHER = "the operator answered query_sm with another message's id"
UNREADABLE = "the operator's answer to query_sm cannot be read"
NOT_TOLD = "the operator does not know what became of it"
PARTLY = "the operator has a part of it, and gave no id for another"
NO_ID = "its id cannot be written in a query_sm"
RECEIPTS_ID = "its id is known only from a receipt, which may spell it otherwise than the answer"

_QUERY_FAILED, _CANCEL_FAILED, _INVALID_ID = 0x67, 0x11, 0x0C
_REMEMBERED = 10_000
_LONGEST_ID = 64


class Asker:
    """Asks about messages on the session that ``bound`` returns. ``meaning`` returns the meaning of a status."""

    def __init__(
        self,
        block: SmppBlock,
        bound: Callable[[], Awaitable[Session]],
        meaning: Callable[[int], Code],
        ids: MessageIds,
    ) -> None:
        self._block, self._bound, self._meaning, self._ids = block, bound, meaning, ids
        self._silent = 0
        self._ended: str | None = None
        self._cancelled: dict[
            tuple[str, str], None
        ] = {}  # recipient and id: a part that was taken back already

    async def ask(self, asked: Sequence[Submitted]) -> list[Receipt | str]:
        """A receipt for each, or why there is none."""
        found: list[Receipt | str] = [NO_ANSWER] * len(asked)
        rest = iter(enumerate(asked))

        async def work() -> None:
            for place, one in rest:
                found[place] = self._ended or await self._one(one)

        await asyncio.gather(*[work() for _ in range(min(len(asked), self._block.window, AT_ONCE))])
        return found

    async def cancel(self, to: str, asked: Sequence[Submitted]) -> bool | None:
        """Whether the operator will not deliver the message with these ids: True if it took back every part, False if
        it is too late for one, None if it does not say."""
        number = recipient(to)
        if number is None or self._ended is not None:
            return None
        kind = recipient_kind(self._block.destination)
        destination = Address(*kind, number)
        for one in asked:
            if (number, one.gateway_id) in self._cancelled:
                continue
            answer = await self._answer(one, pdu.CANCEL_SM, destination)
            if isinstance(answer, str):
                return None
            if answer.status in (_CANCEL_FAILED, _INVALID_ID):
                return False
            if answer.status != pdu.OK:
                return None
            self._cancelled[number, one.gateway_id] = None
            if len(self._cancelled) > _REMEMBERED:
                del self._cancelled[next(iter(self._cancelled))]
        return True if asked else None

    async def _one(self, one: Submitted) -> Receipt | str:
        answer = await self._answer(one, pdu.QUERY_SM)
        if isinstance(answer, str):
            return answer
        return self._receipt(one, answer.body) if answer.status == pdu.OK else self._refused(answer.status)

    async def _answer(
        self, one: Submitted, command: int, destination: Address | None = None
    ) -> pdu.Pdu | str:
        """Return the operator's answer, asked again while it throttles; or why there is none."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        until = loop.time() + PATIENCE
        while True:
            answer = await self._exchanged(one, command, destination)
            if isinstance(answer, str):
                return answer
            self._silent = 0
            if answer.command == pdu.GENERIC_NACK or answer.status == pdu.INVALID_COMMAND:
                self._ended = UNSUPPORTED
                return UNSUPPORTED
            is_throttled = answer.status != pdu.OK and self._meaning(answer.status).meaning == "rate"
            if not is_throttled or loop.time() + pause > until:
                return answer
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _exchanged(self, one: Submitted, command: int, destination: Address | None) -> pdu.Pdu | str:
        id, address = one.gateway_id, source(one.sender or self._block.sender, self._block.source)
        if address is None or len(id) > _LONGEST_ID or not (id.isascii() and id.isprintable()):
            return NO_ID
        if id.startswith(AS_RECEIVED):
            return RECEIPTS_ID
        try:
            session = await self._bound()

            def make(sequence: int) -> bytes:
                if destination is not None:
                    return pdu.cancel(sequence, id, address, destination)
                return pdu.query(sequence, id, address.ton, address.npi, address.text)

            return await session.ask(command, make, self._block.timeout)
        except NotBound as error:
            self._ended = f"no connection to the operator: {error.detail} ({error.code})"
            return self._ended
        except TimeoutError:
            self._silent += 1
            if self._silent >= SILENT:
                self._ended = NO_ANSWER
            return NO_ANSWER
        except ConnectionError:
            return DROPPED

    def _receipt(self, one: Submitted, body: bytes) -> Receipt | str:
        found = pdu.read_queried(body)
        if found is None:
            return UNREADABLE
        self._ids.answered(one.gateway_id)
        sure, doubtful = self._ids.spellings(found.message_id)
        if found.message_id and one.gateway_id not in (found.message_id, *sure, *doubtful):
            return OTHER
        word = STATES.get(found.state, "")
        delivery = meaning_of(word)
        if delivery is None:
            return NOT_TOLD
        if one.partly and delivery not in NEGATIVE:
            return PARTLY
        code = str(found.error) if found.error else None
        moment = absolute_moment(found.final_date)
        return Receipt(0, one.gateway_id, one.reference, word, delivery, code, moment)

    def _refused(self, status: int) -> str:
        if status == _INVALID_ID:
            return f"the operator does not know its id ({pdu.shown(status)})"
        if status == _QUERY_FAILED:
            return f"the operator could not look it up ({pdu.shown(status)})"
        return f"the operator refused query_sm ({pdu.shown(status)})"
