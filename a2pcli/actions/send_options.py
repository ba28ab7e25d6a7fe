"""The options of sending a run: rates, concurrency, and the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.config.accounts import account_pace
from a2pcli.config.load import LoadedSettings, Rate
from a2pcli.content.prices import parse_budget
from a2pcli.errors import InvalidInput, Refused
from a2pcli.ledger.alternatives import names_of
from a2pcli.ledger.records import MONEY_UNITS, Run
from a2pcli.sending.options import SendOptions
from a2pcli.sending.pace import shared_paces, shared_quotas

if TYPE_CHECKING:
    from a2pcli.actions.send_watcher import SendRequest


def send_options(
    run: Run, blocks: Mapping[str, Mapping[str, Any]], settings: LoadedSettings, request: SendRequest
) -> SendOptions:
    """What the run's plan, its gateways' blocks (by name) and the request say together. Raises ``Refused`` for
    a budget that cannot be kept, ``InvalidInput`` for a ``concurrency`` that is no number."""
    rate = run.sending.get("rate")
    given: dict[str, Any] = {}
    if request.concurrency:
        given["concurrency"] = request.concurrency
    else:
        given["own_concurrency"] = _concurrency(blocks)
    if request.max_cost:
        given["max_cost"] = _budget(run, request.max_cost)
    elif run.sending.get("max_cost"):
        given["max_cost"] = run.sending["max_cost"]
    accounts = {name: account_pace(settings, name) for name in names_of(run)}
    found = [pace for account in accounts.values() for pace in shared_paces(run, account)]
    # The campaign's own pace comes with each account, and a message takes one slot of it.
    given["shared"] = list({pace.key: pace for pace in found}.values())
    given["quotas"] = shared_quotas(run, accounts)
    return SendOptions(rate=Rate(**rate) if rate else None, wait=request.wait, **given)


def _concurrency(blocks: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many submits each gateway may be in at once, where its settings say it."""
    found = {}
    for name, block in blocks.items():
        if many := block.get("concurrency"):
            try:
                found[name] = int(many)
            except ValueError as error:
                raise InvalidInput(f"gateways.{name}.concurrency: not a number") from error
    return found


def _budget(run: Run, max_cost: str) -> dict[str, int]:
    """The budget of the command line for a plan that is there already, as the sender keeps it. Raises ``Refused``
    where prices that are unknown, or in another currency, would let it be exceeded."""
    amount, currency = parse_budget(max_cost)
    others = sorted(
        spent for spent, nano in run.summary.get("cost", {}).items() if nano and spent != currency
    )
    if others:
        raise Refused(f"run {run.id} costs {', '.join(others)}, and the budget is in {currency}")
    if unpriced := run.summary.get("unpriced", 0):
        raise Refused(
            f"run {run.id} has {unpriced:,} message{'' if unpriced == 1 else 's'} without a known price,"
            f" so the budget of {amount:f} {currency} cannot be kept"
        )
    return {currency: int(amount * MONEY_UNITS)}
