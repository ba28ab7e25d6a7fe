"""What was asked of bots, and what that cost, by day.

What a request may use at most is counted before it is made, in the transaction that compares it with the budget, and
corrected when the answer is there. So requests side by side, in all processes, never use more than the budget; and
what a process did not see the end of, because it was killed or the endpoint did not answer, stays counted as the most
that it can have been.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import audit
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema_bots import bot_usage

DAY = 86_400_000
_u = bot_usage.c
_ROW = text(
    "INSERT INTO bot_usage (bot, day, currency, asked, answered, handed_over, tokens_in, tokens_out, cost)"
    " VALUES (:bot, :day, :currency, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens read and made, and their cost in 1e-9 currency units."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0

    @property
    def tokens(self) -> int:
        """Both together."""
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used in a day and in a month (UTC): tokens, and 1e-9 currency units; None for no limit."""

    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    cost_per_day: int | None = None
    cost_per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """A request that is about to be made, counted as the most that it can use."""

    bot: str
    day: int
    currency: str
    most: Used


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of one bot and currency over a time."""

    bot: str
    currency: str
    asked: int
    answered: int
    handed_over: int
    tokens_in: int
    tokens_out: int
    cost: int


class BotUsage(SubStore):
    """The counts in an open ledger."""

    def reserve(
        self, bot: str, currency: str, most: Used, limits: Limits, purpose: str, *, now: int | None = None
    ) -> Reservation | str:
        """Count a request before it is made; or return which budget it could go over, in words. ``purpose``: reply,
        test or draft. Audit: ``bot.ask``."""
        moment = now_ms() if now is None else now
        day = moment // DAY
        with self._ledger.writing() as connection:
            _lock(connection, bot, day, currency)
            month = int(datetime.fromtimestamp(moment / 1000, UTC).replace(day=1).timestamp()) // 86_400
            for words, since, tokens, cost in (
                ("day", day, limits.tokens_per_day, limits.cost_per_day),
                ("month", month, limits.tokens_per_month, limits.cost_per_month),
            ):
                used = _sum(connection, bot, currency, since, day)
                if tokens is not None and used.tokens + most.tokens > tokens:
                    return f"its budget of {tokens:,} tokens a {words} is used up"
                if cost is not None and used.cost + most.cost > cost:
                    return f"its budget of money for the {words} is used up"
            self._add(connection, bot, day, currency, most, asked=1)
            audit.append(connection, "bot.ask", None, {"bot": bot, "for": purpose}, moment)
        self._ledger.note_entry()
        return Reservation(bot, day, currency, most)

    def settle(
        self, reservation: Reservation, used: Used | None, *, answered: bool, handed_over: bool = False,
        now: int | None = None,
    ) -> None:  # fmt: skip
        """Store what a request used; None if that is unknown: it stays the most. Audit: ``bot.answer``."""
        one, moment = reservation, now_ms() if now is None else now
        more = Used()
        if used is not None:
            more = Used(
                used.tokens_in - one.most.tokens_in,
                used.tokens_out - one.most.tokens_out,
                used.cost - one.most.cost,
            )
        with self._ledger.writing() as connection:
            self._add(
                connection, one.bot, one.day, one.currency, more,
                answered=int(answered), handed_over=int(handed_over),
            )  # fmt: skip
            detail: dict[str, Any] = {"bot": one.bot, "taken": answered}
            if used is not None:
                detail |= {"tokens_in": used.tokens_in, "tokens_out": used.tokens_out}
            audit.append(connection, "bot.answer", None, detail, moment)
        self._ledger.note_entry()

    def handed_over(self, bot: str, currency: str, *, now: int | None = None) -> None:
        """Count a reply that was given to a person without asking the bot. Called in the transaction that does so."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            connection.execute(_ROW, {"bot": bot, "day": moment // DAY, "currency": currency})
            self._add(connection, bot, moment // DAY, currency, Used(), handed_over=1)

    def totals(self, since: int | None = None) -> list[Totals]:
        """Return the counts by bot and currency, since the day of a time (UTC ms) or over all time."""
        names = ("asked", "answered", "handed_over", "tokens_in", "tokens_out", "cost")
        query = select(_u.bot, _u.currency, *(func.sum(_u[name]) for name in names))
        if since is not None:
            query = query.where(_u.day >= since // DAY)
        query = query.group_by(_u.bot, _u.currency).order_by(_u.bot, _u.currency)
        with self._ledger.reading() as connection:
            return [
                Totals(bot, currency, *map(int, sums)) for bot, currency, *sums in connection.execute(query)
            ]

    def _add(
        self, connection: Connection, bot: str, day: int, currency: str, used: Used, *,
        asked: int = 0, answered: int = 0, handed_over: int = 0,
    ) -> None:  # fmt: skip
        values = {
            "asked": _u.asked + asked,
            "answered": _u.answered + answered,
            "handed_over": _u.handed_over + handed_over,
            "tokens_in": _u.tokens_in + used.tokens_in,
            "tokens_out": _u.tokens_out + used.tokens_out,
            "cost": _u.cost + used.cost,
        }
        mine = (_u.bot == bot) & (_u.day == day) & (_u.currency == currency)
        connection.execute(update(bot_usage).where(mine).values(values))


def _lock(connection: Connection, bot: str, day: int, currency: str) -> None:
    """Make the row of the day, and keep others from counting until the transaction ends."""
    connection.execute(_ROW, {"bot": bot, "day": day, "currency": currency})
    mine = (_u.bot == bot) & (_u.day == day) & (_u.currency == currency)
    connection.execute(update(bot_usage).where(mine).values(asked=_u.asked))


def _sum(connection: Connection, bot: str, currency: str, first: int, last: int) -> Used:
    """What was used from a day to another: tokens in all currencies, money in one."""
    of_days = (_u.bot == bot) & (_u.day >= first) & (_u.day <= last)
    query = select(func.sum(_u.tokens_in), func.sum(_u.tokens_out)).where(of_days)
    read, made = connection.execute(query).one()
    cost = connection.execute(select(func.sum(_u.cost)).where(of_days & (_u.currency == currency))).scalar()
    return Used(int(read or 0), int(made or 0), int(cost or 0))
