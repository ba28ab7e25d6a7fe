"""Finds problems of a template without rendering it for a contact."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from typing import Any

from jinja2 import nodes
from jinja2.utils import _PassArg

from a2pcli.contacts.columns import canonical
from a2pcli.content.numbers_text import currency_hint, is_currency
from a2pcli.content.sandbox import TEXT_METHODS, Sandbox
from a2pcli.content.sources import Sources
from a2pcli.errors import Problem, Severity

_PLACEHOLDER = re.compile(r"(?:\{\$?|\[|<<?|%%?|\*\||##?)[ ]?(\w[\w -]{0,40}?)[ ]?(?:\}|\]|>>?|%%?|\|\*|##?)")
_ORDER = ("lt", "lteq", "gt", "gteq")
_GONE = {
    "safe": "messages are plain text: leave it out",
    "e": "messages are plain text: leave it out",
    "escape": "messages are plain text: leave it out",
    "random": "the same contact always gets the same message: use variants",
    "tojson": "messages are plain text",
    "strftime": "write date('d MMMM')",
    "currency": "write money('GBP')",
    "titlecase": "write title",
    "uppercase": "write upper",
    "lowercase": "write lower",
    "fallback": "write default('…')",
    "or": "write default('…')",
}


def check(
    environment: Sandbox,
    sources: Sources,
    body: list[nodes.Node],
    cells: Collection[str],
    known: Collection[str] = (),
) -> Iterator[Problem]:
    """Every problem of a composed template except names nobody knows. ``cells`` are its columns, ``known``
    all that contacts have."""
    checker = _Checker(environment, sources, frozenset(cells), frozenset(known))
    for node in body:
        yield from checker.node(node)
        for inner in node.find_all(nodes.Node):
            yield from checker.node(inner)


class _Checker:
    def __init__(
        self, environment: Sandbox, sources: Sources, cells: frozenset[str], known: frozenset[str]
    ) -> None:
        self.known = known
        self.environment = environment
        self.sources = sources
        self.cells = cells

    def node(self, node: nodes.Node) -> Iterator[Problem]:
        if isinstance(node, nodes.Filter):
            yield from self._filter(node)
        elif isinstance(node, nodes.Test):
            yield from self._known(node, node.name, "test", self.environment.tests, {})
        elif isinstance(node, nodes.Getattr):
            yield from self._attribute(node)
        elif isinstance(node, nodes.Compare):
            yield from self._compare(node)
        elif isinstance(node, nodes.BinExpr):
            yield from self._arithmetic(node)
        elif isinstance(node, nodes.For) and node.recursive:
            yield self._problem(node, "recursive loops are not supported", "recursive")
        elif isinstance(node, nodes.TemplateData):
            yield from self._left_over(node)
        elif isinstance(node, nodes.ScopedEvalContextModifier):
            yield self._problem(node, "autoescape is for web pages: messages are plain text", "autoescape")

    def _problem(
        self, node: nodes.Node, message: str, name: str | None = None, hint: str | None = None
    ) -> Problem:
        return self.sources.problem(message, node.lineno, name=name, hint=hint)

    def _left_over(self, node: nodes.TemplateData) -> Iterator[Problem]:
        """Placeholders of other tools, ``{name}`` or ``[name]``: they would be sent as they stand."""
        for found in _PLACEHOLDER.finditer(node.data):
            column = canonical(found[1])
            if column in self.known:
                line = node.lineno + node.data.count("\n", 0, found.start())
                yield self.sources.problem(
                    f"'{found[0]}' is sent as written",
                    line,
                    name=found[0],
                    hint=f"write {{{{ {column} }}}}",
                    code="placeholder",
                    severity=Severity.WARNING,
                )

    def _filter(self, node: nodes.Filter) -> Iterator[Problem]:
        if problems := list(self._known(node, node.name, "filter", self.environment.filters, _GONE)):
            yield from problems
            return
        function = self.environment.filters[node.name]
        if problem := self._arguments(node, function):
            yield problem
        elif node.name == "money" and node.args and isinstance(node.args[0], nodes.Const):
            code = node.args[0].value
            if not is_currency(code):
                yield self._problem(node, f"'{code}' is not a currency", "money", currency_hint(code))
        elif node.name in ("map", "select", "reject") and node.args and isinstance(node.args[0], nodes.Const):
            names = self.environment.filters if node.name == "map" else self.environment.tests
            kind = "filter" if node.name == "map" else "test"
            yield from self._known(node, str(node.args[0].value), kind, names, _GONE)

    def _known(
        self, node: nodes.Node, name: str, kind: str, names: Collection[str], gone: dict[str, str]
    ) -> Iterator[Problem]:
        if name in names and not name.startswith("@"):
            return
        near = get_close_matches(name, [known for known in names if known[0] != "@"], 1, 0.6)
        hint = gone.get(name) or (f"did you mean '{near[0]}'?" if near else None)
        yield self._problem(node, f"unknown {kind} '{name}'", name, hint)

    def _arguments(self, node: nodes.Filter, function: Callable[..., Any]) -> Problem | None:
        """Whether the filter takes the arguments it is given."""
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return None
        passed = [None] * (1 + (_PassArg.from_obj(function) is not None) + len(node.args))
        try:
            inspect.signature(function).bind(*passed, **{str(pair.key): None for pair in node.kwargs})
        except TypeError as error:
            hint = "write money('GBP')" if node.name == "money" else None
            message = str(error).replace("positional argument", "value")
            return self._problem(node, f"filter '{node.name}': {message}", node.name, hint)
        except ValueError:
            return None
        return None

    def _attribute(self, node: nodes.Getattr) -> Iterator[Problem]:
        if node.attr.startswith("_"):
            yield self._problem(node, f"'{node.attr}' cannot be reached from a template", node.attr)
        elif self._is_cell(node.node) and node.attr not in TEXT_METHODS:
            near = get_close_matches(node.attr, TEXT_METHODS, 1, 0.6)
            hint = f"did you mean '{near[0]}()'?" if near else "use a filter: {{ column | upper }}"
            if node.attr in ("format", "format_map"):
                hint = "use the format filter: {{ '%.2f' | format(x) }}"
            yield self._problem(node, f"a cell is text and has no '{node.attr}'", node.attr, hint)

    def _compare(self, node: nodes.Compare) -> Iterator[Problem]:
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        for left, operand, right in zip(sides, node.ops, sides[1:], strict=False):
            cell = left if self._is_cell(left) else right if self._is_cell(right) else None
            if cell is None or not (_is_number(left) or _is_number(right)):
                continue
            if operand.op in _ORDER or operand.op in ("eq", "ne"):
                name = getattr(cell, "name", "")
                message = f"'{name}' is text and is compared with a number"
                yield self._problem(node, message, name, f"write {name} | int")

    def _arithmetic(self, node: nodes.BinExpr) -> Iterator[Problem]:
        for this, other in ((node.left, node.right), (node.right, node.left)):
            if self._is_cell(this) and _is_number(other):
                name = getattr(this, "name", "")
                yield self._problem(
                    node, f"'{name}' is text and is used in a calculation", name, f"write ({name} | float)"
                )

    def _is_cell(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.Name) and node.name in self.cells


def _is_number(node: nodes.Node) -> bool:
    if isinstance(node, (nodes.Neg, nodes.Pos)):
        node = node.node
    return isinstance(node, nodes.Const) and isinstance(node.value, (int, float)) and node.value is not True
