"""Service windows: who wrote to us within the last 24 hours, which messages only they get, and what these cost.

Apart from ``whatsapp.py``, since worker processes import it without the models of campaigns.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.frame import Frame
from a2pcli.planning.frames import Mask, mask_of

WINDOW = "@window"
"""The column that says who wrote within the last 24 hours; absent if not needed."""

OUTSIDE = (
    "the person did not write within the last 24 hours, and the campaign has nothing that may leave later"
)


def windowed(frame: Frame, inside: Mask) -> None:
    """Set for each row whether its person is in the service window."""
    frame[WINDOW] = pa.array(inside)


def needs_window(contents: pa.Array) -> Mask:
    """Return which messages leave only in an open service window: those that are no WhatsApp template and have no
    Messenger tag. ``contents`` are as planned (JSON); ``Asking.outside`` says the same of one message."""
    given = pc.fill_null(contents, "")
    other = pc.or_(
        pc.starts_with(given, '{"template":'), pc.match_substring_regex(given, r'"tag":"[A-Z_]+"\}$')
    )
    return ~mask_of(other)


def made_free(frame: Frame, rows: Mask, currency: str | None) -> None:
    """Set the cost of messages to people in the window to 0, in the destination's currency, else the card's."""
    money = pc.coalesce(frame["@currency"], pa.scalar(currency, pa.string()))
    chosen = pa.array(rows & mask_of(frame[WINDOW]) & mask_of(pc.is_valid(money)))
    frame["@cost"] = pc.if_else(chosen, pa.scalar(0, pa.int64()), frame["@cost"])
    frame["@currency"] = pc.if_else(chosen, money, frame["@currency"])
