"""What is done with a piece of the contacts file, in whichever process: rows are read, and pass the stages."""

from __future__ import annotations

from a2pcli.contacts.rows import Piece
from a2pcli.contacts.table import Framed, Framing
from a2pcli.dataclass import dataclass
from a2pcli.planning.spec import CompiledSpec, PlanSpec
from a2pcli.planning.stages import run_stages


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """How pieces become rows, and what to plan with them; can be sent to a process."""

    framing: Framing
    spec: PlanSpec

    def planned(self, piece: Piece, compiled: CompiledSpec) -> Framed:
        """The planned rows of a piece. ``compiled`` is the spec, compiled in this process."""
        framed = self.framing(piece)
        return Framed([run_stages(frame, compiled) for frame in framed.frames], framed.blank)
