"""One bound connection: a window of unanswered submits, answers matched by sequence number, signs of life both ways.

What waits for its place in the window was certainly not sent; what was written and has no answer may have been taken.
An answer counts only for a submit that was written on this connection before it came.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from a2pcli.dataclass import dataclass
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.smpp import pdu
from a2pcli.gateways.smpp.pdu import Delivered, Frames, Garbled, Pdu
from a2pcli.gateways.smpp.writing import Part
from a2pcli.messages import Message

log = logging.getLogger(__name__)

READ_AT_ONCE = 32_768
TICK = 0.25
"""Seconds between two looks at what is overdue, at most: no message has a timer of its own."""
STOOD_STILL = 1.0
"""Seconds by which a tick may be late. Beyond that this process was paused, and the operator is not to blame."""
REMEMBERED = 10_000
"""Submits without an answer in time of which a late one is still understood."""
BYE = 2.0
"""Seconds that an unbind may take."""


class Answer(NamedTuple):
    """What became of one part. ``status`` is the operator's, None where there is none; then ``sent`` tells whether the
    part may have been taken, and ``code`` and ``detail`` say why. ``message_id`` is None where none came that can be
    one."""

    status: int | None
    message_id: str | None = None
    sent: bool = True
    code: str = ""
    detail: str = ""
    nack: bool = False


@dataclass(slots=True)
class Waiting:
    """A part that waits for its place in the window, or for its answer; ``since`` when, by the session's clock."""

    part: Part
    message: Message
    answer: asyncio.Future[Answer]
    since: float


class Listener(NamedTuple):
    """Who is told of what comes by itself."""

    delivered: Callable[[Session, int, Delivered], None]
    """A deliver_sm that ``Session.answer_delivery`` must answer once it is stored."""
    answered: Callable[[Message, Answer, bool], None]
    """An answer to a submit, before anything that came after it; True where the submit was given up already."""


