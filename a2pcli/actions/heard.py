"""Stores what callbacks hold, many at once, and finds the messages of receipts that came before their answers."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from a2pcli.actions.callback_doors import Heard
from a2pcli.actions.heard_replies import HeardReply, ReplyDesk, TakenReply, is_stop
from a2pcli.actions.readiness import NotReady, why_not_ready
from a2pcli.actions.receipts import tells_optout
from a2pcli.channels import DEFAULT
from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError
from a2pcli.ledger.live_receipts import apply_late, has_unmatched, known_runs, match_spelt, runs_of
from a2pcli.ledger.receipts import Inbox
from a2pcli.ledger.records import RunState

if TYPE_CHECKING:
    from a2pcli.actions.callback_doors import CallbackDoor
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.base import WrittenReply
    from a2pcli.gateways.callbacks import Reply
    from a2pcli.ledger.live_receipts import Spellings
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

log = logging.getLogger(__name__)

_NOBODY = (
    "gateway %s: an opt-out came from a sender that is no address, so nobody was suppressed; "
    "the reply is in the ledger: a2pcli ledger query \"SELECT * FROM replies WHERE kind = 'stop'\""
)

_UNCONFIRMED = (
    "gateway %s: an opt-out came from a short code, to which nothing can be sent:"
    " it counts, and is not confirmed"
)

TRIES = 3
"""How often a transaction is made before its callbacks are answered with 503."""

REMEMBERED = 24 * 3600.0
"""Seconds for which a run is looked at again after a receipt with a reference of it."""

JUST_NOW = 2.0
"""Seconds for which what was stored shows that the ledger can be written."""

RECENT = 100
"""Runs that are looked at when the listener starts, for what was stored before it was stopped."""


@dataclass(slots=True)
class HeardCounts:
    """What the listener stored. ``duplicates`` had come before; ``unmatched`` receipts are about no message that is
    known yet, ``matched_later`` are those whose message was found after all."""

    receipts: int = 0
    replies: int = 0
    duplicates: int = 0
    unmatched: int = 0
    matched_later: int = 0
    opted_out: int = 0
    answered: int = 0
    """Replies to which an answer is sent."""
    invalid: int = 0

    def as_mapping(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def add(self, other: HeardCounts) -> None:
        """Add the counts of a transaction. Those that are 0 are left alone: another thread may be counting them."""
        for name, more in other.as_mapping().items():
            if more:
                setattr(self, name, getattr(self, name) + more)


class HeardStore:
    """The ledger as the listener uses it: ``keep`` on one thread, ``settle`` on another."""

    def __init__(
        self, ledger: Ledger, settings: LoadedSettings, channels: Mapping[str, str], *, came: str = "callback"
    ) -> None:
        self._ledger, self._came = ledger, came
        self._desk = ReplyDesk(ledger, settings)
        self._tells = tells_optout(settings)
        self._inbox, self._matching = Inbox(ledger), Inbox(ledger)
        self._channels = channels
        self._keeping = threading.Lock()
        """Callbacks are kept by one thread; what gateways hear that send answers comes from others."""
        now = time.monotonic()
        self._runs = dict.fromkeys((run.id for run in ledger.runs.all(RECENT)), now)
        self._looked: dict[str, float] = {}
        """When each of these runs was looked at while nobody was sending it."""
        self.counts = HeardCounts()
        self._kept_at = -JUST_NOW
        self.on_answers: Callable[[], None] = lambda: None
        """Called, on the thread that stores, when answers were stored that are to be sent."""
        self.hearing: list[Callable[[], Mapping[str, Spellings]]] = []
        """Each returns gateways whose receipts come on the connection by which a sender of answers sends."""

    @property
    def name(self) -> str:
        """The ledger's name."""
        return self._ledger.name

    @property
    def ledger(self) -> Ledger:
        """The open ledger, for actions of other parts of the listener."""
        return self._ledger

    def note_tokens(self, names: Sequence[str]) -> None:
        """The tokens were changed. Audit: ``listen.tokens`` with their names."""
        self._ledger.audit.add("listen.tokens", None, {"tokens": list(names)})

    def keep(self, heard: Sequence[Heard]) -> None:
        """Store receipts and replies, and act on them, in one transaction: durable when it returns.

        Raises ``LedgerError`` if nothing of it is stored. Keeping the same again changes nothing.
        """
        for attempt in range(TRIES):
            try:
                done = self._keep_once(heard)
            except LedgerError:
                self._kept_at = -JUST_NOW
                if attempt + 1 == TRIES:
                    raise
                time.sleep(0.05 * (attempt + 1))
            else:
                self.counts.add(done)
                self._kept_at = time.monotonic()
                if done.answered:
                    self.on_answers()
                return

    def _keep_once(self, heard: Sequence[Heard]) -> HeardCounts:
        with self._keeping:
            return self._kept(heard)

    def _kept(self, heard: Sequence[Heard]) -> HeardCounts:
        done = HeardCounts()
        receipts: dict[str, list[Receipt]] = defaultdict(list)
        for one in heard:
            receipts[one.gateway] += one.receipts
        with self._ledger.transaction():
            for gateway, theirs in receipts.items():
                pieces = self._inbox.pieces(
                    theirs, gateway, self._source(gateway), tells=self._tells, by_id=False
                )
                for taken in pieces:
                    done.receipts += taken.new
                    done.duplicates += taken.duplicates
                    done.unmatched += taken.unmatched
                    done.opted_out += taken.opted_out
                    done.invalid += taken.invalid
            for one in heard:
                self._take_replies(one, done)
            self._inbox.keep_totals()
        now = time.monotonic()
        self._runs.update(dict.fromkeys(runs_of(one for theirs in receipts.values() for one in theirs), now))
        return done

    def keep_heard(self, receipts: Sequence[Receipt], replies: Sequence[WrittenReply], gateway: str) -> None:
        """Store what a gateway hears on the connection by which it sends answers."""
        from a2pcli.gateways.callbacks import Reply

        heard = tuple(Reply(one.sender, one.to or "", one.text, at=one.received_at) for one in replies)
        self.keep([Heard(gateway, receipts, heard)])

    def _take_replies(self, heard: Heard, done: HeardCounts) -> None:
        for one in heard.replies:
            taken: TakenReply = self._desk.take(
                HeardReply(one.sender, one.to or None, one.body, one.at, _id_of(one), one.is_opt_out),
                channel=one.channel or self._channels.get(heard.gateway, DEFAULT),
                gateway=heard.gateway,
                source=self._source(heard.gateway),
            )
            if taken.is_unreadable_stop:
                log.warning(_NOBODY, heard.gateway)
            if taken.is_unconfirmed_stop:
                log.warning(_UNCONFIRMED, heard.gateway)
            done.duplicates += taken.is_duplicate
            done.replies += taken.is_unreadable or taken.handled is not None
            done.opted_out += is_stop(taken)
            done.answered += taken.answered is not None

    def _source(self, gateway: str) -> str:
        return f"gateway {gateway} ({self._came})"

    def settle(self) -> None:
        """Find the messages of receipts that have none yet, and apply receipts to messages whose answer came after
        them. Raises ``LedgerError``; what is not done then is done by the next call."""
        newest = self._matching.newest()
        if has_unmatched(self._ledger):
            self.counts.matched_later += self._matching.match_again(newest, tells=self._tells)
            hearing = [pair for those in list(self.hearing) for pair in those().items()]
            for gateway, spellings in hearing:
                found = match_spelt(self._ledger, gateway, spellings, self._tells)
                self.counts.add(HeardCounts(matched_later=found.matched, opted_out=found.opted_out))
                self._matching.keep_totals(found.uncounted)
        now, named = time.monotonic(), list(self._runs.items())
        known = known_runs(self._ledger, [id for id, at in named if at >= now - REMEMBERED])
        for id in {id for id, _ in named} - {run.id for run in known}:
            self._runs.pop(id, None)
            self._looked.pop(id, None)
        due = self._due(known)
        self._matching.keep_totals(apply_late(self._ledger, due))
        self._looked.update({run.id: now for run in due if run.state != RunState.SENDING})

    def _due(self, known: Sequence[Run]) -> list[Run]:
        """Return the runs to which an answer or a receipt may have come since they were looked at: each takes a pass
        over all of its messages."""
        for run in known:
            if run.state == RunState.SENDING:
                self._looked.pop(run.id, None)  # so that it is looked at again when its last answer is stored
        return [run for run in known if self._looked.get(run.id, 0.0) <= self._runs.get(run.id, 0.0)]

    def reread(self) -> None:
        """Answer replies by the rules and surveys as they are now. Raises ``InvalidInput``, and all remains as it was,
        if they are wrong."""
        responder = self._desk.responder()
        with self._keeping:
            self._desk.use(responder)

    def why_not_ready(self) -> NotReady | None:
        """Return why nothing can be stored now; None if it can. Writes, unless something was stored just now."""
        return why_not_ready(self._ledger, writes=time.monotonic() - self._kept_at > JUST_NOW)

    def is_ready(self) -> bool:
        """Return whether the ledger can be read."""
        try:
            if self._ledger.watch is not None:
                self._ledger.watch.check()
            with self._ledger.reading() as connection:
                connection.exec_driver_sql("SELECT 1")
        except LedgerError:
            return False
        return True


@contextmanager
def listening_store(
    project: Project, settings: LoadedSettings, doors: Mapping[str, CallbackDoor]
) -> Iterator[HeardStore]:
    """The open store of a listener with these doors. Audit: ``listen.start``, and ``listen.stop`` with the counts."""
    with project.ledger_to_record() as ledger:
        store = HeardStore(ledger, settings, {name: door.channel for name, door in doors.items()})
        ledger.audit.add("listen.start", None, {"gateways": list(doors)})
        try:
            yield store
        finally:
            ledger.audit.add("listen.stop", None, store.counts.as_mapping())


def _id_of(one: Reply) -> str | None:
    """Return the gateway's id of a reply; the parts of a long text may share one."""
    if one.gateway_id is None or one.part is None:
        return one.gateway_id
    return f"{one.gateway_id}/{one.part[1]}"
