"""What was approved is what goes: a plan's digests are made again from its rows before the first message leaves.

A plan keeps digests over recipients, over texts, over senders where rows have their own, over what else a row was
planned with (``Details``), over the run's clocks, and over what holds for the whole run (sender, gateway, media,
limits), in its summary (``digests``); its id and the digest a person approves stand for them, and the audit trail
knows their hash (``plan_store``). Of a plan in chunks there is also one over the digests of all chunks: where that
holds, the rows are as they were planned, and what else was digested only tells what was changed where it does not. Rows
change for good reasons afterwards, but their address and text only go away:
a person is erased, retention takes old texts, a one-time code is wiped once it is settled. Erasing and retention
compare before they take something away, and note the digests of what remains; of one-time codes, the texts are not
compared once the first is gone.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, not_, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import attempt_counts, plan_store
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.counting import IS_LATER
from a2pcli.ledger.faults import shown
from a2pcli.ledger.planned_costs import as_it_stands, as_planned
from a2pcli.ledger.plans import keeps_no_texts, of_run, run_from_row
from a2pcli.ledger.records import SENDABLE, Run, now_ms
from a2pcli.ledger.tables import attempts, clocks, runs
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.ledger.plan_store import ChunkHead

DIGESTS = "digests"
"""A key of the run's summary."""

PEOPLE, TEXTS, SENDERS, CONTENTS = "recipients", "texts", "senders", "contents"
CHANNELS = "channels"
"""Senders, contents and channels are digested only if rows have any. ``CHANNELS`` covers which rows use another
channel than the run's, and each row's ``alternatives``."""

SETTINGS, DETAILS, HOURS = "settings", "details", "hours"
"""What applies to the whole run, what else the rows were planned with, and the run's clocks. Plans made before one
of these digests existed are sent without comparing it."""

_RECORD = "record"
"""Stands for the digests themselves, if they differ from those in the audit trail."""

CHUNKS = "chunks"
"""Everything in the plan's chunks."""

WORDS = {
    CHANNELS: "other channels of messages",
    CHUNKS: "rows of the plan",
    SETTINGS: "settings of the run (sender, gateway, media, times, limits)",
    DETAILS: "details of messages (person, country, parts, price, hours, consent, variant)",
    HOURS: "hours in which people may be messaged",
    _RECORD: "plan digests in the audit trail",
}

_ROWS = 20_000
_c = attempts.c


class TextDigest:
    """A digest over a column of texts. Lengths (in bytes of UTF-8) and texts are hashed separately, so that
    different lists have different hashes whatever the size of the chunks."""

    def __init__(self) -> None:
        self.lengths = sha256()
        self.text = sha256()

    def add(self, texts: Sequence[str]) -> None:
        """Add texts to the digest."""
        together = "".join(texts)
        if together.isascii():
            lengths = list(map(len, texts))
        else:
            lengths = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
        self.lengths.update(as_bytes(lengths))
        self.text.update(together.encode("utf-8", "surrogatepass"))

    def hexdigest(self) -> str:
        """Return both digests as hexadecimal text, concatenated."""
        return self.lengths.hexdigest() + self.text.hexdigest()


