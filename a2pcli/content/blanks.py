"""Values that are not there: false and equal to nothing where they are tested, an error where they are used.

So ``{% if first_name %}``, ``first_name or 'there'``, ``plan == 'gold'`` and ``default`` do what people expect
on an empty cell, and nobody is ever greeted with "Hi ,".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import Undefined

from a2pcli.content.failures import MissingValue


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
