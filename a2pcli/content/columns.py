"""Which contact columns a template reads, and which of them may be empty.

A column counts as defaulted where each of its uses is covered: put through ``default``, only tested
(``if``, ``is defined``, ``==``, ``or``), or inside an ``if`` that made sure of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import field
from typing import Any

from jinja2 import Environment, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from a2pcli.contacts.columns import canonical
from a2pcli.dataclass import dataclass
from a2pcli.folding import found_name

_EQUALITY = ("eq", "ne", "in", "notin")
_DEFAULTS = ("default", "d")
_PRESENCE = ("defined", "undefined", "none", "string")


@dataclass(slots=True)
class Reads:
    """Names that a template takes from the contact, each with its lines, and those that must not be empty."""

    lines: dict[str, list[int]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)


def undeclared(environment: Environment, body: list[nodes.Node]) -> set[str]:
    """Names that the template gets from outside: contact columns, if all is well."""
    tree = nodes.Template(body, lineno=1)
    tree.set_environment(environment)
    known = environment.filters, environment.tests
    # What nobody knows is reported elsewhere; here it must not keep the columns from being found.
    environment.filters, environment.tests = _Any(known[0]), _Any(known[1])
    try:
        return find_undeclared_variables(tree)
    finally:
        environment.filters, environment.tests = known


class _Any(dict[str, Any]):
    """A container that claims to contain every name."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, str)


def assigned(body: list[nodes.Node]) -> set[str]:
    """Names that the template itself gives a value somewhere."""
    names: set[str] = set()
    for node in everything(body):
        if (isinstance(node, nodes.Name) and node.ctx in ("store", "param")) or isinstance(node, nodes.Macro):
            names.add(node.name)
        elif isinstance(node, nodes.Import):
            names.add(node.target)
        elif isinstance(node, nodes.FromImport):
            names.update(name if isinstance(name, str) else name[1] for name in node.names)
    return names


def reads(body: list[nodes.Node], names: Collection[str]) -> Reads:
    """Where, and how, the template uses these names."""
    found = Reads()
    _Reader(frozenset(names), found).body(body, frozenset())
    return found


class _Reader:
    """Walks the template with the set of columns that are certainly not empty where it stands."""

    def __init__(self, names: frozenset[str], found: Reads) -> None:
        self.names = names
        self.found = found

    def body(self, body: list[nodes.Node], sure: frozenset[str]) -> None:
        for node in body:
            self.walk(node, sure)

    def walk(self, node: nodes.Node | None, sure: frozenset[str]) -> None:
        if isinstance(node, nodes.Name):
            self._use(node, node.name in sure)
        elif isinstance(node, nodes.If):
            self._if(node, sure)
        elif isinstance(node, nodes.CondExpr):
            self.test(node.test, sure)
            self.walk(node.expr1, sure | present(node.test))
            self.walk(node.expr2, sure | absent(node.test))
        elif isinstance(node, (nodes.And, nodes.Or, nodes.Not)):
            self.test(node, sure, last_is_value=True)
        elif isinstance(node, nodes.Compare):
            self._compare(node, sure)
        elif isinstance(node, nodes.Filter) and node.name in _DEFAULTS:
            self._covered(node.node, sure)
            self._arguments(node, sure)
        elif isinstance(node, nodes.Test) and node.name in _PRESENCE:
            self._covered(node.node, sure)
        elif node is not None:
            for child in node.iter_child_nodes():
                self.walk(child, sure)

    def _covered(self, node: nodes.Node | None, sure: frozenset[str]) -> None:
        """A value that may be missing. Filters hand a missing value on."""
        if isinstance(node, nodes.Name):
            self._use(node, True)
        elif isinstance(node, nodes.Filter) and node.name not in _DEFAULTS:
            self._covered(node.node, sure)
            self._arguments(node, sure)
        else:
            self.walk(node, sure)

    def _arguments(self, node: nodes.Filter, sure: frozenset[str]) -> None:
        for child in node.iter_child_nodes(exclude=("node",)):
            self.walk(child, sure)

    def test(self, node: nodes.Node, sure: frozenset[str], last_is_value: bool = False) -> None:
        """An expression that is only asked whether it is true. The right of ``a or b`` may be the result."""
        if isinstance(node, nodes.Not):
            self.test(node.node, sure)
        elif isinstance(node, (nodes.And, nodes.Or)):
            self.test(node.left, sure)
            more = present(node.left) if isinstance(node, nodes.And) else absent(node.left)
            if last_is_value:
                self.walk(node.right, sure | more)
            else:
                self.test(node.right, sure | more)
        else:
            self._covered(node, sure)

    def _if(self, node: nodes.If, sure: frozenset[str]) -> None:
        self.test(node.test, sure)
        self.body(node.body, sure | present(node.test))
        rest = sure | absent(node.test)
        for branch in node.elif_:
            self.test(branch.test, rest)
            self.body(branch.body, rest | present(branch.test))
            rest |= absent(branch.test)
        self.body(node.else_, rest)

    def _compare(self, node: nodes.Compare, sure: frozenset[str]) -> None:
        harmless = all(operand.op in _EQUALITY for operand in node.ops)
        for part in (node.expr, *(operand.expr for operand in node.ops)):
            if harmless:
                self._covered(part, sure)
            else:
                self.walk(part, sure)

    def _use(self, node: nodes.Node, covered: bool) -> None:
        if isinstance(node, nodes.Name) and node.name in self.names and node.ctx == "load":
            self.found.lines.setdefault(node.name, []).append(node.lineno)
            if not covered:
                self.found.required.add(node.name)


