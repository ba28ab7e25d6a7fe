"""What is going on in a ledger, for a page that is looked at often and for metrics. Addresses are masked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from a2pcli.actions.runs import as_it_is
from a2pcli.addresses.kinds import masked
from a2pcli.dataclass import dataclass
from a2pcli.ledger.erased_people import is_hash
from a2pcli.ledger.latest import LatestReceipt, LatestReply, latest_receipts, latest_replies
from a2pcli.reporting.runs import current_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from a2pcli.ledger.conversations import Said
    from a2pcli.ledger.store import Ledger
    from a2pcli.reporting.runs import RunLine

LONGEST_SHOWN = 300
"""Characters of a reply that a list shows."""


def runs_now(ledger: Ledger, limit: int) -> list[RunLine]:
    """The newest runs, newest first, without plans that were overtaken."""
    return [as_it_is(ledger, line) for line in current_runs(ledger, limit).lines]


def receipts_now(ledger: Ledger, limit: int) -> list[LatestReceipt]:
    """The newest receipts, newest first."""
    return [replace(one, address=shown(one.address)) for one in latest_receipts(ledger, limit)]


def replies_now(ledger: Ledger, limit: int) -> list[LatestReply]:
    """The newest replies, newest first."""
    return [
        replace(one, address=shown(one.address) or "", text=(one.text or "")[:LONGEST_SHOWN] or None)
        for one in latest_replies(ledger, limit)
    ]


SAID = 6
"""Messages of a conversation that the inbox shows: the newest."""


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A conversation that waits for a person. ``who`` is masked; moments are UTC milliseconds."""

    code: str
    who: str
    channel: str
    why: str
    assignee: str | None
    heard_at: int
    answered_at: int | None
    said: Sequence[Said]


def inbox_now(ledger: Ledger, limit: int) -> list[OpenConversation]:
    """The open conversations, those that a person wrote to last first, with their newest messages."""
    return [
        OpenConversation(
            one.code, shown(one.address) or "", one.channel, one.why, one.assignee or one.agents,
            one.heard_at, one.answered_at, ledger.conversations.said(one, SAID),
        )
        for one in ledger.conversations.all(limit=limit)
    ]  # fmt: skip


def runs_by_state(ledger: Ledger) -> Mapping[str, int]:
    """How many runs are in each state."""
    return Counter(str(run.state) for run in ledger.runs.all())


def shown(address: str | None) -> str | None:
    """An address as a page may show it."""
    if address is None:
        return None
    return "erased" if is_hash(address) else masked(address)
