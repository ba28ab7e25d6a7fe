"""The filters of templates: Jinja's that suit text, bounded, and those that messages need.

A filter on an empty cell gives the empty cell: ``first_name | title | default('there')`` does what it says.
Where Jinja's own meaning is kept, so are its quirks: ``'n/a' | int`` is 0. ``number``, ``money`` and ``date``
are strict: what they cannot read fails the row.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from jinja2 import Undefined
from jinja2 import filters as jinja
from jinja2.utils import _PassArg, pass_environment

from a2pcli.content import bounded, dates_text, filters_text, numbers_text
from a2pcli.content.arithmetic import OPERATORS
from a2pcli.content.bounded import Budget, flat, kind_of, listed, to_text
from a2pcli.content.failures import Absent, TooMuchWork, Unsuitable

Filter = Callable[..., Any]

_NOT_GIVEN: Any = object()
_LETTERS_A_STEP = {"truncate_parts": 100, "wordwrap": 100}
"""How much text a filter goes through for one step of the budget, where that is not 1,000 letters."""


def filters_for(locale: str, budget: Budget, *, selecting: bool = False) -> dict[str, Filter]:
    """Every filter by name, for messages in this locale. ``selecting``: for ``where:``, in which a text that is no
    number fails the row instead of counting as 0."""
    cased = filters_text.cased(locale)
    plain = {**filters_text.FILTERS, **cased, **_LISTS, **_counted(budget), **_local(locale)}
    own: dict[str, Filter] = {
        "default": jinja.do_default,
        "d": jinja.do_default,
        "int": _reading(to_int, int, locale, selecting),
        "float": _reading(to_float, float, locale, selecting),
    }
    return {name: _on_values(name, function, budget) for name, function in plain.items()} | own


def _on_values(name: str, function: Filter, budget: Budget) -> Filter:
    """Missing values pass through: whoever prints one in the end, or compares it, learns that it is missing.
    Long texts count as work."""
    at = 1 if _PassArg.from_obj(function) is not None else 0
    letters = _LETTERS_A_STEP.get(name, 1_000)

    @wraps(function)
    def on_value(*args: Any, **kwargs: Any) -> Any:
        value = args[at]
        if isinstance(value, Undefined):
            return value
        if isinstance(value, str) and len(value) > letters:
            budget.spend(len(value) // letters)
        return function(*args, **kwargs)

    return on_value


def to_int(value: Any, default: Any = _NOT_GIVEN, base: int = 10) -> Any:
    """Jinja's ``int``: 0 for what is no number, unless another default is given."""
    if isinstance(value, Undefined):
        return value if default is _NOT_GIVEN else default
    return jinja.do_int(value, 0 if default is _NOT_GIVEN else default, base)


def to_float(value: Any, default: Any = _NOT_GIVEN) -> Any:
    """Jinja's ``float``: 0.0 for what is no number, unless another default is given."""
    if isinstance(value, Undefined):
        return value if default is _NOT_GIVEN else default
    return jinja.do_float(value, 0.0 if default is _NOT_GIVEN else default)


def _reading(plain: Filter, kind: Callable[[Decimal], Any], locale: str, selecting: bool) -> Filter:
    """``int`` or ``float`` that reads numbers as people of the locale write them (``1,200``, ``1234,5``, ``€12``)."""

    def read(value: Any, default: Any = _NOT_GIVEN, *base: Any, **options: Any) -> Any:
        if not isinstance(value, str) or base or options:
            return plain(value, default, *base, **options)
        if value.isascii() and value.isdigit() and len(value) < 16:
            return kind(Decimal(value))
        try:
            return kind(numbers_text.amount_of(value, locale))
        except Unsuitable as error:
            if default is not _NOT_GIVEN:
                return default
            if selecting and numbers_text.is_nothing(value):
                return Absent(name=value)
            if selecting:
                raise Unsuitable(str(error)) from None
            return plain(value)

    return read


def rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    """Jinja's ``round`` filter, with limits on the precision."""
    _numeric(value, "round")
    if not isinstance(precision, int) or not -15 <= precision <= 15:
        raise Unsuitable("round: the precision is a whole number from -15 to 15")
    if method not in ("common", "ceil", "floor"):
        raise Unsuitable("round: the method is 'common', 'ceil' or 'floor'")
    return jinja.do_round(value, precision, method)  # type: ignore[arg-type]


