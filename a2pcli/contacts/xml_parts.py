"""XML read as it comes, in constant memory, without what a workbook has no use for: document types and entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.parsers import expat

from a2pcli.contacts.source import Source

DEEPEST = 200
"""Elements inside one another; workbooks have about ten."""
Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


class LocalNames(dict[str, str]):
    """``x:row`` to ``row``, each worked out once."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < 1_000:
            self[name] = local
        return local


class XmlReader:
    """Feeds the pieces of a part to handlers. The parser may be told to call others meanwhile."""

    def __init__(self, source: Source, part: str) -> None:
        self._source, self._part = source, part
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def feed(self, piece: bytes) -> None:
        """Raises InvalidInput for XML that is not well-formed."""
        try:
            self.parser.Parse(piece, False)
        except expat.ExpatError as error:
            raise self._broken(str(error)) from error

    def finish(self) -> None:
        """The part is at its end. Raises InvalidInput where the XML is not."""
        try:
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise self._broken(str(error)) from error

    def read(self, pieces: Iterable[bytes]) -> None:
        """Read a whole part of the workbook. Raises ``InvalidInput`` if it is damaged or too large."""
        for piece in pieces:
            self.feed(piece)
        self.finish()

    def _refuse_doctype(self, *_: object) -> None:
        raise self._broken("it defines entities, which a workbook has no use for")

    def _broken(self, why: str) -> Exception:
        return self._source.problem(f"the workbook is damaged: {self._part}: {why}", code="broken-workbook")


def small_part(source: Source, part: str, content: bytes) -> list[tuple[int, str, dict[str, str]]]:
    """The elements of a small part in their order: depth, local name, attributes by local name.

    Raises InvalidInput for broken XML, and for elements nested deeper than any workbook's.
    """
    found: list[tuple[int, str, dict[str, str]]] = []
    local = LocalNames()
    depth = 0
    reader = XmlReader(source, part)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise source.problem(
                f"the workbook is damaged: {part} is nested too deeply", code="broken-workbook"
            )
        found.append((depth, local[name], {local[key]: value for key, value in attributes.items()}))

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    reader.parser.StartElementHandler = start
    reader.parser.EndElementHandler = end
    reader.read([content])
    return found
