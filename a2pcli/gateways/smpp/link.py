"""One connection that is kept bound: connects, binds, and after a loss connects again, more slowly each time.

It connects by itself only while it was bound before, or somebody wants to submit. After a refusal of the account it
waits until somebody asks again: knocking on would lock the account.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from contextlib import suppress

from a2pcli.dataclass import dataclass
from a2pcli.gateways.codes import Code
from a2pcli.gateways.engine.dialing import not_sent
from a2pcli.gateways.smpp import pdu
from a2pcli.gateways.smpp.session import Session
from a2pcli.gateways.smpp.settings import SmppBlock

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0
"""Seconds to connect, TLS included; as many again to bind."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0
"""Seconds before the second try to connect, and before each at most; it doubles."""
SOONEST = 1.0
"""Seconds after a failure before somebody who wants to submit makes it try again."""
LASTING = 10.0
"""Seconds of a connection after which the next loss starts from a short pause again."""

COMMANDS = {
    "transceiver": pdu.BIND_TRANSCEIVER,
    "transmitter": pdu.BIND_TRANSMITTER,
    "receiver": pdu.BIND_RECEIVER,
}


class NotBound(Exception):
    """No connection. ``code`` is short and stable, ``detail`` a sentence; ``meaning`` a word of ``codes.MEANINGS``,
    or None where the operator was not reached."""

    def __init__(self, code: str, detail: str, meaning: str | None = None) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.meaning = code, detail, meaning


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect, and with what trust."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    server_name: str | None


class Link:
    """Keeps one session; ``kind`` is transceiver, transmitter or receiver."""

    def __init__(
        self,
        name: str,
        block: SmppBlock,
        kind: str,
        route: Route,
        make: Callable[[], Session],
        code: Callable[[int], Code],
    ) -> None:
        self.kind, self._name = kind, name
        self.session: Session | None = None
        self._block, self._route, self._make, self._code = block, route, make, code
        self._keeper: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self._next_try: asyncio.Future[Session] | None = None
        self._closed = False

    @property
    def is_bound(self) -> bool:
        """Whether messages can leave on it now."""
        return self.session is not None and self.session.is_bound

    def start(self) -> None:
        """Begin to keep it bound."""
        if self._keeper is None and not self._closed:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def bound(self) -> Session:
        """The session, once it is bound. Raises ``NotBound`` where the next try to connect fails."""
        if self.session is not None and self.session.is_bound:
            return self.session
        if self._closed:
            raise NotBound("closed", "the gateway is closed")
        self.start()
        if self._next_try is None:
            self._next_try = asyncio.get_running_loop().create_future()
        self._asked.set()
        return await asyncio.shield(self._next_try)

    async def close(self) -> None:
        """Unbind and hang up; safe to call twice."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self.session is not None:
            await self.session.unbind()
            self.session = None
        self._told(NotBound("closed", "the gateway is closed"))

    async def _keep(self) -> None:
        pause, wanted = 0.0, True
        while True:
            await self._wait(pause, until_asked=not wanted)
            try:
                session = await self._connect()
            except NotBound as error:
                pause = min(max(FIRST_PAUSE, pause * 2), LONGEST_PAUSE) * random.uniform(0.75, 1.0)
                wanted = wanted and error.meaning in (None, "temporary")
                self._told(error)
                continue
            since = asyncio.get_running_loop().time()
            self.session, wanted = session, True
            self._told(session)
            why = await asyncio.shield(session.ended)
            self.session = None
            log.warning("gateway %s: %s (%s); connecting again", self._name, why, self.kind)
            lasted = asyncio.get_running_loop().time() - since
            pause = FIRST_PAUSE if lasted > LASTING else min(max(FIRST_PAUSE, pause * 2), LONGEST_PAUSE)

    async def _wait(self, pause: float, *, until_asked: bool) -> None:
        await asyncio.sleep(min(pause, SOONEST))
        with suppress(TimeoutError):
            async with asyncio.timeout(None if until_asked else max(0.0, pause - SOONEST)):
                await self._asked.wait()
        self._asked.clear()

    def _told(self, found: Session | NotBound) -> None:
        future, self._next_try = self._next_try, None
        if future is None or future.done():
            return
        if isinstance(found, NotBound):
            future.set_exception(found)
            future.exception()  # there may be no waiter left to read it
        else:
            future.set_result(found)

    async def _connect(self) -> Session:
        """A bound session. Raises ``NotBound``."""
        route, loop = self._route, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, session = await loop.create_connection(
                    self._make,
                    route.host,
                    route.port,
                    ssl=route.tls,
                    server_hostname=(route.server_name or route.host) if route.tls else None,
                )
        except Exception as error:
            told = not_sent(error)
            raise NotBound(told.code, told.detail) from error
        try:
            await self._bind(session)
        except BaseException:
            session.hang_up("not bound")
            raise
        return session

    async def _bind(self, session: Session) -> None:
        block, command = self._block, COMMANDS[self.kind]
        password = block.password.get_secret_value()
        try:
            answer = await session.ask(
                command,
                lambda sequence: pdu.bind(command, sequence, block.system_id, password, block.system_type),
                min(CONNECT_TIMEOUT, block.timeout),
            )
        except TimeoutError:
            raise NotBound("bind-timeout", "the operator did not answer the bind in time") from None
        except ConnectionError:
            raise NotBound("bind-dropped", "the operator hung up instead of answering the bind") from None
        if answer.status != pdu.OK:
            code = self._code(answer.status)
            raise NotBound(pdu.shown(answer.status), code.detail, code.meaning)
        session.is_bound = True
