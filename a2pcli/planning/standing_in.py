"""What people get whose service window closes between the plan and their turn: the approved template.

If a campaign has a free text and a template, its plan has both messages for everybody who wrote within the last 24
hours.
The claim decides which of them leaves.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.route_legs import route_of_text
from a2pcli.planning.channel_columns import ALTERNATIVES, CHANNEL
from a2pcli.planning.frames import alive, mask_of, spread
from a2pcli.planning.spec import CompiledSpec
from a2pcli.planning.window import WINDOW

INSTEAD = "@instead"
"""The column with the message that may have to stand in, as JSON text; absent if nobody has one."""

_OF_ROW = ("address", "spelling", "sender", "country", "clock", "consent_until")
_OF_MESSAGE = ("body", "content", "ucs2", "units", "parts", "cost", "currency", "route")
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def may_stand_in(frame: Frame, compiled: CompiledSpec) -> npt.NDArray[np.bool_] | None:
    """Return the rows that get a free text now and would get the template later; None if there are none."""
    if not compiled.has_both_texts or WINDOW not in frame:
        return None
    rows = alive(frame) & mask_of(frame[WINDOW])
    return rows if rows.any() else None


def as_if_outside(frame: Frame, rows: npt.NDArray[np.bool_]) -> Frame:
    """Return these rows as they were before they got a message, and outside their service window."""
    found = frame.filter(rows)
    found[WINDOW] = pa.array(np.zeros(len(found), dtype=np.bool_))
    for name in ("@content", "@route"):
        found[name] = pa.nulls(len(found), pa.string())
    return found


def keep(frame: Frame, rows: npt.NDArray[np.bool_], made: Frame) -> None:
    """Set ``@instead`` from the messages of ``as_if_outside``; rows that can get no template have none."""
    good = pc.is_null(made["@reason"]).to_pylist()
    columns = [made[f"@{name}"].to_pylist() for name in _OF_MESSAGE]
    texts = [
        _JSON.encode(dict(zip(_OF_MESSAGE, values, strict=True))) if is_good else None
        for is_good, *values in zip(good, *columns, strict=True)
    ]
    frame[INSTEAD] = spread(pa.array(texts, pa.string()), rows)


def stand_ins(frame: Frame, spec: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the stand-ins of the rows to be sent, each with its position, as ``alternatives`` of the ledger."""
    if INSTEAD not in frame:
        return
    chosen = alive(frame) & mask_of(pc.is_valid(frame[INSTEAD]))
    for place in np.flatnonzero(chosen).tolist():
        row = {name: frame[f"@{name}"][place].as_py() for name in _OF_ROW}
        yield place, stand_in(frame[INSTEAD][place].as_py(), row, spec)


def stand_in(text: str, row: Mapping[str, Any], spec: Any) -> dict[str, Any]:
    """Return the planned alternative that ``@instead`` and the row's own columns make."""
    message = json.loads(text)
    encoding = "UCS-2" if message.pop("ucs2") else "GSM-7"
    values = {name: value for name, value in {**row, **message}.items() if value is not None}
    values["sender"] = values.get("sender") or spec.sender
    return {
        "channel": spec.channel, "gateway": spec.gateway, "instead": True, **values, "encoding": encoding,
    }  # fmt: skip


def at_most(cost: int | None, currency: str | None, route: str | None) -> tuple[int | None, str | None]:
    """Return what a message costs; of a route, by the dearest of its gateways."""
    if route is None:
        return cost, currency
    leg = route_of_text(route).most
    return leg.cost, leg.currency


@dataclass(slots=True)
class StandIns:
    """First messages that may have to be replaced, counted: which templates would stand in, and how much more they
    may cost at most (1e-9 currency units, by currency)."""

    messages: int = 0
    templates: Counter[str] = field(default_factory=Counter)
    more: Counter[str] = field(default_factory=Counter)
    unpriced: int = 0

    def add(self, rows: pa.Table) -> None:
        """Count the stand-ins in a chunk's rows with alternatives."""
        columns = (rows[name].to_pylist() for name in ("cost", "currency", "alternatives", "route"))
        for cost, currency, text, route in zip(*columns, strict=True):
            one = json.loads(text)[0]
            if not one.get("instead"):
                continue
            self.messages += 1
            template = json.loads(one["content"])["template"]
            self.templates[f"{template['name']} ({template['language']}, {template['category']})"] += 1
            now, _ = at_most(cost, currency, route)
            most, of = at_most(one.get("cost"), one.get("currency"), one.get("route"))
            if most is None or of is None:
                self.unpriced += 1
            else:
                self.more[of] += max(0, most - (now or 0))

    def document(self) -> dict[str, Any]:
        """Return JSON-ready data; empty if nothing may stand in."""
        if not self.messages:
            return {}
        return {
            "stand_ins": {
                "messages": self.messages,
                "templates": dict(sorted(self.templates.items())),
                "more": dict(sorted(self.more.items())),
                "unpriced": self.unpriced,
            }
        }


def add_stand_ins(frame: Frame, spec: Any) -> None:
    """Give the rows of a campaign of one channel the messages that may stand in, as their alternatives."""
    texts: list[str | None] = [None] * len(frame)
    for place, one in stand_ins(frame, spec):
        texts[place] = _JSON.encode([one])
    frame[CHANNEL] = pa.nulls(len(frame), pa.string())
    frame[ALTERNATIVES] = pa.array(texts, pa.string())
