"""Excel workbooks in binary (.xlsb): the records of MS-XLSB that hold cells, row by row."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from a2pcli.contacts.archive import Archive
from a2pcli.contacts.cell_text import number_text
from a2pcli.contacts.rows import LONGEST_CELL
from a2pcli.contacts.shared_strings import SharedStrings
from a2pcli.contacts.sheets import (
    LAST_COLUMN,
    LAST_ROW,
    Formats,
    Seen,
    Sheet,
    SheetRow,
    shown_number,
    too_long,
)
from a2pcli.contacts.source import Source
from a2pcli.contacts.xlsx_book import main_part, relationships

# Record types (MS-XLSB 2.3.2).
_ROW, _RK, _ERROR, _BOOL, _REAL, _STRING, _SHARED = 0, 2, 3, 4, 5, 6, 7
_FORMULA_STRING, _FORMULA_NUMBER, _FORMULA_BOOL, _FORMULA_ERROR = 8, 9, 10, 11
_SHARED_ITEM, _FORMAT, _XF, _COLUMN, _PROPERTIES, _SHEET = 19, 44, 47, 60, 153, 156
_BEGIN_DXFS, _END_DXFS, _BEGIN_STYLES, _END_STYLES = 505, 506, 617, 618
_BEGIN_DATA, _END_DATA = 145, 146
_CELLS = range(_RK, _FORMULA_ERROR + 1)
_MANY = frozenset({*_CELLS, _ROW, _SHARED_ITEM})
_LARGEST_RECORD = 16 << 20
_LEAST = 5
"""Bytes of the smallest of them."""
_MOST_OTHERS = 2_000_000
"""Records beside rows, cells and strings: merged cells, links, formats. More are there only to take time."""
_ROW_HIDDEN = 0x10
"""fDyZero of BrtRowHdr (2.4.755)."""


class XlsbBook:
    """A workbook whose parts are binary records."""

    format = "xlsb"

    def __init__(self, source: Source, archive: Archive, locale: str) -> None:
        """Raises InvalidInput for a broken workbook."""
        self._source, self._archive = source, archive
        main = main_part(source, archive, "xl/workbook.bin")
        self._targets = relationships(source, archive, main)
        self._sheets: list[Sheet] = []
        with self._no_short_records():
            self._formats = Formats(locale, epoch_1904=self._read_workbook(main))
            self._conditional = self._read_styles()
        self._special = self._formats.special()
        self._strings: SharedStrings | None = None
        self.addresses: frozenset[int] = frozenset()

    def sheets(self) -> list[Sheet]:
        """The sheets that contain cells, in the order of the workbook."""
        return self._sheets

    def rows(self, sheet: Sheet, seen: Seen) -> Iterator[SheetRow]:
        """The rows of a sheet that are not blank. Raises InvalidInput."""
        seen.conditional = seen.conditional or self._conditional
        with self._no_short_records():
            if self._strings is None:
                self._strings = self._shared_strings()
            yield from self._rows(sheet, seen, self._strings)

    def _rows(self, sheet: Sheet, seen: Seen, strings: SharedStrings) -> Iterator[SheetRow]:
        number, hidden, cells = 0, False, dict[int, str]()
        inside = False
        for kind, data in self._records(sheet.key):
            if kind == _ROW and inside:
                if cells:
                    yield SheetRow(number, hidden, cells)
                given = struct.unpack_from("<I", data)[0] + 1
                if not number < given <= LAST_ROW:
                    raise self._broken(f"{sheet.key}: row {given} after row {number}")
                number, hidden, cells = given, bool(data[11] & _ROW_HIDDEN), {}
            elif inside and kind in _CELLS:
                column, text = self._cell(kind, data, number, seen, strings)
                if text and not text.isspace():
                    cells[column] = text
            elif kind == _COLUMN:
                first, last, width, _, flags = struct.unpack_from("<IIIIH", data)
                if flags & 1 or not width:
                    seen.hide_columns(first, last)
            elif kind in (_BEGIN_DATA, _END_DATA):
                inside = kind == _BEGIN_DATA
        if cells:
            yield SheetRow(number, hidden, cells)

    def _cell(self, kind: int, data: bytes, row: int, seen: Seen, strings: SharedStrings) -> tuple[int, str]:
        column, style = struct.unpack_from("<II", data)
        if column >= LAST_COLUMN:
            raise self._broken(f"a cell in column {column + 1} of row {row}")
        made = self._special.get(style & 0xFFFFFF)
        if kind in (_RK, _REAL, _FORMULA_NUMBER):
            value = _rk(data[8:12]) if kind == _RK else struct.unpack_from("<d", data, 8)[0]
            if made is None:
                return column, number_text(value)
            return column, shown_number(value, made, column, seen, self.addresses)
        if kind in (_BOOL, _FORMULA_BOOL):
            return column, "TRUE" if data[8] else "FALSE"
        if kind == _SHARED:
            place = struct.unpack_from("<I", data, 8)[0]
            if place >= len(strings):
                raise self._broken(f"a cell names string {place}, which the workbook does not have")
            text = strings[place]
        elif kind in (_STRING, _FORMULA_STRING):
            text = _string(data, 8)
        else:
            return column, ""
        if len(text) > LONGEST_CELL:
            raise too_long(self._source, row, column)
        return column, text if made is None else made.show_text(text)

    def _read_workbook(self, main: str) -> bool:
        epoch_1904 = False
        for kind, data in self._records(main):
            if kind == _PROPERTIES:
                epoch_1904 = bool(data[0] & 1)
            elif kind == _SHEET:
                state = struct.unpack_from("<I", data)[0]
                relation = _string(data, 8)
                name = _string(data, 12 + 2 * len(relation.encode("utf-16-le", "surrogatepass")) // 2)
                of_kind, target = self._targets.get(relation, ("", ""))
                if of_kind == "worksheet":
                    self._sheets.append(Sheet(name, not state, target))
        return epoch_1904

    def _read_styles(self) -> bool:
        target = self._target("styles")
        conditional = in_styles = in_conditional = False
        for kind, data in self._records(target) if target else ():
            if kind in (_BEGIN_STYLES, _END_STYLES):
                in_styles = kind == _BEGIN_STYLES
            elif kind in (_BEGIN_DXFS, _END_DXFS):
                in_conditional = kind == _BEGIN_DXFS
            elif kind == _FORMAT and not in_conditional:
                self._formats.define(struct.unpack_from("<H", data)[0], _string(data, 2))
            elif kind == _FORMAT:
                conditional = True
            elif kind == _XF and in_styles:
                self._formats.add_style(struct.unpack_from("<H", data, 2)[0])
        return conditional

    def _shared_strings(self) -> SharedStrings:
        strings = SharedStrings(self._source)
        target = self._target("sharedStrings")
        for kind, data in self._records(target) if target else ():
            if kind == _SHARED_ITEM:
                strings.add(_string(data, 1))
        return strings

    def _target(self, wanted: str) -> str | None:
        found = next((target for kind, target in self._targets.values() if kind == wanted), None)
        return found if found is not None and found in self._archive else None

    @contextmanager
    def _no_short_records(self) -> Iterator[None]:
        """A record that ends before its content does is an error of the file."""
        try:
            yield
        except (struct.error, IndexError) as error:
            raise self._broken("a record is too short for what it holds") from error

    def _records(self, part: str) -> Iterator[tuple[int, bytes]]:
        """Type and content of each record (2.1.4): both numbers are in sevens of bits, the lowest first."""
        data = b""
        others = 0
        pieces = self._archive.pieces(part)
        ended = False
        while not ended:
            piece = next(pieces, None)
            ended = piece is None
            data += piece or b""
            at = 0
            while True:
                kind, start = _varint(data, at, 2)
                size, start = _varint(data, start, 4) if start > 0 else (0, -1)
                if size > _LARGEST_RECORD:
                    raise self._broken(f"{part}: a record of {size >> 20} MB")
                if start < 0 or start + size > len(data):
                    break
                others += kind not in _MANY or size < _LEAST
                if others > _MOST_OTHERS:
                    raise self._broken(f"{part}: more than {_MOST_OTHERS:,} records that hold no cell")
                yield kind, data[start : start + size]
                at = start + size
            data = data[at:]
        if data:
            raise self._broken(f"{part}: it ends within a record")

    def _broken(self, why: str) -> Exception:
        return self._source.problem(f"the workbook is damaged: {why}", code="broken-workbook")


def _varint(data: bytes, at: int, most: int) -> tuple[int, int]:
    """A number of up to ``most`` bytes, and where it ends; -1 where the data ends first."""
    number = 0
    for place in range(most):
        if at + place >= len(data):
            return 0, -1
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return number, at + place + 1
    return number, at + most


def _string(data: bytes, at: int) -> str:
    """An XLWideString (2.5.168): a count of UTF-16 units, and the units."""
    count = struct.unpack_from("<I", data, at)[0]
    if count == 0xFFFFFFFF:
        return ""
    if at + 4 + 2 * count > len(data):
        raise struct.error("a string is longer than its record")
    return data[at + 4 : at + 4 + 2 * count].decode("utf-16-le", "surrogatepass")


def _rk(data: bytes) -> float:
    """A number in four bytes (2.5.122)."""
    whole: int = struct.unpack("<i", data)[0]
    value = (
        float(whole >> 2)
        if whole & 2
        else struct.unpack("<d", b"\0\0\0\0" + struct.pack("<i", whole & ~3))[0]
    )
    return value / 100 if whole & 1 else value
