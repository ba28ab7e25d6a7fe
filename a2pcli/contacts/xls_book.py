"""Old Excel workbooks (.xls), by xlrd: it alone tells formats and hidden rows of them."""

from __future__ import annotations

import io
from collections.abc import Iterator

from a2pcli.contacts.archive import protected
from a2pcli.contacts.cell_text import number_text
from a2pcli.contacts.rows import LONGEST_CELL
from a2pcli.contacts.sheets import Formats, Seen, Sheet, SheetRow, shown_number, too_long
from a2pcli.contacts.source import Source
from a2pcli.errors import A2PError

_LARGEST = 200 << 20
"""Bytes. xlrd holds a whole sheet, up to twenty times what the file has; more than this no old Excel could write."""


class XlsBook:
    """A workbook of Excel 5 to 2003."""

    format = "xls"

    def __init__(self, source: Source, locale: str) -> None:
        """Raises InvalidInput for a broken, protected or very large workbook."""
        import xlrd

        self._source, self._locale = source, locale
        if source.size > _LARGEST:
            raise source.problem(
                f"an .xls of more than {_LARGEST >> 20} MB", hint="save it as .xlsx or CSV", code="too-large"
            )
        try:
            self._book = xlrd.open_workbook(
                str(source.path),
                logfile=io.StringIO(),
                formatting_info=True,
                ragged_rows=True,
                on_demand=True,
            )
        except Exception as error:  # whatever a file that is built wrongly makes of a reader that trusts it
            raise self._broken(error) from error
        self.addresses: frozenset[int] = frozenset()

    def sheets(self) -> list[Sheet]:
        """The sheets that contain cells, in the order of the workbook."""
        try:
            return [
                Sheet(name, self._book._sheet_visibility[number] == 0, str(number))
                for number, name in enumerate(self._book.sheet_names())
            ]
        except (AttributeError, IndexError) as error:
            raise self._broken(error) from error

    def rows(self, sheet: Sheet, seen: Seen) -> Iterator[SheetRow]:
        """The rows of a sheet that are not blank. Raises InvalidInput."""
        try:
            yield from self._rows(int(sheet.key), seen)
        except A2PError:
            raise
        except Exception as error:
            raise self._broken(error) from error

    def _rows(self, number: int, seen: Seen) -> Iterator[SheetRow]:
        import xlrd

        sheet = self._book.sheet_by_index(number)
        formats = Formats(self._locale, epoch_1904=bool(self._book.datemode))
        for column, about in sheet.colinfo_map.items():
            if about.hidden:
                seen.hide_columns(column, column)
        made = [formats.of_code(self._code(xf)) for xf in self._book.xf_list]
        for row in range(sheet.nrows):
            cells: dict[int, str] = {}
            kinds, values = sheet.row_types(row), sheet.row_values(row)
            for column, (kind, value) in enumerate(zip(kinds, values, strict=True)):
                if kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
                    shape = made[sheet.cell_xf_index(row, column)]
                    text = (
                        number_text(value) if shape.plain
                        else shown_number(value, shape, column, seen, self.addresses)
                    )  # fmt: skip
                elif kind == xlrd.XL_CELL_TEXT:
                    text = made[sheet.cell_xf_index(row, column)].show_text(value)
                    if len(text) > LONGEST_CELL:
                        raise too_long(self._source, row + 1, column)
                elif kind == xlrd.XL_CELL_BOOLEAN:
                    text = "TRUE" if value else "FALSE"
                else:
                    continue
                if text and not text.isspace():
                    cells[column] = text
            if cells:
                about = sheet.rowinfo_map.get(row)
                yield SheetRow(row + 1, bool(about is not None and about.hidden), cells)

    def _code(self, xf: object) -> str:
        key = getattr(xf, "format_key", 0)
        made = self._book.format_map.get(key)
        code = made.format_str if made is not None else "General"
        return "short-date" if key == 14 else code

    def _broken(self, error: BaseException) -> Exception:
        if isinstance(error, MemoryError):
            raise error
        if "encrypt" in str(error).lower() or "password" in str(error).lower():
            return protected(self._source)
        why = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        return self._source.problem(f"the workbook is damaged: {why}", code="broken-workbook")
