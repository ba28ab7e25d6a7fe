"""The strings that the cells of a workbook refer to by number."""

from __future__ import annotations

import re
from array import array

from a2pcli.contacts.archive import Archive
from a2pcli.contacts.rows import LONGEST_CELL
from a2pcli.contacts.source import Source
from a2pcli.contacts.xml_parts import DEEPEST, LocalNames, XmlReader

MOST_SHARED = 512 << 20
"""Bytes of them that are kept."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class SharedStrings:
    """The strings end to end in one piece of memory."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def __getitem__(self, number: int) -> str:
        return self._bytes[self._ends[number] : self._ends[number + 1]].decode("utf-8", "surrogatepass")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, text: str) -> None:
        """Append a string. Raises InvalidInput where there is too much of them."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))
        if len(self._bytes) + 8 * len(self._ends) > MOST_SHARED:
            raise self._source.problem(
                f"the workbook has more than {MOST_SHARED >> 20} MB of text",
                hint="delete the columns that are not needed, or save it as CSV", code="too-large",
            )  # fmt: skip

    def read(self, part: str, archive: Archive) -> None:
        """All strings of a part in XML. Raises InvalidInput."""
        _Parser(self, self._source, part).read(archive)


class _Parser:
    """``<si>`` elements: text, or runs of it, without the phonetic hints (``rPh``)."""

    def __init__(self, strings: SharedStrings, source: Source, part: str) -> None:
        self._strings, self._source, self._part = strings, source, part
        self._pieces: list[str] = []
        self._size = self._skipped = self._depth = 0
        self._taking = False
        self._local = LocalNames()

    def read(self, archive: Archive) -> None:
        """Read the whole part."""
        reader = XmlReader(self._source, self._part)
        reader.parser.StartElementHandler = self._start
        reader.parser.EndElementHandler = self._end
        reader.parser.CharacterDataHandler = self._text
        reader.read(archive.pieces(self._part))

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._depth += 1
        name = self._local[name]
        if name == "t":
            self._taking = not self._skipped
        elif name == "si":
            self._pieces, self._size = [], 0
        elif name == "rPh":
            self._skipped += 1
        elif self._depth > DEEPEST:
            raise self._source.problem(
                f"the workbook is damaged: {self._part} is nested too deeply", code="broken-workbook"
            )

    def _end(self, name: str) -> None:
        self._depth -= 1
        name = self._local[name]
        if name == "t":
            self._taking = False
        elif name == "si":
            self._strings.add(unescaped("".join(self._pieces)))
        elif name == "rPh":
            self._skipped -= 1

    def _text(self, data: str) -> None:
        if self._taking:
            self._size += len(data)
            if self._size <= 2 * LONGEST_CELL:  # the row that shows it is refused by its length
                self._pieces.append(data)


def unescaped(text: str) -> str:
    """``_x000D_`` and its like stand for characters that XML cannot hold (22.4.2.4)."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
