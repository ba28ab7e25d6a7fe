"""The gateways of a run of several channels as one: each message goes to the gateway of its channel.

What one of them does is no matter of the others: a batch is divided among them, and one that raises leaves only its own
messages unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import Capabilities, Gateway, Health, TellsDeparture
from a2pcli.messages import Cause, Message, Outcome, Verdict


def parts_of(gateway: Gateway) -> tuple[Gateway, ...]:
    """Return the gateways that messages really go to: itself, or those it consists of."""
    return gateway.parts if isinstance(gateway, GatewayByChannel) else (gateway,)


def gateway_named(gateway: Gateway, name: str) -> Gateway | None:
    """Return the part with this name, or None."""
    return next((one for one in parts_of(gateway) if one.name == name), None)


class GatewayByChannel:
    """One gateway for each channel. ``by_channel`` may name one gateway for several channels; ``others`` are those of
    routes that messages may go by instead."""

    def __init__(self, by_channel: Mapping[str, Gateway], others: Sequence[Gateway] = ()) -> None:
        self.by_channel = dict(by_channel)
        each = {id(one): one for one in (*by_channel.values(), *others)}
        self.parts: tuple[Gateway, ...] = tuple(each.values())
        self.name = " and ".join(dict.fromkeys(one.name for one in self.parts))
        self.capabilities = _together(self.by_channel, self.parts)
        self._rooms = {id(one): asyncio.Semaphore(max(1, one.capabilities.concurrency)) for one in self.parts}
        self._leaving: Callable[[Sequence[Message]], None] = lambda _batch: None

    @property
    def leaving(self) -> Callable[[Sequence[Message]], None]:
        """Called with messages at the last moment at which no byte of them can have reached a provider."""
        return self._leaving

    @leaving.setter
    def leaving(self, told: Callable[[Sequence[Message]], None]) -> None:
        self._leaving = told
        for one in self.parts:
            if isinstance(one, TellsDeparture):
                one.leaving = told

    async def open(self) -> None:
        """Open all of them; if one cannot be used, close those already opened."""
        done: list[Gateway] = []
        try:
            for one in self.parts:
                await one.open()
                done.append(one)
        except BaseException:
            for one in done:
                await one.close()
            raise

    async def open_each(self) -> dict[str, GatewayUnusable]:
        """Open those that can be used; gives the others by name, and why. Raises ``GatewayUnusable`` where none can."""
        unusable: dict[str, GatewayUnusable] = {}
        for one in self.parts:
            try:
                await one.open()
            except GatewayUnusable as error:
                unusable[one.name] = error
        if len(unusable) == len(self.parts):
            raise next(iter(unusable.values()))
        return unusable

    async def close(self) -> None:
        """Close all of them; safe to call twice."""
        for one in self.parts:
            await one.close()

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Return the outcomes of the batch, in order."""
        if len(batch) == 1:
            return await self._hand_over(self.by_channel[batch[0].channel], batch)
        outcomes: dict[int, Outcome] = {}
        pieces = list(self._divided(batch))
        done = await asyncio.gather(*(self._hand_over(gateway, some) for gateway, some in pieces))
        for (_, some), theirs in zip(pieces, done, strict=True):
            outcomes.update(zip((one.id for one in some), theirs, strict=True))
        return [outcomes[one.id] for one in batch]

    def _divided(self, batch: Sequence[Message]) -> Iterator[tuple[Gateway, Sequence[Message]]]:
        for gateway in self.parts:
            mine = [one for one in batch if self.by_channel[one.channel] is gateway]
            size = max(1, gateway.capabilities.batch)
            for start in range(0, len(mine), size):
                yield gateway, mine[start : start + size]

    async def _hand_over(self, gateway: Gateway, batch: Sequence[Message]) -> Sequence[Outcome]:
        async with self._rooms[id(gateway)]:
            if not isinstance(gateway, TellsDeparture):
                self._leaving(batch)
            try:
                outcomes = await gateway.submit(batch)
            except Exception as error:
                return [_unclear(type(error).__name__, f"gateway {gateway.name} failed")] * len(batch)
        if len(outcomes) != len(batch):
            detail = f"gateway {gateway.name} gave {len(outcomes)} answers for {len(batch)} messages"
            return [_unclear("answers", detail)] * len(batch)
        return outcomes

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return nothing: a reference does not tell its gateway. Ask the part that the message went to."""
        return {}

    async def check(self) -> Health:
        """Return a healthy result if all parts are healthy."""
        found = [await one.check() for one in self.parts]
        bad = [one for one in found if not one.ok]
        return bad[0] if bad else Health(True, "; ".join(dict.fromkeys(one.detail for one in found)))


def _unclear(code: str, detail: str) -> Outcome:
    return Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=code, detail=detail)


def _together(by_channel: Mapping[str, Gateway], parts: Sequence[Gateway]) -> Capabilities:
    """Return what all of them can do together."""
    every = [one.capabilities for one in parts]
    instead = " or ".join(dict.fromkeys(one.instead for one in every if one.instead))
    return Capabilities(
        channels=frozenset(name for name, one in by_channel.items() if name in one.capabilities.channels),
        # The smallest, because outcomes are recorded only when the whole batch is answered.
        batch=min(one.batch for one in every),
        concurrency=sum(one.concurrency for one in every),
        idempotent=all(one.idempotent for one in every),
        receipts=any(one.receipts for one in every),
        delivers=any(one.delivers for one in every),
        expires=any(one.expires for one in every),
        revokes=any(one.revokes for one in every),
        instead=instead,
    )
