"""What falling back is likely to cost, in words and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a2pcli.ledger.past_results import DAYS, FEWEST
from a2pcli.ledger.records import Run
from a2pcli.moments import minute
from a2pcli.reporting.values import money_document, money_of


def likely_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The likely cost and what it is based on, or why it is not known."""
    if "likely_from" not in summary:  # of an older plan
        return
    bases = summary["likely_from"]
    cost = None if summary["likely"] is None else money_of(summary["likely"]) or "0"
    for place, one in enumerate(bases):
        label = "" if place else "likely"
        words = _basis(one)
        yield label, words if place else f"{cost}: {words}" if cost is not None else f"not known: {words}"
    if cost is None:
        yield "", "'fallback: expected: 20%' in the campaign states a share to calculate with"


def _basis(one: Mapping[str, Any]) -> str:
    """What is known of how many need the next channel after this one."""
    by = f"{one['channel']} via {one['gateway']}"
    if one["basis"] == "results":
        since, until = (minute(one[name])[:10] for name in ("oldest", "newest"))
        days = since if since == until else f"{since} to {until}"
        return f"{share_text(one['share'])} of {one['messages']:,} messages by {by} needed another channel ({days})"
    if not one["messages"]:
        why = f"no results of the last {DAYS} days by {by}"
    elif one["messages"] < FEWEST:
        why = f"only {one['messages']:,} results of the last {DAYS} days by {by}"
    else:
        why = f"no delivery receipts of the {one['messages']:,} messages by {by} in the last {DAYS} days"
    if one["basis"] == "campaign":
        return f"{share_text(one['share'])} need another channel after {one['channel']}, as the campaign says; {why}"
    return why


def share_text(share: float) -> str:
    """``7.4%``."""
    return f"{100 * share:.1f}%".replace(".0%", "%")


def planned_cost_document(run: Run) -> dict[str, Any]:
    """Return what the run's plan said it costs, JSON-ready; ``likely`` is None if it was not known."""
    summary = run.summary
    return {
        "planned_cost": {
            name: None if summary.get(name) is None else money_document(summary[name])
            for name in ("cost", "likely", "most")
        }
    }
