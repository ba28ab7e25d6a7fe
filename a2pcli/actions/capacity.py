"""What is left now of the quotas of a gateway's account and of senders, according to the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from a2pcli.config.accounts import account_pace
from a2pcli.ledger.alternatives import names_of
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.records import RESUMABLE, Run, Totals, now_ms
from a2pcli.ledger.sender_names import sender_key
from a2pcli.moments import moment_text
from a2pcli.planning.capacity import TOLD_FROM, Load
from a2pcli.planning.route_tally import gateways_of_spec
from a2pcli.planning.sender_setup import quotas_of, sender_quota_data
from a2pcli.sending.pace import account_quotas, sender_quotas, shared_quotas

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.messages import Message
    from a2pcli.planning.prepare import Prepared

MOST_RUNS = 1000


def load_of(ledger: Ledger, settings: LoadedSettings, ready: Prepared) -> Load:
    """What quotas leave to a plan of this campaign."""
    now = ready.hours.first
    gateways = {one.spec.channel: gateways_of_spec(one.spec) for one in ready.channels}
    accounts = {name: account_pace(settings, name) for names in gateways.values() for name in names}
    senders = quotas_of(settings.settings, ready.spec.senders)
    shared = [*account_quotas(accounts, gateways), *sender_quotas(senders)]
    if not shared:
        return Load()
    usages = [ledger.quotas.usage(one, now) for one in shared]
    blocks = [name for account in accounts.values() if account.quotas for name in account.blocks]
    others = _left_of_others(ledger, blocks, now) if blocks else {}
    routed = [name for one in ready.channels if one.spec.route for name in one.spec.route.route.gateways]
    return Load(usages, others, list(dict.fromkeys(routed)))


def quotas_of_test(settings: LoadedSettings, gateway: str, message: Message) -> list[SharedQuota]:
    """The quotas that a test message uses: those of the gateway's account and of its sender."""
    if not settings.settings.gateways.get(gateway):
        return []
    account = account_quotas({gateway: account_pace(settings, gateway)}, {message.channel: (gateway,)})
    sender = message.sender or settings.settings.gateways[gateway].get("sender")
    own = sender_quota_data(settings.settings, sender) if isinstance(sender, str) else {}
    return [*account, *sender_quotas(own)]


def _left_of_others(ledger: Ledger, gateways: Iterable[str], now: int) -> dict[str, int]:
    """Messages that runs which began still have to send, by run, if they may go by the same account."""
    names = set(gateways)
    found: dict[str, int] = {}
    for run in ledger.runs.all(MOST_RUNS):
        is_over = run.expires_at is not None and run.expires_at <= now
        if run.state in RESUMABLE and not names.isdisjoint(names_of(run)) and not is_over:
            left = ledger.runs.totals(run).count("planned")
            found |= {run.id: left} if left else {}
    return found


def quota_notes(ledger: Ledger, settings: LoadedSettings, run: Run) -> list[str]:
    """Sentences about quotas that have less room now than the run has messages left."""
    accounts = {name: account_pace(settings, name) for name in names_of(run)}
    shared: list[SharedQuota] = shared_quotas(run, accounts)
    if not shared:
        return []
    totals, now, notes = ledger.runs.totals(run), now_ms(), []
    for one in shared:
        if one.quota.seconds < TOLD_FROM:
            continue
        usage = ledger.quotas.usage(one, now)
        room = usage.left(now)
        if room < _left_for(one, totals):
            until = moment_text(usage.free_at(now) if not room else usage.reset(now), one.quota.zone)
            notes.append(f"note: the {one} has room for {room:,} more now; from {until} on there is more")
    return notes


def _left_for(quota: SharedQuota, totals: Totals) -> int:
    """How many messages are left that a quota limits; of channels and gateways of a route at least one, since they are
    not counted separately."""
    if quota.sender is not None:
        mine = [
            states for name, states in totals.senders.items() if sender_key(name) == sender_key(quota.sender)
        ]
        return sum(states["planned"].messages for states in mine if "planned" in states)
    left = totals.count("planned")
    return left if quota.is_everybodys else min(left, 1)
