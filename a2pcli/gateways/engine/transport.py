"""One client for every HTTP provider: what happens on the wire becomes an outcome here, once; and its settings.

A provider is pure functions (``base.HttpProvider``); an engine sends. Between them, this: whatever a message,
a network or a provider's answer does, there is one outcome for each message, and it is never better than what
is known for sure.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Literal

from pydantic import Field

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Capabilities, Health, HttpProvider, HttpRequest, HttpResponse, of_whole_batch
from a2pcli.gateways.engine.dialing import Dialer
from a2pcli.gateways.engine.protocol import CONNECT_TIMEOUT, Engine, MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.wire import WireEngine
from a2pcli.gateways.engine.wire_request import route_of
from a2pcli.gateways.settings import GatewayBlock, block_problem
from a2pcli.messages import Cause, Message, Outcome, Verdict

log = logging.getLogger(__name__)

REPEATS = 2
"""How often an unclear request is repeated if an idempotency key makes that safe."""

REPEAT_WITHIN = 100.0
"""Seconds after the first attempt by which the last repeat must have ended; the sender gives a submit 120."""

LOOKUPS_AT_ONCE = 10


class HttpBlock(GatewayBlock):
    """Settings that every HTTP gateway has."""

    engine: Literal["wire", "httpx"] = Field(
        "wire",
        description="HTTP engine: `wire` is fast; `httpx` is for networks that need a feature of httpx",
    )
    ca: Path | None = Field(
        None,
        description="Certificates (PEM) of your own authority instead of the system's, relative to the settings",
    )


class HttpGateway:
    """A gateway made of a provider and an engine, which ``engine`` makes when the gateway opens; without it, the
    ``block`` of the settings says which."""

    def __init__(
        self,
        provider: HttpProvider,
        *,
        engine: Callable[[], Engine] | None = None,
        block: HttpBlock | None = None,
    ) -> None:
        self.name = provider.name
        self.capabilities: Capabilities = provider.capabilities
        self.provider = provider
        self.leaving: Callable[[Sequence[Message]], None] = lambda _batch: None
        """Called with each batch before its first byte can reach the provider; see ``base.TellsDeparture``."""
        self._block = block or HttpBlock()
        self._make_engine = engine or self._engine_of_block
        self._engine: Engine | None = None

    async def open(self) -> None:
        """Make the engine; connections are opened when they are needed."""
        if self._engine is None:
            self._engine = self._make_engine()

    def read_files(self) -> None:
        """Read the certificates of ``ca``. Raises ``InvalidInput`` where they are none."""
        trust_of(self.name, self._block)

    def _engine_of_block(self) -> Engine:
        return engine_for(self.name, self._block, self.capabilities.concurrency)

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch in one request and return one outcome for each message, in order. Never raises."""
        try:
            request = self.provider.request(batch)
        except Exception as error:
            # The provider could not build the request, so nothing was sent.
            log.warning("gateway %s cannot write a request: %s", self.name, type(error).__name__)
            return of_whole_batch(_UNWRITABLE, len(batch))
        outcomes = await self._once(batch, request)
        if not self.capabilities.idempotent or not _is_unclear(outcomes):
            return outcomes
        return await self._repeat(batch, request, outcomes)

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return what the provider says about these references; unknown ones are absent."""
        limit = asyncio.Semaphore(LOOKUPS_AT_ONCE)

        async def one(reference: str) -> tuple[str, Outcome | None]:
            async with limit:
                return reference, await self._look_up(reference)

        answers = await asyncio.gather(*[one(reference) for reference in references])
        return {reference: outcome for reference, outcome in answers if outcome is not None}

    async def check(self) -> Health:
        """Return whether the provider is reachable and accepts the credentials."""
        request = self.provider.check_request()
        if request is None:
            return Health(
                True,
                "the settings are complete; this provider has no harmless request to prove more"
                " (--to NUMBER sends one test message)",
            )
        try:
            response = await self._opened().send(request)
            return self.provider.read_check(response)
        except (NotSent, MaybeSent) as error:
            return Health(False, error.detail)
        except Unsendable as error:
            return Health(False, str(error))
        except Exception as error:
            return Health(False, f"the answer could not be read ({type(error).__name__})")

    async def _once(self, batch: Sequence[Message], request: HttpRequest) -> Sequence[Outcome]:
        try:
            response = await self._opened().send(request, partial(self.leaving, batch))
        except NotSent as error:
            outcome = Outcome(Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code=error.code, detail=error.detail)
            return [outcome] * len(batch)
        except MaybeSent as error:
            return [_unknown(error.code, error.detail)] * len(batch)
        except Unsendable as error:
            outcome = Outcome(Verdict.REJECTED, cause=Cause.CONTENT, code="unsendable", detail=str(error))
            return of_whole_batch(outcome, len(batch))
        except Exception as error:
            # Engines must not raise this, so it is not known what was sent.
            log.warning("gateway %s: the engine raised %s", self.name, type(error).__name__)
            return [_unknown(type(error).__name__, "the request failed in an unexpected way")] * len(batch)
        return self._read(batch, response)

    def _read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        try:
            outcomes = self.provider.read(batch, response)
        except Exception as error:
            # A bug in the provider's reader must not hide that something was sent.
            log.warning("gateway %s cannot read an answer: %s", self.name, type(error).__name__)
            return [_unknown("unreadable", "the answer could not be read")] * len(batch)
        if len(outcomes) != len(batch):
            return [_unknown("miscounted", "the answer does not say what became of each")] * len(batch)
        return outcomes

    async def _repeat(
        self, batch: Sequence[Message], request: HttpRequest, outcomes: Sequence[Outcome]
    ) -> Sequence[Outcome]:
        """Repeat the request with the same idempotency key, the only repeat that cannot deliver twice.

        It happens here, within seconds, because providers forget keys after hours. A message that stays unclear is
        ``unknown`` and is never sent again automatically.
        """
        started = monotonic()
        for attempt in range(1, REPEATS + 1):
            pause = 2.0 ** (attempt - 1) * random.uniform(0.25, 0.5)
            if monotonic() - started + pause + 2 * request.timeout > REPEAT_WITHIN:
                break
            await asyncio.sleep(pause)
            again = await self._once(batch, request)
            outcomes = [
                new if old.verdict is Verdict.UNKNOWN and new.verdict is not Verdict.NOT_SENT else old
                for old, new in zip(outcomes, again, strict=True)
            ]
            if not _is_unclear(outcomes):
                break
        return outcomes

    async def _look_up(self, reference: str) -> Outcome | None:
        try:
            request = self.provider.lookup_request(reference)
            if request is None:
                return None
            response = await self._opened().send(request)
            return self.provider.read_lookup(reference, response)
        except Exception as error:
            # Without an answer, the message correctly stays unknown.
            log.warning("gateway %s: look-up failed: %s", self.name, type(error).__name__)
            return None

    def _opened(self) -> Engine:
        if self._engine is None:
            raise NotSent("closed", "the gateway is closed")
        return self._engine


_UNWRITABLE = Outcome(
    Verdict.REJECTED,
    cause=Cause.CONTENT,
    code="unsendable",
    detail="the message cannot be written as the provider wants it",
)


def _unknown(code: str, detail: str) -> Outcome:
    return Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=code, detail=detail)


def _is_unclear(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.verdict is Verdict.UNKNOWN for outcome in outcomes)


def engine_for(name: str, block: HttpBlock, concurrency: int) -> Engine:
    """Return the engine that the settings ask for. Called within a running event loop. Raises ``InvalidInput`` if the
    file of ``ca`` is none."""
    tls = trust_of(name, block)
    if block.engine == "httpx":
        from a2pcli.gateways.engine.httpx_engine import HttpxEngine

        return HttpxEngine(concurrency, tls=tls)
    return WireEngine(concurrency, dialer=Dialer(timeout=min(CONNECT_TIMEOUT, block.timeout), tls=tls))


def trust_of(name: str, block: HttpBlock) -> ssl.SSLContext | None:
    """The only roots to verify certificates with; None for those of the system and of the environment."""
    if block.ca is None:
        return None
    file = block.folder / block.ca
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError):
        problem = block_problem(name, "ca", f"{file} cannot be read as certificates (PEM)")
        raise InvalidInput(problem) from None


def checked_url(url: str) -> str:
    """Return the URL if it can be requested; for a pydantic validator. Raises ``ValueError``."""
    try:
        route_of(url)
    except Unsendable as error:
        raise ValueError(str(error)) from None
    return url
