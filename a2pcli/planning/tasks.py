"""What a worker does with each piece of the contacts: frames, and the stages of every channel.

What a row alone decides is done here, in whichever process. What depends on other rows (clocks, the choice of a
channel, duplicates, ``--limit``) follows in ``pipeline``, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from a2pcli.contacts.rows import Piece
from a2pcli.contacts.table import Framed
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.planning.spec import CompiledSpec, PlanSpec
from a2pcli.planning.stages import run_stages


@dataclass(frozen=True, slots=True)
class PlannedRows:
    """One chunk after the stages: a frame for each channel, all with the same rows, and the cells of the column that
    names the channel a contact prefers, if there is one."""

    frames: list[Frame]
    preferred: pa.Array | None = None


@dataclass(frozen=True, slots=True)
class PlannedPiece:
    """The chunks of a piece, in the order of the file, and how its rows were read."""

    chunks: list[PlannedRows]
    blank: int = 0
    filled: int = 0

    @property
    def as_read(self) -> Framed:
        """Return the piece as ``Table.count`` wants it."""
        return Framed([one.frames[0] for one in self.chunks], self.blank, self.filled)


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """How pieces become rows, and the campaign on each of its channels, in order of preference.

    ``preferred`` is the column that names the channel a contact prefers.
    """

    framing: Callable[[Piece], Framed]
    specs: tuple[PlanSpec, ...]
    preferred: str | None = None

    def planned(self, piece: Piece, compiled: Sequence[CompiledSpec]) -> PlannedPiece:
        """Return the planned rows of a piece. ``compiled`` are the specs, compiled in this process."""
        framed = self.framing(piece)
        chunks = []
        while framed.frames:  # popped, because a frame keeps what the stages add to it
            chunks.append(self._planned(framed.frames.pop(0), compiled))
        return PlannedPiece(chunks, framed.blank, framed.filled)

    def _planned(self, rows: Frame, compiled: Sequence[CompiledSpec]) -> PlannedRows:
        if len(compiled) == 1:
            return PlannedRows([run_stages(rows, compiled[0])])
        from a2pcli.planning.channel_choice import by_channel

        return PlannedRows(by_channel(rows, compiled), rows[self.preferred] if self.preferred else None)


def as_they_are(piece: Frame) -> Framed:
    """The framing of pieces that are frames, which were counted when they were read."""
    return Framed([piece], 0)