def absolute(value: Any) -> Any:
    """Jinja's ``abs`` filter."""
    return abs(_numeric(value, "abs"))


def _numeric(value: Any, name: str) -> Any:
    if not isinstance(value, (int, float, Decimal)):
        raise Unsuitable(f"{name} needs a number: put {kind_of(value)} through int or float first")
    return value


def _local(locale: str) -> dict[str, Filter]:
    """Filters that depend on the locale."""

    def money(value: Any, currency: str, decimals: int | None = None, locale: str = locale) -> str:
        return _named("money", lambda: numbers_text.money(value, currency, locale, decimals))

    def number(value: Any, decimals: int | None = None, locale: str = locale) -> str:
        return _named("number", lambda: numbers_text.number(value, locale, decimals))

    def date(value: Any, format: str = "medium", locale: str = locale) -> str:
        return _named("date", lambda: dates_text.formatted(value, format, locale))

    return {"money": money, "number": number, "date": date}


def _named(name: str, work: Callable[[], str]) -> str:
    try:
        return work()
    except Unsuitable as error:
        raise Unsuitable(f"{name}: {error}") from None


def _length(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        raise Unsuitable(f"length: {kind_of(value)} has none") from None


def _items(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, dict):
        raise Unsuitable(f"items: {kind_of(value)} has none")
    return list(value.items())


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else listed(value)[::-1]


def _join(value: Any, d: str = "", attribute: str | int | None = None) -> str:
    if attribute is not None:
        raise Unsuitable("join: write map(attribute='…') | join")
    return bounded.join_items(to_text(d), value)


_LISTS: dict[str, Filter] = {
    "abs": absolute,
    "round": rounded,
    "length": _length,
    "count": _length,
    "items": _items,
    "dictsort": jinja.do_dictsort,
    "join": _join,
    "reverse": _reverse,
}


def _counted(budget: Budget) -> dict[str, Filter]:
    """Filters that go through the items of a list, each of which counts."""

    def counted(work: Filter) -> Filter:
        at = 1 if _PassArg.from_obj(work) is not None else 0

        @wraps(work)
        def on_items(*args: Any, **kwargs: Any) -> Any:
            items = listed(args[at])
            budget.spend(len(items))
            result = work(*args[:at], items, *args[at + 1 :], **kwargs)
            return listed(result) if hasattr(result, "__next__") else result

        return on_items

    return {
        name: counted(work)
        for name, work in {
            "batch": _batch,
            "slice": _slice,
            "first": lambda items: items[0] if items else "",
            "last": lambda items: items[-1] if items else "",
            "list": list,
            "groupby": jinja.sync_do_groupby,
            "map": jinja.sync_do_map,
            "max": jinja.do_max,
            "min": jinja.do_min,
            "reject": jinja.sync_do_reject,
            "rejectattr": jinja.sync_do_rejectattr,
            "select": jinja.sync_do_select,
            "selectattr": jinja.sync_do_selectattr,
            "sort": jinja.do_sort,
            "sum": _sum,
            "unique": jinja.do_unique,
        }.items()
    }


def _batch(items: list[Any], linecount: int, fill_with: Any = None) -> Any:
    return [] if not items else flat(list(jinja.do_batch(items, _few(linecount), fill_with)))


def _slice(items: list[Any], slices: int, fill_with: Any = None) -> Any:
    return flat(list(jinja.sync_do_slice(items, _few(slices), fill_with)))


def _few(count: Any) -> int:
    if not isinstance(count, int) or count < 1:
        raise Unsuitable("a count is a whole number from 1")
    if count > bounded.MOST_TURNS:
        raise TooMuchWork(f"a list of more than {bounded.MOST_TURNS:,} items")
    return count


@pass_environment
def _sum(environment: Any, items: list[Any], attribute: str | int | None = None, start: Any = 0) -> Any:
    total = start
    for item in items:
        total = OPERATORS["+"](total, item if attribute is None else environment.getitem(item, attribute))
    return total
