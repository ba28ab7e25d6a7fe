"""Whether a campaign's ``fallback: after`` can take effect, which depends on its gateways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from a2pcli.actions.gateway_check import examined_gateway, is_known
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.config.several import parse_span
from a2pcli.errors import Problem, Severity


def fallback_findings(loaded: LoadedCampaign, settings: LoadedSettings) -> Iterator[Problem]:
    """Yield a warning for each gateway that can neither take messages back nor let them expire, and for each that gives
    up on a message before ``after`` has passed."""
    fallback = loaded.campaign.fallback
    if fallback is None or fallback.after is None:
        return
    seconds = parse_span(fallback.after)
    told: set[str] = set()
    for view in loaded.views[:-1]:  # nothing comes after the last
        for name in gateways_of_campaign(view, settings):
            if name in told:
                continue
            told.add(name)
            gateway = examined_gateway(settings, name).gateway if is_known(settings, name) else None
            if gateway is None:  # which is told elsewhere
                continue
            can = gateway.capabilities
            if not (can.revokes or can.expires):
                message = f"gateway '{name}' can neither take messages back nor let them expire"
                hint = "so 'after' lets nobody fall back from it: a message that may still arrive is not followed"
                problem = loaded.document.problem(
                    message, ("fallback", "after"), hint=hint, code="fallback-after"
                )
                yield replace(problem, severity=Severity.WARNING)
            elif can.expires and can.longest_validity is not None and seconds > can.longest_validity:
                longest = f"{can.longest_validity // 3600} h"
                message = f"gateway '{name}' gives up on a message after {longest} at most, before 'after' has passed"
                hint = f"write {longest} or less, or accept that messages expire there before the next channel is tried"
                problem = loaded.document.problem(
                    message, ("fallback", "after"), hint=hint, code="fallback-after"
                )
                yield replace(problem, severity=Severity.WARNING)


def ending_channels(loaded: LoadedCampaign, settings: LoadedSettings) -> Iterator[str]:
    """The channels of a campaign all of whose gateways can take messages back or let them expire."""
    for view in loaded.views:
        names = gateways_of_campaign(view, settings)
        found = [
            examined_gateway(settings, name).gateway if is_known(settings, name) else None for name in names
        ]
        if all(one is not None and (one.capabilities.revokes or one.capabilities.expires) for one in found):
            yield view.campaign.channel
