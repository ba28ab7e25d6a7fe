"""Excel workbooks (.xlsx, .xlsb, .xls) and OpenDocument sheets, by calamine."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import python_calamine as calamine

from a2pcli.contacts.cell_text import cell_text
from a2pcli.contacts.rows import Parsing, Rows, as_they_are, rows_of
from a2pcli.contacts.source import Source
from a2pcli.errors import Problem, Severity
from a2pcli.folding import name_key, value_key

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MOST_CELLS = 50_000_000
"""Cells in the used rectangle of a sheet; calamine holds all of them (32 bytes each)."""
_LARGEST = 8 << 30
"""Bytes a workbook may unpack to."""
_BATCH = 20_000


class WorkbookReader:
    """One sheet of a workbook. Rows are numbered as the spreadsheet shows them."""

    encoding: str | None = None
    encoding_guessed = False
    delimiter: str | None = None

    def __init__(self, source: Source, sheet: str | None) -> None:
        """Raises InvalidInput for a broken or protected workbook, an unknown sheet, or one without rows."""
        self._source = source
        self.format = "xls" if source.head.startswith(b"\xd0\xcf") else "xlsx"
        self.notes: list[Problem] = []
        _check_size(source)
        self._workbook = self._opened()
        self.sheet = self._choose(sheet)
        self._sheet = self._loaded()
        header = next(self._filled(), None)
        if header is None:
            raise source.problem(f"the sheet '{self.sheet}' is empty", code="empty-file")
        self.header_line, cells = header
        self.header = tuple(cell_text(cell) for cell in cells)
        filled = self._filled()
        next(filled)
        if next(filled, None) is None:
            raise source.problem(
                "there is a header, but no row below it", line=self.header_line, code="no-rows"
            )

    def _opened(self) -> calamine.CalamineWorkbook:
        if self._source.head.startswith(b"\xd0\xcf") and _is_encrypted(self._source):
            raise self._protected()
        try:
            return calamine.CalamineWorkbook.from_path(self._source.path)
        except calamine.PasswordError as error:
            raise self._protected() from error
        except Exception as error:
            raise self._broken(error) from error

    def _protected(self) -> Exception:
        return self._source.problem(
            "the workbook is protected by a password",
            hint="save a copy without it",
            code="protected-workbook",
        )

    def _broken(self, error: BaseException) -> Exception:
        if not isinstance(error, calamine.CalamineError | OSError | ValueError | RuntimeError):
            if type(error).__name__ != "PanicException":
                raise error
            error = ValueError("it is not built as a workbook")
        return self._source.problem(f"the workbook is broken: {error}", code="broken-workbook")

    def _choose(self, wanted: str | None) -> str:
        sheets = [
            sheet for sheet in self._workbook.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        if wanted is not None:
            for same in (str, value_key, name_key):
                for sheet in sheets:
                    if same(sheet.name) == same(wanted):
                        return sheet.name
            listing = ", ".join(f"'{sheet.name}'" for sheet in sheets)
            raise self._source.problem(
                f"no sheet '{wanted}'", hint=f"the sheets are {listing}", code="no-sheet"
            )
        seen = [sheet.name for sheet in sheets if sheet.visible == calamine.SheetVisibleEnum.Visible]
        names = seen or [sheet.name for sheet in sheets]
        if not names:
            raise self._source.problem("the workbook has no sheet", code="empty-file")
        if len(names) > 1:
            others = f"{len(names) - 1} other sheet{'s' if len(names) > 2 else ''}"
            self.notes.append(
                Problem(
                    f"read the first sheet, '{names[0]}'; there is {others}" if len(names) == 2
                    else f"read the first sheet, '{names[0]}'; there are {others}",
                    path=self._source.name, severity=Severity.WARNING, code="several-sheets",
                )
            )  # fmt: skip
        return names[0]

    def _loaded(self) -> calamine.CalamineSheet:
        try:
            return self._workbook.get_sheet_by_name(self.sheet)
        except BaseException as error:  # calamine's panics are no Exceptions
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
                raise
            raise self._broken(error) from error

    def _all(self) -> Iterator[tuple[int, list[Any]]]:
        """Row number as the spreadsheet shows it, and its cells from the first used column on."""
        start = self._sheet.start
        if start is None:
            return
        yield from enumerate(self._sheet.iter_rows(), 1)

    def _filled(self) -> Iterator[tuple[int, list[Any]]]:
        """The rows that are not blank."""
        for number, cells in self._all():
            if any(cell != "" for cell in cells) and any(cell_text(cell).strip() for cell in cells):
                yield number, cells

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Rows]]:
        """All rows, with the cells of the columns at some places of the header."""
        return as_they_are, self._batches(places)

    def _batches(self, places: Sequence[int]) -> Iterator[Rows]:
        lines: list[int] = []
        rows: list[list[str]] = []
        expected = self.header_line + 1
        blank = 0
        filled = self._filled()
        next(filled)
        for number, cells in filled:
            blank += number - expected
            expected = number + 1
            lines.append(number)
            rows.append([cell_text(cells[place]) for place in places])
            if len(lines) == _BATCH:
                yield rows_of(lines, rows, len(places), {}, blank)
                lines, rows, blank = [], [], 0
        yield rows_of(lines, rows, len(places), {}, blank)


def _is_encrypted(source: Source) -> bool:
    """Whether an OLE file holds an encrypted workbook (its directory names the stream, in UTF-16)."""
    with source.open() as stream:
        kept = b""
        while block := stream.read(1 << 20):
            if _ENCRYPTED in kept + block:
                return True
            kept = block[-len(_ENCRYPTED) :]
    return False


def _check_size(source: Source) -> None:
    """Refuse what would not fit into memory: calamine keeps the whole used rectangle of a sheet."""
    if not source.head.startswith(b"PK"):
        return
    with zipfile.ZipFile(source.path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
            raise source.problem("the workbook is too large", hint="save it as CSV", code="too-large")
        for entry in archive.infolist():
            if (
                re.fullmatch(r"xl/worksheets/[^/]+\.xml", entry.filename)
                and _declared_cells(archive, entry) > _MOST_CELLS
            ):
                _check_rectangle(source, archive, entry)


def _declared_cells(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    with archive.open(entry) as stream:
        found = re.search(rb'<(?:\w+:)?dimension\s[^>]*ref="(?:[A-Z]+\d+:)?([A-Z]+)(\d+)"', stream.read(4096))
    return (
        _column(found[1]) * int(found[2]) if found else _MOST_CELLS + 1 if entry.file_size > 64 << 20 else 0
    )


_CELL = re.compile(rb'<(?:\w+:)?c\s[^>]*?r="([A-Z]+)(\d+)"[^>]*?>')


def _check_rectangle(source: Source, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Find the last column and row with a cell that is not self-closed (formats alone do not count)."""
    columns = rows = 0
    with archive.open(entry) as stream:
        left = b""
        while block := stream.read(4 << 20):
            data = left + block
            for found in _CELL.finditer(data):
                if not found[0].endswith(b"/>"):
                    columns, rows = (
                        max(columns, len(found[1]) << 16 | _column(found[1])),
                        max(rows, int(found[2])),
                    )
            left = data[data.rfind(b"<") :] if len(data) - data.rfind(b"<") < 4096 else b""
    if (columns & 0xFFFF) * rows > _MOST_CELLS:
        raise source.problem(
            f"the sheet reaches to column {columns & 0xFFFF} and row {rows}, which is too much to hold in memory",
            hint="delete the columns that are not needed, or save it as CSV", code="too-large",
        )  # fmt: skip


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
