"""Blocks of CSV that end where a record ends, and what is known of their records before they are parsed.

Where every quotation mark of a block stands where one may (a few numpy passes over the bytes tell), the block can go
to Arrow's parser whole, a hundred times as fast as reading record by record; the record reader takes the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from a2pcli.contacts.csv_records import LONGEST_RECORD, OpenQuote, Record, RecordReader
from a2pcli.dataclass import dataclass

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records. ``line``: the line of the first; ``lines``: how many lines. ``ends``: where each line that ends a
    record ends (its break included), ``ordinals`` how many lines there are up to it. Or, where the quotation marks
    are not all in order, ``records``: the records already read one by one."""

    data: bytes
    line: int
    lines: int
    ends: Positions | None = None
    ordinals: Positions | None = None
    records: list[Record] | None = None


def blocks(stream: Iterator[bytes], line: int, delimiter: bytes, reader: RecordReader) -> Iterator[Block]:
    """Cut a stream of bytes, which starts at a record on ``line``, into blocks of whole records.

    Raises OpenQuote for a quoted cell that is never closed.
    """
    left = b""
    at_end = False
    while not at_end:
        piece = next(stream, None)
        at_end = piece is None
        data = left + piece if piece else left
        if not data or not (at_end or _may_end(data)):
            if len(data) > LONGEST_RECORD:
                raise OpenQuote(
                    line,
                    f"the row that starts here does not end within {LONGEST_RECORD >> 20} MB",
                    too_long=True,
                )
            left = data
            continue
        block = _block(data, line, delimiter, at_end) or _careful(data, line, reader, at_end)
        left = data[len(block.data) :]
        line += block.lines
        if block.data:
            yield block


def _may_end(data: bytes) -> bool:
    return b"\n" in data or b"\r" in data


def _block(data: bytes, line: int, delimiter: bytes, at_end: bool) -> Block | None:
    """The block, if its quotation marks are in order; None where only the record reader can tell."""
    breaks = _breaks(data, at_end)
    if b'"' not in data:
        size = len(data) if at_end else int(breaks[-1]) if len(breaks) else 0
        if not size:
            return None
        breaks = _with_end(breaks, size)
        return Block(data[:size], line, len(breaks), breaks, np.arange(1, len(breaks) + 1))
    if len(delimiter) != 1:
        return None
    raw = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(raw == _QUOTE)
    # Outside of quotes: an even number of quotation marks before it.
    outside = np.flatnonzero(np.searchsorted(quotes, breaks) & 1 == 0)
    size = int(breaks[outside[-1]]) if len(outside) else 0
    if at_end:
        if len(quotes) & 1:
            return None
        size = len(data)
    if not size or not _in_order(raw, quotes[: np.searchsorted(quotes, size)], ord(delimiter)):
        return None
    ends, ordinals = breaks[outside], outside + 1
    lines = int(ordinals[-1]) if len(ordinals) else 0
    if not len(ends) or ends[-1] != size:
        lines = len(breaks) + 1
        ends, ordinals = np.append(ends, size), np.append(ordinals, lines)
    return Block(data[:size], line, lines, ends, ordinals)


def _with_end(breaks: Positions, size: int) -> Positions:
    return breaks if len(breaks) and breaks[-1] == size else np.append(breaks, size)


def _breaks(data: bytes, at_end: bool) -> Positions:
    """Where each line ends, its break included; ``\\r\\n``, ``\\n`` and ``\\r`` alike."""
    raw = np.frombuffer(data, np.uint8)
    if b"\r" not in data:
        return np.flatnonzero(raw == _NEWLINE) + 1
    returns = raw == _RETURN
    alone = returns.copy()
    alone[:-1] &= raw[1:] != _NEWLINE
    alone[-1] &= at_end  # its \n may be in the next piece
    return np.flatnonzero((raw == _NEWLINE) | alone) + 1


def _in_order(raw: npt.NDArray[np.uint8], quotes: Positions, delimiter: int) -> bool:
    """Whether quotation marks open only where a cell starts and close only where one ends, or are doubled."""
    opens, closes = quotes[0::2], quotes[1::2]
    if len(opens) != len(closes):
        return False
    allowed = np.zeros(256, dtype=bool)
    allowed[[delimiter, _NEWLINE, _RETURN]] = True
    before = np.ones(len(opens), dtype=bool)
    after = np.ones(len(closes), dtype=bool)
    inner = opens > 0
    before[inner] = allowed[raw[opens[inner] - 1]]
    inner = closes < len(raw) - 1
    after[inner] = allowed[raw[closes[inner] + 1]]
    doubled = opens[1:] == closes[:-1] + 1
    before[1:] |= doubled
    after[:-1] |= doubled
    return bool(before.all() and after.all())


def _careful(data: bytes, line: int, reader: RecordReader, at_end: bool) -> Block:
    """As many whole records as there are, found one by one."""
    records = list(reader.records(data, line, at_end))
    size = records[-1].end if records else 0
    if not size and len(data) > 2 * LONGEST_RECORD:
        raise OpenQuote(
            line, f"the row that starts here does not end within {len(data) >> 20} MB", too_long=True
        )
    lines = records[-1].line + records[-1].lines - line if records else 0
    return Block(data[:size], line, lines, records=records)
