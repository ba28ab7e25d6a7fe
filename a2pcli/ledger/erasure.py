"""Erases one person's data from the ledger, for ``people erase``.

Afterwards no table holds the address, the texts sent to it, or a sentence that may quote either. The rows of messages
stay, so that every run's counts remain right. On SQLite the bytes go too: freed space is
overwritten, the write-ahead log emptied and the file written anew. What backups, snapshots, a server's own logs
and an SSD's spare blocks hold is out of this program's reach.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any

from sqlalchemy import Table, and_, delete, func, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.addresses.traces import Traces
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, RunBusy
from a2pcli.ledger import audit, counting, erased, falling, plan_erasing, plan_people, receipts
from a2pcli.ledger.approved import changing_rows
from a2pcli.ledger.attempt_ids import message_of
from a2pcli.ledger.holds import Hold
from a2pcli.ledger.lock import HasEngine, planner_lock, sender_lock
from a2pcli.ledger.personal import Holds, columns, tables
from a2pcli.ledger.plan_people import Searched
from a2pcli.ledger.plan_store import ChunkHead
from a2pcli.ledger.plans import UNCOUNTED, lock_run, run_from_row
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.tables import attempts, events, runs
from a2pcli.ledger.tables import replies as told
from a2pcli.messages import State
from a2pcli.reasons import Reason

_FEW = 500
"""Number of ids in one statement."""

_OF_ROW = [one.name for one in columns(Holds.ADDRESS, Holds.OWN, Holds.SENTENCE) if one.table is attempts]
_BLANK: dict[str, Any] = dict.fromkeys((*_OF_ROW, "person", "consent_until", "clock"))
"""Columns of a message row that are blanked with its person."""

_UNSENT = (str(RunState.PLANNED), str(RunState.SENDING), str(RunState.PAUSED))


@dataclass(frozen=True, slots=True)
class Person:
    """The person to erase: an address, and for a phone number its digits as they may appear in cells and sentences."""

    address: str
    cells: tuple[str, ...] = ()
    is_name: bool = False
    """Whether it is not an address but a sender of replies named by a gateway (``AMAZON``)."""

    @property
    def forms(self) -> tuple[str, ...]:
        """All forms of the person's phone number, the given one first."""
        return same_phone_forms(self.address)

    def searched(self, *, keys: bool = False) -> Searched:
        """Return what to search plans for; ``keys``: also rows that identify the person by digits only."""
        return Searched(self.address, self.cells, keys)

    @property
    def traces(self) -> Traces:
        """How the address may appear in cells and sentences."""
        return Traces(self.address, self.cells)

    @property
    def texts(self) -> tuple[str, ...]:
        """The shortest texts that reveal the address: wherever it appears, in whatever form, one of them does."""
        return self.traces.texts

    def stands_in(self, text: str) -> bool:
        """Return whether a text contains the address, in any of its spellings."""
        return self.traces.stands_in(text)


