"""What bots used, as people and programs see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.cli.screens.listing import Listing
from a2pcli.reporting.values import money

if TYPE_CHECKING:
    from a2pcli.actions.bot_usage import BotLine


def usage_listing(found: Sequence[BotLine]) -> Listing:
    """A row for each bot and span of time."""
    rows = [
        (
            one.totals.bot,
            one.span,
            f"{one.totals.asked:,}",
            f"{one.totals.answered:,}",
            f"{one.totals.handed_over:,}",
            _of(f"{one.totals.tokens_in + one.totals.tokens_out:,}", _tokens(one)),
            _of(
                f"{money(one.totals.cost)} {one.totals.currency}" if one.totals.currency else "", _money(one)
            ),
        )
        for one in found
    ]
    columns = ("bot", "when", "asked", "answered", "handed over", "tokens", "cost")
    right = frozenset({"asked", "answered", "handed over", "tokens", "cost"})
    return Listing(columns, rows, 2, frozenset({"bot", "when"}), right)


def usage_document(one: BotLine) -> dict[str, Any]:
    """The same for programs."""
    totals = one.totals
    return {
        "bot": totals.bot,
        "when": one.span,
        "asked": totals.asked,
        "answered": totals.answered,
        "handed_over": totals.handed_over,
        "tokens_in": totals.tokens_in,
        "tokens_out": totals.tokens_out,
        "cost": money(totals.cost) if totals.currency else None,
        "currency": totals.currency or None,
        "budget_tokens": _tokens(one),
        "budget": _money(one),
    }


def _of(used: str, budget: int | str | None) -> str:
    limit = f"{budget:,}" if isinstance(budget, int) else budget
    return f"{used or '0'} of {limit}" if limit else used


def _tokens(one: BotLine) -> int | None:
    if one.bot is None or one.span == "in all":
        return None
    budget = one.bot.budget
    return budget.tokens_per_day if one.span == "today" else budget.tokens_per_month


def _money(one: BotLine) -> str | None:
    if one.bot is None or one.span == "in all":
        return None
    return one.bot.budget.day if one.span == "today" else one.bot.budget.month
