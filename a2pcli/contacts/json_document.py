"""JSON as programs export it: one document (an array of objects, or an object with the list inside), or lines.

A file is taken as JSON values one after another, however they are broken into lines. The text is decoded element by
element, so that a large list needs the memory of its largest element.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias

from a2pcli.contacts.encoding import utf8_blocks
from a2pcli.contacts.json_lines import JsonLinesReader, Pairs, json_decoder, plain
from a2pcli.contacts.rows import ReadOptions
from a2pcli.contacts.source import Source
from a2pcli.errors import InvalidInput, Problem

_LONGEST = 16 << 20
"""Characters of one object."""
_DEEPEST = 8
_SPACE = re.compile(r"[\s\0\ufeff]*")

_Row: TypeAlias = tuple[int, Pairs]


class JsonReader(JsonLinesReader):
    """The objects of a file that ``is_row`` knows, and those beside them in the same list, with their lines."""

    one_a_line = False
    may_be_empty = True
    """An empty list is what an interface answers when there is nothing new."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        """The columns are the keys of the first 5,000 objects; none in an empty list."""
        assert options.is_row is not None
        self._is_row: Callable[[Mapping[str, Any]], bool] = options.is_row
        super().__init__(source, options)

    def _objects(self) -> Iterator[tuple[int, list[tuple[str, Any]]]]:
        text = _Text(self._source, (piece for piece in utf8_blocks(self._source, self._encoding)))
        while text.peek():
            yield from self._rows_of_value(text)
            if text.peek() == ",":
                text.refuse("one value after another, without commas between them, is expected here")

    def _rows_of_value(self, text: _Text, depth: int = 0) -> Iterator[_Row]:
        """The rows of a value at the top, or in a list at the top."""
        kind = text.peek()
        line = text.line
        if kind == "[" and depth < _DEEPEST:
            for _ in text.elements():
                yield from self._rows_of_value(text, depth + 1)
        elif kind == "{":
            small = text.value_in_sight()
            if isinstance(small, Pairs) and not self._holds_list_of_rows(small):
                text.value()
                yield line, small
                return
            whole = yield from self._rows_within(text, 0)
            if whole is not None:
                yield line, whole
        else:
            text.value()
            raise self._source.problem("not a JSON object", line=line, code="bad-json")

    def _holds_list_of_rows(self, pairs: Pairs) -> bool:
        for _, value in pairs:
            if isinstance(value, Pairs):
                if self._holds_list_of_rows(value):
                    return True
            elif isinstance(value, list) and any(map(self._is_row_of_list, value)):
                return True
        return False

    def _is_row_of_list(self, value: Any) -> bool:
        return isinstance(value, Pairs) and self._is_row(plain(value))

    def _rows_within(self, text: _Text, depth: int) -> Generator[_Row, None, Pairs | None]:
        """The rows of the lists of an object; the object itself where none of them holds rows."""
        found, streamed, begin = Pairs(), False, text.passed
        for key in text.members():
            value: Any = None
            if text.peek() == "[":
                value, rows = yield from self._list_within(text)
                streamed = streamed or rows
            elif text.peek() == "{" and depth < _DEEPEST:
                value = yield from self._rows_within(text, depth + 1)
                streamed = streamed or value is None
            else:
                value = text.value()
            if not streamed:
                found.append((key, value))
                text.bound(begin)
        return None if streamed else found

    def _list_within(self, text: _Text) -> Generator[_Row, None, tuple[list[Any], bool]]:
        """The elements of a list, and whether they are rows, which were given then."""
        kept: list[tuple[int, Any]] = []
        rows, begin = False, text.passed
        for _ in text.elements():
            text.peek()
            kept.append((text.line, text.value()))
            rows = rows or self._is_row_of_list(kept[-1][1])
            if not rows:
                text.bound(begin)
                continue
            for line, value in kept:
                if not isinstance(value, Pairs):
                    raise self._source.problem("not a JSON object", line=line, code="bad-json")
                yield line, value
            kept.clear()
        return [value for _, value in kept], rows


class _Text:
    """The text of a file from the place that was reached, which is filled up as it is used."""

    def __init__(self, source: Source, blocks: Iterator[bytes]) -> None:
        self._source = source
        self._blocks = blocks
        self._decoder = json_decoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._text, self._at, self._over = "", 0, False
        self.line, self._column = 1, 1
        self.passed = 0

    def _fill(self) -> bool:
        """Read on; False at the end of the file."""
        if self._over:
            return False
        block = next(self._blocks, None)
        self._over = block is None
        self._text = self._text[self._at :] + self._utf8.decode(block or b"", final=self._over)
        self._at = 0
        return True

    def _move(self, to: int) -> None:
        breaks = self._text.count("\n", self._at, to)
        self.line += breaks
        if breaks:
            self._column = to - self._text.rindex("\n", self._at, to)
        else:
            self._column += to - self._at
        self.passed += to - self._at
        self._at = to

    def peek(self) -> str:
        """The next character that is no white space; empty at the end of the file."""
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found is not None
            self._move(found.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def value_in_sight(self) -> Any:
        """The next value without passing it; None if it is not whole in what was read so far."""
        try:
            return self._decoder.raw_decode(self._text, self._at)[0]
        except (ValueError, RecursionError):
            return None

    def value(self) -> Any:
        """The next value, whole. Raises InvalidInput."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > _LONGEST or not self._fill():
                    raise self._broken(error) from error
                continue
            # A number may go on in the next block.
            if end == len(self._text) and self._text[end - 1] not in '}]"' and self._fill():
                continue
            self._move(end)
            return value

    def elements(self) -> Iterator[int]:
        """Numbers of the elements of a list, from 0; the caller takes each value before asking for the next."""
        self._take("[")
        number = 0
        while self._goes_on("]", number):
            yield number
            number += 1

    def members(self) -> Iterator[str]:
        """The keys of an object; the caller takes the value of each before asking for the next."""
        self._take("{")
        number = 0
        while self._goes_on("}", number):
            if self.peek() != '"':
                self.refuse("a key in double quotes is expected here")
            key = self.value()
            self._take(":")
            yield key
            number += 1

    def _goes_on(self, end: str, number: int) -> bool:
        found = self.peek()
        if found == end:
            self._take(end)
            return False
        if number:
            self._take(",")
        return True

    def _take(self, wanted: str) -> None:
        if self.peek() != wanted:
            self.refuse(
                f"'{wanted}' is expected here" if self._text[self._at :] else "the file ends too early"
            )
        self._move(self._at + 1)

    def bound(self, begin: int) -> None:
        """Refuse an object that is too large to be kept whole; ``begin`` is what had been ``passed`` before it."""
        if self.passed - begin > _LONGEST:
            message = f"an object of more than {_LONGEST >> 20} MB"
            raise self._source.problem(message, line=self.line, code="bad-json")

    def refuse(self, why: str) -> NoReturn:
        """Raise InvalidInput about this place."""
        problem = Problem(
            f"not JSON: {why}", path=self._source.name, line=self.line, column=self._column, code="bad-json"
        )
        raise InvalidInput(problem)

    def _broken(self, error: Exception) -> InvalidInput:
        if isinstance(error, json.JSONDecodeError):
            self._move(min(max(error.pos, self._at), len(self._text)))
            message = error.msg
        else:
            message = "nested too deeply"
        return InvalidInput(
            Problem(
                f"not JSON: {message}",
                path=self._source.name, line=self.line, column=self._column, code="bad-json",
            )
        )  # fmt: skip
