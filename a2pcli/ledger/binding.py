"""What binds the messages of a run while it is sent."""

from __future__ import annotations

from collections.abc import Mapping

from a2pcli.dataclass import dataclass
from a2pcli.ledger import caps, clocks


@dataclass(frozen=True, slots=True)
class Binding:
    """What restricts the messages of a run: its clocks by number, and its caps."""

    clocks: Mapping[int, clocks.RunClock]
    caps: caps.Caps
