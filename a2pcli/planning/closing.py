"""Free texts whose service window may have closed before their turn: known from the plan's duration and the replies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.channels import channel_of
from a2pcli.errors import Problem, Severity
from a2pcli.ledger.store import Ledger
from a2pcli.planning.legs import names_of
from a2pcli.planning.people import keys_of
from a2pcli.planning.prepare import Prepared
from a2pcli.planning.reaching import ANSWER_MS
from a2pcli.planning.split import SplitChunk
from a2pcli.planning.window import needs_window


class Closing:
    """The recipients of free texts on channels with a service window, collected while a plan is made."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._first = prepared.spec.channel
        self._people: dict[str, list[npt.NDArray[np.int64]]] = {
            one.spec.channel: [] for one in prepared.channels if channel_of(one.spec.channel).window
        }

    def add(self, split: SplitChunk) -> None:
        """Collect the free texts of a chunk."""
        rows = split.accepted
        if not self._people or not rows.num_rows:
            return
        free = pa.array(needs_window(rows["@content"]))
        several = "@channel" in rows.schema.names
        channels = pc.fill_null(rows["@channel"], self._first) if several else None
        for channel, found in self._people.items():
            mine = free if channels is None else pc.and_(free, pc.equal(channels, channel))
            found.append(keys_of(rows["@address"].filter(mine)))

    def problems(self, ledger: Ledger, finishes_at: int | None) -> Iterator[Problem]:
        """Warn of free texts whose window closes before the plan is expected to be sent (UTC milliseconds)."""
        if finishes_at is None:
            return
        now = self._prepared.hours.now
        for one in self._prepared.channels:
            channel = one.spec.channel
            collected = self._people.get(channel)
            if not collected:
                continue
            window = channel_of(channel).window * 1000
            closed: set[str] = set()
            for gateway in names_of(one.spec):
                planned = set(ledger.replies.who_wrote(gateway, now - window + ANSWER_MS))
                closed |= planned.difference(ledger.replies.who_wrote(gateway, finishes_at - window))
            closing = keys_of(pa.array(sorted(closed), pa.string()))
            many = int(np.isin(np.concatenate(collected), closing).sum())
            if many:
                yield self._problem(one, channel, many)

    def _problem(self, one: Prepared, channel: str, many: int) -> Problem:
        texts = "1 free text" if many == 1 else f"up to {many:,} free texts"
        then = "goes" if many == 1 else "go"
        falls_back = (self._prepared.loaded.whole or self._prepared.loaded).campaign.fallback is not None
        if one.compiled.has_both_texts:
            what = "are replaced by the template" if many > 1 else "is replaced by the template"
        elif falls_back:
            what = f"{then} by the next channel"
        else:
            what = f"{'is' if many == 1 else 'are'} skipped"
        return Problem(
            f"{texts} by {channel} may have to wait until 24 hours after the person wrote have passed, and then {what}",
            path=str(one.loaded.path),
            hint="send sooner or at a higher rate, or plan again shortly before",
            severity=Severity.WARNING,
            code="window-closes",
        )
