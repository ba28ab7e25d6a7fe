"""Compiles a template: parses, includes partials, checks, and adds the counting of work."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser

from a2pcli.content.batch import Loop
from a2pcli.content.columns import Variables, assigned, everything, reads, truth_values, undeclared
from a2pcli.content.comparisons import folded_comparisons, forgiving_orders
from a2pcli.content.compose import Composed, compose
from a2pcli.content.instrument import instrument
from a2pcli.content.names import NO_COLUMNS, importing, not_exported, unknown_columns
from a2pcli.content.sandbox import Sandbox
from a2pcli.content.sources import SourcePlace, Sources, shift
from a2pcli.content.template_check import check
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, Severity, in_file_order

_YES_OR_NO = re.compile(
    r"^(?:is|has|can|may|wants?|allows?|ok)_|opt_?(?:ed_?)?(?:in|out)|consent|subscri|agree|accept|confirm|permi"
    r"|allowed|active|enabled|blocked|member|vip|marketing|newsletter"
)
"""Names of columns that hold yes or no."""

LARGEST_SOURCE = 50_000
"""Characters of a template."""
LARGEST_LONG_SOURCE = 500_000
"""Of an email's."""


@dataclass(frozen=True, slots=True)
class Program:
    """A checked template. ``variables`` maps contact columns to the names they have in it."""

    environment: Sandbox
    sources: Sources
    body: list[nodes.Node]
    variables: dict[str, str]
    required: frozenset[str]
    wording: str
    warnings: tuple[Problem, ...]

    def loop(self, take: Callable[[str], Any]) -> Loop:
        """Compile it. Raises ``InvalidInput`` where Python cannot (tags nested beyond all reason)."""
        with mistakes(self.sources):
            return Loop(self.environment, self.body, list(self.variables.values()), take)

    def problem(self, message: str, line: int | None) -> Problem:
        """A problem of the template itself that showed only when it ran."""
        return self.sources.problem(message, line or 1)

    def line_of(self, line: int) -> tuple[int, str]:
        """The line in its file, and the same for people."""
        return self.sources.where(line)[1], self.sources.short_place(line)


def build_message(
    source: str,
    where: SourcePlace,
    folder: Path | None,
    locale: str,
    known: Collection[str] | None,
    *,
    long: bool = False,
    markup: str | None = None,
) -> Program:
    """A message's program. Raises ``InvalidInput``."""
    environment = Sandbox(locale, long=long, markup=markup)
    sources = Sources(source, where)
    with mistakes(sources, LARGEST_LONG_SOURCE if long else LARGEST_SOURCE):
        return _built(environment, sources, compose(environment, sources, folder), known)


