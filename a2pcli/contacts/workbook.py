"""One sheet of a workbook (.xlsx, .xlsb, .xls, .ods), as a person sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import nsmallest
from itertools import chain, islice

from a2pcli.contacts.archive import Archive, protected
from a2pcli.contacts.header_row import LOOKED_AT, HeaderRow, address_places, find_header, header_found
from a2pcli.contacts.rows import Parsing, ReadOptions, Rows, as_they_are, rows_of
from a2pcli.contacts.sheets import Book, Seen, Sheet, SheetRow, column_letters
from a2pcli.contacts.source import Source, no_rows
from a2pcli.errors import Problem, Severity
from a2pcli.folding import name_key, value_key
from a2pcli.reasons import Reason

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BATCH, _BATCH_CELLS = 20_000, 1_000_000
_MOST_CELLS = 200_000_000
"""Cells of a sheet; so many take minutes, and no list of people has them."""
_KEPT = 64 << 20
"""Bytes of text that are kept from the first look at a sheet, so that it need not be read again."""


class WorkbookReader:
    """One sheet of a workbook. Rows are numbered as the spreadsheet shows them.

    The whole sheet is looked at when it is opened: how many rows are hidden must be known before anything is sent.
    ``hidden`` of ``filled`` rows below the header are hidden in the sheet.
    """

    encoding: str | None = None
    encoding_guessed = False
    delimiter: str | None = None

    def __init__(self, source: Source, options: ReadOptions) -> None:
        """Raises InvalidInput for a broken or protected workbook, an unknown sheet, or one without rows."""
        self._source, self._options = source, options
        self.notes: list[Problem] = []
        self.questions: list[Problem] = []
        self._book = _opened(source, options.locale)
        self.format = self._book.format
        self._sheet = self._choose(options.sheet)
        self._seen = Seen()
        rows = self._book.rows(self._sheet, Seen())
        found = self._header(rows)
        self.header_line, self._first = found.line, found.first
        self.header = found.cells
        self._last = found.first + len(found.cells)
        self._book.addresses = frozenset(
            self._first + place for place in address_places(self.header, options.columns)
        )
        self.hidden = self.filled = 0
        self._kept: list[Rows] | None = []
        self._look_at_all()
        if not self.filled and not options.empty:
            raise no_rows(source, self.header_line)
        self._add_notes(found)

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Rows]]:
        """All rows, with the cells of the columns at some places of the header."""
        if self._kept is not None:
            kept = self._kept
            return as_they_are, (
                Rows(rows.lines, [rows.cells[place] for place in places], dict(rows.bad), rows.blank)
                for rows in kept
            )
        return as_they_are, self._read_again(places)

    def _header(self, rows: Iterator[SheetRow]) -> HeaderRow:
        """The row that contains the column names."""
        first = list(islice(rows, LOOKED_AT))
        wanted = self._options.header
        if wanted is not None:
            rest = chain(first, rows)
            first = list(islice((row for row in rest if row.number >= wanted), LOOKED_AT))
        if not first:
            if wanted is not None:
                raise self._source.problem(
                    f"no text in row {wanted} or below", line=wanted, hint="contacts.header names the row"
                    " with the columns' names", code="no-header",
                )  # fmt: skip
            raise self._source.problem(f"the sheet '{self._sheet.name}' is empty", code="empty-file")
        return find_header(
            [(row.number, row.cells) for row in first], wanted, self._options.columns, self._source
        )

    def _look_at_all(self) -> None:
        """Count all rows, and keep them if there are few."""
        size = cells = 0
        places = range(len(self.header))
        for batch, blank in self._batches(len(places), self._seen):
            self.filled += len(batch)
            cells += sum(len(row.cells) for row in batch)
            if cells > _MOST_CELLS:
                raise self._source.problem(
                    f"the sheet has more than {_MOST_CELLS:,} cells",
                    hint="delete the columns that are not needed, or save it as CSV", code="too-large",
                )  # fmt: skip
            if self._kept is not None:
                rows = self._rows(places, batch, blank)
                size += sum(column.nbytes for column in rows.cells)
                self._kept.append(rows)
                if size > _KEPT:
                    self._kept = None

    def _batches(self, width: int, seen: Seen) -> Iterator[tuple[list[SheetRow], int]]:
        """Rows below the header, and how many blank ones stand among them."""
        batch: list[SheetRow] = []
        most = max(1, min(_BATCH, _BATCH_CELLS // max(1, width)))
        expected, blank = self.header_line + 1, 0
        for row in self._book.rows(self._sheet, seen):
            if row.number <= self.header_line or not row.cells:
                continue
            blank += row.number - expected
            expected = row.number + 1
            seen.hidden_rows += row.hidden
            batch.append(row)
            if len(batch) == most:
                yield batch, blank
                batch, blank = [], 0
        yield batch, blank

    def _read_again(self, places: Sequence[int]) -> Iterator[Rows]:
        for batch, blank in self._batches(len(places), Seen()):
            yield self._rows(places, batch, blank)

    def _rows(self, places: Sequence[int], batch: list[SheetRow], blank: int) -> Rows:
        columns = [self._first + place for place in places]
        reach = range(self._first, self._last)
        bad = {
            number: (
                Reason.RAGGED_ROW,
                f"it has cells only beside the header's columns ({_columns(row.cells)})",
            )
            for number, row in enumerate(batch)
            if not any(column in reach for column in row.cells)
        }
        if self._options.hidden_rows == "exclude":
            bad |= {number: _HIDDEN for number, row in enumerate(batch) if row.hidden}
        rows = [[row.cells.get(column, "") for column in columns] for row in batch]
        return rows_of([row.number for row in batch], rows, len(columns), bad, blank)

    def _choose(self, wanted: str | None) -> Sheet:
        sheets = self._book.sheets()
        if wanted is not None:
            for same in (str, value_key, name_key):
                for sheet in sheets:
                    if same(sheet.name) == same(wanted):
                        return sheet
            listing = ", ".join(f"'{sheet.name}'" for sheet in sheets)
            raise self._source.problem(
                f"no sheet '{wanted}'", hint=f"the sheets are {listing}", code="no-sheet"
            )
        choice = [sheet for sheet in sheets if sheet.visible] or sheets
        if not choice:
            raise self._source.problem("the workbook has no sheet", code="empty-file")
        if len(choice) > 1:
            named = ", ".join(f"'{sheet.name}'" for sheet in choice[1:4])
            more = f" and {len(choice) - 4} more" if len(choice) > 4 else ""
            words = "the other sheet is" if len(choice) == 2 else "the other sheets are"
            note = f"read the first sheet, '{choice[0].name}'; {words} {named}{more}"
            self._note(note, "several-sheets", "another one: `contacts: {sheet: …}` in the campaign")
        return choice[0]

    def _add_notes(self, found: HeaderRow) -> None:
        """What a person should know before anything is sent."""
        if found.found:
            self.notes.append(header_found(self._source.name, found.line))
        if not self._sheet.visible:
            self._note(f"the sheet '{self._sheet.name}' is hidden in the workbook", "hidden-sheet")
        self._ask_about_hidden()
        out_of_sight = [
            self.header[column - self._first].strip() or column_letters(column)
            for column in sorted(self._seen.hidden_columns)
            if self._first <= column < self._last
        ]
        if out_of_sight:
            plural = "s" if len(out_of_sight) > 1 else ""
            self._note(f"hidden in the sheet: the column{plural} {_listed(out_of_sight)}", "hidden-columns")
        for column, code in sorted(self._seen.unknown.items()):
            self._note(
                f"what the sheet shows in the column {self._named(column)} is not known (its format is '{code[:40]}');"
                " the values are merged unformatted", "unknown-format",
            )  # fmt: skip
        for column, code in sorted(self._seen.dates.items()):
            self._note(
                f"the dates of the column {self._named(column)} are merged as 2026-03-14 (the sheet's format is"
                f" '{code[:40]}')", "dates-as-iso",
            )  # fmt: skip
        if self._seen.formulas:
            count = f"{self._seen.formulas:,} formula{'s have' if self._seen.formulas > 1 else ' has'}"
            self._note(
                f"{count} no result in the file; open and save it in a spreadsheet program", "no-result"
            )
        if self._seen.conditional:
            self._note("conditional formats may display numbers differently", "conditional-format")

    def _ask_about_hidden(self) -> None:
        self.hidden = self._seen.hidden_rows
        if not self.hidden:
            return
        verb = "is" if self.hidden == 1 else "are"
        message = f"{self.hidden:,} of {self.filled:,} rows {verb} hidden in the sheet"
        choice = self._options.hidden_rows
        if choice is not None:
            what = "left out" if choice == "exclude" else "read like the others"
            self._note(f"{message} and {what}", "hidden-rows")
            return
        self._note(message, "hidden-rows")
        self.questions.append(
            Problem(
                f"{message}: should they be messaged?", path=self._source.name,
                hint="set `contacts: {hidden_rows: exclude}` or `contacts: {hidden_rows: include}` in the campaign",
                code="hidden-rows",
            )
        )  # fmt: skip

    def _named(self, column: int) -> str:
        written = self.header[column - self._first].strip() if self._first <= column < self._last else ""
        return f"'{written}'" if written else column_letters(column)

    def _note(self, message: str, code: str, hint: str | None = None) -> None:
        note = Problem(message, path=self._source.name, hint=hint, severity=Severity.WARNING, code=code)
        self.notes.append(note)


_HIDDEN = (Reason.HIDDEN_ROW, "hidden in the sheet, by a filter or by hand")


def _opened(source: Source, locale: str) -> Book:
    """The workbook, by the reader of its kind."""
    if source.head.startswith(b"\xd0\xcf"):
        if _is_encrypted(source):
            raise protected(source)
        from a2pcli.contacts.xls_book import XlsBook

        return XlsBook(source, locale)
    archive = Archive(source)
    if "xl/workbook.bin" in archive:
        from a2pcli.contacts.xlsb_book import XlsbBook

        return XlsbBook(source, archive, locale)
    if "content.xml" in archive:
        from a2pcli.contacts.ods_book import OdsBook

        return OdsBook(source, archive, locale)
    from a2pcli.contacts.xlsx_book import XlsxBook

    return XlsxBook(source, archive, locale)


def _is_encrypted(source: Source) -> bool:
    """Whether an OLE file holds an encrypted workbook (its directory names the stream, in UTF-16)."""
    with source.open() as stream:
        kept = b""
        while block := stream.read(1 << 20):
            if _ENCRYPTED in kept + block:
                return True
            kept = block[-len(_ENCRYPTED) :]
    return False


def _columns(cells: Collection[int]) -> str:
    letters = ", ".join(map(column_letters, nsmallest(4, cells)))
    return letters + (f" and {len(cells) - 4} more" if len(cells) > 4 else "")


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names[:8]]
    return ", ".join(quoted) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
