"""The paces of a campaign with several gateways: each account keeps its own, and does not slow the others down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.config.accounts import account_pace
from a2pcli.planning.route_tally import RoutesTally, gateways_of_spec, recipients_by_gateway

if TYPE_CHECKING:
    from a2pcli.planning.prepare import Prepared


def gateway_rates_of(prepared: Prepared) -> dict[str, list[dict[str, Any]]]:
    """Return the paces of the gateways' accounts as a run stores them, by the names of the gateways that share one.
    Empty for a campaign with one gateway, whose pace is the run's."""
    return {" and ".join(names): paces for names, paces in _accounts(prepared) if paces}


def gateway_paces(
    prepared: Prepared, first: Mapping[str, int], routed: RoutesTally
) -> list[tuple[Mapping[str, Any], int]]:
    """Return each of these paces with the number of messages that it binds; ``first`` are the recipients by the channel
    that each is sent by first, ``routed`` by the gateway of a route that each is meant for."""
    by_gateway = recipients_by_gateway(prepared, routed, first)
    return [
        (pace, sum(by_gateway[name] for name in names))
        for names, paces in _accounts(prepared)
        for pace in paces
    ]


def _accounts(prepared: Prepared) -> list[tuple[list[str], list[dict[str, Any]]]]:
    """Return the accounts of several gateways: the gateways of each, and its paces."""
    names = list(dict.fromkeys(name for one in prepared.channels for name in gateways_of_spec(one.spec)))
    if len(names) == 1:
        return []
    accounts = {name: account_pace(prepared.settings, name) for name in names}
    together: dict[str, list[str]] = defaultdict(list)
    for name, account in accounts.items():
        together[account.key].append(name)
    return [
        (some, [{"per_second": one.per_second, "unit": one.unit} for one in accounts[some[0]].rates])
        for some in together.values()
    ]
