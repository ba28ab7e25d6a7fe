"""One HTTP/1.1 connection: one request at a time, and an answer trusted only if it cannot belong to another request."""

from __future__ import annotations

import asyncio
import re
import select
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import httptools

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.habits import Habits
from a2pcli.gateways.engine.protocol import MAX_BODY, MaybeSent, NotSent, WireError, ignore_departure

MAX_HEAD = 65_536
"""Maximum size of an answer's headers in bytes; anything longer is not taken as an answer."""

FIRST_REST = 0.03
"""Seconds for which the first answer on a connection is held before it is trusted. A server that always closes, or
always sends more, shows it then, while no other request is in progress."""

LONGEST_REST = 0.01
"""Maximum number of seconds for which the connection is not used after each later answer; a quarter of the time the
answer took, if that is less. The answer itself is returned at once."""

_KEEP_ALIVE = re.compile(r"timeout=(\d+)")
_GARBLED = "the answer was not HTTP"
_DROPPED = "the connection was closed before the answer was complete"
_EXTRA = "the server sent more than one answer, so it is not known which is for this message"


STOPPED = 0.25
"""Seconds by which a timer must be late to show that the process was stopped, not only busy."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time.

    A connection that will be used again rests after an answer (``FIRST_REST``, ``LONGEST_REST``). If more bytes arrive
    in that time, neither it nor any other connection to that server is used again. Then the first answer, which is
    still held, and an answer that arrived together with extra bytes are not trusted: they may belong to another
    request.
    """

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._held: HttpResponse | None = None
        self._closed = self._closed_by_us = False
        self._clean = True  # nothing has happened after which it could not be used again
        self._served = 0
        self.rested_at = 0.0
        """When it may be used again, by the loop's clock."""
        self._heard = False
        self._started = self._answered = self._until = 0.0
        self._begin()

    def _begin(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []  # headers as they came
        self._chunks: list[bytes] = []
        self._read = 0
        self._head_read = 0
        self._head_complete = False
        self._keep_alive = False
        self._is_new = True  # nothing of an answer was read yet

    # What the engine asks

    async def exchange(
        self, data: bytes, seconds: float, leaving: Callable[[], None] = ignore_departure
    ) -> HttpResponse:
        """Write the request and wait for the answer, after calling ``leaving``.

        Raises ``NotSent`` if the connection had already ended, and ``MaybeSent`` for any failure after that.
        """
        if self._closed or self._transport.is_closing():
            raise NotSent("dropped", "the connection was closed before the request was written")
        leaving()
        waiter: asyncio.Future[HttpResponse] = self._loop.create_future()
        self._waiter = waiter
        self._heard = False
        if not self._is_new:
            self._begin()  # what the last answer said must not be taken for this one
        self._started = self._loop.time()
        self._set_deadline(self._started + seconds)
        try:
            self._transport.write(data)
            return await waiter
        except WireError:
            self._clean = False
            raise
        except Exception as error:
            self._clean = False
            raise MaybeSent("dropped", f"the connection failed: {type(error).__name__}") from error
        except BaseException:  # cancelled: the answer may still come, and belongs to no request
            self._clean = False
            raise
        finally:
            self._waiter = self._held = None
            self._served += 1

    def may_be_kept(self, now: float) -> bool:
        """Whether the connection can take another request after the last exchange."""
        return (
            self._clean
            and self._keep_alive
            and not self._closed
            and self._until > now
            and self._transport.get_write_buffer_size() == 0
        )

    def is_expired(self, now: float) -> bool:
        """Whether it has been idle for too long."""
        return now >= self._until or now >= self._answered + self._habits.idle(now)

    def is_usable(self, now: float) -> bool:
        """Whether it is open now: nothing has arrived since the last answer, not even its end."""
        return not (
            self._closed
            or self.is_expired(now)
            or self._transport.is_closing()
            or self.has_something_to_read()
        )

    def has_something_to_read(self) -> bool:
        """Whether bytes, or the end of the connection, have arrived that were not read yet."""
        return not self._closed and self._watch.is_readable()

    def close(self) -> None:
        """Close the connection immediately."""
        self._clean = False
        self._stop_timer()
        if not self._closed:
            self._closed_by_us = True
            self._transport.abort()

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio when the connection is established."""
        self._transport = cast(asyncio.Transport, transport)  # other event loops have classes of their own
        self._watch = _Watch(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with bytes of an answer, or bytes that follow it unexpectedly."""
        if self._closed_by_us:
            return
        if self._waiter is None or self._held is not None or self._waiter.done():
            self._unasked(data)
            return
        self._heard = True
        if not self._head_complete:
            self._head_read += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._holds_answer():
                self._distrust()
            else:
                self._fail("garbled", _GARBLED)
        if self._holds_answer():
            self._hold()
        elif not self._head_complete and self._head_read > MAX_HEAD:
            self._fail("garbled", "the answer's headers had no end")

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio when the connection ends. An answer without a length is now complete; any other
        incomplete answer is lost."""
        self._closed = True
        self._stop_timer()
        now = self._loop.time()
        if self._holds_answer() or self._waiter is None:
            # The answer was complete, and no request was in progress.
            if not self._closed_by_us and self._keep_alive:
                self._habits.hung_up(now - self._answered, now)
            self._release()
            return
        if exc is None and self._head_complete and self._is_until_close():
            self._answer()
            self._release()
            return
        if self._served and not self._heard and not self._closed_by_us:
            self._habits.hung_up(self._started - self._answered, now)
        self._fail("dropped", _DROPPED)

    def _is_until_close(self) -> bool:
        headers = _headers_of(self._fields)
        return "content-length" not in headers and "transfer-encoding" not in headers

    # What llhttp tells

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of an answer."""
        if self._holds_answer():
            self._distrust()  # a second answer to one request: which is the right one?
            return
        if not self._is_new:
            self._begin()
        self._is_new = False
        if self._transport.get_write_buffer_size():
            self._fail("early", "an answer came before the request was written")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser with a header; trailers are ignored."""
        if not self._head_complete:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser after the headers."""
        self._head_complete = True

    def on_body(self, body: bytes) -> None:
        """Called by the parser with a part of the body."""
        room = MAX_BODY - self._read
        if room <= 0:
            return
        self._chunks.append(body[:room])
        self._read += len(body)
        if self._read >= MAX_BODY:
            self._clean = False
            self._answer()

    def on_message_complete(self) -> None:
        """Called by the parser at the end of an answer or an interim answer."""
        if self._holds_answer():
            return  # cut off before
        if 100 <= self._parser.get_status_code() < 200:
            self._begin()  # an interim answer; the real one follows
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._answer()

    # Ends

    def _holds_answer(self) -> bool:
        return self._held is not None

    def _answer(self) -> None:
        """Handle a complete answer. It is trusted only after the bytes that came with it were read."""
        if self._waiter is None or self._waiter.done():
            return
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        headers = _headers_of(self._fields)
        if "content-encoding" in headers:
            body = _decompressed(body)
        self._held = HttpResponse(self._parser.get_status_code(), headers, body)
        self._answered = self._loop.time()

    def _hold(self) -> None:
        """Return the answer to the caller, at once or after the rest."""
        held = self._held
        if held is None or self._waiter is None or self._waiter.done():
            return
        if self._served and self._habits.is_out_of_step:
            self._distrust()  # learnt meanwhile on another connection
            return
        idle = self._habits.idle(self._answered)
        said = held.headers.get("keep-alive")
        if said is not None and (limit := _KEEP_ALIVE.search(said)):
            idle = min(idle, int(limit[1][:6]) - 1)
        self._until = self._answered + idle
        if idle <= 0 or not (self._keep_alive and self._clean):
            self._release()
            return
        if self._served:
            self.rested_at = self._answered + min(LONGEST_REST, (self._answered - self._started) / 4)
            self._release()
            return
        self._loop.call_at(self._answered + FIRST_REST, self._release)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(held)

    def _unasked(self, data: bytes) -> None:
        """Handle bytes after an answer. Bare line ends close the connection and have no other effect."""
        if data.strip(b"\r\n"):
            self._distrust()
        else:
            self._clean = False
            self._release()
        self.close()

    def _distrust(self) -> None:
        """Fail the current answer, which may belong to another request."""
        self._habits.is_out_of_step = True
        self._fail("extra", _EXTRA)

    def _fail(self, code: str, detail: str) -> None:
        self._clean = False
        self._held = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(MaybeSent(code, detail))
        self.close()

    def _set_deadline(self, moment: float) -> None:
        """Set the time by which the answer must have come.

        The timer of an earlier exchange is kept and set again when it fires: a new timer for each request would cost
        as much as writing the request.
        """
        self._deadline = moment
        if self._timer is not None and self._timer.when() > moment:
            self._stop_timer()
        if self._timer is None:
            self._timer = self._loop.call_at(moment, self._timed_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timed_out(self) -> None:
        assert self._timer is not None
        now = self._loop.time()
        late = now - self._timer.when()
        self._timer = None
        if self._waiter is None or self._holds_answer():
            return
        if late > STOPPED:
            # This process was stopped (SIGSTOP, or the machine slept). That time does not count, and the answer may
            # have come: the loop has not read its sockets since it woke.
            self._set_deadline(max(now, self._deadline) + late)
        elif now < self._deadline:
            self._set_deadline(self._deadline)
        else:
            self._fail("timeout", "no answer within the timeout")


_KEYS: dict[bytes, str] = {}
"""Headers' names as they were sent, and in lower case."""

_KEYS_KEPT = 256


def _headers_of(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; one that was sent more than once has its values with commas between."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key = _KEYS.get(name) or _key_of(name)
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _key_of(name: bytes) -> str:
    key = name.decode("latin-1").lower()
    if len(_KEYS) < _KEYS_KEPT and len(name) < _KEYS_KEPT:
        _KEYS[name] = key
    return key


def _decompressed(body: bytes) -> bytes:
    """Return a gzip or zlib body (sent although not asked for) decompressed, at most ``MAX_BODY`` bytes; others as
    they are."""
    with suppress(zlib.error):
        return zlib.decompressobj(wbits=47).decompress(body, MAX_BODY)
    return body


class _Watch:
    """Asks the operating system whether a socket has something to read, without reading it (0.5 µs)."""

    __slots__ = ("_descriptor", "_poll")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)

    def is_readable(self) -> bool:
        if self._poll is not None:
            return bool(self._poll.poll(0))
        return bool(select.select([self._descriptor], [], [], 0)[0])
