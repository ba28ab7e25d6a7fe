"""Asks a provider which people its channel reaches, and stores the answers in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.audit import About, recorded
from a2pcli.actions.gateways import configured_gateway
from a2pcli.actions.plans import opened, prepared
from a2pcli.dataclass import dataclass
from a2pcli.errors import GatewayUnusable, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from a2pcli.actions.project import Project
    from a2pcli.gateways.base import Gateway, TellsReachability
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.prepare import Prepared

CHANNEL = "rcs"
FRESH = 86_400_000
"""Milliseconds for which an answer is not asked for again."""
AT_ONCE = 10_000
ACTION = "contacts.reach"


@dataclass(frozen=True, slots=True)
class ReachedBy:
    """What one gateway said of the recipients, now and within the last days. ``known`` numbers had answers of the last
    day and were not asked about again; of ``untold`` it does not say."""

    gateway: str
    known: int
    reachable: int
    unreachable: int
    untold: int


@dataclass(frozen=True, slots=True)
class Reached:
    """What the gateways said. ``known`` numbers were not asked about again by any of them; ``reachable`` are those whom
    at least one gateway reaches, ``unreachable`` those whom each of them said it does not reach.

    ``cannot_tell`` are gateways of the route that cannot be asked: plans take it that they reach everybody.
    """

    gateway: str
    numbers: int
    known: int
    reachable: int
    unreachable: int
    untold: int
    gateways: list[ReachedBy]
    cannot_tell: list[str]


@dataclass(frozen=True, slots=True)
class _Told:
    """Numbers by what one gateway said of them."""

    known: set[str]
    told: set[str]
    without: set[str]


def ask_reachability(project: Project, campaign: Path) -> Reached:
    """Ask each gateway of a campaign which of its recipients the channel reaches, and keep the answers.

    Only people whom the campaign would message are asked about. Raises ``UsageError`` for a campaign without RCS or
    where no gateway can tell, and ``GatewayUnusable`` if one does not answer, once the others were asked.
    """
    from a2pcli.config.routes import gateways_of_campaign
    from a2pcli.gateways.base import TellsReachability

    with opened(project, campaign) as open_campaign:
        made = prepared(open_campaign)
        mine = next((one for one in made.channels if one.spec.channel == CHANNEL), None)
        if mine is None:
            raise UsageError(Problem("the campaign has no channel rcs", str(campaign)))
        names = gateways_of_campaign(mine.loaded, mine.settings)
        gateways = {name: configured_gateway(open_campaign.settings, name) for name in names}
        able = {name: one for name, one in gateways.items() if isinstance(one, TellsReachability)}
        if not able:
            listed = " and ".join(names)
            hint = "gateways of type rbm can"
            word = "gateway" if len(names) == 1 else "gateways"
            raise UsageError(Problem(f"{word} {listed} cannot be asked whom they reach", hint=hint))
        numbers = sorted(set(_recipients(mine)))
        found: dict[str, _Told] = {}
        failed: list[Problem] = []
        for name, gateway in able.items():
            try:
                found[name] = _ask(open_campaign.ledger, name, gateway, numbers)
            except GatewayUnusable as error:
                failed += error.problems
        if failed:
            raise GatewayUnusable(*failed)
        return _summed(numbers, found, [name for name in names if name not in able])


def _ask(ledger: Ledger, name: str, gateway: TellsReachability, numbers: Sequence[str]) -> _Told:
    """Ask one gateway about the numbers that it was not asked about within the last day, and keep the answers. Raises
    ``GatewayUnusable``."""
    from a2pcli.ledger.reachability import GOOD
    from a2pcli.ledger.records import now_ms

    now = now_ms()
    known = ledger.reachability.since(name, now - FRESH).intersection(numbers)
    wanted = [number for number in numbers if number not in known]
    answers = asyncio.run(_answers(gateway, wanted))
    if wanted and not answers:
        raise GatewayUnusable(f"gateway {name} did not say of anybody whether it reaches them")
    counts = {"numbers": len(answers), "unreachable": sum(not one for one in answers.values())}
    with recorded(ledger, ACTION, lambda: About(name, counts) if answers else None):
        if answers:
            ledger.reachability.keep(name, answers, now)
    told = ledger.reachability.since(name, now - GOOD).intersection(numbers)
    return _Told(known, told, told.intersection(ledger.reachability.unreachable(name, now)))


def _summed(numbers: Sequence[str], found: Mapping[str, _Told], cannot_tell: list[str]) -> Reached:
    """Count what the gateways said, each and together."""
    each = [
        ReachedBy(
            name,
            len(one.known),
            len(one.told) - len(one.without),
            len(one.without),
            len(numbers) - len(one.told),
        )
        for name, one in found.items()
    ]
    known = set.intersection(*(one.known for one in found.values()))
    reachable = set.union(*(one.told - one.without for one in found.values()))
    without = set.intersection(*(one.without for one in found.values()))
    untold = len(numbers) - len(reachable) - len(without)
    first = next(iter(found))
    return Reached(first, len(numbers), len(known), len(reachable), len(without), untold, each, cannot_tell)


def _recipients(made: Prepared) -> Iterator[str]:
    """The addresses of those who would get a message, whatever was said of them before."""
    import pyarrow as pa

    from a2pcli.planning.frames import alive
    from a2pcli.planning.pipeline import planned_chunks
    from a2pcli.planning.spec import CompiledSpec

    spec = replace(made.spec, people=replace(made.spec.people, unreachable={}))
    for frame in planned_chunks(made.table, spec, CompiledSpec(spec), None, made.new_clocks()):
        yield from frame["@address"].filter(pa.array(alive(frame))).to_pylist()


async def _answers(gateway: TellsReachability, numbers: Sequence[str]) -> Mapping[str, bool]:
    """What the gateway says, piece by piece; a piece without an answer ends it."""
    opened_one: Gateway = gateway  # type: ignore[assignment]
    found: dict[str, bool] = {}
    if not numbers:
        return found
    await opened_one.open()
    try:
        health = await opened_one.check()
        if not health.ok:
            raise GatewayUnusable(health.detail)
        for start in range(0, len(numbers), AT_ONCE):
            told = await gateway.reachable(numbers[start : start + AT_ONCE])
            if not told:
                break
            found |= told
    finally:
        await opened_one.close()
    return found