@dataclass(frozen=True, slots=True)
class Erasure:
    """The result of an erasure, without the number. ``changed`` counts rows by table."""

    hash: str
    changed: dict[str, int]
    skipped: int
    runs: tuple[str, ...]
    contacts_files: tuple[str, ...]
    in_flight: int = 0
    """Messages in the hands of a sender: their rows still name the person."""
    is_suppressed: bool = True
    """Whether the hash is on the suppression list. False for a sender's name, because no message can go to it."""

    def then(self, later: Erasure) -> Erasure:
        """Return the combined result of this erasure and a later one of the same person."""
        changed = {table: count + later.changed.get(table, 0) for table, count in self.changed.items()}
        return replace(later, changed=changed, skipped=self.skipped + later.skipped, runs=self.runs)

    @property
    def nothing(self) -> bool:
        """Whether the ledger contained nothing about the person."""
        return not any(self.changed.values())


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Runs of the person that cannot be sent meanwhile (``holds``), and those that a living process sends
    (``live``)."""

    holds: tuple[Hold, ...]
    live: frozenset[int]


@contextmanager
def hold_back(ledger: HasEngine, person: Person) -> Iterator[HeldBack]:
    """Prevent sending of the person's messages where no sender is active, and prevent planning.

    Raises ``RunBusy`` if a plan is being made, because it may have read the person's row already.
    """
    with ledger.engine.begin() as connection:
        theirs = _Found.of(connection, person).runs
        chosen = or_(
            and_(runs.c.state.in_(_UNSENT), runs.c.number.in_(theirs)), runs.c.state == str(RunState.PLANNING)
        )
        found = [run_from_row(row) for row in connection.execute(select(runs).where(chosen)).mappings()]
    with ExitStack() as held:
        mine, live = [], set()
        for run in found:
            if run.state == RunState.PLANNING:
                _hold_planner(ledger, run, held)
                continue
            try:
                mine.append(held.enter_context(sender_lock(ledger, run)))
            except RunBusy:
                live.add(run.number)
        yield HeldBack(tuple(mine), frozenset(live))


def _hold_planner(ledger: HasEngine, run: Run, held: ExitStack) -> None:
    lock = planner_lock(ledger.engine, run.number, run.id)
    if not lock.take():
        text = (
            f"another process is planning {run.campaign}, so nothing was erased yet. The number is already"
            " suppressed"
        )
        hint = "wait until the plan is finished, then run the same command again"
        raise RunBusy(Problem(text, hint=hint, code="run-busy"))
    held.callback(lock.drop)


def suppress(connection: Connection, person: Person, now: int) -> None:
    """Add the person's keyed hash to the suppression list, so that no sender claims their messages. Audit:
    ``people.suppress``, in the same transaction."""
    hash = erased.needed_key(connection, create=True).hash_of(person.address)
    if erased.suppress(connection, hash, now):
        audit.append(connection, "people.suppress", hash, {"why": "to be erased"}, now)


def erase(connection: Connection, person: Person, now: int, live: frozenset[int] = frozenset()) -> Erasure:
    """Remove the person from every table, keep the keyed hash, and note it in the audit trail, in one transaction.

    ``live`` are runs that a living process sends: a message in its hands keeps its row.
    """
    key = erased.needed_key(connection, create=True)
    for run in _runs_of(connection, _Found.of(connection, person).runs):
        lock_run(connection, run)  # waits for claims under way, so that their rows are visible
    there = _Found.of(connection, person)
    mine = _runs_of(connection, there.runs)
    with changing_rows(connection, mine):
        skipped = _skip_planned(connection, there.ids, now)
        flying = frozenset(map(message_of, _in_flight(connection, there.ids, live)))
        ids = [id for id in there.ids if message_of(id) not in flying]
        skipped += _blank_plans(connection, there, flying)
        told = receipts.forget(connection, ids) + receipts.forget_of_answers(connection, person.forms)
        falling.forget(connection, ids)
        _blank_attempts(connection, ids)
        sentences = _blank_plan_sentences(connection, person)
    counts = {
        "messages": len(set(map(message_of, ids))),
        "events": _blank_events(connection, ids),
        "receipts": told,
        **{
            table.name: _remove(connection, table, person)
            for table in tables(Holds.ADDRESS)
            if table is not attempts
        },
    }
    counts["sentences"] = sentences + _blank_sentences(connection, person)
    counts["runs"] = _clean_runs(connection, person, [run.number for run in mine])
    for run in mine:
        counting.keep(connection, run)
    hash = key.hash_of(person.address)
    erased.suppress(connection, hash, now)
    audit.append(connection, "people.erase", hash, {"rows": counts, "skipped": skipped}, now)
    files = sorted({run.contacts_file for run in mine if run.contacts_file and run.contacts_file != "-"})
    return Erasure(hash, counts, skipped, tuple(run.id for run in mine), tuple(files), len(flying))


def erase_sender(connection: Connection, person: Person, now: int) -> Erasure:
    """Remove the replies of a sender that is not an address. Its name stays in other texts."""
    hash = erased.needed_key(connection, create=True).hash_of(person.address)
    counts = {"replies": connection.execute(delete(told).where(told.c.address == person.address)).rowcount}
    audit.append(connection, "people.erase", hash, {"rows": counts, "skipped": 0}, now)
    return Erasure(hash, counts, 0, (), (), is_suppressed=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """The person's rows: in chunks by run and position, others in ``attempts``."""

    in_chunks: tuple[tuple[Run, ChunkHead, tuple[int, ...]], ...]
    elsewhere: tuple[tuple[int, int], ...]
    """Ids and runs, including later attempts."""

    @classmethod
    def of(cls, connection: Connection, person: Person) -> _Found:
        """Search the whole ledger, including rows of which retention left only the digits."""
        whom = person.searched(keys=True)
        c = attempts.c
        elsewhere = [
            (int(id), int(run))
            for within in plan_people.without_chunks(connection)
            for id, run in connection.execute(select(c.id, c.run).where(within, plan_people.condition(whom)))
        ]
        in_chunks = tuple((one, head, tuple(at)) for one, head, at in plan_people.in_chunks(connection, whom))
        later = (plan_people.later_attempts(connection, run, head, places) for run, head, places in in_chunks)
        return cls(in_chunks, (*elsewhere, *chain.from_iterable(later)))

    @property
    def runs(self) -> set[int]:
        """Numbers of the runs in which the person appears."""
        return {run.number for run, _, _ in self.in_chunks} | {run for _, run in self.elsewhere}

    @property
    def ids(self) -> list[int]:
        """Ids of all messages of the person."""
        planned = [head.first_id + place for _, head, places in self.in_chunks for place in places]
        return sorted([*planned, *(id for id, _ in self.elsewhere)])


