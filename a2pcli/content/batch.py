"""Renders a template over many rows in one go.

``template.render`` costs 8 µs a row before it has written anything. Here the template's body is put into one
loop over the rows, and Jinja compiles that: about 1 µs a row for a template of a few variables. A row on which
it fails is noted, and the loop goes on behind it, with a state as fresh as the first row's.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from jinja2 import nodes

from a2pcli.content.bounded import MOST_STEPS, Budget
from a2pcli.content.failures import RowFailure, TemplateFailure, TooMuchWork, Unsuitable
from a2pcli.content.instrument import filtered
from a2pcli.content.sandbox import Sandbox

_ROWS = "_rows"
_TAKE = "@take"
_FILE = "<message>"

MOST_OVERWORKED = 100
"""Rows that may run into their budget before the template is given up."""


class OutOfControl(Exception):
    """Row after row the template needs more work than a message can."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class Loop:
    """A template's body, compiled as the body of a loop over tuples of the columns' values."""

    def __init__(
        self,
        environment: Sandbox,
        body: list[nodes.Node],
        variables: Sequence[str],
        take: Callable[[str], Any],
    ) -> None:
        """``take`` makes of each row's text what is wanted; what it raises fails the row."""
        self.environment = environment
        self.take = take
        self.overworked = 0
        environment.filters[_TAKE] = take
        # A dummy stands in where there is no column, so that the target is a tuple in any case.
        target = nodes.Tuple([nodes.Name(name, "store") for name in (*variables, "_row")], "store")
        rest = [node for node in body if not _is_shared_import(node)]
        row = [nodes.FilterBlock(rest, filtered(None, _TAKE, lineno=1))]
        loop = nodes.For(target, nodes.Name(_ROWS, "load"), row, [], None, False)
        # Files imported without context are the same for every row: import them once.
        before = [node for node in body if _is_shared_import(node)]
        tree = nodes.Template([*before, loop], lineno=1)
        for node in tree.find_all(nodes.Node):
            node.lineno = node.lineno or 1
        tree.set_environment(environment)
        code = environment.compile(tree, filename=_FILE)
        # A plain dict: Jinja's chained globals cost 20 µs for every new context.
        self.template = environment.template_class.from_code(environment, code, dict(environment.globals))

    def run(self, rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], dict[int, RowFailure]]:
        """What became of every row, in order, and the failures by row (None stands in their place).

        Raises ``OutOfControl`` when row after row runs into its budget: such a template would take for ever.
        """
        taken: list[Any] = []
        append, take = taken.append, self.take

        def take_row(text: str) -> str:
            append(take(text))
            return ""

        self.environment.filters[_TAKE] = take_row
        failures: dict[int, RowFailure] = {}
        feed = _Feed(rows, self.environment.budget)
        while True:
            context = self.template.new_context({_ROWS: feed})
            try:
                deque(self.template.root_render_func(context), maxlen=0)
            except RowFailure as failure:
                # Without its traceback, which holds on to frames: a thousandfold that is what costs.
                failures[len(taken)] = failure.with_traceback(None)
            except Exception as error:
                failures[len(taken)] = self._failure(error)
            else:
                return taken, failures
            if feed.given == len(taken) and next(iter(feed), None) is None:
                # It failed between rows, in what stands before the loop, and there is no row left.
                failures.pop(len(taken))
                return taken, failures
            taken.append(None)

    def _failure(self, error: Exception) -> TemplateFailure:
        """The error as a sentence, with the template's line."""
        line = None
        for frame, number in traceback.walk_tb(error.__traceback__):
            template = frame.f_globals.get("__jinja_template__")
            if template is not None:
                line = template.get_corresponding_lineno(number)
        failure = TemplateFailure(_sentence(error), line)
        if isinstance(error, (TooMuchWork, RecursionError, MemoryError)):
            self.overworked += 1
            if self.overworked >= MOST_OVERWORKED:
                raise OutOfControl(failure.message, line)
        return failure


class _Feed:
    """The rows, each with a fresh budget; ``given`` counts them."""

    def __init__(self, rows: Iterable[tuple[Any, ...]], budget: Budget) -> None:
        self.given = 0
        self._rows = self._fed(iter(rows), budget)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def _fed(self, rows: Iterator[tuple[Any, ...]], budget: Budget) -> Iterator[tuple[Any, ...]]:
        # Not reset() and not += 1: for most templates a tenth of the whole loop.
        most_written = budget.most_written
        for given, row in enumerate(rows, 1):
            budget.steps = MOST_STEPS
            budget.characters = most_written
            self.given = given
            yield row


def _is_shared_import(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.Import, nodes.FromImport)) and not node.with_context


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "macros call each other endlessly"
    if isinstance(error, MemoryError):
        return "the template needs too much memory"
    if isinstance(error, Unsuitable):
        return str(error)
    if isinstance(error, TypeError) and "not supported between" in str(error):
        return "a text and a number cannot be compared: write | int or | float"
    return str(error) or type(error).__name__