def present(test: nodes.Node | None) -> frozenset[str]:
    """Columns that are not empty where the test is true."""
    if isinstance(test, nodes.Name):
        return frozenset({test.name})
    if isinstance(test, nodes.And):
        return present(test.left) | present(test.right)
    if isinstance(test, nodes.Or):
        return present(test.left) & present(test.right)
    if isinstance(test, nodes.Not):
        return absent(test.node)
    if isinstance(test, nodes.Test) and test.name == "defined" and isinstance(test.node, nodes.Name):
        return frozenset({test.node.name})
    if isinstance(test, nodes.Compare) and isinstance(test.expr, nodes.Name) and len(test.ops) == 1:
        operand = test.ops[0]
        if operand.op == "eq" and isinstance(operand.expr, nodes.Const) and operand.expr.value:
            return frozenset({test.expr.name})
    return frozenset()


def absent(test: nodes.Node | None) -> frozenset[str]:
    """Columns that are not empty where the test is false."""
    if isinstance(test, nodes.Not):
        return present(test.node)
    if isinstance(test, nodes.Or):
        return absent(test.left) | absent(test.right)
    if isinstance(test, nodes.And):
        return absent(test.left) & absent(test.right)
    if isinstance(test, nodes.Test) and test.name == "undefined" and isinstance(test.node, nodes.Name):
        return frozenset({test.node.name})
    return frozenset()


class Variables(NodeTransformer):
    """Turns ``contact['Weird Header']`` and ``contact.first_name`` into variables, and knows whose they are.

    A column is its own variable unless Jinja or Python would take the word for something else (``loop``,
    ``2nd_name``, letters that Python folds into others). ``known`` are the contact's columns, where they are known:
    a name in another spelling (``prenom`` for ``prénom``, ``FirstName`` for ``first_name``) means the one that it fits.
    """

    def __init__(self, known: Collection[str] | None = None) -> None:
        self._columns: dict[str, str] = {}
        self._known = frozenset(known or ())
        self.own: Collection[str] = ()
        """Names that the template gives a value itself: those are no columns."""

    def column(self, variable: str) -> str:
        """The column that a variable stands for."""
        return self._columns.get(variable, variable)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """``contact['Column']``."""
        key = node.arg
        if _is_contact(node.node) and isinstance(key, nodes.Const) and isinstance(key.value, str):
            return self._contact(key.value, node.lineno)
        return self.generic_visit(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        """``contact.column``."""
        if _is_contact(node.node):
            return self._contact(node.attr, node.lineno)
        return self.generic_visit(node)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        """A name that Python would fold into another."""
        name = node.name
        if node.ctx == "load" and self._known and name not in self._known and name not in self.own:
            column = None if name in _RESERVED else found_name(name, self._known)
            if column is not None:
                return self._contact(column, node.lineno)
        if not _is_stable(name):
            node.name = self._variable(name)
        return node

    def _contact(self, header: str, line: int) -> nodes.Node:
        column = canonical(header)
        if self._known and column not in self._known:
            column = found_name(header, self._known) or column
        plain = column.isidentifier() and _is_stable(column) and column not in _RESERVED
        return nodes.Name(column if plain else self._variable(column), "load", lineno=line)

    def _variable(self, column: str) -> str:
        variable = f"column_{column.encode().hex()}"
        self._columns[variable] = column
        return variable


_RESERVED = frozenset(
    [
        "contact",
        "loop",
        "self",
        "super",
        "caller",
        "varargs",
        "kwargs",
        "range",
        "namespace",
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
    ]
)


def truth_values(expression: nodes.Node) -> Iterator[nodes.Name]:
    """Names that an expression takes for true or false as they are."""
    if isinstance(expression, nodes.Name):
        yield expression
    elif isinstance(expression, (nodes.And, nodes.Or)):
        yield from truth_values(expression.left)
        yield from truth_values(expression.right)
    elif isinstance(expression, nodes.Not):
        yield from truth_values(expression.node)


def _is_stable(name: str) -> bool:
    return name.isascii() or unicodedata.normalize("NFKC", name) == name


def _is_contact(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "contact" and node.ctx == "load"


def everything(body: list[nodes.Node]) -> Iterator[nodes.Node]:
    """All AST nodes of the statements, depth first."""
    for node in body:
        yield node
        yield from node.find_all(nodes.Node)
