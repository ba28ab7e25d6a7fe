"""Message templates and ``where:`` expressions: Jinja, checked against the columns, rendered by the column.

Compiling checks everything that can be known before a contact is read and raises all of it at once, each
problem at its place in the YAML or the partial. Compiled templates are cheap to make and are made again in
each process: what travels between processes is the source.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.content.batch import OutOfControl
from a2pcli.content.bounded import MOST_CHARACTERS
from a2pcli.content.by_column import Pieces
from a2pcli.content.encoding import prepare
from a2pcli.content.failures import (
    MessageTooLong,
    MissingValue,
    RowFailure,
    TemplateFailure,
    UnsendableText,
    empty_cell,
)
from a2pcli.content.program import Program, build_expression, build_message
from a2pcli.content.sources import SourcePlace
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.frame import Frame, Texts, as_numpy, column_of, compute, is_blank, text_bytes
from a2pcli.reasons import Reason

__all__ = [
    "Expression",
    "MessageTemplate",
    "MissingValue",
    "Rendered",
    "RowFailure",
    "Selected",
    "SourcePlace",
    "TemplateFailure",
    "compile_expression",
    "compile_template",
]

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SLICE = 50_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """A column of messages. Where ``reasons`` holds a reason code, the body is null and ``details`` says more.

    ``reasons`` and ``details`` are null throughout where all went well.
    """

    bodies: pa.StringArray
    reasons: pa.StringArray
    details: pa.StringArray


@dataclass(frozen=True, slots=True)
class Selected:
    """Which rows an expression is true for; those it failed on have a reason and are not kept."""

    keep: npt.NDArray[np.bool_]
    reasons: pa.StringArray
    details: pa.StringArray


def compile_template(
    source: str,
    *,
    where: SourcePlace,
    folder: Path | None = None,
    locale: str = "en",
    known: Collection[str] | None = None,
    long: bool = False,
    markup: str | None = None,
) -> MessageTemplate:
    """A message template, checked.

    Args:
        source: the text, as YAML gives it.
        where: where the text stands, for problems.
        folder: the campaign's folder, from which partials come; None for none.
        locale: of the ``money``, ``number`` and ``date`` filters, such as ``en_GB``.
        known: the contact's columns by their canonical names; None where they are not known yet.
        long: whether it is an email's, which may be long.
        markup: what it is written in, by its name in ``markup.MARKUPS``; cells are escaped for it. None: plain text.

    Raises:
        InvalidInput: with every problem found, each at its place.
    """
    return MessageTemplate(build_message(source, where, folder, locale, known, long=long, markup=markup))


def compile_expression(
    source: str,
    *,
    where: SourcePlace,
    folder: Path | None = None,
    locale: str = "en",
    known: Collection[str] | None = None,
) -> Expression:
    """A ``where:`` expression, checked. Arguments and errors are those of ``compile_template``."""
    return Expression(build_expression(source, where, locale, known))


class _Compiled:
    """What templates and expressions have in common: columns, and rows to run over."""

    def __init__(self, program: Program, take: Callable[[str], Any]) -> None:
        self._program = program
        self._loop = program.loop(take)
        self.columns: frozenset[str] = frozenset(program.variables)
        """Every contact column it can read, through partials too."""
        self.defaulted: frozenset[str] = self.columns - program.required
        """Those it does without where they are empty: each use has a default or a test around it."""
        self.wording: str = program.wording
        """All text that stands outside of tags, that of partials included."""
        self.texts: tuple[str, ...] = program.sources.texts
        """The source as written, and that of each partial it includes."""
        self.problems: tuple[Problem, ...] = program.warnings
        """Warnings; what is wrong was raised when it was compiled."""
        if not self.columns:
            self._always()

    def _always(self) -> None:
        """What reads no column comes out the same for everyone: if it fails, it fails now."""
        results, failures = self._loop.run([(None,)])
        self._finish(results, failures)
        for failure in failures.values():
            line = failure.line if isinstance(failure, TemplateFailure) else None
            raise InvalidInput(self._program.problem(str(failure), line))

    def _finish(self, results: list[Any], failures: dict[int, RowFailure]) -> None:
        """What is still to be done with results; it may add failures."""

    def _one(self, values: Mapping[str, str]) -> Any:
        cells = (_cell(column, values.get(column)) for column in self._program.variables)
        results, failures = self._run([(*cells, None)])
        if failures:
            raise failures[0]
        return results[0]

    def _run(self, rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], dict[int, RowFailure]]:
        try:
            results, failures = self._loop.run(rows)
        except OutOfControl as error:
            raise InvalidInput(self._program.problem(str(error), error.line)) from None
        return results, {row: self._placed(failure) for row, failure in failures.items()}

    def _placed(self, failure: RowFailure) -> RowFailure:
        if isinstance(failure, TemplateFailure) and failure.line is not None:
            line, place = self._program.line_of(failure.line)
            return type(failure)(failure.message, line, place)
        return failure

    def _over(self, frame: Frame) -> tuple[list[Any], dict[int, RowFailure]]:
        """Results and failures of every row of a frame."""
        size = len(frame)
        if not self.columns:
            results, failures = self._run([(None,)] if size else [])
            return results * size, dict.fromkeys(range(size), failures[0]) if failures else {}
        values = [_values(frame, column) for column in self._program.variables]
        return self._run(zip(*values, repeat(None)))


class MessageTemplate(_Compiled):
    """A compiled message. Rows never see each other: what one sets, the next does not find."""

    def __init__(self, program: Program) -> None:
        self._most = program.environment.most_characters
        self.markup = program.environment.markup
        """What it is written in; None for plain text."""
        super().__init__(program, partial(bounded, most=self._most))
        self._pieces = Pieces.of(program)

    def _finish(self, results: list[Any], failures: dict[int, RowFailure]) -> None:
        _finished_all(results, failures, self._most)

    def _one(self, values: Mapping[str, str]) -> str:
        return finished(super()._one(values), self._most)

    def render(self, values: Mapping[str, str]) -> str:
        """One message; the empty text where nothing comes out.

        Raises ``MissingValue`` or ``TemplateFailure``.
        """
        return self._one(values)

    def render_column(self, frame: Frame) -> Rendered:
        """The messages of a frame's rows. Columns are Arrow strings; empty or white space means missing."""
        bodies, failures = self._bodies(frame)
        empty = as_numpy(compute.binary_length(bodies.fill_null("x"))) == 0
        if empty.any():
            failures |= {row: _EmptyMessage() for row in np.flatnonzero(empty).tolist()}
            bodies = compute.if_else(pa.array(empty), pa.scalar(None, pa.string()), bodies)
        return Rendered(bodies, *_columns_of(failures, len(frame)))

    def _bodies(self, frame: Frame) -> tuple[pa.StringArray, dict[int, RowFailure]]:
        """The finished texts, null where a row failed, and the failures by row."""
        joined = self._pieces.render(frame) if self._pieces else None
        if joined is None:
            return self._looped(frame)
        bodies, left = joined
        left |= as_numpy(compute.binary_length(bodies).fill_null(0)) > self._most
        bodies = _without_space_behind(bodies)
        if not _needs_nothing(bodies):
            return self._looped(frame)
        if not left.any():
            return bodies, {}
        some, failed = self._looped(frame.filter(left))
        places = np.flatnonzero(left)
        bodies = compute.replace_with_mask(bodies, pa.array(left), some)
        return bodies, {int(places[row]): failure for row, failure in failed.items()}

    def _looped(self, frame: Frame) -> tuple[pa.StringArray, dict[int, RowFailure]]:
        """As ``_bodies``, but renders row by row."""
        results, failures = self._over(frame)
        return _finished_all(results, failures, self._most), failures


