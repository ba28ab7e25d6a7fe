"""Single messages out of a plan that is not stored: found by number, line, chance, length or cost."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.kinds import OTHERS, forms_of
from a2pcli.content.encoding import prepare as compose
from a2pcli.content.smart import Replacement, plain
from a2pcli.content.templates import MissingValue, TemplateFailure
from a2pcli.content.unsubscribe_links import COLUMN
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.alternatives import Alternative, alternatives_of
from a2pcli.planning.pipeline import planned
from a2pcli.planning.prepare import Prepared
from a2pcli.planning.summary import NAMES
from a2pcli.planning.workers import Workers

Row = dict[str, Any]
Choose = Callable[[Iterator[Frame]], list[Row]]


@dataclass(frozen=True, slots=True)
class PreviewedRow:
    """A planned row (column names without ``@``), and the message it would have been if it is excluded.

    ``versions`` are the messages by the campaign's other channels that the row may use, in the order in which they
    would be tried.
    """

    row: Row
    body: str | None
    replacements: tuple[Replacement, ...]
    versions: tuple[PreviewedRow, ...] = ()


def preview(
    prepared: Prepared, choose: Choose, workers: Workers | None = None, channel: str | None = None
) -> list[PreviewedRow]:
    """Return the rows that ``choose`` takes from the planned chunks, in its order; with ``channel`` as if the campaign
    had no other."""
    if channel is not None:
        prepared = replace(_by_name(prepared, channel), others=())
    chunks = planned(prepared, workers, prepared.new_clocks(), alternatives=True)
    chosen = choose(chunks)
    raw = _raw_rows(prepared, {row["line"] for row in chosen})
    return [_with_versions(prepared, row, raw.get(row["line"], {})) for row in chosen]


def _by_name(prepared: Prepared, channel: str) -> Prepared:
    return next(one for one in prepared.channels if one.spec.channel == channel)


def _with_versions(prepared: Prepared, row: Row, raw: dict[str, str]) -> PreviewedRow:
    text = row.pop("alternatives", None)
    row["channel"] = row.get("channel") or prepared.spec.channel
    versions = (
        _previewed(_by_name(prepared, one.channel), _as_row(row, one), raw) for one in alternatives_of(text)
    )
    first = _previewed(_by_name(prepared, row["channel"]), row, raw)
    return replace(first, versions=tuple(versions))


def _as_row(row: Row, one: Alternative) -> Row:
    """Return the row as it goes by an alternative."""
    names = ("channel", "body", "content", "sender", "units", "parts", "cost", "currency", "country")
    values = {name: getattr(one, name) for name in names}
    cleared = dict.fromkeys(("repairs", "type"))
    values["instead"] = one.instead
    return {**row, **cleared, **values, "number": one.address, "cell": None, "ucs2": one.encoding == "UCS-2"}


def by_address(address: str | None, cell: str) -> Choose:
    """Choose every row with this address in any of its forms, as any of the row's, or with exactly this cell."""
    forms = pa.array(forms_of(address) if address is not None else (), pa.string())
    any_form = "|".join(re.escape(form) for form in forms.to_pylist())
    among = f"(^|{re.escape(OTHERS)})({any_form})($|{re.escape(OTHERS)})"

    def choose(chunks: Iterator[Frame]) -> list[Row]:
        found: list[Row] = []
        for frame in chunks:
            same = pc.equal(frame["@cell"], cell)
            same = pc.or_kleene(same, pc.is_in(frame["@address"], forms))
            if len(forms):
                same = pc.or_kleene(
                    same, pc.fill_null(pc.match_substring_regex(frame["@others"], among), False)
                )
            found += _rows(frame, same)
        return found

    return choose


def by_line(line: int) -> Choose:
    """Choose the row that starts at this line of the file."""

    def choose(chunks: Iterator[Frame]) -> list[Row]:
        for frame in chunks:
            if found := _rows(frame, pc.equal(frame["@line"], line)):
                return found
        return []

    return choose


