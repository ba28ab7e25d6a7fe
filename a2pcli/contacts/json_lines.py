"""JSON lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from a2pcli.contacts.cell_text import cell_text
from a2pcli.contacts.columns import canonical
from a2pcli.contacts.encoding import DAMAGED, detect, encoding_notes, encoding_questions, utf8_blocks
from a2pcli.contacts.rows import MOST_COLUMNS, Parsing, ReadOptions, Rows, as_they_are, rows_of
from a2pcli.contacts.source import Source
from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.reasons import Reason

_SAMPLE_LINES = 5_000
_BATCH = 20_000
_LONGEST = 16 << 20


class JsonLinesReader:
    """A file of JSON objects, one a line. Numbers stay as they are typed (``1e5``, ``1.50``).

    ``one_a_line``: lines without an object are blank ones.
    """

    one_a_line = True

    format = "jsonl"
    delimiter: str | None = None
    may_be_empty = False

    def __init__(self, source: Source, options: ReadOptions) -> None:
        """The columns are the keys of the first 5,000 objects. Raises InvalidInput where there are none."""
        self._source = source
        self._encoding = detect(source, options.encoding)
        self.encoding: str | None = self._encoding.name
        self.encoding_guessed = self._encoding.guessed
        self.notes: list[Problem] = []
        self.questions = encoding_questions(source, self._encoding)
        self.notes += encoding_notes(source, self._encoding)
        names: dict[str, None] = {}
        self.header_line = 1
        for count, (line, pairs) in enumerate(self._objects()):
            if not count:
                self.header_line = line
            names.update(dict.fromkeys(key for key, _ in pairs))
            if len(names) > MOST_COLUMNS:
                raise source.problem(
                    f"more than {MOST_COLUMNS:,} different keys", line=line, code="too-large"
                )
            if count == _SAMPLE_LINES:
                break
        if not names and not self.may_be_empty:
            raise source.problem("the file has no rows", code="no-rows")
        self.header = tuple(names)

    def _note(self, message: str, code: str, line: int | None) -> None:
        note = Problem(message, path=self._source.name, line=line, severity=Severity.WARNING, code=code)
        if note not in self.notes:
            self.notes.append(note)

    def _lines(self) -> Iterator[tuple[int, str]]:
        line, left = 1, b""
        for piece in utf8_blocks(self._source, self._encoding):
            *whole, left = (left + piece).split(b"\n")
            for text in whole:
                yield line, text.decode()
                line += 1
            if len(left) > _LONGEST:
                raise self._source.problem(
                    f"a line of more than {_LONGEST >> 20} MB", line=line, code="bad-json"
                )
        if left:
            yield line, left.decode()

    def _objects(self) -> Iterator[tuple[int, list[tuple[str, Any]]]]:
        decoder = json_decoder()
        for line, text in self._lines():
            text = text.strip(" \t\r\0\ufeff")
            if not text:
                continue
            try:
                value = decoder.decode(text)
            except (ValueError, RecursionError) as error:
                raise self._broken(line, text, error) from error
            if not isinstance(value, Pairs):
                hint = "write one object a line, without the brackets" if text.startswith("[") else None
                raise self._source.problem("not a JSON object", line=line, hint=hint, code="bad-json")
            yield line, value

    def _broken(self, line: int, text: str, error: Exception) -> InvalidInput:
        column = error.pos + 1 if isinstance(error, json.JSONDecodeError) else None
        message = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        hint = None
        if text in ("[", "{") or (line == 1 and text.startswith("[")):
            hint = "the file must be JSON lines: one object a line, without brackets around them"
        return InvalidInput(
            Problem(
                f"not JSON: {message}",
                path=self._source.name,
                line=line,
                column=column,
                hint=hint,
                code="bad-json",
            )
        )

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Rows]]:
        """All rows, with the cells of the columns at some places of the header."""
        return as_they_are, self._batches(places)

    def _batches(self, places: Sequence[int]) -> Iterator[Rows]:
        known = set(self.header)
        wanted = [self.header[place] for place in places]
        lines: list[int] = []
        rows: list[list[str]] = []
        bad: dict[int, tuple[Reason, str]] = {}
        blank, expected = 0, 1
        for line, pairs in self._objects():
            blank += line - expected if self.one_a_line else 0
            expected = line + 1
            found = dict(pairs)
            if len(found) < len(pairs):
                bad[len(lines)] = Reason.RAGGED_ROW, "a key comes twice"
                found = {}
            elif not found.keys() <= known:
                self._unknown(line, found.keys() - known)
            lines.append(line)
            try:
                rows.append([_text(found.get(name)) for name in wanted])
            except RecursionError as error:
                raise self._broken(line, "", error) from error
            if len(lines) == _BATCH:
                yield self._rows(lines, rows, len(places), bad, blank)
                lines, rows, bad, blank = [], [], {}, 0
        yield self._rows(lines, rows, len(places), bad, blank)

    def _rows(
        self,
        lines: list[int],
        rows: list[list[str]],
        width: int,
        bad: dict[int, tuple[Reason, str]],
        blank: int,
    ) -> Rows:
        if self._encoding.damaged:
            for number, row in enumerate(rows):
                if any(DAMAGED in cell for cell in row):
                    rows[number] = [cell.replace(DAMAGED, "\ufffd") for cell in row]
                    bad.setdefault(
                        number, (Reason.INVALID_TEXT, "bytes that are not text in the file's encoding")
                    )
        return rows_of(lines, rows, width, bad, blank)

    def _unknown(self, line: int, keys: set[str]) -> None:
        noted = {note.message for note in self.notes}
        for key in sorted(keys):
            message = f"the key '{key}' first appears too late in the file to become a column; it is ignored"
            if canonical(key) and message not in noted and len(noted) < 20:
                self._note(message, "late-key", line)


def json_decoder() -> json.JSONDecoder:
    """Decodes objects as ``Pairs``, and numbers as they are typed."""
    return json.JSONDecoder(object_pairs_hook=Pairs, parse_int=str, parse_float=str)


class Pairs(list[tuple[str, Any]]):
    """The keys and values of an object as they stand, so that a key that comes twice is seen."""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, list) else cell_text(value)


def plain(value: Any) -> Any:
    """The value with dicts for ``Pairs``."""
    if isinstance(value, Pairs):
        return {key: plain(inner) for key, inner in value}
    return [plain(inner) for inner in value] if isinstance(value, list) else value