class Session(asyncio.BufferedProtocol):
    """A connection from its first octet to its last."""

    def __init__(
        self, *, window: int, timeout: float, enquire_link: float, listener: Listener,
        leaving: Callable[[Sequence[Message]], None],
    ) -> None:  # fmt: skip
        self._window, self._timeout, self._enquire = window, timeout, enquire_link
        self._listener, self._leaving = listener, leaving
        self._loop = asyncio.get_running_loop()
        self._place = memoryview(bytearray(READ_AT_ONCE))
        self._frames = Frames()
        self._queue: deque[Waiting] = deque()
        self._pending: dict[int, Waiting] = {}
        self._late: dict[int, Message] = {}
        self._control: dict[int, tuple[int, asyncio.Future[Pdu]]] = {}
        self._transport: asyncio.Transport | None = None
        self._sequence = 0
        self._may_write = True
        self._pumping = False
        self._stood_still = 0.0
        self._ticked = self._heard = self._loop.time()
        self._asked: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_bound = False
        self.ended: asyncio.Future[str] = self._loop.create_future()
        """Done with a few words once the connection is gone."""

    # -- what the link and the gateway ask for ----------------------------------------------------------------

    @property
    def load(self) -> int:
        """Parts that wait for their place or their answer."""
        return len(self._queue) + len(self._pending)

    def submit(self, part: Part, message: Message) -> asyncio.Future[Answer]:
        """Queue a part of a message. All that is queued in one turn of the loop is written together, as the window
        allows."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._queue.append(Waiting(part, message, future, self._now()))
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)
        return future

    async def ask(self, command: int, make: Callable[[int], bytes], within: float) -> Pdu:
        """Write a request that is no submit; its answer. Raises ``TimeoutError`` or ``ConnectionError``."""
        if self.ended.done() or self._transport is None:
            raise ConnectionError("closed")
        sequence = self._next()
        future: asyncio.Future[Pdu] = self._loop.create_future()
        self._control[sequence] = (command | pdu.RESPONSE, future)
        self._write(make(sequence))
        try:
            async with asyncio.timeout(within):
                return await future
        finally:
            self._control.pop(sequence, None)

    def answer_delivery(self, sequence: int, status: int) -> None:
        """Answer a deliver_sm; nothing where the connection is gone: the operator sends it again."""
        if not self.ended.done():
            self._write(pdu.pdu(pdu.DELIVER_SM_RESP, sequence, b"\0", status))

    async def unbind(self) -> None:
        """Say goodbye and hang up."""
        if self.is_bound:
            self.is_bound = False
            with suppress(TimeoutError, ConnectionError):
                await self.ask(pdu.UNBIND, lambda sequence: pdu.pdu(pdu.UNBIND, sequence), BYE)
        self.hang_up("closed")

    def hang_up(self, why: str) -> None:
        """End the connection at once."""
        self._over(why)
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=65_536)
        self._tick()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._over("the operator closed the connection" if error is None else "the connection broke")

    def pause_writing(self) -> None:
        """The other side does not read: what is not written stays with us."""
        self._may_write = False

    def resume_writing(self) -> None:
        """It reads again."""
        self._may_write = True
        self._pump()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next octets go. A buffer of asyncio's own takes 256 KB each time."""
        return self._place

    def buffer_updated(self, nbytes: int) -> None:
        """Whatever came; nothing in it makes this raise."""
        if self.ended.done():
            return
        data = bytes(self._place[:nbytes])
        self._heard = self._now()
        self._asked = None
        try:
            for one in self._frames.feed(data):
                if one.command == pdu.SUBMIT_SM_RESP:
                    self._answered(one)
                    continue
                self._take(one)
                if self.ended.done():
                    return
        except Garbled:
            log.warning("the operator sent what is not SMPP; the connection is closed")
            self.hang_up("the operator sent what is not SMPP")
        except Exception as error:
            log.warning(
                "%s while reading what the operator sent; the connection is closed", type(error).__name__
            )
            self.hang_up("what the operator sent cannot be read")
        if self._queue:
            self._pump()

    # -- writing ------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Write what the window allows, all of it at once."""
        self._pumping = False
        if self.ended.done():
            self._let_queue_go("closed", "the connection is closed")
            return
        if not (self.is_bound and self._may_write):
            return
        free = self._window - len(self._pending)
        going: list[Waiting] = []
        while self._queue and free > len(going):
            one = self._queue.popleft()
            if not one.answer.done():
                going.append(one)
        if not going:
            return
        try:
            self._leaving([one.message for one in going])
        except Exception as error:
            log.warning("nothing is sent: what leaves cannot be noted (%s)", type(error).__name__)
            for one in going:
                _tell(one, Answer(None, sent=False, code="journal", detail="what leaves cannot be noted"))
            return
        now = self._now()
        octets = []
        for one in going:
            sequence = self._next()
            octets.append(pdu.pdu(pdu.SUBMIT_SM, sequence, one.part))
            one.since = now
            self._pending[sequence] = one
        self._write(b"".join(octets))

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)

    def _next(self) -> int:
        self._sequence = self._sequence % pdu.LAST_SEQUENCE + 1
        return self._sequence

    # -- reading ------------------------------------------------------------------------------------------------

    def _take(self, one: Pdu) -> None:
        command, sequence = one.command, one.sequence
        if command == pdu.GENERIC_NACK and sequence in self._pending:
            self._answered(one)
        elif command == pdu.DELIVER_SM:
            self._delivered(one)
        elif command == pdu.ENQUIRE_LINK:
            self._write(pdu.pdu(pdu.ENQUIRE_LINK | pdu.RESPONSE, sequence))
        elif command == pdu.GENERIC_NACK and sequence not in self._control:
            # The operator could not read a PDU, and does not say which: later ones may be unreadable too.
            self.hang_up("the operator lost track of what was sent")
        elif command & pdu.RESPONSE:
            wanted, future = self._control.get(sequence, (0, None))
            if future is not None and command in (wanted, pdu.GENERIC_NACK) and not future.done():
                future.set_result(one)
        elif command == pdu.UNBIND:
            self._write(pdu.pdu(pdu.UNBIND | pdu.RESPONSE, sequence))
            self._unbound()
        elif command not in (pdu.OUTBIND, pdu.ALERT_NOTIFICATION):
            self._write(pdu.pdu(pdu.GENERIC_NACK, sequence, status=pdu.INVALID_COMMAND))

    def _answered(self, one: Pdu) -> None:
        waiting = self._pending.pop(one.sequence, None)
        id = safe_id(pdu.read_id(one.body)) if one.status == pdu.OK else None
        answer = Answer(one.status, id, nack=one.command == pdu.GENERIC_NACK)
        message = waiting.message if waiting is not None else self._late.pop(one.sequence, None)
        if message is None:
            return  # it answers nothing that was asked
        in_time = waiting is not None and not waiting.answer.done()
        self._listener.answered(message, answer, not in_time)
        if waiting is not None and in_time:
            waiting.answer.set_result(answer)

    def _delivered(self, one: Pdu) -> None:
        found = pdu.read_deliver(one.sequence, one.body)
        try:
            if found is not None:
                self._listener.delivered(self, one.sequence, found)
                return
            why = "it cannot be read"
        except Exception as error:  # sent again and again it would do the same each time
            why = type(error).__name__
        log.warning("a deliver_sm is refused: %s", why)
        self.answer_delivery(one.sequence, pdu.REFUSED)

    def _unbound(self) -> None:
        """The operator wants to end: nothing more is written, what is unanswered has a moment for its answer."""
        self.is_bound = False
        self._let_queue_go("unbound", "the operator ended the connection")
        self._loop.call_later(BYE if self._pending else 0, self.hang_up, "the operator ended the connection")

    # -- time ---------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        """Seconds, without those in which this process stood still."""
        return self._loop.time() - self._stood_still

    def _tick(self) -> None:
        pause = min(TICK, self._timeout / 4, self._enquire / 4)
        now = self._now()
        gap = now - self._ticked - pause
        if gap > STOOD_STILL:
            self._stood_still += gap  # what came in meanwhile is read before anything counts as late
            now = self._now()
        self._ticked = now
        if not self.ended.done():
            self._timer = self._loop.call_later(pause, self._tick)
            self._look(now)

    def _look(self, now: float) -> None:
        overdue = now - self._timeout
        while self._pending:
            sequence, one = next(iter(self._pending.items()))
            if one.since > overdue:
                break
            del self._pending[sequence]
            if len(self._late) >= REMEMBERED:
                del self._late[next(iter(self._late))]
            self._late[sequence] = one.message
            _tell(one, Answer(None, code="no-answer", detail="the operator gave no answer in time"))
        while self._queue and self._queue[0].since <= overdue:
            one = self._queue.popleft()
            _tell(one, Answer(None, sent=False, code="window", detail="the operator answers too slowly"))
        if self._queue:
            self._pump()
        if not self.is_bound:
            return
        if self._asked is None and now - self._heard >= self._enquire:
            self._asked = now
            self._write(pdu.pdu(pdu.ENQUIRE_LINK, self._next()))
        elif self._asked is not None and now - self._asked >= min(self._timeout, self._enquire):
            self.hang_up("the operator gave no sign of life")

    # -- the end ------------------------------------------------------------------------------------------------

    def _over(self, why: str) -> None:
        if self.ended.done():
            return
        self.is_bound = False
        self.ended.set_result(why)
        if self._timer is not None:
            self._timer.cancel()
        pending, self._pending = self._pending, {}
        for one in pending.values():
            _tell(one, Answer(None, code="dropped", detail=f"{why} before the answer came"))
        for _, future in self._control.values():
            if not future.done():
                future.set_exception(ConnectionError(why))
        self._let_queue_go("dropped", f"{why} before it was sent")

    def _let_queue_go(self, code: str, detail: str) -> None:
        queue, self._queue = self._queue, deque()
        for one in queue:
            _tell(one, Answer(None, sent=False, code=code, detail=detail))


def _tell(one: Waiting, answer: Answer) -> None:
    if not one.answer.done():
        one.answer.set_result(answer)
