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
    from a2pcli.planning.prepare import Prepared

CHANNEL = "rcs"
FRESH = 86_400_000
"""Milliseconds for which an answer is not asked for again."""
AT_ONCE = 10_000
ACTION = "contacts.reach"


@dataclass(frozen=True, slots=True)
class Reached:
    """What a provider said of the recipients, now and within the last days. ``known`` numbers had answers of the last
    day and were not asked about again; of ``untold`` it does not say."""

    gateway: str
    numbers: int
    known: int
    reachable: int
    unreachable: int
    untold: int


def ask_reachability(project: Project, campaign: Path) -> Reached:
    """Ask the gateway of a campaign which of its recipients the channel reaches, and keep the answers.

    Only people whom the campaign would message are asked about. Raises ``UsageError`` for a campaign without RCS or a
    gateway that cannot tell, and ``GatewayUnusable`` where it does not answer.
    """
    from a2pcli.gateways.base import TellsReachability
    from a2pcli.ledger.reachability import GOOD
    from a2pcli.ledger.records import now_ms
    from a2pcli.planning.prepare import gateway_name

    with opened(project, campaign) as open_campaign:
        made = prepared(open_campaign)
        mine = next((one for one in made.channels if one.spec.channel == CHANNEL), None)
        if mine is None:
            raise UsageError(Problem("the campaign has no channel rcs", str(campaign)))
        name = gateway_name(mine.loaded, mine.settings)
        gateway = configured_gateway(open_campaign.settings, name)
        if not isinstance(gateway, TellsReachability):
            hint = "gateways of type rbm can"
            raise UsageError(Problem(f"gateway {name} cannot be asked whom it reaches", hint=hint))
        ledger, now = open_campaign.ledger, now_ms()
        numbers = sorted(set(_recipients(mine)))
        known = ledger.reachability.since(name, now - FRESH)
        wanted = [number for number in numbers if number not in known]
        answers = asyncio.run(_answers(gateway, wanted))
        if wanted and not answers:
            raise GatewayUnusable(f"gateway {name} did not say of anybody whether it reaches them")
        counts = {"numbers": len(answers), "unreachable": sum(not one for one in answers.values())}
        with recorded(ledger, ACTION, lambda: About(name, counts) if answers else None):
            if answers:
                ledger.reachability.keep(name, answers, now)
        told = ledger.reachability.since(name, now - GOOD).intersection(numbers)
        without = told.intersection(ledger.reachability.unreachable(name, now))
        asked_again = len(numbers) - len(wanted)
        return Reached(
            name, len(numbers), asked_again, len(told) - len(without), len(without), len(numbers) - len(told)
        )


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