def as_bytes(numbers: Sequence[int]) -> bytes:
    """Return integers as 8 bytes each, little-endian."""
    import sys

    packed = array("q", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


NUMBERS = ("person", "parts", "cost", "clock", "consent_until")
NAMES = ("country", "currency", "variant")


class Details:
    """A digest over the other planned columns of a row, which decide whether, when and as what it is sent and
    counted. -1 stands for no number, an empty text for no name."""

    def __init__(self) -> None:
        self.numbers = {name: sha256() for name in NUMBERS}
        self.names: dict[str, TextDigest] = {name: TextDigest() for name in NAMES}

    def hexdigest(self) -> str:
        """Return one SHA-256 digest over all columns, as hexadecimal text."""
        parts = [one.hexdigest() for one in self.numbers.values()]
        parts += [one.hexdigest() for one in self.names.values()]
        return sha256(" ".join(parts).encode()).hexdigest()


class ChannelDigest:
    """A digest over the channels of rows that do not use the run's, and over each row's alternatives."""

    def __init__(self) -> None:
        self.digests = TextDigest(), TextDigest()
        self.any = False

    def add(self, channels: Sequence[str | None], alternatives: Sequence[str | None]) -> None:
        """Add the columns of a chunk; None for rows without a value."""
        self.any = self.any or any(channels) or any(alternatives)
        for digest, texts in zip(self.digests, (channels, alternatives), strict=True):
            digest.add([one or "" for one in texts])

    def hexdigest(self) -> str:
        """Return both digests as hexadecimal text."""
        return " ".join(one.hexdigest() for one in self.digests)


def hours_digest(specs: Mapping[int, str]) -> str:
    """Return the digest over a run's clocks: their JSON, by number."""
    return sha256(json.dumps(sorted(specs.items())).encode()).hexdigest()


def combined(digests: Mapping[str, str], *settings: str) -> str:
    """Return the plan's overall digest: SHA-256 over its digests and the settings that affect messages (channel,
    media)."""
    whole = sha256()
    more = [part for name in (SENDERS, CONTENTS, CHANNELS) for part in digests.get(name, "").split()]
    for piece in (digests[PEOPLE], digests[TEXTS], *settings, *more):
        whole.update(piece.encode() + b"\x00")
    return whole.hexdigest()


def settings_digest(run: Run, digest: str | None) -> str:
    """Return the digest over what applies to the whole run. ``digest`` is the one that a user approves."""
    settings = [
        *(digest, run.campaign, run.occasion, run.gateway, run.channel, run.sender, run.purpose),
        *(run.programme, run.subject, run.not_before, run.expires_at, run.sending),
    ]
    return sha256(json.dumps(settings, sort_keys=True, default=dict).encode()).hexdigest()


def verify(connection: Connection, run: Run) -> None:
    """Raise ``LedgerError`` if the rows to send no longer match the digests of the plan.

    Plans of version 0.1 have no comparable digests; the audit trail tells which plans may lack them. Runs with nothing
    left to send are not checked.
    """
    if not _has_planned(connection, run):
        return
    attempt_counts.refuse_lost(connection, run)
    wrong = _what_differs(connection, run)
    if wrong:
        raise changed_plan(connection, run, wrong)


def changed_plan(connection: Connection, run: Run, wrong: Sequence[str]) -> LedgerError:
    """Return the error for a plan whose digests named in ``wrong`` do not match."""
    what = " and the ".join(WORDS.get(one, one) for one in wrong)
    problem = Problem(
        f"run {run.id} no longer matches its plan: the {what} in the ledger were changed"
        " outside of a2pcli. Nothing was sent",
        path=shown(connection.engine.url),
        hint=f"find out who changed them; then `a2pcli cancel {run.id}`, and plan again",
        code="plan-changed",
    )
    return LedgerError(problem)


def _has_planned(connection: Connection, run: Run) -> bool:
    """Whether anything is left to send, or only seems not to be because the plan itself is missing."""
    kept = kept_digests(connection, run)
    if isinstance(kept, dict) and CHUNKS in kept and not plan_store.exist(connection, run):
        return "people" not in run.summary.get("pruned", {})
    query = select(_c.id).where(of_run(run), _c.state == str(State.PLANNED)).limit(1)
    if connection.execute(query).first() is not None:
        return True
    return plan_store.count_waiting(connection, run).total() > 0


def kept_digests(connection: Connection, run: Run) -> Any:
    """Return the digests in the run's summary; None for a plan without digests."""
    fresh = connection.execute(select(runs.c.summary).where(runs.c.number == run.number)).scalar()
    return json.loads(fresh or "{}").get(DIGESTS)


def _what_differs(connection: Connection, run: Run) -> list[str]:
    """Return the names of the digests that do not match the rows."""
    kept = kept_digests(connection, run)
    if not plan_store.agrees(connection, run, kept):
        return [_RECORD]
    if not isinstance(kept, dict):
        return []
    known = plan_store.heads(connection, run)
    wrong = _rows_that_differ(connection, run, known, kept) + run_differs(connection, run, kept)
    if PEOPLE not in wrong and (_has_strangers(connection, run) or _differ(connection, run, known)):
        return [PEOPLE, *wrong]
    return wrong


def run_differs(connection: Connection, run: Run, kept: Mapping[str, str]) -> list[str]:
    """Return which digests of the whole run (``HOURS``, ``SETTINGS``) differ from the stored ones."""
    found = {SETTINGS: settings_digest(run, run.digest), HOURS: hours_digest(_specs(connection, run))}
    return [name for name in (HOURS, SETTINGS) if name in kept and found[name] != kept[name]]


def _rows_that_differ(
    connection: Connection, run: Run, known: Sequence[ChunkHead], kept: Mapping[str, str]
) -> list[str]:
    """Return which digests over rows differ from the stored ones."""
    if CHUNKS in kept and _are_whole(connection, run, known, kept[CHUNKS]):
        return []
    try:
        found, wiped = digests_of(connection, run)
    except LedgerError:  # a chunk is unreadable
        return [PEOPLE, TEXTS]
    names = [PEOPLE, TEXTS, SENDERS, CONTENTS, CHANNELS, *(one for one in (DETAILS,) if one in kept)]
    if wiped and keeps_no_texts(run):
        names.remove(TEXTS)
    wrong = [name for name in names if found.get(name) != kept.get(name)]
    return wrong or ([CHUNKS] if CHUNKS in kept else [])


def _are_whole(connection: Connection, run: Run, known: Sequence[ChunkHead], kept: str) -> bool:
    """Whether every chunk equals the planned one byte for byte."""
    from a2pcli.ledger.chunks import is_sound

    if plan_store.chain(known) != kept:
        return False
    return all(is_sound(plan_store.data_of(connection, run, head.number), head.digest) for head in known)


def _has_strangers(connection: Connection, run: Run) -> bool:
    """Whether rows of another run would be claimed together with this run's waiting rows."""
    waiting = and_(_c.run == run.number, _c.due_at.is_not(None))
    query = select(_c.id).where(waiting, not_(of_run(run))).limit(1)
    return connection.execute(query).first() is not None


_OF_BOTH = (
    "address", "sender", "person", "parts", "cost", "clock", "consent_until", "country", "variant", "channel",
)  # fmt: skip


def _differ(connection: Connection, run: Run, known: Sequence[ChunkHead]) -> bool:
    """Whether a waiting row is missing from the plan, or differs from it."""
    waits = and_(_c.run == run.number, _c.due_at.is_not(None), _c.state == str(State.PLANNED))
    waits = and_(waits, not_(IS_LATER))  # later attempts are compared when they are claimed
    query = select(_c.id, *map(as_it_stands, _OF_BOTH)).where(waits).order_by(_c.id)
    rows = iter(connection.execute(query).all() if known else ())
    row = next(rows, None)
    for head in known:
        if row is None or row[0] >= head.end_id:
            continue
        chunk = plan_store.load(connection, run, head, (*_OF_BOTH, "reason"))
        planned = list(zip(*(chunk.values(name) for name in (*_OF_BOTH, "reason")), strict=True))
        while row is not None and row[0] < head.end_id:
            place = row[0] - head.first_id
            if place < 0 or planned[place] != (*row[1:], None):
                return True
            row = next(rows, None)
    return row is not None


_COLUMNS = ("line", "address", "body", "sender", *NUMBERS, *NAMES)
_OF_CHUNKS = ("content", "channel", "alternatives")


def digests_of(connection: Connection, run: Run) -> tuple[dict[str, str], int]:
    """Return the digests of the current rows, and how many rows have no text any more."""
    people, texts, lines, senders, details = TextDigest(), TextDigest(), sha256(), TextDigest(), Details()
    contents, any_content = TextDigest(), False
    channels = ChannelDigest()
    any_sender, wiped = False, 0
    known = plan_store.heads(connection, run)
    rows = _rows_in_chunks(connection, run, known) if known else _rows(connection, run)
    while chunk := list(islice(rows, _ROWS)):
        numbers, addresses, bodies, own, *more = zip(*chunk, strict=True)
        people.add(addresses)
        there = [body for body in bodies if body is not None] if None in bodies else bodies
        wiped += len(bodies) - len(there)
        texts.add(there)
        if any(own):
            any_sender = True
            lines.update(as_bytes([line for line, one in zip(numbers, own, strict=True) if one is not None]))
            senders.add([one for one in own if one is not None])
        for name, column in zip(NUMBERS, more, strict=False):
            details.numbers[name].update(as_bytes([-1 if one is None else one for one in column]))
        for name, column in zip(NAMES, more[len(NUMBERS) :], strict=False):
            details.names[name].add([one or "" for one in column])
        if any(said := [one for one in more[len(NUMBERS) + len(NAMES)] if one is not None]):
            any_content = True
            contents.add(said)
        if known:
            channels.add(more[-2], more[-1])
    found = {PEOPLE: people.hexdigest(), TEXTS: texts.hexdigest(), DETAILS: details.hexdigest()}
    if any_sender:
        found[SENDERS] = f"{lines.hexdigest()} {senders.hexdigest()}"
    if any_content:
        found[CONTENTS] = contents.hexdigest()
    if channels.any:
        found[CHANNELS] = channels.hexdigest()
    if known:
        found[CHUNKS] = plan_store.chain(known)
    found[HOURS] = hours_digest(_specs(connection, run))
    return found, wiped


def _rows(connection: Connection, run: Run) -> Iterator[tuple[Any, ...]]:
    """Yield the recipients of a run without chunks, except erased ones."""
    # Rows excluded by the plan have no encoding; erased people have no address.
    chosen = and_(of_run(run), _c.address.is_not(None), or_(_c.encoding.is_not(None), _is_to_go))
    columns = list(map(as_planned, (*_COLUMNS, _OF_CHUNKS[0])))
    return read_rows(connection, select(*columns).where(chosen).order_by(_c.id))


def _rows_in_chunks(
    connection: Connection, run: Run, known: Sequence[ChunkHead]
) -> Iterator[tuple[Any, ...]]:
    """Yield the recipients of a run with chunks, except erased ones."""
    for head in known:
        names = ("reason", *_COLUMNS, *_OF_CHUNKS)
        chunk = plan_store.load(connection, run, head, names)
        columns = (chunk.values(name) for name in names)
        for reason, *row in zip(*columns, strict=True):
            if reason is None and row[1] is not None:
                yield tuple(row)


def _specs(connection: Connection, run: Run) -> dict[int, str]:
    """Return the run's clocks by number, as stored."""
    query = select(clocks.c.number, clocks.c.spec).where(clocks.c.run == run.number)
    return {row.number: row.spec for row in connection.execute(query)}


_is_to_go = _c.state == str(State.PLANNED)


@contextmanager
def changing_rows(connection: Connection, some: Sequence[Run]) -> Iterator[None]:
    """Update the runs' digests after this transaction removes people or texts, or changes clocks.

    Digests that did not match before stay as they are, so the earlier change is still detected.
    """
    sound = [run for run in some if run.state in SENDABLE and not _what_differs(connection, run)]
    yield
    for run in sound:
        where = runs.c.number == run.number
        fresh = run_from_row(connection.execute(select(runs).where(where)).mappings().one())
        summary = dict(fresh.summary)
        if DIGESTS not in summary:
            continue
        kept, (found, _) = summary[DIGESTS], digests_of(connection, run)
        found[SETTINGS] = settings_digest(fresh, fresh.digest)
        summary[DIGESTS] = {name: one for name, one in found.items() if name in kept or name == SENDERS}
        if summary[DIGESTS] != kept:
            text = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
            connection.execute(update(runs).where(where).values(summary=text))
            plan_store.note(connection, fresh, summary[DIGESTS], now_ms(), changed=True)
