"""Several channels in one plan: every row is judged by the stages of each, and goes by the first that it may go by.

A chunk becomes one frame a channel, as if the campaign had no other. ``chosen`` makes one frame of them again: of each
row the channel that the contact prefers, else the first of the campaign's order, for which no stage had a reason
against it. A row that may go by none is left out with the reason of each channel.

The person of a row is the first address that it has, in the campaign's order, whichever of them is used: so an opt-out
from one channel between two plans does not make somebody a different person.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.kinds import NOBODY, OTHERS
from a2pcli.channels import CHANNELS
from a2pcli.frame import Frame
from a2pcli.planning.channel_columns import ALTERNATIVES, CHANNEL
from a2pcli.planning.frames import IDENTITY, OWN, alive, drop
from a2pcli.planning.people import BY_OTHER, Seen
from a2pcli.planning.spec import CompiledSpec
from a2pcli.planning.stages import STAGES, addressed, begin, result_columns
from a2pcli.planning.standing_in import INSTEAD, stand_in
from a2pcli.reasons import OF_THE_ADDRESS, Reason

PREFERRED = "preferred_channel"
"""The contacts column that names the channel by which a contact wants to be reached."""

_SPOKEN = {"e-mail": "email", "mail": "email", "text": "sms", "text message": "sms", "whats app": "whatsapp"}
"""Common names for channels, in addition to their own."""

Places = npt.NDArray[np.intp]


def by_channel(frame: Frame, compiled: Sequence[CompiledSpec]) -> list[Frame]:
    """Run the stages of each channel over one chunk; return one frame for each channel, with the same rows."""
    frames = [frame.select(frame) for _ in compiled]
    for one, spec in zip(frames, compiled, strict=True):
        begin(one)
        addressed(one, spec)
    identity = pc.coalesce(*(one["@address"] for one in frames))
    for one, spec in zip(frames, compiled, strict=True):
        one[IDENTITY] = identity
        for stage in STAGES[1:]:
            stage(one, spec)
    return [one.select((*result_columns(one), OWN)) for one in frames]


def preferences(cells: pa.Array | None, channels: Sequence[str], strange: Counter[str]) -> Places | None:
    """Return each row's preferred channel as an index, -1 if none of these; None if no row has a preference.

    Cells that are not a channel's name are counted in ``strange``.
    """
    if cells is None:
        return None
    said = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(cells)), "").dictionary_encode()
    places = []
    many = np.bincount(said.indices.to_numpy(), minlength=len(said.dictionary))
    for place, text in enumerate(said.dictionary.to_pylist()):
        name = _SPOKEN.get(text, text)
        if name == "viber" and name not in channels:
            name = "viber_business"
        places.append(channels.index(name) if name in channels else -1)
        if name and name not in CHANNELS:
            strange[text[:40]] += int(many[place])
    found: Places = np.array(places or [-1], dtype=np.intp)[said.indices.to_numpy()]
    return found if (found >= 0).any() else None


class Choice:
    """One chunk's frames by channel, and the order in which each row tries them."""

    def __init__(
        self, frames: Sequence[Frame], compiled: Sequence[CompiledSpec], preferred: Places | None
    ) -> None:
        self.frames = frames
        self.specs = [one.spec for one in compiled]
        self.rows = len(frames[0])
        self.may = np.array([alive(one) for one in frames])
        order = np.tile(np.arange(len(frames)), (self.rows, 1))
        if preferred is not None:
            # The sort is stable: the preferred channel comes first, the others keep the campaign's order.
            first = order != preferred[:, None]
            order = np.take_along_axis(order, np.argsort(first, axis=1, kind="stable"), axis=1)
        self.order = order
        goes = self.may.T[np.arange(self.rows)[:, None], order]
        self.is_sent = goes.any(axis=1)
        self.primary: Places = order[np.arange(self.rows), goes.argmax(axis=1)]

    def chosen(self) -> Frame:
        """Return one frame in which each row uses its chosen channel, or is excluded with the reasons of all."""
        told = np.where(self.is_sent, self.primary, self._telling())
        at = pa.array(told * self.rows + np.arange(self.rows))
        names = [name for name in self.frames[0] if name not in (OWN, INSTEAD)]
        found = Frame({name: _one_of(self.frames, name, at) for name in names}, self.rows)
        self._explain(found, told)
        channels = pa.array([spec.channel for spec in self.specs])
        first = pa.array(told == 0)
        found[CHANNEL] = pc.if_else(first, pa.scalar(None, pa.string()), channels.take(pa.array(told)))
        own = pa.array([None, *(spec.sender for spec in self.specs[1:])], pa.string())
        found["@sender"] = pc.coalesce(found["@sender"], own.take(pa.array(told)))
        found[ALTERNATIVES] = pa.nulls(self.rows, pa.string())
        return found

    def _telling(self) -> Places:
        """Return the channel whose reason is shown for each row: the first with an address, else the first."""
        codes = pa.array(map(str, OF_THE_ADDRESS))
        has = np.array(
            [
                ~pc.fill_null(pc.is_in(one["@reason"], codes), False).to_numpy(zero_copy_only=False)
                for one in self.frames
            ]
        )
        best = has.T[np.arange(self.rows)[:, None], self.order].argmax(axis=1)
        return np.asarray(self.order[np.arange(self.rows), best], dtype=np.intp)

    def _explain(self, found: Frame, told: Places) -> None:
        """Where the channels exclude a row for different reasons, name each of them in its detail."""
        out = ~self.is_sent
        if not out.any():
            return
        first = self.frames[0]
        same = np.ones(self.rows, dtype=np.bool_)
        for one in self.frames[1:]:
            for name in ("@reason", "@detail"):
                equal = pc.equal(pc.fill_null(one[name], ""), pc.fill_null(first[name], ""))
                same &= equal.to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(out & ~same)
        if not len(rows):
            return
        pieces = [
            _reasons(one, spec.channel, rows) for one, spec in zip(self.frames, self.specs, strict=True)
        ]
        details = found["@detail"].to_pylist()
        for place, words in zip(rows.tolist(), zip(*pieces, strict=True), strict=True):
            details[place] = "; ".join(words)
        found["@detail"] = pa.array(details, pa.string())

    def keys(self) -> list[npt.NDArray[np.int64]]:
        """Return the people's keys, one array for each kind of address the channels use."""
        found: dict[tuple[Any, ...], npt.NDArray[np.int64]] = {}
        for one, spec in zip(self.frames, self.specs, strict=True):
            found.setdefault((spec.address,), one[OWN].to_numpy(zero_copy_only=False))
        return list(found.values())

    def add_alternatives(self, found: Frame, *, with_next: bool) -> None:
        """Set ``@alternatives`` of the rows to send: what stands in where a service window closes, and ``with_next``
        every other allowed channel, in their order."""
        more = self.may.sum(axis=0) > 1 if with_next else np.zeros(self.rows, dtype=np.bool_)
        instead = [self._stand_ins(one) for one in self.frames]
        rows = np.flatnonzero(alive(found) & (more | self._has_stand_in(instead)))
        if not len(rows):
            return
        at = pa.array(rows)
        columns = [
            {name: one[f"@{name}"].take(at).to_pylist() for name in _OF_ALTERNATIVE} for one in self.frames
        ]
        others = found["@others"].to_pylist()
        addresses = found["@address"].take(at).to_pylist()
        texts: list[str | None] = [None] * self.rows
        for number, (place, address) in enumerate(zip(rows.tolist(), addresses, strict=True)):
            made = []
            for channel in self.order[place].tolist():
                is_first = channel == self.primary[place]
                if not self.may[channel, place] or not (with_next or is_first):
                    continue
                values = {name: of[number] for name, of in columns[channel].items()}
                text = instead[channel].get(place)
                later = None if text is None else stand_in(text, _row(values), self.specs[channel])
                # A later channel's two messages are told apart by their texts.
                if not is_first and (later is None or later["body"] != values["body"]):
                    made.append(self._alternative(channel, values))
                elif later is not None and not is_first:
                    later["instead"] = False
                if later is not None:
                    made.append(later)
            known = {address, *(others[place] or "").split(OTHERS)}
            if missing := [one["address"] for one in made if one["address"] not in known]:
                others[place] = OTHERS.join([*filter(None, [others[place]]), *dict.fromkeys(missing)])
            texts[place] = _JSON.encode(made) if made else None
        found[ALTERNATIVES] = pa.array(texts, pa.string())
        found["@others"] = pa.array(others, pa.string())

    @staticmethod
    def _stand_ins(frame: Frame) -> dict[int, str]:
        """Return what stands in on one channel, by row."""
        if INSTEAD not in frame:
            return {}
        return {place: text for place, text in enumerate(frame[INSTEAD].to_pylist()) if text is not None}

    def _has_stand_in(self, instead: Sequence[Mapping[int, str]]) -> npt.NDArray[np.bool_]:
        """Return the rows whose chosen message may need one."""
        found = np.zeros(self.rows, dtype=np.bool_)
        for channel, mine in enumerate(instead):
            found[list(mine)] |= self.primary[list(mine)] == channel
        return found

    def _alternative(self, channel: int, values: Mapping[str, Any]) -> dict[str, Any]:
        found = {name: value for name, value in values.items() if value is not None and name != "ucs2"}
        spec = self.specs[channel]
        found["sender"] = values["sender"] or spec.sender
        found["encoding"] = "UCS-2" if values["ucs2"] else "GSM-7"
        return {"channel": spec.channel, "gateway": spec.gateway, **found}


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_OF_ALTERNATIVE = (
    "address", "spelling", "sender", "body", "content", "ucs2", "units", "parts", "cost", "currency", "country",
    "clock", "consent_until", "route",
)  # fmt: skip
_OF_ROW = ("address", "spelling", "sender", "country", "clock", "consent_until")


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a message and the one that stands in for it share."""
    return {name: values[name] for name in _OF_ROW}


def _one_of(frames: Sequence[Frame], name: str, at: pa.Array) -> pa.Array:
    """Return a column in which each value comes from the frame that ``at`` points into."""
    if name in ("@line", "@cell") and all(one[name] is frames[0][name] for one in frames):
        return frames[0][name]
    columns = [one[name] for one in frames]
    if pa.types.is_dictionary(columns[0].type):
        columns = [one.cast(pa.string()) for one in columns]
    return pa.concat_arrays(columns).take(at)


def _reasons(frame: Frame, channel: str, rows: npt.NDArray[np.int64]) -> Iterator[str]:
    """Yield in words why one channel excludes these rows."""
    from a2pcli.reasons import SENTENCES

    at = pa.array(rows)
    pairs = zip(frame["@reason"].take(at).to_pylist(), frame["@detail"].take(at).to_pylist(), strict=True)
    for reason, detail in pairs:
        words = SENTENCES[Reason(reason)]
        yield f"{channel}: {words} ({detail})" if detail else f"{channel}: {words}"


class SeenPeople:
    """Duplicates where rows have addresses of several kinds: rows that share an address with an earlier recipient are
    the same person. Only rows to be sent count."""

    def __init__(self, limit: int | None) -> None:
        self._seen = Seen()
        self._left = limit

    def apply(self, frame: Frame, keys: Sequence[npt.NDArray[np.int64]]) -> None:
        """Exclude duplicates, then rows beyond the limit."""
        rows = alive(frame)
        repeated = np.zeros(len(frame), dtype=np.bool_)
        for of_kind in keys:
            repeated |= rows & (of_kind != NOBODY) & self._seen.known(of_kind)
        self._among_these(np.flatnonzero(rows & ~repeated), keys, repeated)
        going = rows & ~repeated
        fresh = [of_kind[going & (of_kind != NOBODY)] for of_kind in keys]
        self._seen.first_time(np.concatenate(fresh))
        own = frame["@person"].to_numpy(zero_copy_only=False)
        drop(frame, repeated & self._seen.known(own), Reason.DUPLICATE)
        drop(frame, repeated, Reason.DUPLICATE, BY_OTHER)
        if self._left is not None:
            beyond = going & (np.cumsum(going) > self._left)
            drop(frame, beyond, Reason.OVER_LIMIT)
            self._left -= int((going & ~beyond).sum())

    @staticmethod
    def _among_these(
        rows: npt.NDArray[np.int64], keys: Sequence[npt.NDArray[np.int64]], repeated: npt.NDArray[np.bool_]
    ) -> None:
        """Mark rows that share an address with an earlier one of ``rows``."""
        named = [of_kind[rows] for of_kind in keys]
        together = np.concatenate(named)
        together = together[together != NOBODY]
        if len(np.unique(together)) == len(together):
            return
        met: set[int] = set()
        for place, own in zip(rows.tolist(), zip(*(one.tolist() for one in named), strict=True), strict=True):
            mine = {key for key in own if key != NOBODY}
            if mine & met:
                repeated[place] = True
            else:
                met |= mine
