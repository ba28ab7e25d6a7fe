"""What bots were asked, and what that cost: today and this month, beside their budgets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from a2pcli.actions.reply_rules import load_rules
from a2pcli.dataclass import dataclass
from a2pcli.ledger.bot_usage import Totals as Totals
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.bots import Bot
    from a2pcli.ledger.store import Ledger

TODAY, MONTH, EVER = "today", "this month", "in all"


@dataclass(frozen=True, slots=True)
class BotLine:
    """The counts of one bot in a span of time (``today``, ``this month``, ``in all``; UTC). ``bot`` is None if it is
    not in the file any more."""

    span: str
    totals: Totals
    bot: Bot | None


def usage(project: Project) -> list[BotLine]:
    """The counts of every bot that is in the file or was ever asked. Raises ``InvalidInput`` for a file that is
    wrong."""
    rules = load_rules(project.settings())
    bots = {} if rules is None else dict(rules.bots)
    with project.existing_ledger() as ledger:
        spans = {TODAY: [], MONTH: [], EVER: []} if ledger is None else counts(ledger)
    names = list(dict.fromkeys([*bots, *(one.bot for found in spans.values() for one in found)]))
    lines = []
    for name in names:
        for span, found in spans.items():
            mine = [one for one in found if one.bot == name] or [Totals(name, "", 0, 0, 0, 0, 0, 0)]
            lines += [BotLine(span, one, bots.get(name)) for one in mine]
    return lines


def counts(ledger: Ledger) -> dict[str, list[Totals]]:
    """The counts by span."""
    now = now_ms()
    first = datetime.fromtimestamp(now / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    store = ledger.bot_usage
    return {
        TODAY: store.totals(now),
        MONTH: store.totals(int(first.timestamp() * 1000)),
        EVER: store.totals(),
    }
