"""Which character separates the cells, and where the header is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from a2pcli.contacts.csv_records import OpenQuote, Record, RecordReader
from a2pcli.contacts.encoding import DAMAGED
from a2pcli.contacts.header_row import LOOKED_AT, header_place
from a2pcli.contacts.rows import ReadOptions
from a2pcli.contacts.source import Source
from a2pcli.dataclass import dataclass

DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_TYPED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_RECORDS = 200
_SAMPLE_BLANKS = 2_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """``header`` is the record with the names. ``width``: the cells most rows have; ``rows``: whether there may be any.

    ``passed_over``: there is something above the header. ``sample``: records below it.
    """

    delimiter: str
    header: Record
    width: int
    rows: bool
    detected: bool
    passed_over: bool = False
    sample: tuple[Record, ...] = ()


def detect_dialect(source: Source, sample: bytes, whole: bool, options: ReadOptions) -> Dialect | None:
    """The dialect, by the beginning of the file (as UTF-8). ``whole``: the sample is all of it.

    The header decides: one that rows with phone numbers confirm, then the character that cuts it into most cells,
    provided most rows are cut alike. Excel's ``sep=;`` line is obeyed. None where there is no whole header in the
    sample. Raises InvalidInput for a quotation mark that opens in the header and is not closed.
    """
    start, line, told = _sep_line(sample)
    declared = options.delimiter
    only = _declared(source, declared) if declared is not None else told
    candidates = [only] if only else list(DELIMITERS)
    found: list[tuple[bool, float, int, int, Dialect]] = []
    failure: OpenQuote | None = None
    for order, delimiter in enumerate(candidates):
        try:
            # Once a header is confirmed, another delimiter can only confirm the same row or one above it.
            deepest = min(
                (dialect.header.line for confirmed, *_, dialect in found if confirmed), default=None
            )
            dialect, score = _try(sample, start, line, whole, delimiter, options, deepest)
        except OpenQuote as error:
            failure = failure or error
            continue
        if dialect is not None:
            found.append((*score, -order, dialect))
    if not found:
        if failure is not None:
            raise source.problem(failure.message, line=failure.line, code="open-quote")
        return None
    best = max(found, key=lambda candidate: candidate[:4])[4]
    return replace(best, detected=declared is None)


def _declared(source: Source, declared: str) -> str:
    delimiter = _TYPED.get(declared.strip().lower(), declared)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise source.problem(
            f"'{declared}' cannot separate cells", hint="one character, or tab", code="bad-delimiter"
        )
    return delimiter


def _sep_line(sample: bytes) -> tuple[int, int, str | None]:
    """Where the records start, on which line, and the delimiter that an Excel ``sep=`` line gives."""
    end = min((at for at in (sample.find(b"\n"), sample.find(b"\r")) if at >= 0), default=len(sample))
    first = sample[:end].strip(b'\r"').decode("utf-8", "replace")
    if len(first) == 5 and first.lower().startswith("sep="):
        return end + (2 if sample[end : end + 2] == b"\r\n" else 1), 2, first[4]
    if first.lower() == "sep=":
        return end + (2 if sample[end : end + 2] == b"\r\n" else 1), 2, None
    return 0, 1, None


def _try(
    sample: bytes,
    start: int,
    line: int,
    whole: bool,
    delimiter: str,
    options: ReadOptions,
    deepest: int | None,
) -> tuple[Dialect | None, tuple[bool, float, int]]:
    """The dialect with a delimiter, and how well it fits: whether rows with phone numbers confirm the header, the share
    of like rows, and the cells of the header."""
    records, unread = _records(sample, start, line, whole, delimiter, options.header)
    if not records:
        return None, (False, 0.0, 0)
    place = 0
    confirmed = options.header is not None
    if options.header is None:
        rows = [{at: text(cell) for at, cell in enumerate(record.cells)} for record in records[:LOOKED_AT]]
        most = len(rows) if deepest is None else sum(record.line <= deepest for record in records)
        found = header_place(rows, options.columns, most)
        place, confirmed = found or 0, found is not None
    header, below = records[place], records[place + 1 :]
    widths = Counter(len(record.cells) for record in below)
    cells = len(header.cells)
    share = widths[cells] / widths.total() if widths else 1.0
    fits = 1.0 if share > 0.8 else max(share, 0.02)
    if cells == 1:
        fits = 0.01
    elif widths and max(widths) == 1 and sum(bool(cell.strip()) for cell in header.cells) == 1:
        fits = 0.005  # no row has this character: it is part of the header's text
    width = widths.most_common(1)[0][0] if widths else cells
    dialect = Dialect(delimiter, header, width, bool(widths) or unread, True, place > 0, tuple(below))
    return dialect, (confirmed, fits, cells)


def _records(
    sample: bytes, start: int, line: int, whole: bool, delimiter: str, header_line: int | None
) -> tuple[list[Record], bool]:
    """The first records that are not blank, from a given line on; and whether there may be others.

    Raises OpenQuote where it is not even known which record could be the header.
    """
    records: list[Record] = []
    blank = 0
    try:
        for record in RecordReader(delimiter.encode()).records(sample, line, whole, start):
            if header_line is not None and record.line < header_line:
                continue
            if is_blank(record.cells) or (not records and not b"".join(record.cells).strip(b" \t,;|")):
                blank += 1
                if blank > _SAMPLE_BLANKS and records:
                    return records, True
                continue
            records.append(record)
            if len(records) > _SAMPLE_RECORDS:
                return records, True
    except OpenQuote:  # told again, with its place, when the rows are read
        if not records:
            raise
        return records, True
    return records, False


def text(cell: bytes) -> str:
    """A cell's text; what is no text in the file's encoding shows as U+FFFD."""
    return cell.decode("utf-8", "replace").replace(DAMAGED, "\ufffd")


def is_blank(cells: list[bytes]) -> bool:
    """Whether a record has nothing in it."""
    return not any(cell.strip(b" \t\r\n\0") for cell in cells)
