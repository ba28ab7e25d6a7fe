"""What a plan found, counted while the chunks go by: the numbers a person approves."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.totals import MAYBE_TOTAL, TOTAL
from a2pcli.dataclass import dataclass
from a2pcli.frame import one_piece
from a2pcli.ledger.approved import (
    CHANNELS,
    CONTENTS,
    DETAILS,
    PEOPLE,
    SENDERS,
    TEXTS,
    ChannelDigest,
    Details,
    TextDigest,
    combined,
)
from a2pcli.message_content import content_of
from a2pcli.planning.route_tally import RoutesTally
from a2pcli.planning.routes import Routes
from a2pcli.planning.split import SplitChunk
from a2pcli.reasons import Reason

SAMPLES = 4
NAMES = {"@address": "number"}
"""Column names in samples that differ from their own, kept from when all addresses were phone numbers."""
SAMPLE_COLUMNS = [
    "line",
    "number",
    "country",
    "body",
    "ucs2",
    "units",
    "parts",
    "cost",
    "currency",
    "variant",
    "sender",
]
"""``content`` is added if there is any."""


class ColumnDigest(TextDigest):
    """A ``TextDigest`` over Arrow columns, without a Python object for each text."""

    def add_column(self, texts: pa.StringArray) -> None:
        """Add a column of a chunk that has no nulls."""
        texts = one_piece(texts)
        if not len(texts):
            return
        offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[
            texts.offset : texts.offset + len(texts) + 1
        ]
        self.lengths.update(np.diff(offsets).astype("<i8").tobytes())
        if offsets[-1] > offsets[0]:
            self.text.update(memoryview(texts.buffers()[2])[offsets[0] : offsets[-1]])


class ColumnDetails(Details):
    """``Details`` over Arrow columns."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = {name: ColumnDigest() for name in self.names}
        self.names.update(self.columns)

    def add_columns(self, rows: pa.RecordBatch) -> None:
        """Add the columns of a chunk."""
        for name, digest in self.numbers.items():
            numbers = pc.fill_null(pc.cast(rows[name], pa.int64()), -1)
            digest.update(numbers.to_numpy().astype("<i8").tobytes())
        for name, column in self.columns.items():
            column.add_column(pc.fill_null(rows[name], ""))


MOST_TOTALS = 3


class ColumnChannels(ChannelDigest):
    """``ChannelDigest`` over Arrow columns."""

    def __init__(self) -> None:
        super().__init__()
        self.digests = self._columns = ColumnDigest(), ColumnDigest()

    def add_columns(self, rows: pa.RecordBatch) -> None:
        """Add the columns of a chunk."""
        for digest, name in zip(self._columns, ("channel", "alternatives"), strict=True):
            self.any = self.any or rows[name].null_count < rows.num_rows
            digest.add_column(pc.fill_null(rows[name], ""))


