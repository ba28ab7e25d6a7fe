"""The likely cost of a plan with fallbacks: how many will need the next channel, as results of earlier runs suggest.

A share is taken from the results of the same channel and gateway, in the same country if there are enough of them. A
campaign may state a share for channels without results (``fallback: expected``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.channels import REJECTED, UNDELIVERED
from a2pcli.dataclass import dataclass
from a2pcli.ledger.past_results import FEWEST, PastResults, Results, of_channel

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.prepare import Prepared
    from a2pcli.planning.routes import Chain


@dataclass(frozen=True, slots=True)
class Rule:
    """The campaign's ``fallback``. ``expected`` is None if the campaign states no share."""

    when: tuple[str, ...]
    after: int | None
    expected: float | None


class Past:
    """Results of earlier messages by each channel of the campaign, and what they mean for its rule."""

    def __init__(self, rule: Rule, results: Mapping[str, PastResults], ending: Iterable[str]) -> None:
        self._rule, self._results = rule, results
        self._ending = frozenset(ending)

    def share(self, channel: str, country: str | None) -> float | None:
        """Return the share of messages by the channel that will need the next one; None if nothing tells."""
        past = self._results.get(channel)
        of_country = None if past is None else past.countries.get(country or "")
        known = None if of_country is None else self._known(channel, of_country)
        if known is None and past is not None:
            known = self._known(channel, past.total)
        return self._rule.expected if known is None else known

    def _known(self, channel: str, results: Results) -> float | None:
        rule = self._rule
        by_receipts = UNDELIVERED in rule.when or (rule.after is not None and channel in self._ending)
        if results.messages < FEWEST or (by_receipts and not results.lost + results.delivered):
            return None
        falling = results.rejected if REJECTED in rule.when else 0
        if by_receipts:
            falling += results.lost
        if rule.after is not None and channel in self._ending:
            falling += results.silent
        return falling / results.messages

    def rejected(self, channel: str, country: str | None) -> float:
        """Return the share of messages by the channel that its gateway rejects, which cost nothing."""
        past = self._results.get(channel)
        if past is None:
            return 0.0
        of_country = past.countries.get(country or "", Results())
        chosen = of_country if of_country.messages >= FEWEST else past.total
        return chosen.rejected / chosen.messages if chosen.messages >= FEWEST else 0.0

    def document(self, channel: str, gateway: str) -> dict[str, Any]:
        """Return JSON-ready data of one channel: the share over all countries, and what it is based on."""
        past = self._results.get(channel) or PastResults()
        known = self._known(channel, past.total)
        share = self._rule.expected if known is None else known
        return {
            "channel": channel,
            "gateway": gateway,
            "share": None if share is None else round(share, 4),
            "basis": "results" if known is not None else "campaign" if share is not None else None,
            "messages": past.total.messages,
            "receipts": past.total.lost + past.total.delivered,
            "oldest": past.oldest,
            "newest": past.newest,
        }


def past_of(prepared: Prepared, ledger: Ledger, ending: Iterable[str], now: int) -> Past | None:
    """Read the results that a plan's estimate needs; None if nobody can fall back. ``ending`` are the channels whose
    gateways can take messages back or let them expire."""
    fallback = (prepared.loaded.whole or prepared.loaded).campaign.fallback
    if fallback is None or not prepared.others:
        return None
    rule = Rule(tuple(fallback.when), fallback.seconds, fallback.expected)
    with ledger.reading() as connection:
        results = {
            one.spec.channel: of_channel(connection, one.spec.channel, one.spec.gateway, now)
            for one in prepared.channels
        }
    return Past(rule, results, ending)


def likely_cost(
    costs: Mapping[tuple[str | None, Chain], list[Counter[str]]], past: Past, first: str
) -> Counter[str] | None:
    """Return the likely cost by currency (1e-9 units): the costs of each chain of channels by country, each step as
    often as the ones before it fail. None if a share is not known. ``first`` is the campaign's first channel."""
    total: Counter[str] = Counter()
    for (country, chain), steps in costs.items():
        reached = 1.0
        for place, (channel, sums) in enumerate(zip(chain, steps, strict=True)):
            name = channel or first
            is_last = place + 1 == len(chain)
            paid = reached * (1.0 - past.rejected(name, country))
            for currency, nano in sums.items():
                total[currency] += round(paid * nano)
            share = 0.0 if is_last else past.share(name, country)
            if share is None:
                return None
            reached *= share
    return total
