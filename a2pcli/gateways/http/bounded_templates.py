"""The Jinja environment of gateways' blocks: Jinja as its documentation has it, within bounds of work and memory.

The bounds are those of messages (``content.budget``): ``'a' * 2000000000`` is an error when the settings are
read. Unlike in messages, an undefined value prints as nothing, and filters are Jinja's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Template, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_context

from a2pcli.content import arithmetic, bounded
from a2pcli.content.bounded import Budget, flat, short
from a2pcli.content.failures import TooMuchWork, Unsuitable
from a2pcli.content.filters import filters_for
from a2pcli.content.instrument import (
    EACH,
    FLAT,
    JOIN,
    PRINT,
    SPEND,
    WRITE,
    instrument,
    instrument_expression,
)
from a2pcli.content.sandbox import DICT_METHODS, LIST_METHODS, TEXT_METHODS

_BOUNDED_FILTERS = ("batch", "center", "format", "indent", "join", "replace", "round", "slice", "wordwrap")
"""Jinja's filters whose results can be much larger than their input; messages have bounded versions of them."""

_NOT_NEEDED = ("attr", "random", "xmlattr", "urlize", "pprint")


class NotHere(Unsuitable):
    """A feature of Jinja that templates of gateways do not have."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Compiles templates whose work and results are bounded."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, autoescape: bool, finalize: Callable[[Any], Any]) -> None:
        super().__init__(autoescape=autoescape, finalize=finalize, keep_trailing_newline=True)
        self.budget = Budget()
        bounded_ones = filters_for("en", self.budget)
        self.filters |= {name: bounded_ones[name] for name in _BOUNDED_FILTERS if name in bounded_ones}
        for name in _NOT_NEEDED:
            self.filters.pop(name, None)
        self.filters |= self._counting()
        self.globals = {"range": bounded.range_of, "namespace": Namespace}

    def template(self, source: str) -> Callable[[Mapping[str, Any]], str]:
        """Return a function from values to text. Raises Jinja's ``TemplateError``."""
        made = self._made(instrument(self.parse(source).body))

        def render(values: Mapping[str, Any]) -> str:
            self.budget.reset()
            return made.render(values)

        return render

    def expression(self, source: str) -> Callable[[Mapping[str, Any]], Any]:
        """Return a function from values to the expression's value, of any type. Raises Jinja's ``TemplateError``."""
        parser = Parser(self, source, state="variable")
        inside = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("more than one expression")
        inside.set_environment(self)
        result = nodes.Assign(nodes.Name("result", "store"), instrument_expression(inside), lineno=1)
        made = TemplateExpression(self._made([result]), undefined_to_none=True)

        def evaluate(values: Mapping[str, Any]) -> Any:
            self.budget.reset()
            return _bounded(made(values))

        return evaluate

    def _made(self, body: list[nodes.Node]) -> Template:
        tree = nodes.Template(body, lineno=1)
        tree.set_environment(self)
        return self.template_class.from_code(self, self.compile(tree), self.make_globals(None))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute. Strings have the methods they have in messages; numbers have none."""
        if isinstance(obj, str) and attribute in TEXT_METHODS:
            return TEXT_METHODS[attribute].__get__(obj)
        if isinstance(obj, str) and attribute in ("format", "format_map"):
            raise NotHere(f"texts have no {attribute} here: use the filter, '%s' | format(to)")
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item; for a string and a method's name, that method."""
        if isinstance(obj, str) and isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read the attribute; False for anything that can grow without bound."""
        if isinstance(obj, str | int | float | bytes):
            return False
        if isinstance(obj, list | tuple):
            return attr in LIST_METHODS
        if isinstance(obj, dict):
            return attr in DICT_METHODS
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Evaluate an operator; refuse it if the result would be too large."""
        if operator == "%" and isinstance(left, str):
            values = right if isinstance(right, tuple) else (right,)
            return self.filters["format"](left, *values)
        return arithmetic.OPERATORS[operator](left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Count the call against the limit, then make it."""
        __self.budget.spend(1)
        return super().call(__context, __obj, *args, **kwargs)

    def _counting(self) -> dict[str, Callable[..., Any]]:
        """Return the functions that ``instrument`` puts into templates; see ``content.sandbox``."""
        budget = self.budget

        @pass_context
        def spend(context: Context, steps: int) -> None:
            budget.spend(steps)

        @pass_context
        def write(context: Context, value: Any) -> Any:
            budget.write(len(str(value)))
            return _bounded(value)

        @pass_context
        def print_(context: Context, value: Any) -> Any:
            return _bounded(value)

        @pass_context
        def join(context: Context, values: list[Any]) -> str:
            return short("".join(short(str(value)) for value in values))

        return {
            SPEND: spend,
            WRITE: write,
            EACH: budget.each,
            PRINT: print_,
            JOIN: join,
            FLAT: flat,
        }


def _bounded(value: Any) -> Any:
    """Return the value if it is not too large; raise otherwise."""
    if isinstance(value, str):
        return short(value)
    if isinstance(value, list | tuple | dict):
        return flat(value)
    if isinstance(value, int) and value.bit_length() > 10_000:
        raise TooMuchWork("a number of more than 3,000 digits")
    return value
