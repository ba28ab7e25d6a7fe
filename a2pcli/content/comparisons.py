"""Comparisons of texts in templates and ``where:``, as people mean them.

``city == 'málaga'`` is true for ``Málaga``, however it is typed: case, accents, white space and normal form make no
difference to ``==``, ``!=``, ``in`` and ``not in`` where a column meets a text of the template or another column.
Anything else is compared as it is: ``name == name | upper`` still asks for capitals, and ``code is eq('A1')`` for
exactly that text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.visitor import NodeTransformer

from a2pcli.folding import value_key

SAME = "@same"
"""The filter that makes a value comparable; no template can write its name."""

_EQUALITY = frozenset({"eq", "ne", "in", "notin"})


def comparable(value: Any) -> Any:
    """A text as it is compared; a list of texts likewise, anything else as it is."""
    if isinstance(value, (list, tuple)):
        return [comparable(item) for item in value]
    return value_key(value) or value if isinstance(value, str) else value


def folded_comparisons(body: list[nodes.Node], cells: Collection[str]) -> list[nodes.Node]:
    """The statements with comparisons of texts folded. ``cells`` are the names that stand for columns."""
    folder = _Folder(frozenset(cells))
    return [folder.visit(node) for node in body]


def forgiving_orders(body: list[nodes.Node]) -> list[nodes.Node]:
    """The statements with ``<``, ``<=``, ``>`` and ``>=`` false where a side is an empty cell, instead of failing."""
    return [_Orders().visit(node) for node in body]


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        return not (isinstance(left, Undefined) or isinstance(right, Undefined)) and compare(left, right)

    return compared


ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    f"@{name}": _order(compare)
    for name, compare in (
        ("lt", operator.lt),
        ("lteq", operator.le),
        ("gt", operator.gt),
        ("gteq", operator.ge),
    )
}
"""Filters that compare; no template can write their names."""


class _Orders(NodeTransformer):
    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        if not all(f"@{operand.op}" in ORDERS for operand in node.ops):
            return node
        found: nodes.Expr | None = None
        left = node.expr
        for operand in node.ops:
            pair = nodes.Filter(left, f"@{operand.op}", [operand.expr], [], None, None, lineno=node.lineno)
            found = pair if found is None else nodes.And(found, pair, lineno=node.lineno)
            left = operand.expr
        return found or node


class _Folder(NodeTransformer):
    def __init__(self, cells: frozenset[str]) -> None:
        self.cells = cells

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        if not all(operand.op in _EQUALITY for operand in node.ops):
            return node
        columns = [self._is_column(side) for side in sides]
        if not any(columns):
            return node
        others = [side for side, column in zip(sides, columns, strict=True) if not column]
        if not (
            all(map(_is_text, others)) and (others or all(isinstance(side, nodes.Name) for side in sides))
        ):
            return node
        node.expr = _compared(node.expr)
        for operand in node.ops:
            operand.expr = _compared(operand.expr)
        return node

    def _is_column(self, node: nodes.Node | None) -> bool:
        """Whether a side is a column, or what a filter makes of one."""
        while isinstance(node, nodes.Filter):
            node = node.node
        return isinstance(node, nodes.Name) and node.name in self.cells


def _is_text(node: nodes.Expr) -> bool:
    """A text that stands in the template, or a list of such."""
    if isinstance(node, nodes.Const):
        items = node.value if isinstance(node.value, (list, tuple)) else [node.value]
        return bool(items) and all(isinstance(item, str) for item in items)
    return isinstance(node, (nodes.List, nodes.Tuple)) and bool(node.items) and all(map(_is_text, node.items))


def _compared(node: nodes.Expr) -> nodes.Expr:
    if isinstance(node, nodes.Const):
        return nodes.Const(comparable(node.value), lineno=node.lineno)
    if isinstance(node, (nodes.List, nodes.Tuple)):
        node.items = [_compared(item) for item in node.items]
        return node
    return nodes.Filter(node, SAME, [], [], None, None, lineno=node.lineno)
