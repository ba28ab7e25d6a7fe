"""Errors of a template on one row."""

from __future__ import annotations

from typing import ClassVar

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
