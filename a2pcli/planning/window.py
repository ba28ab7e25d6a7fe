"""WhatsApp's service window: who wrote to us within the last 24 hours, and what a message to them costs.

Apart from ``whatsapp.py``, since worker processes import it without the models of campaigns.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.frame import Frame
from a2pcli.planning.frames import Mask, mask_of

WINDOW = "@window"
"""The column that says who wrote within the last 24 hours; absent if not needed."""


def windowed(frame: Frame, inside: Mask) -> None:
    """Set for each row whether its person is in the service window."""
    frame[WINDOW] = pa.array(inside)


def made_free(frame: Frame, rows: Mask, currency: str | None) -> None:
    """Set the cost of messages to people in the window to 0, in the destination's currency, else the card's."""
    money = pc.coalesce(frame["@currency"], pa.scalar(currency, pa.string()))
    chosen = pa.array(rows & mask_of(frame[WINDOW]) & mask_of(pc.is_valid(money)))
    frame["@cost"] = pc.if_else(chosen, pa.scalar(0, pa.int64()), frame["@cost"])
    frame["@currency"] = pc.if_else(chosen, money, frame["@currency"])