class Expression(_Compiled):
    """A compiled expression."""

    def __init__(self, program: Program) -> None:
        super().__init__(program, bool)

    def evaluate(self, values: Mapping[str, str]) -> bool:
        """Whether it is true for one contact; false where it cannot do without a cell that is empty.

        Raises ``TemplateFailure``.
        """
        try:
            return bool(self._one(values))
        except MissingValue:
            return False

    def evaluate_column(self, frame: Frame) -> Selected:
        """For which of a frame's rows it is true; not where it cannot do without a cell that is empty."""
        results, failures = self._over(frame)
        failures = {
            row: failure for row, failure in failures.items() if not isinstance(failure, MissingValue)
        }
        return Selected(np.array(results, dtype=np.bool_), *_columns_of(failures, len(frame)))


class _EmptyMessage(RowFailure):
    reason = Reason.EMPTY_MESSAGE


def finished(text: str, most: int = MOST_CHARACTERS) -> str:
    """A rendered text as it is sent: composed, LF line ends, no white space behind; empty if nothing shows."""
    text = text.rstrip()
    if not text.isascii() or "\r" in text:
        text = prepare(text)
        if _SURROGATE.search(text):
            raise UnsendableText("half a surrogate pair")
        if not text.strip(_UNSEEN):
            return ""
    if len(text) > most:
        raise MessageTooLong(f"more than {most:,} characters")
    return text


