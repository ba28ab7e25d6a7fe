"""Which character separates the cells, and where the header is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from a2pcli.contacts.csv_records import OpenQuote, Record, RecordReader
from a2pcli.contacts.source import Source

DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_TYPED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_RECORDS = 200
_SAMPLE_BLANKS = 2_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """`header` is the record with the names. `width`: the cells most rows have; `rows`: whether there may be any."""

    delimiter: str
    header: Record
    width: int
    rows: bool
    detected: bool


def detect_dialect(source: Source, sample: bytes, whole: bool, declared: str | None) -> Dialect | None:
    """The dialect, by the beginning of the file (as UTF-8). `whole`: the sample is all of it.

    The header decides: the character that cuts it into most cells, provided most rows are cut alike. Excel's
    `sep=;` line is obeyed. None where there is no whole header in the sample. Raises InvalidInput for a quotation
    mark that opens in the header and is not closed.
    """
    start, line, told = _sep_line(sample)
    only = _declared(source, declared) if declared is not None else told
    candidates = [only] if only else list(DELIMITERS)
    found: list[tuple[float, int, int, Dialect]] = []
    failure: OpenQuote | None = None
    for order, delimiter in enumerate(candidates):
        try:
            dialect, score = _try(sample, start, line, whole, delimiter)
        except OpenQuote as error:
            failure = failure or error
            continue
        if dialect is not None:
            found.append((*score, -order, dialect))
    if not found:
        if failure is not None:
            raise source.problem(failure.message, line=failure.line, code="open-quote")
        return None
    best = max(found, key=lambda candidate: candidate[:3])[3]
    return Dialect(best.delimiter, best.header, best.width, best.rows, declared is None)


def _declared(source: Source, declared: str) -> str:
    delimiter = _TYPED.get(declared.strip().lower(), declared)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise source.problem(
            f"'{declared}' cannot separate cells", hint="one character, or tab", code="bad-delimiter"
        )
    return delimiter


def _sep_line(sample: bytes) -> tuple[int, int, str | None]:
    """Where the records start, on which line, and the delimiter that an Excel `sep=` line gives."""
    end = min((at for at in (sample.find(b"\n"), sample.find(b"\r")) if at >= 0), default=len(sample))
    first = sample[:end].strip(b'\r"').decode("utf-8", "replace")
    if len(first) == 5 and first.lower().startswith("sep="):
        return end + (2 if sample[end : end + 2] == b"\r\n" else 1), 2, first[4]
    if first.lower() == "sep=":
        return end + (2 if sample[end : end + 2] == b"\r\n" else 1), 2, None
    return 0, 1, None


def _try(
    sample: bytes, start: int, line: int, whole: bool, delimiter: str
) -> tuple[Dialect | None, tuple[float, int]]:
    """The dialect with a delimiter, and how well it fits: the share of like rows, and the cells of the header."""
    header: Record | None = None
    widths: Counter[int] = Counter()
    blank = 0
    unread = False
    try:
        for record in RecordReader(delimiter.encode()).records(sample, line, whole, start):
            if is_blank(record.cells):
                blank += 1
                if blank > _SAMPLE_BLANKS and header is not None:
                    unread = True
                    break
                continue
            if header is None:
                if not b"".join(record.cells).strip(b" \t,;|"):
                    continue
                header = record
            else:
                widths[len(record.cells)] += 1
                if widths.total() == _SAMPLE_RECORDS:
                    break
    except OpenQuote:  # told again, with its place, when the rows are read
        if header is None:
            raise
        unread = True
    if header is None:
        return None, (0.0, 0)
    cells = len(header.cells)
    share = widths[cells] / widths.total() if widths else 1.0
    fits = 1.0 if share > 0.8 else max(share, 0.02)
    if cells == 1:
        fits = 0.01
    width = widths.most_common(1)[0][0] if widths else cells
    return Dialect(delimiter, header, width, bool(widths) or unread, True), (fits, cells)


def is_blank(cells: list[bytes]) -> bool:
    """Whether a record has nothing in it."""
    return not any(cell.strip(b" \t\r\n\0") for cell in cells)