@dataclass(slots=True)
class PlanTally:
    """Running totals over planned chunks. ``rows == recipients + sum(excluded.values())`` always holds."""

    rows: int = 0
    recipients: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    copy_rules: Counter[str] = field(default_factory=Counter)
    """Details of messages excluded by a copy rule."""
    countries: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    parts: Counter[int] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    cost: Counter[str] = field(default_factory=Counter)
    unpriced: int = 0
    unpriced_countries: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    total_parts: int = 0
    total_lines: list[int] = field(default_factory=list)
    """Lines of the first few excluded rows that look like a total of the others."""
    maybe_total: int | None = None
    """Line of the last row, if it gets a message and may be a total of the others."""
    _samples: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    senders: Counter[str | None] = field(default_factory=Counter)
    strange_channels: Counter[str] = field(default_factory=Counter)
    """Preferred channels in the contacts that do not exist."""
    routes: Routes = field(default_factory=Routes)
    """In campaigns with several channels: recipients by channel, and their cost."""
    gateways: RoutesTally = field(default_factory=RoutesTally)
    """In campaigns that go by a route: recipients by gateway, and their cost."""
    _channels: ColumnChannels = field(default_factory=ColumnChannels)
    _lines: Any = field(default_factory=sha256)
    _senders: ColumnDigest = field(default_factory=ColumnDigest)
    _people: ColumnDigest = field(default_factory=ColumnDigest)
    _bodies: ColumnDigest = field(default_factory=ColumnDigest)
    _contents: ColumnDigest | None = None
    _details: ColumnDetails = field(default_factory=ColumnDetails)

    def add(self, split: SplitChunk) -> None:
        """Count one planned chunk."""
        self.rows += len(split.accepted_at) + len(split.excluded_at)
        _count(self.excluded, split.excluded["@reason"])
        if self.excluded[Reason.COPY_RULE]:
            unsaid = pc.equal(split.excluded["@reason"], str(Reason.COPY_RULE))
            _count(self.copy_rules, split.excluded["@detail"].filter(unsaid))
        self._note_totals(split)
        self._count_accepted(
            split.accepted.rename_columns([NAMES.get(name, name[1:]) for name in split.accepted.column_names])
        )

    def _note_totals(self, split: SplitChunk) -> None:
        excluded, accepted = split.excluded, split.accepted
        if len(excluded) or len(accepted):
            is_last = len(accepted) > 0 and not (
                len(excluded) and split.excluded_at[-1] > split.accepted_at[-1]
            )
            doubted = is_last and accepted["@detail"][-1].as_py() == MAYBE_TOTAL
            self.maybe_total = accepted["@line"][-1].as_py() if doubted else None
        sums = pc.equal(excluded["@detail"], TOTAL)
        if len(self.total_lines) < MOST_TOTALS and pc.any(sums).as_py():
            self.total_lines += (
                excluded["@line"].filter(sums).to_pylist()[: MOST_TOTALS - len(self.total_lines)]
            )

    def _count_accepted(self, rows: pa.RecordBatch) -> None:
        if rows.num_rows == 0:
            return
        self.recipients += rows.num_rows
        _count(self.countries, rows["country"].drop_null())
        _count(self.encodings, pc.if_else(rows["ucs2"], "UCS-2", "GSM-7"))
        _count(self.parts, rows["parts"])
        _count(self.variants, rows["variant"].drop_null())
        for repairs, count in _counts(rows["repairs"].drop_null()):
            for repair in repairs.split(","):
                self.repairs[repair] += count
        self._count_money(rows)
        self.total_parts += pc.sum(rows["parts"]).as_py()
        self.replaced += pc.sum(pc.greater(rows["replaced"], 0)).as_py() or 0
        self._take_samples(rows)
        self._count_senders(rows)
        self._people.add_column(rows["number"])
        self._bodies.add_column(rows["body"])
        if rows["content"].null_count < rows.num_rows:
            self._contents = self._contents or ColumnDigest()
            self._contents.add_column(rows["content"].drop_null())
        self._details.add_columns(rows)
        self.gateways.add(rows)
        if "channel" in rows.schema.names:
            self._channels.add_columns(rows)
            self.routes.add(rows)

    def _count_senders(self, rows: pa.RecordBatch) -> None:
        """Count rows with a sender other than the run's own; free in most campaigns, which have none."""
        own = rows["sender"].null_count
        if own:
            self.senders[None] += own
        if own < rows.num_rows:
            rows = rows.filter(pc.is_valid(rows["sender"]))
            _count(self.senders, rows["sender"])
            self._lines.update(rows["line"].to_numpy().astype("<i8").tobytes())
            self._senders.add_column(rows["sender"])

    def digests(self) -> dict[str, str]:
        """Return the digests that a sender compares the stored rows with; see ``ledger.approved``."""
        found = {PEOPLE: self._people.hexdigest(), TEXTS: self._bodies.hexdigest()}
        found[DETAILS] = self._details.hexdigest()
        if self._contents is not None:
            found[CONTENTS] = self._contents.hexdigest()
        if self._channels.any:
            found[CHANNELS] = self._channels.hexdigest()
        if set(self.senders) - {None}:
            # Identifies the rows with another sender, and that sender.
            found[SENDERS] = f"{self._lines.hexdigest()} {self._senders.hexdigest()}"
        return found

    def _count_money(self, rows: pa.RecordBatch) -> None:
        currencies = pc.unique(rows["currency"].drop_null()).to_pylist()
        for currency in currencies:
            mine = (
                rows["cost"]
                if len(currencies) == 1
                else rows["cost"].filter(pc.equal(rows["currency"], currency))
            )
            self.cost[currency] += pc.sum(mine).as_py() or 0
        if rows["cost"].null_count:
            self.unpriced += rows["cost"].null_count
            _count(self.unpriced_countries, rows["country"].filter(pc.is_null(rows["cost"])).drop_null())

    def _take_samples(self, rows: pa.RecordBatch) -> None:
        """Keep the first message of each kind: another arm, encoding or number of parts looks different."""
        arms = rows["variant"].dictionary_encode()
        channels = rows["channel"] if "channel" in rows.schema.names else pa.nulls(rows.num_rows, pa.string())
        by_channel = channels.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
        kinds = (
            by_channel * (1 << 32)
            + arms.indices.fill_null(-1).to_numpy().astype(np.int64) * 1024
            + rows["parts"].to_numpy().astype(np.int64) * 2
            + pc.cast(rows["ucs2"], pa.int8()).to_numpy()
        )
        for at in np.unique(kinds, return_index=True)[1].tolist():
            sample = rows.select(SAMPLE_COLUMNS).slice(at, 1).to_pylist()[0]
            if content := content_of(rows["content"][at].as_py()):
                # The summary is read often, and HTML is never shown from it.
                sample["content"] = {key: value for key, value in content.items() if key != "html"}
            if channel := channels[at].as_py():
                sample["channel"] = channel
            self._samples.setdefault((channel, sample["variant"], sample["ucs2"], sample["parts"]), sample)

    def digest(self, *settings: str) -> str:
        """Return SHA-256 over recipients, bodies and the settings that affect messages (channel, sender, media)."""
        return combined(self.digests(), *settings)

    def document(self) -> dict[str, Any]:
        """Return the totals as JSON-ready data, as the ledger stores them."""
        kinds = sorted(self._samples.values(), key=lambda sample: (-sample["parts"], sample["line"]))
        samples = sorted(kinds[:SAMPLES], key=lambda sample: int(sample["line"]))
        return {
            "rows": self.rows,
            "recipients": self.recipients,
            "excluded": dict(self.excluded.most_common()),
            "countries": dict(self.countries.most_common()),
            "encodings": dict(self.encodings.most_common()),
            "parts": {str(parts): count for parts, count in sorted(self.parts.items())},
            "total_parts": self.total_parts,
            "repairs": dict(self.repairs.most_common()),
            "variants": dict(sorted(self.variants.items())),
            "replaced": self.replaced,
            "cost": dict(sorted(self.cost.items())),
            "unpriced": self.unpriced,
            "unpriced_countries": dict(self.unpriced_countries.most_common()),
            "samples": samples,
        }


def _counts(values: Any) -> list[tuple[Any, int]]:
    return [(entry["values"], entry["counts"]) for entry in pc.value_counts(values).to_pylist()]


def _count(counter: Counter[Any], values: Any) -> None:
    for value, count in _counts(values):
        counter[value] += count