def _blank_plans(connection: Connection, there: _Found, flying: frozenset[int]) -> int:
    """Remove the person from the chunks; return how many waiting messages are not sent as a result."""
    skipped = 0
    for run, head, places in there.in_chunks:
        gone = [place for place in places if head.first_id + place not in flying]
        if gone:
            reason, rule = str(Reason.ERASED), erased.RULE
            skipped += plan_erasing.blank_people(connection, run, head, gone, reason, rule)
    return skipped


def _blank_plan_sentences(connection: Connection, person: Person) -> int:
    """Remove sentences of plans about other people that contain the number; return how many."""
    some = plan_people.runs_with_chunks(connection)
    return sum(plan_erasing.remove_sentences(connection, run, person.traces.pattern) for run in some)


def _runs_of(connection: Connection, numbers: set[int]) -> list[Run]:
    query = select(runs).where(runs.c.number.in_(numbers)).order_by(runs.c.number)
    return [run_from_row(row) for row in connection.execute(query).mappings()]


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _FEW):
        yield ids[start : start + _FEW]


def _in_flight(connection: Connection, ids: Sequence[int], live: frozenset[int]) -> frozenset[int]:
    """Return those of the messages that a living sender has claimed."""
    c = attempts.c
    flying: set[int] = set()
    for some in _pieces(ids) if live else ():
        chosen = and_(c.id.in_(some), c.run.in_(live), c.state == str(State.SUBMITTING))
        flying.update(connection.execute(select(c.id).where(chosen)).scalars())
    return frozenset(flying)


def _skip_planned(connection: Connection, ids: Sequence[int], now: int) -> int:
    """Skip messages that waited for another try; return how many."""
    c = attempts.c
    planned = {"state": str(State.SKIPPED), "reason": str(Reason.ERASED), "rule": erased.RULE}
    done = 0
    for some in _pieces(ids):
        done += connection.execute(
            update(attempts)
            .where(c.id.in_(some), c.state == str(State.PLANNED))
            .values(**planned, due_at=None, settled_at=now)
        ).rowcount
    return done


def _blank_attempts(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the person's data from attempts; the rows stay, so totals do not change."""
    for some in _pieces(ids):
        connection.execute(update(attempts).where(attempts.c.id.in_(some)).values(_BLANK))


def _blank_events(connection: Connection, ids: Sequence[int]) -> int:
    done = 0
    for some in _pieces(ids):
        query = update(events).where(events.c.message.in_(some)).values(detail=None, gateway_id=None)
        done += connection.execute(query).rowcount
    return done


def _remove(connection: Connection, table: Table, person: Person) -> int:
    """Delete the rows of a table that are only about the person."""
    return connection.execute(delete(table).where(table.c.address.in_(person.forms))).rowcount


def _blank_sentences(connection: Connection, person: Person) -> int:
    """Blank sentences about others, and notes, that contain the address: a gateway's answer, a person's own words."""
    done = 0
    for column in columns(Holds.SENTENCE):
        if column.table is not runs:  # see _clean_runs
            holds = or_(*(func.lower(column).contains(text, autoescape=True) for text in person.texts))
            blank = {column.name: None if column.nullable else "removed"}
            done += connection.execute(update(column.table).where(holds).values(blank)).rowcount
    return done


def _clean_runs(connection: Connection, person: Person, mine: Sequence[int]) -> int:
    """Remove the person from runs: samples of a plan, gateway answers, the reason of a pause. Return how many
    changed."""
    c = runs.c
    texts = (c.summary, c.sending, c.totals, c.state_reason)
    holds = or_(
        *(func.lower(column).contains(text, autoescape=True) for column in texts for text in person.texts)
    )
    query = select(c.number, *texts).where(or_(c.number.in_(mine), holds))
    done = 0
    for row in connection.execute(query).mappings().all():
        values: dict[str, Any] = {
            name: cleaned(row[name], person) for name in ("summary", "sending", "totals")
        }
        reason = row["state_reason"]
        values["state_reason"] = person.traces.removed(reason) if reason else None
        done += any(values[name] != row[name] for name in values)
        pruned = "pruned" in json.loads(row["summary"] or "{}")
        if row["number"] in mine:  # its sender reads the plan again
            values |= {"changes": UNCOUNTED["changes"]} if pruned else UNCOUNTED
        connection.execute(update(runs).where(c.number == row["number"]).values(values))
    return done


def cleaned(text: str | None, person: Person) -> str | None:
    """Return a JSON document without the person: samples are removed whole, and so are other sentences that name
    them."""
    if text is None:
        return None
    document = json.loads(text)
    samples = document.get("samples")
    if isinstance(samples, list):
        document["samples"] = [one for one in samples if not _names(one, person)]
    return json.dumps(_without(document, person), ensure_ascii=False, separators=(",", ":"))


def _names(value: Any, person: Person) -> bool:
    return person.stands_in(json.dumps(value, ensure_ascii=False))


def _without(value: Any, person: Person) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, person) for key, one in value.items() if not person.stands_in(key)}
    if isinstance(value, list):
        return [_without(one, person) for one in value]
    return None if isinstance(value, str) and person.stands_in(value) else value
