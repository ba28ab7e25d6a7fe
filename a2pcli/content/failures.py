"""Errors of a template on one row. A missing value is an error where it is used, and false in a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from jinja2 import Undefined

from a2pcli.reasons import Reason


class RowFailure(Exception):
    """The template gives no message for this row, for this reason."""

    reason: ClassVar[Reason] = Reason.TEMPLATE_ERROR


class MissingValue(RowFailure):
    """A cell that the message needs is empty, and the template gives no default for it."""

    reason = Reason.MISSING_VALUE

    def __init__(self, column: str) -> None:
        super().__init__(f"column {column}")
        self.column = column


class TemplateFailure(RowFailure):
    """The template failed on this row's values.

    ``line`` is the line in the file that the text stands in, ``place`` the same for people ("line 7").
    """

    def __init__(self, message: str, line: int | None = None, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.line = line
        self.place = place


class MessageTooLong(TemplateFailure):
    """The message has more characters than any channel takes."""

    reason = Reason.TOO_LONG


class UnsendableText(TemplateFailure):
    """The message holds half a surrogate pair, which no encoding has a place for."""

    reason = Reason.INVALID_TEXT


class Unsuitable(ValueError):
    """Raised by filters, operators and the budget: one plain sentence about what they cannot do."""


class TooMuchWork(Unsuitable):
    """The row's budget is used up: a template out of control, not a bad value."""


class Absent(Undefined):
    """A name or attribute without a value: like Jinja's strict undefined, save that tests may look at it."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Undefined) or other is None or other == ""

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return 0

    def __contains__(self, item: object) -> bool:
        return False

    def __str__(self) -> str:
        self._fail_with_undefined_error()

    def __len__(self) -> int:
        self._fail_with_undefined_error()

    def __iter__(self) -> Iterator[Any]:
        self._fail_with_undefined_error()


def empty_cell(column: str) -> Absent:
    """A contact's cell that is empty. Printing it, or putting it through a filter, raises ``MissingValue``."""

    def missing(message: str | None) -> MissingValue:
        return MissingValue(column)

    return Absent(name=column, exc=missing)  # type: ignore[arg-type]  # called to make the exception


def needed(value: Any) -> Any:
    """The value. Raises if it is missing."""
    if isinstance(value, Undefined):
        str(value)
    return value
