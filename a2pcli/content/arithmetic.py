"""The operators of templates, which refuse to fill the memory and say why."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from a2pcli.content.bounded import MOST_BITS, MOST_CHARACTERS, MOST_ITEMS, flat, short
from a2pcli.content.failures import TooMuchWork, Unsuitable

_NUMBERS = (int, float, Decimal)


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return short(left + right)
    if isinstance(left, list) and isinstance(right, list):
        return flat(left + right)
    return _on_numbers(operator.add, "+", left, right)


def _multiply(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, (str, list)):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, int):
        _bound(len(left) * right, MOST_CHARACTERS, "characters")
        return left * right
    if isinstance(left, list) and isinstance(right, int):
        _bound(len(left) * right, MOST_ITEMS, "items")
        return flat(left * right)
    if isinstance(left, int) and isinstance(right, int):
        _bound(left.bit_length() + right.bit_length(), MOST_BITS, "bits")
    return _on_numbers(operator.mul, "*", left, right)


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        _bound(left.bit_length() * abs(right), MOST_BITS, "bits")
    elif isinstance(left, Decimal) or isinstance(right, Decimal):
        left, right = float(left), float(right)
    result = _on_numbers(operator.pow, "**", left, right)
    if isinstance(result, complex):
        raise Unsuitable("the root of a negative number")
    return result


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        raise Unsuitable("% cannot format text: use the format filter, '%.2f' | format(x)")
    return _on_numbers(operator.mod, "%", left, right)


def _bound(size: int, most: int, what: str) -> None:
    if size > most:
        raise TooMuchWork(f"a result of more than {most:,} {what}")


def _on_numbers(work: Callable[[Any, Any], Any], sign: str, left: Any, right: Any) -> Any:
    if not (isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)):
        text = isinstance(left, str) or isinstance(right, str)
        hint = ": cells are text, put them through | int or | float first" if text else ""
        raise Unsuitable(f"'{sign}' works on numbers{hint}")
    if isinstance(left, Decimal) != isinstance(right, Decimal):
        left, right = _same_kind(left, right)
    try:
        return work(left, right)
    except ZeroDivisionError:
        raise Unsuitable("division by zero") from None
    except ArithmeticError:
        raise Unsuitable(f"'{sign}' has no result for these numbers") from None


def _same_kind(left: Any, right: Any) -> tuple[Any, Any]:
    if isinstance(left, float) or isinstance(right, float):
        return float(left), float(right)
    return Decimal(left), Decimal(right)


def _plain(work: Callable[[Any, Any], Any], sign: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: _on_numbers(work, sign, left, right)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _plain(operator.sub, "-"),
    "*": _multiply,
    "/": _plain(operator.truediv, "/"),
    "//": _plain(operator.floordiv, "//"),
    "%": _modulo,
    "**": _power,
}
