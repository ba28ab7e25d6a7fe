"""The cells of one sheet's XML, row by row in constant memory."""

from __future__ import annotations

from collections.abc import Iterator

from a2pcli.contacts.number_formats import NumberFormat
from a2pcli.contacts.rows import LONGEST_CELL
from a2pcli.contacts.shared_strings import SharedStrings, unescaped
from a2pcli.contacts.sheets import (
    LAST_COLUMN,
    LAST_ROW,
    Seen,
    SheetRow,
    plain_number,
    shown_number,
    too_long,
    whole_number,
)
from a2pcli.contacts.source import Source
from a2pcli.contacts.xml_parts import DEEPEST, LocalNames, XmlReader


class SheetParser:
    """The cells of one sheet's XML. Elements it does not know are passed over."""

    def __init__(
        self, source: Source, part: str, strings: SharedStrings, special: dict[int, NumberFormat], seen: Seen,
        addresses: frozenset[int],
    ) -> None:  # fmt: skip
        self._source, self._part = source, part
        self._strings, self._special, self._seen, self._addresses = strings, special, seen, addresses
        self._ready: list[SheetRow] = []
        self._row = self._column = 0
        self._hidden = False
        self._cells: dict[int, str] = {}
        self._type = ""
        self._style: str | None = None
        self._pieces: list[str] = []
        self._has_formula = False
        self._skipped = self._depth = self._size = 0
        self._columns: dict[str, int] = {}

    def rows(self, pieces: Iterator[bytes]) -> Iterator[SheetRow]:
        """Iterate over the rows while the XML is read."""
        reader = XmlReader(self._source, self._part)
        self._parser = reader.parser
        self._local = LocalNames()
        reader.parser.StartElementHandler = self._start
        reader.parser.EndElementHandler = self._end
        for piece in pieces:
            reader.feed(piece)
            if self._ready:
                ready, self._ready = self._ready, []
                yield from ready
        reader.finish()
        yield from self._ready

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = self._local[name]
        if name == "c":
            self._start_cell(attributes)
        elif name == "v":
            self._parser.CharacterDataHandler = self._take
        elif name == "t":
            self._parser.CharacterDataHandler = None if self._skipped else self._take
        elif name == "row":
            self._start_row(attributes)
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._skipped += 1
        elif name == "col":
            if attributes.get("hidden") in ("1", "true") or attributes.get("width") == "0":
                self._seen.hide_columns(
                    whole_number(attributes.get("min")) - 1, whole_number(attributes.get("max")) - 1
                )
        elif self._depth > DEEPEST:
            raise self._broken("is nested too deeply")

    def _end(self, name: str) -> None:
        self._depth -= 1
        name = self._local[name]
        if name == "v" or name == "t":
            self._parser.CharacterDataHandler = None
        elif name == "c":
            self._end_cell()
        elif name == "row":
            if self._cells:
                self._ready.append(SheetRow(self._row, self._hidden, self._cells))
                self._cells = {}
        elif name == "rPh":
            self._skipped -= 1

    def _take(self, data: str) -> None:
        self._size += len(data)
        if self._size > LONGEST_CELL:
            raise too_long(self._source, self._row, self._column)
        self._pieces.append(data)

    def _start_row(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r")
        number = int(given) if given and given.isdecimal() and len(given) < 9 else self._row + 1
        if given and number <= self._row:
            raise self._broken(f"has row {number} after row {self._row}")
        if number > LAST_ROW:
            raise self._broken(f"has a row {number}, beyond the last that a sheet can have")
        self._row, self._column = number, -1
        self._cells = {}
        self._hidden = attributes.get("hidden") in ("1", "true", "on") or (
            attributes.get("ht") in ("0", "0.0") and attributes.get("customHeight") in ("1", "true")
        )

    def _start_cell(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r")
        if given is None:
            self._column += 1
        else:
            letters = given.rstrip("0123456789")
            column = self._columns.get(letters)
            if column is None:
                column = self._columns[letters] = column_number(letters.upper()) - 1
                if not 0 <= column < LAST_COLUMN:
                    raise self._broken(
                        f"has a cell {given[:20]}, beyond the last column that a sheet can have"
                    )
            self._column = column
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s")
        self._has_formula = False
        self._pieces = []
        self._size = 0

    def _end_cell(self) -> None:
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        if not text:
            if self._has_formula and self._type != "str":
                self._seen.formulas += 1
            return
        kind = self._type
        made = self._special.get(int(self._style)) if self._style and self._style.isdecimal() else None
        if kind == "s":
            text = self._shared(text)
        elif kind == "n":
            text = self._number(text, made)
            made = None
        elif kind == "b":
            text = "TRUE" if text.strip() in ("1", "true") else "FALSE"
        elif kind == "d":
            text = text.strip().replace("T", " ").removesuffix(" 00:00:00")
        elif kind == "e":
            return  # #N/A and its like are nothing that anybody wants in a message
        else:
            text = unescaped(text)
        if made is not None:
            text = made.show_text(text)
        if text and not text.isspace():
            self._cells[self._column] = text

    def _shared(self, number: str) -> str:
        number = number.strip()
        if not number.isdecimal() or len(number) > 12 or int(number) >= len(self._strings):
            raise self._broken(f"names a string {number[:20]!r} that the workbook does not have")
        text = self._strings[int(number)]
        if len(text) > LONGEST_CELL:
            raise too_long(self._source, self._row, self._column)
        return text

    def _number(self, text: str, made: NumberFormat | None) -> str:
        if made is None:
            return plain_number(text)
        try:
            value = float(text)
        except ValueError:
            return ""
        return shown_number(value, made, self._column, self._seen, self._addresses)

    def _broken(self, why: str) -> Exception:
        return self._source.problem(f"the workbook is damaged: {self._part} {why}", code="broken-workbook")


def column_number(letters: str) -> int:
    """``A`` is 1; 0 for what is no column."""
    number = 0
    for letter in letters if len(letters) <= 3 else "":
        if not "A" <= letter <= "Z":
            return 0
        number = number * 26 + ord(letter) - 64
    return number
