"""Planned chunks in file order: the stages, and then what depends on the rows before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from a2pcli.contacts.rows import Piece
from a2pcli.contacts.table import Table
from a2pcli.frame import Frame
from a2pcli.planning.clocks import Clocks
from a2pcli.planning.frames import alive, drop
from a2pcli.planning.people import Seen
from a2pcli.planning.spec import CompiledSpec, PlanSpec
from a2pcli.planning.stages import ChunkTask, run_stages
from a2pcli.planning.standing_in import add_stand_ins
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
    work = ChunkTask(framing, spec)
    across = AcrossRows(spec.limit)
    for frame in _planned(table, pieces, work, compiled, workers):
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
            prepared, clocks, Counter() if strange is None else strange, with_next or alternatives, repeats
        )
    return planned_chunks(prepared.table, prepared.spec, prepared.compiled, workers, clocks, repeats=repeats)


def _by_channels(
    prepared: Prepared, clocks: Clocks, strange: Counter[str], with_next: bool, repeats: bool
) -> Iterator[Frame]:
    """Like ``planned_chunks``, in this process: stages and clocks of each channel, then one frame."""
    from a2pcli.planning.channel_choice import PREFERRED, Choice, SeenPeople, by_channel, preferences

    table, compiled = prepared.table, [one.compiled for one in prepared.channels]
    names = [one.spec.channel for one in prepared.channels]
    timed = [clocks, *(clocks.of_channel(one.hours) for one in prepared.others)]
    wanted = frozenset().union(*(one.columns for one in compiled))
    preferred = table.described.find(PREFERRED)
    rows = min(one.chunk_rows(CHUNK_ROWS) for one in compiled)
    framing, pieces = table.read(wanted | ({preferred} if preferred else set()), rows)
    across = SeenPeople(prepared.spec.limit)
    for piece in pieces:
        framed = framing(piece)
        table.count(framed)
        frames = framed.frames
        while frames:
            rows_read = frames.pop(0)
            cells = rows_read[preferred] if preferred else None
            made = by_channel(rows_read, compiled)
            for frame, of_channel in zip(made, timed, strict=True):
                of_channel.apply(frame)
            choice = Choice(made, compiled, preferences(cells, names, strange))
            frame = choice.chosen()
            if not repeats:
                across.apply(frame, choice.keys())
            choice.add_alternatives(frame, with_next=with_next)
            yield frame
    table.finish()


def _planned(
    table: Table, pieces: Iterator[Piece], work: ChunkTask, compiled: CompiledSpec, workers: Workers | None
) -> Iterator[Frame]:
    """Yield the frames after the stages. Emails are made here, one frame at a time, because those of a whole piece of
    the file, as a worker would return them, do not fit into memory."""
    if compiled.contents_are_large:
        for piece in pieces:
            framed = work.framing(piece)
            table.count(framed)
            frames = framed.frames
            while frames:  # popped, because a frame keeps what the stages add to it
                yield run_stages(frames.pop(0), compiled)
        return
    stream = workers.map(pieces, work) if workers else (work.planned(piece, compiled) for piece in pieces)
    for framed in stream:
        table.count(framed)
        yield from framed.frames


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
