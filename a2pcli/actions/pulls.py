"""Reads the lists that providers keep of receipts and replies: what a listener missed, or where there is none.

Nothing depends on how often or how far back a list is read: what the ledger knows is not stored again, and a pull that
breaks off is repeated from where the last complete one ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from a2pcli.actions.gateway_check import examined_gateway, is_known
from a2pcli.actions.gateways import configured_gateway
from a2pcli.actions.receipts import tells_optout
from a2pcli.actions.waiting_answers import send_waiting
from a2pcli.config.load import unknown_gateway
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, GatewayUnusable, Problem, UsageError
from a2pcli.gateways.lists import Listed as Listed
from a2pcli.gateways.lists import ListPage, Span, list_engine, lists_of, pages
from a2pcli.ledger.pulls import Position
from a2pcli.ledger.receipts import Taken
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.actions.heard import HeardStore
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.callbacks import Reply
    from a2pcli.ledger.store import Ledger

HOUR = 3_600_000
OVERLAP = HOUR // 6
"""Milliseconds before the end of the last pull that are read again: lists are not complete up to the second."""

FIRST = 24 * HOUR
"""Milliseconds that the first pull goes back if no message waits for its receipt."""

WAITING = 7 * 24 * HOUR
"""Milliseconds for which a message without a final receipt keeps a pull from beginning after it."""

TOGETHER = 5_000
"""Receipts that are looked up at once, which takes a pass over all messages of the ledger."""


@dataclass(slots=True)
class Pulled:
    """The result of reading one gateway's list from ``since`` to ``until`` (UTC milliseconds).

    ``listed`` counts what the list holds: ``new`` was stored, ``known`` says nothing that the ledger does not know,
    ``others`` are receipts of messages that are not in this ledger (another program uses the account, too), and
    ``forgotten`` those of people whose data was deleted. ``problem`` is why it ended early, if it did: what was read
    until then is stored.
    """

    gateway: str
    list: Listed
    since: int
    until: int
    pages: int = 0
    listed: int = 0
    new: int = 0
    known: int = 0
    others: int = 0
    forgotten: int = 0
    accepted: int = 0
    opted_out: int = 0
    invalid: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    problem: Problem | None = None

    def counts(self) -> dict[str, int]:
        """Return the counts for the audit entry."""
        names = ("listed", "new", "known", "others", "forgotten", "accepted", "opted_out", "invalid")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def pull(
    project: Project,
    listed: Listed,
    name: str | None = None,
    *,
    since: int | None = None,
    tell: Callable[[str], None] = lambda _sentence: None,
    sleep: Any = asyncio.sleep,
) -> list[Pulled]:
    """Read the list of one gateway, or of each that has one. ``since`` (UTC milliseconds) reads from then on; without
    it, from the end of the last pull, or from the oldest message that waits for its receipt. Answers to replies leave
    at once.

    Raises ``UsageError`` if the gateway has no such list, or none has. Audit: ``receipts.pull``, ``replies.pull``.
    """
    settings = project.settings()
    gateways, broken = _gateways(project, settings, listed, name)
    with project.ledger_to_record() as ledger:
        done = [Pulled(one, listed, since or 0, now_ms(), problem=problem) for one, problem in broken.items()]
        for gateway in gateways:
            one = _Pull(ledger, settings, gateway, listed, since, tell, sleep)
            try:
                asyncio.run(one.run())
            except GatewayUnusable as error:
                one.done.problem = error.problems[0]
            done.append(one.done)
        if listed is Listed.REPLIES and any(one.new for one in done):
            send_waiting(ledger, settings, tell)
        return done


def _gateways(
    project: Project, settings: LoadedSettings, listed: Listed, name: str | None
) -> tuple[list[Any], dict[str, Problem]]:
    """Return the gateways that have the list, and those whose settings are wrong."""
    if name is not None:
        _check_known(settings, name)
        gateway = configured_gateway(settings, name)
        if listed not in lists_of(gateway):
            raise UsageError(_no_list(f"gateway {name}", listed))
        return [gateway], {}
    found: list[Any] = []
    broken: dict[str, Problem] = {}
    for one in settings.settings.gateways:
        try:
            gateway = configured_gateway(settings, one)
        except A2PError as error:
            with_stand_ins = examined_gateway(settings, one).gateway
            if with_stand_ins is None or listed in lists_of(with_stand_ins):
                broken[one] = error.problems[0]
            continue
        if listed in lists_of(gateway):
            found.append(gateway)
    if not found and not broken:
        raise UsageError(_no_list("no gateway in the settings", listed))
    return found, broken


def _check_known(settings: LoadedSettings, name: str) -> None:
    if not is_known(settings, name):
        raise UsageError(unknown_gateway(settings, name))


def _no_list(who: str, listed: Listed) -> Problem:
    how = "a2pcli receipts import" if listed is Listed.RECEIPTS else "a2pcli optout replies"
    has = "has a" if who.startswith("no ") else "has no"
    kind = f"{has} list of {listed} that can be read"
    return Problem(f"{who} {kind}", hint=f"export them at the provider and use: {how} FILE", code="no-list")


class _Pull:
    """One gateway's list on its way into the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        settings: LoadedSettings,
        gateway: Any,
        listed: Listed,
        since: int | None,
        tell: Callable[[str], None],
        sleep: Any,
    ) -> None:
        self._ledger, self._settings, self._gateway = ledger, settings, gateway
        self._name, self._listed = gateway.name, listed
        self._tell, self._sleep = tell, sleep
        self._tells = tells_optout(settings)
        self._before = ledger.pulls.position(self._name, listed)
        self._now = now_ms()
        self._span = Span(
            self._begin(since), self._now, None if since or not self._before else self._before.mark
        )
        self._moves = self._before is None or self._span.since <= self._before.until
        """Whether nothing lies between the last pull and this one."""
        self.done = Pulled(self._name, listed, self._span.since, self._now)
        self._waiting: list[Receipt] = []

    def _begin(self, since: int | None) -> int:
        if since is not None:
            return since
        starts = [] if self._before is None else [self._before.until]
        if self._listed is Listed.RECEIPTS:
            oldest = self._ledger.pulls.oldest_waiting(self._name, self._now - WAITING)
            starts += [] if oldest is None else [oldest]
        return min(starts) - OVERLAP if starts else self._now - FIRST

    async def run(self) -> None:
        """Read all pages. Raises ``GatewayUnusable`` where one cannot be read."""
        engine, mark = list_engine(), None if self._before is None else self._before.mark
        try:
            found = pages(self._gateway, self._listed, self._span, engine, self._tell, self._sleep)
            async with aclosing(found):
                async for page in found:
                    self.done.pages += 1
                    mark = page.mark or mark
                    self._take(page)
        finally:
            await engine.close()
            self._store()
        self._finish(mark)

    def _take(self, page: ListPage) -> None:
        if self._listed is Listed.REPLIES:
            self._take_replies(page.replies, page.mark)
            return
        self._waiting += page.receipts
        if len(self._waiting) >= TOGETHER:
            self._store()

    def _take_replies(self, replies: Sequence[Reply], mark: str | None) -> None:
        from a2pcli.actions.callback_doors import Heard
        from a2pcli.actions.heard import HeardCounts

        self.done.listed += len(replies)
        store = self._heard_store  # made before the transaction, as it reads texts and rules
        store.counts = counts = HeardCounts()
        with self._ledger.transaction():
            if replies:
                store.keep([Heard(self._name, replies=replies)])
            if counts.replies or (mark is not None and replies):
                self._record({"listed": len(replies), "new": counts.replies, "opted_out": counts.opted_out})
            if mark is not None and replies:  # such a provider may forget what was read
                self._ledger.pulls.keep(self._name, self._listed, Position(self._now, mark))
        self.done.new += counts.replies
        self.done.known += len(replies) - counts.replies
        self.done.opted_out += counts.opted_out

    @cached_property
    def _heard_store(self) -> HeardStore:
        from a2pcli.actions.callback_doors import channel_by_number
        from a2pcli.actions.heard import HeardStore

        channel = channel_by_number(self._gateway.capabilities.channels)
        return HeardStore(self._ledger, self._settings, {self._name: channel}, came="list")

    def _store(self) -> None:
        """Store the receipts that wait."""
        found, self._waiting = self._waiting, []
        if not found:
            return
        done, news = self.done, self._ledger.pulls.news(found, self._name)
        for one in found:
            self._count(one)
        done.listed += len(found)
        done.known += news.told
        done.others += news.unmatched
        done.forgotten += news.forgotten
        source = f"gateway {self._name} (list)"

        def record(taken: Taken) -> None:
            self._record(taken.counts())

        try:
            pieces = self._ledger.receipts.pieces(
                news.receipts, self._name, source, record, self._tells, matches=news.matches
            )
            for taken in pieces:
                done.new += taken.new
                done.known += taken.duplicates
                done.accepted += taken.accepted
                done.opted_out += taken.opted_out
                done.invalid += taken.invalid
        finally:
            self._ledger.receipts.keep_totals()

    def _count(self, one: Receipt) -> None:
        if one.delivery is not None:
            self.done.statuses[one.delivery] += 1
        else:
            self.done.unknown[one.status] += 1

    def _record(self, counts: dict[str, Any]) -> None:
        self._ledger.audit.add(f"{self._listed}.pull", self._name, counts)

    def _finish(self, mark: str | None) -> None:
        with self._ledger.transaction():
            if self._moves:
                self._ledger.pulls.keep(self._name, self._listed, Position(self._now, mark))
            self._record({"pages": self.done.pages, **self.done.counts()})


def problems_of(done: Sequence[Pulled]) -> Iterator[Problem]:
    """Return why lists could not be read to their end, each with what to do."""
    hint = "what was read is stored; the same command goes on from there"
    for one in done:
        if one.problem is not None:
            has_own = one.problem.hint is not None or one.problem.path is not None
            yield one.problem if has_own else replace(one.problem, hint=hint)