def first(count: int) -> Choose:
    """Choose the first recipients of the file."""

    def choose(chunks: Iterator[Frame]) -> list[Row]:
        found: list[Row] = []
        for frame in chunks:
            found += _rows(frame, pc.is_null(frame["@reason"]), most=count - len(found))
            if len(found) >= count:
                break
        return found

    return choose


def at_random(count: int, seed: int) -> Choose:
    """Choose random recipients with equal probability; the same ones for the same seed and file."""

    def choose(chunks: Iterator[Frame]) -> list[Row]:
        dice = random.Random(seed)
        kept: list[tuple[float, Row]] = []
        for frame in chunks:
            keys = pa.array([dice.random() for _ in range(len(frame))])
            accepted = pc.is_null(frame["@reason"])
            bound = kept[-1][0] if len(kept) == count else 1.0
            wanted = pc.and_(accepted, pc.less(keys, bound))
            drawn = zip(keys.filter(wanted).to_pylist(), _rows(frame, wanted), strict=True)
            kept = sorted([*kept, *drawn], key=lambda pair: pair[0])[:count]
        return [row for _, row in sorted(kept, key=lambda pair: int(pair[1]["line"]))]

    return choose


def greatest(column: str) -> Choose:
    """Choose the first recipient with the highest ``units`` or ``cost``."""

    def choose(chunks: Iterator[Frame]) -> list[Row]:
        best: Row | None = None
        for frame in chunks:
            values = pc.if_else(pc.is_null(frame["@reason"]), frame[f"@{column}"], None)
            most = pc.max(values).as_py()
            if most is not None and (best is None or most > best[column]):
                best = _rows(frame, pc.equal(values, most), most=1)[0]
        return [best] if best else []

    return choose


def _rows(frame: Frame, wanted: pa.Array, most: int | None = None) -> list[Row]:
    places = pc.indices_nonzero(pc.fill_null(wanted, False))
    places = places if most is None else places.slice(0, most)
    if len(places) == 0:
        return []
    columns = {NAMES.get(name, name[1:]): frame[name].take(places) for name in frame}
    rows: list[Row] = pa.table(columns).to_pylist()
    return rows


def _raw_rows(prepared: Prepared, lines: set[int]) -> dict[int, dict[str, str]]:
    """Read the contact columns of some lines again: previews are few, so planning does not keep them."""
    found: dict[int, dict[str, str]] = {}
    if not lines or prepared.table.path == "-":
        return found
    wanted = pa.array(sorted(lines), pa.int64())
    for chunk in prepared.table.chunks(prepared.compiled.columns):
        here = pc.is_in(chunk["@line"], wanted)
        names = [name for name in chunk if not name.startswith("@")]
        if pc.any(here).as_py():
            line_numbers = chunk["@line"].filter(here).to_pylist()
            rows = pa.table({name: chunk[name].filter(here) for name in names}).to_pylist()
            found.update(zip(line_numbers, rows, strict=True))
        if len(found) == len(lines):
            break
    return found


def _previewed(prepared: Prepared, row: Row, raw: dict[str, str]) -> PreviewedRow:
    """Return the row with its message as rendered before typography was replaced."""
    spec = prepared.spec
    names = [arm.name for arm in spec.arms]
    template = prepared.compiled.messages[names.index(row["variant"]) if row["variant"] in names else 0]
    try:
        if spec.links is not None and raw and row["number"]:
            raw = {**raw, COLUMN: spec.links.of(row["number"])}
        body = compose(template.render(raw)) if raw and not template.markup else row["body"]
    except (MissingValue, TemplateFailure):
        return PreviewedRow(row, row["body"], ())
    if body is None or not prepared.compiled.channel.parts:
        return PreviewedRow(row, row["body"] or body, ())
    sent = plain(body, use_smart=spec.smart)
    return PreviewedRow(row, row["body"] or sent.text, sent.replacements)
