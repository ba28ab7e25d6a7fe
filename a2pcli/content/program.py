"""From source to something that can be run: parsed, put together, checked, counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser

from a2pcli.contacts.columns import canonical
from a2pcli.content.batch import Loop
from a2pcli.content.check import check
from a2pcli.content.columns import Variables, assigned, everything, reads, undeclared
from a2pcli.content.compose import Composed, compose
from a2pcli.content.harden import harden
from a2pcli.content.sandbox import Sandbox
from a2pcli.content.sources import SourcePlace, Sources, shift
from a2pcli.errors import InvalidInput, Problem, Severity, in_file_order

LARGEST_SOURCE = 200_000
"""Characters of a template."""

_HINTS = {
    "contact": "write contact['Column'] or the column's own name",
    "loop": "loop exists only inside {% for %}",
    "lipsum": "there is no such function in messages",
    "cycler": "there is no such function in messages; loop.cycle() is there",
    "joiner": "there is no such function in messages; the join filter is there",
    "dict": "there is no such function in messages",
}


@dataclass(frozen=True, slots=True)
class Program:
    """A checked template. ``variables`` maps contact columns to the names they have in it."""

    environment: Sandbox
    sources: Sources
    body: list[nodes.Node]
    variables: dict[str, str]
    required: frozenset[str]
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
    source: str, where: SourcePlace, folder: Path | None, locale: str, known: Collection[str] | None
) -> Program:
    """A message's program. Raises ``InvalidInput``."""
    environment = Sandbox(locale)
    sources = Sources(source, where)
    with mistakes(sources):
        return _built(environment, sources, compose(environment, sources, folder), known)


def build_expression(source: str, where: SourcePlace, locale: str, known: Collection[str] | None) -> Program:
    """An expression's program: it writes something where the expression is true, and nothing where not."""
    environment = Sandbox(locale)
    sources = Sources(source, where)
    with mistakes(sources):
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
        return _built(environment, sources, Composed([nodes.Output([result])]), known)


@contextmanager
def mistakes(sources: Sources) -> Iterator[None]:
    """What parsing and compiling can raise, as problems."""
    try:
        if len(sources.main.text) > LARGEST_SOURCE:
            raise InvalidInput(sources.problem(f"longer than {LARGEST_SOURCE:,} characters", 1))
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
    variables = Variables()
    body = _renamed(composed.body, variables)
    outside = undeclared(environment, body)
    own = assigned(body)
    columns = {name for name in outside if _is_column(variables.column(name), name in own, known)}
    seen = reads(body, outside)
    cells = frozenset(columns - own)
    problems = [
        *composed.problems,
        *_unknown(
            sources, body, {name: seen.lines.get(name, [1]) for name in outside - columns - own}, known
        ),
        *check(environment, sources, body, cells, known or cells),
    ]
    required = columns & (seen.required | columns.difference(seen.lines))
    for name, tree in composed.imports.items():
        tree.body = _renamed(tree.body, variables)
        more = undeclared(environment, tree.body)
        seen = reads(tree.body, more)
        if name in _seeing_context(body):
            mine = {column for column in more if _is_column(variables.column(column), False, known)}
            columns |= mine
            required |= mine
            more -= mine
        problems += _unknown(
            sources, tree.body, {column: seen.lines.get(column, [1]) for column in more}, known
        )
        problems += check(environment, sources, tree.body, ())
        if any(isinstance(node, nodes.NSRef) for node in everything(tree.body)):
            _import_afresh(body, name)
        environment.add_module(name, harden(tree.body))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise InvalidInput(*in_file_order(dict.fromkeys(errors)))
    return Program(
        environment,
        sources,
        harden(body, cells),
        {variables.column(name): name for name in sorted(columns)},
        frozenset(map(variables.column, required)),
        tuple(in_file_order(dict.fromkeys(problems))),
    )


def _renamed(body: list[nodes.Node], variables: Variables) -> list[nodes.Node]:
    renamed: list[nodes.Node] = [variables.visit(node) for node in body]
    for node in renamed:
        shift(node, 0)  # nodes made on the way have no line yet
    return renamed


def _is_column(name: str, is_own: bool, known: Collection[str] | None) -> bool:
    if known is not None:
        return name in known
    return not (is_own or name.startswith("_") or name in _HINTS)


def _unknown(
    sources: Sources, body: list[nodes.Node], names: dict[str, list[int]], known: Collection[str] | None
) -> Iterator[Problem]:
    """A problem for each line on which a name stands that is no column."""
    for name, lines in names.items():
        for line in dict.fromkeys(lines):
            hint = _HINTS.get(name) or _hyphenated(body, name, known) or _near(name, known)
            yield sources.problem(
                f"unknown column '{name}'", line, name=name, hint=hint, code="unknown-column"
            )


def _near(name: str, known: Collection[str] | None) -> str | None:
    plain = canonical(name)
    squeezed = {column.replace("_", ""): column for column in sorted(known or ())}
    if plain in squeezed.values():
        return f"did you mean '{plain}'?"
    near = get_close_matches(plain, squeezed.values(), 1, 0.6)
    meant = squeezed.get(plain.replace("_", "")) or (near[0] if near else None)
    if meant:
        return f"did you mean '{meant}'?"
    shown = ", ".join(sorted(known)[:8]) if known else ""
    return f"the columns are {shown}{', …' if known and len(known) > 8 else ''}" if shown else None


def _hyphenated(body: list[nodes.Node], name: str, known: Collection[str] | None) -> str | None:
    """``order-id`` reads as ``order`` minus ``id``: the column is ``order_id``."""
    for node in everything(body):
        if (
            isinstance(node, nodes.Sub)
            and isinstance(node.left, nodes.Name)
            and isinstance(node.right, nodes.Name)
        ):
            joined = f"{node.left.name}_{node.right.name}"
            if name in (node.left.name, node.right.name) and joined in (known or ()):
                return f"did you mean '{joined}'?"
    return None


def _import_afresh(body: list[nodes.Node], name: str) -> None:
    """A file that keeps a ``namespace`` is imported for each row again, or one row would see another's."""
    for node in everything(body):
        if isinstance(node, (nodes.Import, nodes.FromImport)) and getattr(node.template, "value", "") == name:
            node.with_context = True


def _seeing_context(body: list[nodes.Node]) -> set[str]:
    """Names of imported files that see the columns."""
    return {
        node.template.value
        for node in everything(body)
        if isinstance(node, (nodes.Import, nodes.FromImport))
        and node.with_context
        and isinstance(node.template, nodes.Const)
    }
