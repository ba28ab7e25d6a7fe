"""Planned chunks in file order: the stages, and then what depends on the rows before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from a2pcli.contacts.rows import Piece
from a2pcli.contacts.table import Framed, Table
from a2pcli.frame import Frame
from a2pcli.planning.clocks import Clocks
from a2pcli.planning.frames import alive, drop
from a2pcli.planning.people import Seen
from a2pcli.planning.spec import CompiledSpec, PlanSpec
from a2pcli.planning.standing_in import add_stand_ins
from a2pcli.planning.tasks import ChunkTask, PlannedRows, as_they_are
from a2pcli.planning.workers import Workers
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.planning.prepare import Prepared

CHUNK_ROWS = 25_000


def planned_chunks(
    table: Table,
    spec: PlanSpec,
    compiled: CompiledSpec,
    workers: Workers | None = None,
    clocks: Clocks | None = None,
    *,
    repeats: bool = False,
) -> Iterator[Frame]:
    """Yield every row of the table, planned: accepted (``@reason`` null) or excluded for a reason, in file order.

    ``clocks`` numbers the clocks of the rows (``@clock``) and excludes people who reached a cap. ``repeats``: rows of
    the same person do not exclude each other.
    """
    clocks = clocks or Clocks()
    framing, pieces = table.read(compiled.columns, compiled.chunk_rows(CHUNK_ROWS))
    work = ChunkTask(framing, (spec,))
    across = AcrossRows(spec.limit)
    for rows in _planned(table, pieces, work, [compiled], workers):
        (frame,) = rows.frames
        clocks.apply(frame)
        if not repeats:
            across.apply(frame)
        if compiled.has_both_texts:
            add_stand_ins(frame, spec)
        yield frame
    table.finish()


def planned(
    prepared: Prepared,
    workers: Workers | None,
    clocks: Clocks,
    strange: Counter[str] | None = None,
    *,
    alternatives: bool = False,
    repeats: bool = False,
) -> Iterator[Frame]:
    """Yield every row of a campaign's contacts, planned on the first channel that each may use.

    Preferred channels that do not exist are counted in ``strange``. ``alternatives``: give each row its messages by
    the other channels even if the campaign does not fall back. ``repeats``: see ``planned_chunks``.
    """
    if prepared.others:
        with_next = (prepared.loaded.whole or prepared.loaded).campaign.fallback is not None
        return _by_channels(
            prepared,
            workers,
            clocks,
            Counter() if strange is None else strange,
            with_next or alternatives,
            repeats,
        )
    return planned_chunks(prepared.table, prepared.spec, prepared.compiled, workers, clocks, repeats=repeats)


def _by_channels(
    prepared: Prepared,
    workers: Workers | None,
    clocks: Clocks,
    strange: Counter[str],
    with_next: bool,
    repeats: bool,
) -> Iterator[Frame]:
    """Like ``planned_chunks``: stages and clocks of each channel, then one frame."""
    from a2pcli.planning.channel_choice import PREFERRED, Choice, SeenPeople, preferences

    table, compiled = prepared.table, [one.compiled for one in prepared.channels]
    names = [one.spec.channel for one in prepared.channels]
    timed = [clocks, *(clocks.of_channel(one.hours) for one in prepared.others)]
    wanted = frozenset().union(*(one.columns for one in compiled))
    preferred = table.described.find(PREFERRED)
    rows = min(one.chunk_rows(CHUNK_ROWS) for one in compiled)
    framing, pieces = table.read(wanted | ({preferred} if preferred else set()), rows)
    across = SeenPeople(prepared.spec.limit)
    work = ChunkTask(framing, tuple(one.spec for one in prepared.channels), preferred)
    for made in _planned(table, pieces, work, compiled, workers):
        for frame, of_channel in zip(made.frames, timed, strict=True):
            of_channel.apply(frame)
        choice = Choice(made.frames, compiled, preferences(made.preferred, names, strange))
        frame = choice.chosen()
        if not repeats:
            across.apply(frame, choice.keys())
        choice.add_alternatives(frame, with_next=with_next)
        yield frame
    table.finish()


def _planned(
    table: Table,
    pieces: Iterator[Piece],
    work: ChunkTask,
    compiled: Sequence[CompiledSpec],
    workers: Workers | None,
) -> Iterator[PlannedRows]:
    """Yield the chunks after the stages. Emails are made one chunk at a time, because those of a whole piece of the
    file do not fit into memory."""
    if workers is None or any(one.contents_are_large for one in compiled):
        pieces = _frames(table, pieces, work.framing)
        work = replace(work, framing=as_they_are)
    stream = workers.map(pieces, work) if workers else (work.planned(piece, compiled) for piece in pieces)
    for planned_piece in stream:
        if work.framing is not as_they_are:
            table.count(planned_piece.as_read)
        yield from planned_piece.chunks


def _frames(table: Table, pieces: Iterator[Piece], framing: Callable[[Piece], Framed]) -> Iterator[Frame]:
    """Yield the rows of the table, one chunk at a time."""
    for piece in pieces:
        framed = framing(piece)
        table.count(framed)
        while framed.frames:
            yield framed.frames.pop(0)


class AcrossRows:
    """What depends on earlier rows. Only rows to be sent count: of two rows with the same number, the second is sent
    if the first was filtered out or could not be rendered."""

    def __init__(self, limit: int | None) -> None:
        self._seen = Seen()
        self._left = limit

    def apply(self, frame: Frame) -> None:
        """Exclude duplicates, then rows beyond the limit."""
        rows = alive(frame)
        people = frame["@person"].to_numpy(zero_copy_only=False)
        repeated = np.zeros(len(frame), dtype=np.bool_)
        repeated[rows] = ~self._seen.first_time(people[rows])
        drop(frame, repeated, Reason.DUPLICATE)
        if self._left is None:
            return
        rows &= ~repeated
        beyond = rows & (np.cumsum(rows) > self._left)
        drop(frame, beyond, Reason.OVER_LIMIT)
        self._left -= int((rows & ~beyond).sum())
