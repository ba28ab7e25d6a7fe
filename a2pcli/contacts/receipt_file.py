"""Delivery receipts in a file: as providers export them, or as their callbacks were kept, one a line.

Columns are recognised by name (``data/receipt_columns.csv``), statuses by their words (``data/receipt_statuses.csv``).
JSON may be nested: keys are joined, and an object that holds a list of receipts (``results``, ``statuses``) gives
each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

from a2pcli.addresses.zones.data import rows
from a2pcli.contacts.table import Table
from a2pcli.dataclass import dataclass
from a2pcli.delivery import PART_OF, Delivery
from a2pcli.errors import InvalidInput, Problem
from a2pcli.folding import name_key
from a2pcli.frame import Frame

_DATA = Path(__file__).parent / "data"
LONGEST = 200
"""Characters of an id or a code; longer ones are none."""
NO_ERROR = "NO_ERROR"
"""Infobip's name of an error where there was none."""
SHOWN = 60
"""Characters of a status that nobody knows."""
_DIGITS = re.compile(r"\d{5,}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_BILLED = 1_000_000
"""No message costs more."""
_EARLIEST, _LATEST = 946_684_800_000, 4_102_444_800_000
"""Receipts are of this century, in UTC milliseconds."""
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as the file has it. ``delivery`` is None where nobody knows the provider's word ``status``.

    ``reference`` is ours, ``gateway_id`` the provider's: at least one is there. ``at`` is UTC milliseconds, taken as
    UTC where the file names no zone; None where it has no moment that can be read.
    """

    line: int
    gateway_id: str | None
    reference: str | None
    status: str
    delivery: Delivery | None
    code: str | None
    at: int | None
    bad_moment: bool = False
    price: int | None = None
    """What the provider bills, in 1e-9 units of ``currency``; None if the receipt does not say."""
    currency: str | None = None


def part_receipt(gateway_id: str, reference: str, total: int) -> Receipt:
    """Return the record that this is the id of one of the message's ``total`` parts, each with an id of its own."""
    return Receipt(0, gateway_id, reference, f"{PART_OF}{total}", Delivery.ACCEPTED, None, None)


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A row that is not a receipt, and why."""

    line: int
    why: str


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    """Role to the keys of its names, the best first."""
    return {
        role: tuple(map(name_key, names.split("|"))) for role, names in rows("receipt_columns.csv", _DATA)
    }


@cache
def _words() -> Mapping[str, Delivery]:
    """The key of a provider's word to what it means."""
    return {
        name_key(word): Delivery(delivery)
        for delivery, words in rows("receipt_statuses.csv", _DATA)
        for word in words.split("|")
    }


def meaning_of(*words: str | None) -> Delivery | None:
    """What the first of the words means that is known.

    >>> meaning_of("DELIVERED_TO_OPERATOR", "DELIVERED"), meaning_of("DELIVRD"), meaning_of("on its way")
    (<Delivery.SENT: 'sent'>, <Delivery.DELIVERED: 'delivered'>, None)
    """
    return next((_words()[key] for word in words if word and (key := name_key(word)) in _words()), None)


def moment_column(table: Table) -> str | None:
    """The column that says when each message was written or sent; None where there is none."""
    keys = {name_key(name): name for name in table.columns}
    return next((keys[name] for name in _names()["at"] if name in keys), None)


def receipt_of(
    line: int, id: str | None, reference: str | None, word: str | None, group: str | None = None,
    code: str | None = None, moment: str | None = None, price: str | None = None, currency: str | None = None,
) -> Receipt:  # fmt: skip
    """A receipt from a provider's own words, as a file or a callback has them. ``line`` is 0 for a callback."""
    billed = price_of(price, currency) if price is not None else None
    at = None if moment is None else moment_of(moment)
    is_bad = moment is not None and at is None
    status = _shown(word or group or "")
    return Receipt(
        line,
        _identifier(id),
        _identifier(reference),
        status,
        meaning_of(word, group),
        _code(code),
        at,
        is_bad,
        *(billed or (None, None)),
    )


def price_of(price: str, currency: str | None) -> tuple[int, str] | None:
    """A price in 1e-9 units, and its currency; None for what is no price. Some providers write a debit: ``-0.0075``.

    >>> price_of("-0.00750", "usd")
    (7500000, 'USD')
    """
    code = (currency or "").strip().upper()
    if not _CURRENCY.fullmatch(code):
        return None
    try:
        amount = abs(Decimal(price.strip()))
    except ArithmeticError:
        return None
    return (int(amount * 10**9), code) if amount.is_finite() and amount < _MOST_BILLED else None


def read_receipts(table: Table) -> Iterator[list[Receipt | UnreadRow]]:
    """The receipts of a table, piece by piece. Raises ``InvalidInput`` where no column can hold what is needed."""
    if not table.header:
        return
    wanted = _wanted(table)
    for frame in table.chunks(wanted):
        yield [one for row in _rows(table, frame) for one in row]


def holds_receipt(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a receipt, or has one inside."""
    return any(_receipts(0, record, 0))


def _wanted(table: Table) -> list[str] | None:
    """The columns to read; all of JSON, which may be nested."""
    if table.format == "jsonl":
        return None
    keys = {name_key(name): name for name in table.columns}
    known = {role: [keys[name] for name in names if name in keys] for role, names in _names().items()}
    missing = []
    if not (known["id"] or known["reference"]):
        missing.append("the provider's message id (Message SID, message-id, …) or our reference")
    if not (known["status"] or known["group"]):
        missing.append("the status")
    if missing:
        problems = [
            Problem(
                f"no column holds {what}",
                path=table.path,
                line=table.header_line,
                hint=f"rename it to id, reference or status; the file has {_listed(table)}",
                code="no-receipts",
            )
            for what in missing
        ]
        raise InvalidInput(*problems)
    return [name for names in known.values() for name in names]


def _listed(table: Table) -> str:
    return ", ".join(name.strip() for name in table.header[:20])


def _rows(table: Table, frame: Frame) -> Iterator[Iterator[Receipt | UnreadRow]]:
    names = [name for name in table.columns if name in frame]
    keys = [name_key(name) for name in names]
    columns = [frame[name].to_pylist() for name in names]
    lines, reasons, details = (frame[name].to_pylist() for name in ("@line", "@reason", "@detail"))
    cells: Iterator[tuple[Any, ...]] = zip(*columns, strict=True)
    for line, reason, detail, row in zip(lines, reasons, details, cells, strict=True):
        if reason is not None:
            yield iter([UnreadRow(line, str(detail or reason))])
        else:
            yield _found(line, {key: _value(cell) for key, cell in zip(keys, row, strict=True) if cell})


def _value(cell: str) -> Any:
    """The cell, parsed if it contains JSON."""
    if cell[:1] in ("{", "[") and cell[-1:] in ("}", "]"):
        try:
            return json.loads(cell, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            return cell
    return cell


def _found(line: int, record: Mapping[str, Any]) -> Iterator[Receipt | UnreadRow]:
    """The receipts of one row: itself, or those in it."""
    several = list(_receipts(line, record, 0))
    if several:
        yield from several
        return
    flat = _flat(record)
    lacks = (
        "no message id and no reference"
        if not (_pick(flat, "id") or _pick(flat, "reference"))
        else "no status"
    )
    yield UnreadRow(line, lacks)


def _receipts(line: int, record: Mapping[str, Any], depth: int) -> Iterator[Receipt]:
    flat = _flat(record)
    id, reference = _identifier(_pick(flat, "id")), _identifier(_pick(flat, "reference"))
    word, group = _pick(flat, "status"), _pick(flat, "group")
    if (id or reference) and (word or group):
        said = (_pick(flat, role) for role in ("code", "at", "price", "currency"))
        yield receipt_of(line, id, reference, word, group, *said)
        return
    for value in record.values() if depth < _DEEPEST else ():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _receipts(line, inner, depth + 1)


def _flat(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Keys joined, to texts; of a list its first object. What is no text is left out."""
    flat: dict[str, str] = {}
    for name, value in record.items():
        key = prefix + name_key(str(name))
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict):
            if depth < _DEEPEST:
                flat |= {at: text for at, text in _flat(inner, key, depth + 1).items() if at not in flat}
        elif isinstance(inner, str) and inner.strip():
            flat[key] = inner.strip()
    return flat


def _pick(flat: Mapping[str, str], role: str) -> str | None:
    return next((flat[name] for name in _names()[role] if name in flat), None)


def _identifier(text: str | None) -> str | None:
    return text if text and len(text) <= LONGEST and text.isprintable() else None


def _code(text: str | None) -> str | None:
    """A provider's code; zeros and ``NO_ERROR`` say that there was no error."""
    if not text or len(text) > SHOWN or not text.isprintable() or not text.strip("0") or text == NO_ERROR:
        return None
    return _DIGITS.sub(lambda found: found[0] if len(found[0]) <= 6 else "…", text)


def _shown(status: str) -> str:
    """The provider's word; digits that may be a number are no part of it."""
    visible = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(status.split()))
    return _DIGITS.sub("…", visible)[:SHOWN]


def moment_of(text: str) -> int | None:
    """UTC milliseconds of a moment: ISO 8601, as in an email, seconds or milliseconds since 1970. UTC without a zone.

    >>> moment_of("2026-03-01T10:00:00.000+0000") == moment_of("Sun, 01 Mar 2026 10:00:00 +0000") == 1772359200000
    True
    """
    typed = text.strip()
    if typed.isascii() and typed.isdigit() and len(typed) in (10, 13):
        return _in_bounds(int(typed) * (1000 if len(typed) == 10 else 1))
    iso = re.sub(r"\s*(UTC|GMT)$", "+00:00", typed)
    readings: tuple[tuple[Callable[[str], datetime], str], ...] = (
        (datetime.fromisoformat, iso),
        (parsedate_to_datetime, typed),
    )
    for read, form in readings:
        try:
            found = read(form)
            moment = found if found.tzinfo else found.replace(tzinfo=UTC)
            return _in_bounds(int(moment.timestamp() * 1000))
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _in_bounds(moment: int) -> int | None:
    return moment if _EARLIEST <= moment <= _LATEST else None
