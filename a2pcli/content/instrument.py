"""Rewrites a parsed template so that the work and the text of every row are counted.

Jinja's sandbox keeps templates from reaching anything they should not; it does not keep ``{% for %}`` in
``{% for %}`` from running for ever. Counting is put into the template itself, only where something can repeat:
loops and macros count their turns, each weighted with what stands in it, and the characters of what they print; so do
texts that are captured. A template of plain variables and ``if`` is left as fast as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

# Filters with names that no template can write.
PRINT = "@print"
WRITE = "@write"
SPEND = "@spend"
EACH = "@each"
JOIN = "@join"
FLAT = "@flat"
ESCAPE = "@escape"
MARKUP = "@markup"

_WORK = (nodes.Filter, nodes.Test, nodes.Call, nodes.BinExpr, nodes.Concat)
_LETTERS = 250
"""Characters of the template's own text that are as much work as a filter."""


def instrument(
    body: list[nodes.Node], cells: frozenset[str] = frozenset(), *, markup: bool = False
) -> list[nodes.Node]:
    """The statements of a template, counted. ``cells`` are names that only ever stand for a contact's cell:
    a text already, so printing one needs no check. In ``markup`` everything that is printed is escaped."""
    instrumenter = _Instrumenter(cells, markup)
    return [instrumenter.visit(node) for node in body]


def instrument_expression(expression: nodes.Expr) -> nodes.Expr:
    """The same for a lone expression."""
    instrumented: nodes.Expr = _Instrumenter(frozenset(), False).visit(expression)
    return instrumented


def filtered(node: Any, name: str, *args: nodes.Expr, lineno: int) -> nodes.Filter:
    """The node wrapped in a filter call."""
    return nodes.Filter(node, name, list(args), [], None, None, lineno=lineno)


class _Instrumenter(NodeTransformer):
    def __init__(self, cells: frozenset[str], markup: bool) -> None:
        self.cells = cells
        self.markup = markup
        self.repeated = False

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        node.nodes = [self._printed(child) for child in node.nodes]
        return node

    def _printed(self, child: nodes.Expr) -> nodes.Expr:
        line = child.lineno
        if isinstance(child, nodes.TemplateData):
            return child
        if self.markup:
            escaped = filtered(self.visit(child), ESCAPE, lineno=line)
            return filtered(escaped, WRITE, lineno=line) if self.repeated else escaped
        if isinstance(child, nodes.Name) and child.name in self.cells and not self.repeated:
            return child
        return filtered(self.visit(child), WRITE if self.repeated else PRINT, lineno=line)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        node.iter = self.visit(node.iter)
        if node.test is not None:
            # Turns that the condition refuses never reach the body's count.
            node.test = self.visit(node.test)
            node.iter = filtered(node.iter, EACH, lineno=node.lineno)
        node.body = self._repeated(node.body, node.lineno)
        node.else_ = [self.visit(child) for child in node.else_]
        return node

    def visit_Macro(self, node: nodes.Macro | nodes.CallBlock) -> nodes.Node:
        node.defaults = [self.visit(default) for default in node.defaults]
        if isinstance(node, nodes.CallBlock):
            node.call = self.visit(node.call)
        node.body = self._repeated(node.body, node.lineno)
        return node

    visit_CallBlock = visit_Macro

    def visit_AssignBlock(self, node: nodes.AssignBlock | nodes.FilterBlock) -> nodes.Node:
        before, self.repeated = self.repeated, True
        self.generic_visit(node)
        self.repeated = before
        if self.markup and isinstance(node, nodes.AssignBlock):  # what it captured is escaped already
            node.filter = filtered(node.filter, MARKUP, lineno=node.lineno)
        return node

    visit_FilterBlock = visit_AssignBlock

    def _repeated(self, body: list[nodes.Node], line: int) -> list[nodes.Node]:
        before, self.repeated = self.repeated, True
        weight = 1 + sum(_work(inner) for node in body for inner in (node, *node.find_all(nodes.Node))) // 2
        visited = [self.visit(node) for node in body]
        self.repeated = before
        spend = filtered(nodes.Const(weight, lineno=line), SPEND, lineno=line)
        return [nodes.ExprStmt(spend, lineno=line), *visited]

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        items = nodes.List([self.visit(child) for child in node.nodes], lineno=node.lineno)
        return filtered(items, JOIN, lineno=node.lineno)

    def visit_List(self, node: nodes.List | nodes.Tuple | nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        if getattr(node, "ctx", "load") != "load" or _is_constant(node.items):
            return node
        return filtered(node, FLAT, lineno=node.lineno)

    visit_Tuple = visit_List
    visit_Dict = visit_List

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        """``x if y`` is nothing where y is false: what Jinja does unless it is strict."""
        if node.expr2 is None:
            node.expr2 = nodes.Const("", lineno=node.lineno)
        return self.generic_visit(node)


def _work(node: nodes.Node) -> int:
    return len(node.data) // _LETTERS if isinstance(node, nodes.TemplateData) else isinstance(node, _WORK)


def _is_constant(items: Iterable[Any]) -> bool:
    return all(isinstance(item, (nodes.Const, nodes.TemplateData)) for item in items)