def bounded(text: str, most: int = MOST_CHARACTERS) -> str:
    """A rendered text as it is, unless it is too long to be kept until the column is finished."""
    return text if len(text) <= most else finished(text, most)


def _finished_all(texts: list[str | None], failures: dict[int, RowFailure], most: int) -> pa.StringArray:
    """``finished`` over a column; failures are added, and null stands in their place.

    Most columns show as a whole that nothing is to be done but taking off white space: a quarter of the time.
    """
    texts = [text and text.rstrip() for text in texts]
    with suppress(UnicodeEncodeError):  # half a surrogate pair
        bodies = pa.array(texts, pa.string())
        if _needs_nothing(bodies):
            return bodies
    for row, text in enumerate(texts):
        if text is not None:
            try:
                texts[row] = finished(text, most)
            except RowFailure as failure:
                failures[row], texts[row] = failure, None
    return pa.array(texts, pa.string())


def _without_space_behind(texts: pa.StringArray) -> pa.StringArray:
    """The texts without white space behind, as ``str.rstrip`` takes it off; only few end with anything but ASCII."""
    offsets, data = text_bytes(texts)
    filled = np.flatnonzero(np.diff(offsets))
    last = data[offsets[filled + 1] - 1]
    odd = filled[(last <= 0x20) | (last >= 0x7F)]
    if not len(odd):
        return texts
    bare = [text and text.rstrip() for text in texts.take(pa.array(odd)).to_pylist()]
    mask = np.zeros(len(texts), dtype=np.bool_)
    mask[odd] = True
    return compute.replace_with_mask(texts, pa.array(mask), pa.array(bare, pa.string()))


def _needs_nothing(bodies: pa.StringArray) -> bool:
    """Whether every text is composed already, with LF line ends, and shows something (or is empty)."""
    offsets, data = text_bytes(bodies)
    octets = data[offsets[0] : offsets[-1]]
    raw = octets.tobytes()
    if b"\r" in raw:
        return False
    # Below U+0300, which starts with the byte CC, nothing composes, and only the soft hyphen does not show.
    if not raw or (octets.max() < 0xCC and b"\xc2\xad" not in raw):
        return True
    # What is composed in one piece is composed between its line ends, too.
    if not unicodedata.is_normalized("NFC", raw.decode()):
        return False
    return all(text.strip(_UNSEEN) for text in bodies.to_pylist() if text)


def _cell(column: str, value: str | None) -> Any:
    return empty_cell(column) if value is None or not value or value.isspace() else value


def _values(frame: Frame, column: str) -> list[Any]:
    """A column as Python values, empty cells as what raises when it is used."""
    if column not in frame:
        return [empty_cell(column)] * len(frame)
    texts: Texts = column_of(frame, column)
    values = as_numpy(texts)
    blank = is_blank(texts)
    if blank.any():
        values = values.copy()
        values[blank] = empty_cell(column)
    listed: list[Any] = values.tolist()
    return listed


def _columns_of(failures: Mapping[int, RowFailure], size: int) -> tuple[pa.StringArray, pa.StringArray]:
    """Reason codes and details by row."""
    if not failures:
        return pa.nulls(size, pa.string()), pa.nulls(size, pa.string())
    reasons: list[str | None] = [None] * size
    details: list[str | None] = [None] * size
    for row, failure in failures.items():
        reasons[row] = str(failure.reason)
        details[row] = str(failure) or None
    return pa.array(reasons, pa.string()), pa.array(details, pa.string())
