"""Sends one recipient's real message to your own number or address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.capacity import quotas_of_test
from a2pcli.actions.gateways import configured_gateway
from a2pcli.actions.plans import opened, prepared
from a2pcli.dataclass import dataclass
from a2pcli.errors import UsageError
from a2pcli.messages import Message, Outcome

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.gateways.base import Capabilities
    from a2pcli.planning.prepare import Prepared
    from a2pcli.planning.preview import PreviewedRow


@dataclass(frozen=True, slots=True)
class CampaignTest:
    """One real row's message on its way to one's own number. ``outcome`` is None before it is sent."""

    message: Message
    row: Mapping[str, Any]
    gateway: str
    can: Capabilities
    outcome: Outcome | None = None


def send_test(
    project: Project,
    campaign: Path,
    number: str,
    *,
    confirm: Callable[[CampaignTest], None] = lambda test: None,
) -> CampaignTest:
    """Send the first recipient's message to ``number``, marked as a test and counted in quotas alone.

    ``confirm`` gets it before it leaves. Raises ``UsageError`` for what is no number, or where nobody gets a message.
    Audit: ``send.test``.
    """
    import asyncio

    from a2pcli.addresses.any_address import read_address
    from a2pcli.planning import preview as choosing
    from a2pcli.sending.testing import send_test as hand_over

    with opened(project, campaign, plan=False) as open_campaign:
        ready = _as_if_nobody_had_it(prepared(open_campaign))
        ready = _of_address(ready, number)
        gateway = configured_gateway(open_campaign.settings, ready.spec.gateway)
        channel = ready.compiled.channel
        own = read_address(number, channel.kind, ready.spec.policy, channel.network)
        if own.address is None:
            raise UsageError(f"--test-to {number}: {own.reason}" + (f" ({own.detail})" if own.detail else ""))
        ready = _linked_to(ready, own.address)
        rows = choosing.preview(ready, choosing.first(1))
        if not rows:
            raise UsageError("no recipients, so there is no message to test; `a2pcli plan` shows why")
        message = _row_message(ready, rows[0], own.spelling or own.address, own.country)
        test = CampaignTest(message, rows[0].row, ready.spec.gateway, gateway.capabilities)
        confirm(test)
        told = hand_over(
            open_campaign.ledger,
            None,
            gateway,
            message,
            campaign=ready.spec.campaign,
            address=own.address,
            quotas=quotas_of_test(open_campaign.settings, ready.spec.gateway, message),
        )
        outcome = asyncio.run(told)
    return replace(test, outcome=outcome)


def _of_address(ready: Prepared, address: str) -> Prepared:
    """Of a campaign of several channels, the first that goes to addresses of this kind."""
    from a2pcli.addresses.any_address import read_address

    for one in ready.channels:
        channel = one.compiled.channel
        if read_address(address, channel.kind, one.spec.policy, channel.network).address is not None:
            return replace(one, others=())
    return replace(ready, others=())


def _as_if_nobody_had_it(ready: Prepared) -> Prepared:
    """A message can be tested after the campaign was sent, too."""
    from a2pcli.planning.spec import CompiledSpec, no_keys

    spec = replace(ready.spec, people=replace(ready.spec.people, reached=no_keys()))
    return replace(ready, spec=spec, compiled=CompiledSpec(spec))


def _linked_to(ready: Prepared, address: str) -> Prepared:
    """Links to unsubscribe are for the one who tests, not for the person whose message it is."""
    from a2pcli.planning.spec import CompiledSpec

    if ready.spec.links is None:
        return ready
    spec = replace(ready.spec, links=replace(ready.spec.links, only=address))
    return replace(ready, spec=spec, compiled=CompiledSpec(spec))


def _row_message(ready: Prepared, one: PreviewedRow, number: str, country: str | None) -> Message:
    from a2pcli.message_content import content_of, media_of

    spec, row = ready.spec, one.row
    content = content_of(row["content"])
    return Message(
        id=0,
        reference="",
        to=number,
        body=row["body"],
        channel=spec.channel,
        sender=row["sender"] or spec.sender,
        country=country,
        parts=row["parts"],
        media=media_of(content) or spec.media,
        content=content,
        purpose=ready.loaded.campaign.purpose,
    )
