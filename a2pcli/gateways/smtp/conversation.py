"""One connection to a relay: the commands of a message, and what is known when it breaks.

``aiosmtplib`` connects, encrypts and signs in; then this takes the transport over. Where the server has PIPELINING
(RFC 2920), MAIL, RCPT and DATA go in one piece. The message is handed over by the final dot, and not before: of a
connection that is lost before the dot is written it is certain that nothing was sent. A short message is written with
its dot at once; of a longer one, the dot follows once everything before it was written.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from a2pcli.gateways.smtp import answers
from a2pcli.gateways.smtp.answers import Reply
from a2pcli.gateways.smtp.mime import Email
from a2pcli.messages import Outcome

READ_AT_ONCE = 8_192
MOST_UNREAD = 32_768
"""Maximum size in bytes of replies that are not expected, or of an unfinished one."""

_LINE = re.compile(rb"(\d{3})(?:([ -])([^\r\n]*))?\r?")
_DOTS = re.compile(rb"(?m)^\.")
_PIECE = 65_536


class Lost(Exception):
    """The connection is gone or no longer usable: a code and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Conversation(asyncio.BufferedProtocol):
    """Reads replies, and writes no faster than the server reads."""

    def __init__(self, transport: asyncio.Transport, extensions: frozenset[str], timeout: float) -> None:
        self.extensions = extensions
        self.used = 0
        self._transport = transport
        self._timeout = timeout
        self._place = memoryview(bytearray(READ_AT_ONCE))
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._too_late = Lost("timeout", "the relay did not answer in time")
        self._is_full = False
        self._lost: Lost | None = None
        self._must_reset = False
        transport.set_protocol(self)

    @property
    def is_alive(self) -> bool:
        """Whether another message can be sent over it."""
        return (
            self._lost is None and not self._transport.is_closing() and not self._replies and not self._buffer
        )

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by asyncio for the buffer to read into. Its own would be 256 KB for each reply."""
        return self._place

    def buffer_updated(self, nbytes: int) -> None:
        """Called by asyncio with bytes of replies, in any pieces."""
        self._buffer += self._place[:nbytes]
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._take(line)
        if len(self._buffer) + sum(map(len, self._lines)) > MOST_UNREAD:
            self._fail(Lost("smtp-reply", "the relay's answer has no end"))
        self._wake()

    def _take(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None or (self._lines and not line.startswith(self._lines[0][:3])):
            self._fail(Lost("smtp-reply", "what answered does not speak SMTP"))
            return
        self._lines.append(line)
        if found[2] != b"-":
            text = " ".join(one[4:].decode("utf-8", "replace").strip() for one in self._lines)
            self._replies.append(Reply(int(found[1]), text))
            self._lines = []
            if len(self._replies) > 8:
                self._fail(Lost("smtp-reply", "the relay sent an answer without a request"))

    def eof_received(self) -> bool:
        """Called by asyncio when the server has closed its side."""
        self._fail(Lost("connection-lost", "the relay closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio when the connection has ended."""
        self._fail(Lost("connection-lost", "the connection to the relay was lost"))

    def pause_writing(self) -> None:
        """Called by asyncio when the server does not read fast enough."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Called by asyncio when the server reads again."""
        self._is_full = False
        self._wake()

    def _fail(self, lost: Lost) -> None:
        if self._lost is None:
            self._lost = lost
            self._transport.close()
        self._stop_timer()
        self._wake()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Close the connection; send QUIT without waiting for its reply."""
        if self._lost is None and not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
        self._lost = self._lost or Lost("closed", "the gateway is closed")
        self._transport.close()
        self._stop_timer()
        self._wake()

    def abort(self) -> None:
        """Close the connection immediately."""
        self._lost = self._lost or Lost("closed", "the gateway is closed")
        self._transport.abort()
        self._stop_timer()
        self._wake()

    async def _reply(self) -> Reply:
        """Return the next reply. Raises ``Lost``."""
        if not self._replies:
            self._too_late = Lost("timeout", "the relay did not answer in time")
            self._deadline = self._loop.time() + self._timeout
            while not self._replies:
                await self._something()
        return self._replies.popleft()

    async def _something(self) -> None:
        """Wait until a reply came, there is room to write again, or the deadline is over. Raises ``Lost``.

        One timer for the connection, which is set anew only where it ends too early: one for each command would cost
        as much as the rest.
        """
        if self._lost is not None:
            raise self._lost
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _look(self) -> None:
        """Called by the timer: end the connection if something was waited for until its deadline."""
        self._timer = None
        if self._waiter is None or self._lost is not None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        else:
            self._fail(self._too_late)

    def _write(self, data: bytes) -> None:
        if self._lost is not None:
            raise self._lost
        self._transport.write(data)

    async def _drained(self) -> None:
        if self._is_full:
            self._too_late = Lost("timeout", "the relay did not take the message in time")
            self._deadline = self._loop.time() + self._timeout
            while self._is_full:
                await self._something()
        if self._lost is not None:
            raise self._lost

    async def deliver(self, email: Email, message_id: str, leaving: Callable[[], Any]) -> Outcome:
        """Send one message and return its outcome. ``leaving`` is called before the final dot.

        Does not raise for anything the server does. After any other exception (such as cancellation) the connection
        cannot be used again.
        """
        try:
            return await self._delivered(email, message_id, leaving)
        except Lost as lost:
            return answers.unreachable(lost.code, lost.detail)
        except BaseException:
            self.abort()
            raise

    async def _delivered(self, email: Email, message_id: str, leaving: Callable[[], Any]) -> Outcome:
        self.used += 1
        refused = await self._addressed(email)
        if refused is not None:
            return refused
        rest = await self._begun(email.data)
        # Give the event loop two turns to notice a closed connection while it is still certain that nothing was
        # sent.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self._lost is not None:
            raise self._lost
        leaving()
        self._write(rest)
        try:
            reply = await self._reply()
        except Lost as lost:
            return answers.unknown(lost.code, f"{lost.detail}, after the message was sent")
        if reply.is_good:
            return answers.accepted(reply, message_id)
        if reply.code // 100 not in (4, 5):
            self._fail(Lost("smtp-reply", "the relay's answer makes no sense"))
            return answers.unknown(
                "smtp-reply", f"the relay answered {reply.code} after the message was sent"
            )
        self._end_after(reply)
        return answers.outcome("data", reply)

    async def _addressed(self, email: Email) -> Outcome | None:
        """Send MAIL, RCPT and DATA. Return None if the server now waits for the message, else the outcome."""
        options = f" SIZE={email.size}" if "size" in self.extensions else ""
        options += " BODY=8BITMIME" if email.is_8bit else ""
        options += " SMTPUTF8" if email.is_utf8 else ""
        commands = [
            *([b"RSET\r\n"] if self._must_reset else []),
            f"MAIL FROM:<{email.sender}>{options}\r\n".encode(),
            f"RCPT TO:<{email.to}>\r\n".encode(),
            b"DATA\r\n",
        ]
        if "pipelining" not in self.extensions:
            return await self._step_by_step(commands)
        was_dirty, self._must_reset = self._must_reset, True
        self._write(b"".join(commands))
        if was_dirty:
            await self._reply()
        mail, rcpt, data = await self._reply(), await self._reply(), await self._reply()
        if data.code == 354:
            if mail.is_good and rcpt.is_good:
                self._must_reset = False
                return None
            # RFC 2920 section 3.1: no recipient was accepted, but the server still waits for a message.
            self._write(b".\r\n")
            await self._reply()
        for step, reply in (("mail", mail), ("rcpt", rcpt), ("data", data)):
            if not reply.is_good:
                self._end_after(reply)
                return answers.outcome(step, reply)  # type: ignore[arg-type]
        return answers.unreachable("smtp-reply", f"the relay answered {data.code} to DATA")

    async def _step_by_step(self, commands: list[bytes]) -> Outcome | None:
        self._must_reset = True
        for command in commands:
            self._write(command)
            reply = await self._reply()
            step = command[:4].decode("ascii").strip().lower()
            wanted = reply.code == 354 if step == "data" else reply.is_good
            if step != "rset" and not wanted:
                self._end_after(reply)
                return answers.outcome(step, reply)  # type: ignore[arg-type]
        self._must_reset = False
        return None

    def _end_after(self, reply: Reply) -> None:
        """End the connection after 421, which announces that the server closes it."""
        if reply.code == 421:
            self._fail(Lost("421", "the relay closed the connection"))

    async def _begun(self, data: bytes) -> bytes:
        """Write all of a message but its last piece; return that piece with the final dot."""
        if data.startswith(b".") or b"\n." in data:
            data = _DOTS.sub(b"..", data)
        end = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
        if len(data) <= _PIECE:
            return data + end
        for start in range(0, len(data), _PIECE):
            self._write(data[start : start + _PIECE])
            await self._drained()
        return end
