"""OpenDocument sheets (.ods): each cell holds its text as the program showed it, and its value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from a2pcli.contacts.archive import Archive, protected
from a2pcli.contacts.date_formats import month_first
from a2pcli.contacts.rows import LONGEST_CELL
from a2pcli.contacts.sheets import (
    LAST_COLUMN,
    LAST_ROW,
    Seen,
    Sheet,
    SheetRow,
    plain_number,
    too_long,
)
from a2pcli.contacts.source import Source
from a2pcli.contacts.xml_parts import DEEPEST, LocalNames, XmlReader

_MANIFEST = "META-INF/manifest.xml"
_CONTENT = "content.xml"
_ROUNDED = re.compile(r"#+|[-+]?\d(?:[.,]\d+)?[Ee][+-]?\d+")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_FIGURES = re.compile(r"(\d{1,2})[-/](\d{1,2})[-/]\d{2,4}(?!\d)")
_HIDDEN = ("collapse", "filter")


class OdsBook:
    """A workbook of LibreOffice and its like."""

    format = "ods"

    def __init__(self, source: Source, archive: Archive, locale: str) -> None:
        """Raises InvalidInput for a broken or protected workbook."""
        self._source, self._archive, self._locale = source, archive, locale
        if _MANIFEST in archive and b"encryption-data" in archive.whole(_MANIFEST, 16 << 20):
            raise protected(source)
        self.addresses: frozenset[int] = frozenset()
        finder = _Parser(source, None, Seen(), self.addresses, locale)
        for _ in finder.rows(archive.pieces(_CONTENT)):
            pass
        self._sheets = [
            Sheet(name, style not in finder.hidden_styles, str(number))
            for number, (name, style) in enumerate(finder.tables)
        ]

    def sheets(self) -> list[Sheet]:
        """The sheets of the workbook, in their order."""
        return self._sheets

    def rows(self, sheet: Sheet, seen: Seen) -> Iterator[SheetRow]:
        """The rows of a sheet that are not blank. Raises InvalidInput."""
        parser = _Parser(self._source, int(sheet.key), seen, self.addresses, self._locale)
        return parser.rows(self._archive.pieces(_CONTENT))


class _Parser:
    """The cells of one table of content.xml (None: only the tables' names)."""

    def __init__(
        self, source: Source, wanted: int | None, seen: Seen, addresses: frozenset[int], locale: str
    ) -> None:
        self._locale = locale
        self._source, self._wanted, self._seen, self._addresses = source, wanted, seen, addresses
        self.tables: list[tuple[str, str]] = []
        self.hidden_styles: set[str] = set()
        self._ready: list[tuple[SheetRow, int]] = []
        self._style = ""
        self._inside = self._in_cell = False
        self._tables_deep = self._skipped = self._depth = 0
        self._row = self._row_repeat = 0
        self._hidden = False
        self._cells: dict[int, str] = {}
        self._column = self._repeat = self._column_place = 0
        self._attributes: dict[str, str] = {}
        self._paragraphs: list[list[str]] = []
        self._size = 0

    def rows(self, pieces: Iterator[bytes]) -> Iterator[SheetRow]:
        """Iterate over the rows while the XML is read."""
        reader = XmlReader(self._source, _CONTENT)
        self._parser = reader.parser
        self._local = LocalNames()
        reader.parser.StartElementHandler = self._start
        reader.parser.EndElementHandler = self._end
        for piece in pieces:
            reader.feed(piece)
            if self._ready:
                ready, self._ready = self._ready, []
                yield from _repeated(ready)
        reader.finish()
        yield from _repeated(self._ready)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._broken("is nested too deeply")
        name = self._local[name]
        if name == "table":
            self._tables_deep += 1
            if self._tables_deep == 1:
                found = self._named(attributes)
                self._inside = self._wanted == len(self.tables)
                self.tables.append((found.get("name", ""), found.get("style-name", "")))
                self._row = self._column_place = 0
        elif name == "style":
            self._style = self._named(attributes).get("name", "")
        elif name == "table-properties":
            if self._named(attributes).get("display") == "false":
                self.hidden_styles.add(self._style)
        elif self._inside and self._tables_deep == 1:
            self._start_inside(name, attributes)

    def _start_inside(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("table-cell", "covered-table-cell") and not self._in_cell:
            self._attributes = self._named(attributes)
            self._repeat = _count(self._attributes.get("number-columns-repeated"))
            self._in_cell = True
            self._paragraphs, self._size, self._skipped = [], 0, 0
        elif name == "table-row":
            found = self._named(attributes)
            self._row += 1
            self._row_repeat = _count(found.get("number-rows-repeated"))
            self._hidden = found.get("visibility") in _HIDDEN
            self._column, self._cells = 0, {}
        elif name == "table-column":
            found = self._named(attributes)
            repeat = _count(found.get("number-columns-repeated"))
            if found.get("visibility") in _HIDDEN:
                self._seen.hide_columns(self._column_place, self._column_place + repeat - 1)
            self._column_place += repeat
        elif self._in_cell:
            self._start_text(name, attributes)

    def _start_text(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("annotation", "shape", "frame", "ruby-text"):
            self._skipped += 1
            self._parser.CharacterDataHandler = None
        elif self._skipped:
            return
        elif name in ("p", "h"):
            self._paragraphs.append([])
            self._parser.CharacterDataHandler = self._take
        elif name == "s":
            self._take(" " * min(_count(self._named(attributes).get("c")), LONGEST_CELL + 1))
        elif name in ("tab", "line-break"):
            self._take("\t" if name == "tab" else "\n")

    def _end(self, name: str) -> None:
        self._depth -= 1
        name = self._local[name]
        if name == "table":
            self._tables_deep -= 1
            self._inside = self._inside and self._tables_deep > 0
        elif not self._inside or self._tables_deep > 1:
            return
        elif name in ("table-cell", "covered-table-cell") and not self._skipped:
            self._end_cell()
        elif name == "table-row":
            self._end_row()
        elif name in ("annotation", "shape", "frame", "ruby-text") and self._skipped:
            self._skipped -= 1
            if not self._skipped and name == "ruby-text":
                self._parser.CharacterDataHandler = self._take
        elif name in ("p", "h") and not self._skipped:
            self._parser.CharacterDataHandler = None

    def _take(self, data: str) -> None:
        self._size += len(data)
        if self._size > LONGEST_CELL:
            raise too_long(self._source, self._row, self._column)
        if self._paragraphs:
            self._paragraphs[-1].append(data)

    def _end_cell(self) -> None:
        self._in_cell = False
        self._parser.CharacterDataHandler = None
        first, self._column = self._column, self._column + self._repeat
        text = self._text(first)
        if not text or text.isspace():
            return
        if self._column > LAST_COLUMN:
            raise self._broken(f"has a cell beyond the last column in row {self._row}")
        for column in range(first, self._column):
            self._cells[column] = text

    def _text(self, column: int) -> str:
        """What the program showed; the value itself for numbers that it had no room for, and in phone columns."""
        shown = "\n".join("".join(pieces) for pieces in self._paragraphs)
        kind = self._attributes.get("value-type", "")
        if kind in ("", "string"):
            return shown or self._attributes.get("string-value", "")
        if kind == "boolean":
            return "TRUE" if self._attributes.get("boolean-value") == "true" else "FALSE"
        if kind == "date":
            return self._date(shown, column)
        if kind == "time":
            return shown or self._attributes.get("time-value", "")
        value = plain_number(self._attributes.get("value", ""))
        if not shown or _ROUNDED.fullmatch(shown):
            return value
        if column in self._addresses:
            digits = re.sub(r"[ ()+.\-/]", "", shown).lstrip("0")
            return shown if digits == value else value
        return shown

    def _date(self, shown: str, column: int) -> str:
        """As shown, unless the ``date`` filter would take it for another day (``date_formats`` says why)."""
        value = self._attributes.get("date-value", "").replace("T", " ").removesuffix(" 00:00:00")
        day, figures = _DAY.match(value), _FIGURES.match(shown)
        own = month_first(self._locale)
        if not shown or (day and figures and own is not None):
            first, second = figures.group(1, 2) if figures else ("", "")
            month, number = day.group(2, 3) if day else ("", "")
            meant = (month, number) if own else (number, month)
            if not shown or (int(first), int(second)) != tuple(map(int, meant)):
                if shown:
                    self._seen.dates.setdefault(column, shown)
                return value or shown
        return shown

    def _end_row(self) -> None:
        number, repeat = self._row, self._row_repeat
        self._row += repeat - 1
        if self._cells:
            if self._row > LAST_ROW:
                raise self._broken(f"has rows beyond {LAST_ROW:,}")
            self._ready.append((SheetRow(number, self._hidden, self._cells), repeat))

    def _named(self, attributes: dict[str, str]) -> dict[str, str]:
        local = self._local
        return {local[name]: value for name, value in attributes.items()}

    def _broken(self, why: str) -> Exception:
        return self._source.problem(f"the workbook is damaged: {_CONTENT} {why}", code="broken-workbook")


def _repeated(rows: list[tuple[SheetRow, int]]) -> Iterator[SheetRow]:
    """Rows that are alike are written once, with how often they come."""
    for (number, hidden, cells), times in rows:
        for ahead in range(times):
            yield SheetRow(number + ahead, hidden, cells)


def _count(text: str | None) -> int:
    return max(1, int(text)) if text and text.isdecimal() and len(text) < 9 else 1