def build_expression(source: str, where: SourcePlace, locale: str, known: Collection[str] | None) -> Program:
    """An expression's program: it writes something where the expression is true, and nothing where not."""
    environment = Sandbox(locale, selecting=True)
    sources = Sources(source, where)
    with mistakes(sources, LARGEST_SOURCE):
        if not source.strip():
            raise InvalidInput(sources.problem("the expression is empty", 1))
        if source.strip().startswith(("{{", "{%")):
            hint = "write it without {{ }}: plan == 'gold'"
            raise InvalidInput(sources.problem("this is a template, not an expression", 1, hint=hint))
        parser = Parser(environment, source.rstrip(), state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail(f"unexpected '{parser.stream.current.value}'", parser.stream.current.lineno)
        result = nodes.CondExpr(expression, nodes.Const("1"), nodes.Const(""))
        composed = Composed([nodes.Output([result])])
        composed.problems += _truth_warnings(sources, expression)
        return _built(environment, sources, composed, known)


def _truth_warnings(sources: Sources, expression: nodes.Expr) -> Iterator[Problem]:
    """``where: consent`` would message everyone whose cell says ``no``. ``where: order_id`` is fine."""
    for node in truth_values(expression):
        if not _YES_OR_NO.search(node.name):
            continue
        yield sources.problem(
            f"'{node.name}' is true for every cell that is not empty, even 'no' and '0'",
            node.lineno,
            name=node.name,
            hint=f"write {node.name} == 'yes', or {node.name} is defined",
            code="truth-of-text",
            severity=Severity.WARNING,
        )


@contextmanager
def mistakes(sources: Sources, largest: int | None = None) -> Iterator[None]:
    """What parsing and compiling can raise, as problems; a source of more than ``largest`` characters is one too."""
    try:
        if largest is not None and len(sources.main.text) > largest:
            raise InvalidInput(sources.problem(f"longer than {largest:,} characters", 1))
        yield
    except TemplateSyntaxError as error:
        raise InvalidInput(sources.syntax_problem(error)) from None
    except (RecursionError, MemoryError, SyntaxError, OverflowError, ValueError) as error:
        # Python's own limits: too many loops inside each other, numbers of thousands of digits.
        message = "nested too deep" if not isinstance(error, ValueError) else f"cannot be read: {error}"
        raise InvalidInput(sources.problem(message, 1, code="template-syntax")) from None


def _built(
    environment: Sandbox, sources: Sources, composed: Composed, known: Collection[str] | None
) -> Program:
    builder = _Builder(environment, sources, known)
    builder.problems += composed.problems
    body = builder.message(composed.body)
    for name, tree in composed.imports.items():
        builder.imported(name, tree.body, body)
    return builder.program(body)


class _Builder:
    """Collects columns and problems of a message and of what it imports."""

    def __init__(self, environment: Sandbox, sources: Sources, known: Collection[str] | None) -> None:
        self.environment = environment
        self.sources = sources
        self.known = known
        self.variables = Variables(known)
        self.columns: set[str] = set()
        self.required: set[str] = set()
        self.cells: frozenset[str] = frozenset()
        self.problems: list[Problem] = []

    def message(self, body: list[nodes.Node]) -> list[nodes.Node]:
        """The message's own statements: gives them back with columns renamed."""
        body = self._renamed(body)
        own = assigned(body)
        outside, lines = self._read(body, own)
        self.cells = frozenset(self.columns - own)
        unknown = {name: lines.get(name, [1]) for name in outside - self.columns - own}
        self.problems += unknown_columns(self.sources, body, unknown, self.known)
        everything_known = self.known if self.known is not None else self.cells
        self.problems += check(self.environment, self.sources, body, self.cells, everything_known)
        return body

    def imported(self, name: str, body: list[nodes.Node], message: list[nodes.Node]) -> None:
        """An imported file's statements: it sees columns only where the message says ``with context``."""
        body = self._renamed(body)
        imports = [node for node in importing(message) if getattr(node.template, "value", "") == name]
        sees = any(node.with_context for node in imports)
        before = set(self.columns)
        outside, lines = (
            self._read(body, assigned(body)) if sees else (undeclared(self.environment, body), {})
        )
        if not sees:
            lines = reads(body, outside).lines
        unknown = {word: lines.get(word, [1]) for word in outside - (self.columns if sees else set())}
        self.required |= self.columns - before
        self.problems += unknown_columns(self.sources, body, unknown, self.known, blind=not sees)
        self.problems += not_exported(self.sources, message, name, assigned(body))
        self.problems += check(self.environment, self.sources, body, ())
        if any(isinstance(node, nodes.NSRef) for node in everything(body)):
            for node in imports:
                # It keeps a state: imported once for all, one row would find what another left.
                node.with_context = True
        folded = folded_comparisons(body, self.columns)
        self.environment.add_module(name, instrument(folded, markup=self.environment.markup is not None))

    def program(self, body: list[nodes.Node]) -> Program:
        """The program, if there is no problem."""
        errors = [problem for problem in self.problems if problem.severity is Severity.ERROR]
        if errors:
            raise InvalidInput(*in_file_order(dict.fromkeys(errors)))
        wording = "".join(node.data for node in everything(body) if isinstance(node, nodes.TemplateData))
        return Program(
            self.environment,
            self.sources,
            instrument(self._comparing(body), self.cells, markup=self.environment.markup is not None),
            {self.variables.column(name): name for name in sorted(self.columns)},
            frozenset(map(self.variables.column, self.required)),
            wording,
            tuple(in_file_order(dict.fromkeys(self.problems))),
        )

    def _comparing(self, body: list[nodes.Node]) -> list[nodes.Node]:
        """The message's statements with its comparisons as people mean them."""
        body = folded_comparisons(body, self.cells)
        return forgiving_orders(body) if self.environment.selecting else body

    def _read(self, body: list[nodes.Node], own: set[str]) -> tuple[set[str], dict[str, list[int]]]:
        """Names from outside and their lines; those that are columns are noted."""
        outside = undeclared(self.environment, body)
        found = reads(body, outside)
        columns = {name for name in outside if self._is_column(self.variables.column(name), name in own)}
        self.columns |= columns
        self.required |= columns & (found.required | columns.difference(found.lines))
        return outside, found.lines

    def _is_column(self, name: str, is_own: bool) -> bool:
        if self.known is not None:
            return name in self.known
        return not (is_own or name.startswith("_") or name in NO_COLUMNS)

    def _renamed(self, body: list[nodes.Node]) -> list[nodes.Node]:
        self.variables.own = assigned(body)
        renamed: list[nodes.Node] = [self.variables.visit(node) for node in body]
        for node in renamed:
            shift(node, 0)  # nodes made on the way have no line yet
        return renamed
