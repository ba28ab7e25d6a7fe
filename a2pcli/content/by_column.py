"""Renders most messages column by column: those whose parts do not depend on each other.

``Hi {{ first_name }}{% if plan == 'gold' %} …{% endif %}`` is a few texts, a column and an ``if``. An ``if``, a filter
or whatever else reads a column is run by Jinja as it always is, but once for each different value; Arrow joins the
pieces. Rows of which that would not be the whole truth (something is missing, a cell is very long, a piece fails) are
left to the loop over rows (``batch``), so that what comes out is always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from jinja2 import nodes

from a2pcli.content.batch import Loop, OutOfControl
from a2pcli.content.bounded import MOST_CHARACTERS
from a2pcli.content.comparisons import ORDERS, SAME
from a2pcli.content.failures import empty_cell
from a2pcli.content.instrument import ESCAPE, FLAT, JOIN, PRINT
from a2pcli.content.program import Program
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame, Texts, as_numpy, column_of, compute, is_blank, text_bytes

Mask: TypeAlias = npt.NDArray[np.bool_]

FEW = 64
"""Rows that the loop has done sooner."""
LONG_CELL = 1_000
"""Bytes of a cell above which a row is left to the loop: so no filter here ever has work to count (``bounded``)."""
MOST_FILTERS = 50
MOST_PIECES = 100
MOST_BYTES = 1 << 29
"""Of a column of messages; Arrow's strings end at 2 GB."""

_SHOWN: tuple[type[nodes.Node], ...] = (
    nodes.Output, nodes.TemplateData, nodes.If, nodes.Name, nodes.Const, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.List, nodes.Tuple, nodes.Add, nodes.Sub,
    nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos,
)  # fmt: skip
"""All that a piece may be made of: nothing that repeats, calls, or gives a name a value."""

_FILTERS = frozenset([
    PRINT, ESCAPE, SAME, JOIN, FLAT, *ORDERS, "default", "d", "int", "float", "upper", "lower", "capitalize", "title",
    "trim", "string", "truncate", "replace", "center", "format", "length", "count", "wordcount", "round", "abs",
    "money", "number", "date",
])  # fmt: skip
"""Filters whose text is not much longer than a message may be; so few of them never use up a row's budget."""


@dataclass(frozen=True, slots=True)
class _Worked:
    """A piece that has to be worked out, and the columns that it reads."""

    loop: Loop
    columns: tuple[str, ...]


_Piece: TypeAlias = "str | nodes.Name | _Worked"


class Pieces:
    """A template's text as pieces: a text, the name of a column that is shown as it is, or what is worked out."""

    def __init__(self, program: Program, pieces: list[_Piece]) -> None:
        self._columns = {name: column for column, name in program.variables.items()}
        self._pieces = pieces
        self._shown = sorted({self._columns[one.name] for one in pieces if isinstance(one, nodes.Name)})
        self._read = sorted(
            {*self._shown}.union(*(one.columns for one in pieces if isinstance(one, _Worked)))
        )
        self._written = sum(len(one.encode()) for one in pieces if isinstance(one, str))

    @classmethod
    def of(cls, program: Program) -> Pieces | None:
        """The pieces of a template; None where it is more than pieces side by side."""
        every = [node for statement in program.body for node in (statement, *statement.find_all(nodes.Node))]
        filters = [node for node in every if isinstance(node, nodes.Filter)]
        texts = sum(len(node.data) for node in every if isinstance(node, nodes.TemplateData))
        if (
            not program.variables
            or not all(type(node) in _SHOWN for node in every)
            or any(isinstance(node, nodes.Name) and node.ctx != "load" for node in every)
            or any(isinstance(node, nodes.Const) and not _is_small(node.value) for node in every)
            or len(filters) > MOST_FILTERS
            or not all(node.name in _FILTERS for node in filters)
            or texts > MOST_CHARACTERS
        ):
            return None
        pieces = list(_joined(_pieces_of(program)))
        return cls(program, pieces) if len(pieces) <= MOST_PIECES else None

    def render(self, frame: Frame) -> tuple[pa.StringArray, Mask] | None:
        """The texts as they come out, white space and all, and which rows are to be left to the loop (null or not).

        None where all of them are.
        """
        if len(frame) <= FEW or any(column not in frame for column in self._read):
            return None
        cells = {column: column_of(frame, column) for column in self._read}
        left = np.zeros(len(frame), dtype=np.bool_)
        size = len(frame) * self._written
        for column, texts in cells.items():
            lengths = as_numpy(compute.binary_length(texts).fill_null(0))
            size += int(lengths.sum(dtype=np.int64)) * len(self._pieces)
            left |= lengths > LONG_CELL
            if column in self._shown:
                left |= _blank(texts, lengths)
        if size > MOST_BYTES or left.all():
            return None
        parts: list[Any] = []
        for piece in self._pieces:
            if isinstance(piece, _Worked):
                found = _worked_out(piece, cells)
                if found is None:
                    return None
                parts.append(found)
            else:
                parts.append(piece if isinstance(piece, str) else cells[self._columns[piece.name]])
        bodies = compute.binary_join_element_wise(*parts, "") if len(parts) > 1 else parts[0]
        if bodies.null_count:
            left |= as_numpy(compute.is_null(bodies))
        return bodies, left


def _is_small(value: Any) -> bool:
    return not isinstance(value, str) or len(value) <= LONG_CELL


def _pieces_of(program: Program) -> Iterator[_Piece]:
    columns = {name: column for column, name in program.variables.items()}
    for statement in program.body:
        shown = statement.nodes if isinstance(statement, nodes.Output) else [statement]
        for node in shown:
            if isinstance(node, nodes.TemplateData):
                yield node.data
            elif isinstance(node, nodes.Name) and node.name in columns:
                yield node
            else:
                yield _to_be_worked_out(program, node)


def _to_be_worked_out(program: Program, node: nodes.Node) -> _Worked:
    is_shown = isinstance(node, nodes.Expr)
    body: list[nodes.Node] = [nodes.Output([node], lineno=node.lineno) if is_shown else node]
    names = {one.name for one in (node, *node.find_all(nodes.Name)) if isinstance(one, nodes.Name)}
    read = {name: column for column, name in program.variables.items() if name in names}
    return _Worked(Loop(program.environment, body, list(read), str), tuple(read.values()))


def _joined(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """The pieces with texts that stand side by side made one."""
    before = ""
    for piece in pieces:
        if isinstance(piece, str):
            before += piece
            continue
        if before:
            yield before
        before = ""
        yield piece
    if before:
        yield before


def _blank(texts: Texts, lengths: npt.NDArray[Any]) -> Mask:
    """``is_blank``, with a closer look only at texts that do not begin with a visible character of ASCII."""
    blank: Mask = lengths == 0
    offsets, data = text_bytes(texts)
    filled = np.flatnonzero(~blank)
    first = data[offsets[filled]]
    odd = filled[(first <= 0x20) | (first >= 0x7F)]
    if len(odd):
        blank[odd] = is_blank(texts.take(pa.array(odd)))
    return blank


def _worked_out(piece: _Worked, cells: Mapping[str, Texts]) -> Texts | None:
    """What a piece gives in each row, null where it fails: Jinja is asked once for each different set of cells.

    None where it runs out of control, or what it gives is no text that can be kept.
    """
    columns = [cells[name] for name in piece.columns]
    every, which = _different(piece.columns, columns) if columns else ([()], None)
    try:
        texts, _ = piece.loop.run([(*row, None) for row in every])
        found = pa.array(
            [None if text is None or len(text) > MOST_CHARACTERS else text for text in texts], pa.string()
        )
    except (OutOfControl, UnicodeEncodeError):  # the latter for half a surrogate pair
        return None
    if which is None:
        return found[0] if found[0].is_valid else None
    lengths = as_numpy(compute.binary_length(found).fill_null(0))
    if int(lengths[which.to_numpy()].sum(dtype=np.int64)) > MOST_BYTES // MOST_PIECES:
        return None
    return found.take(which)


def _different(names: tuple[str, ...], columns: list[Texts]) -> tuple[list[tuple[Any, ...]], pa.Array]:
    """The different rows of some columns, as values for a loop, and for each row which of them it is."""
    encoded = [compute.fill_null(column, "").dictionary_encode() for column in columns]
    values = [_values(name, one.dictionary) for name, one in zip(names, encoded, strict=True)]
    if len(encoded) == 1:
        return [(value,) for value in values[0]], encoded[0].indices
    places = [one.indices.to_numpy() for one in encoded]
    keys = np.zeros(len(places[0]), dtype=np.int64)
    for mine, known in zip(places, values, strict=True):
        keys = pa.array(keys * len(known) + mine).dictionary_encode().indices.to_numpy().astype(np.int64)
    # Keys are numbered as they come: the first row of each is where the highest so far rises.
    first = np.flatnonzero(np.diff(np.maximum.accumulate(keys), prepend=-1) > 0)
    rows = [[known[at] for at in mine[first].tolist()] for mine, known in zip(places, values, strict=True)]
    return list(zip(*rows, strict=True)), pa.array(keys)


def _values(column: str, texts: Texts) -> list[Any]:
    """Python values of cells, empty ones as what raises when it is used."""
    return [
        empty_cell(column) if blank else text
        for text, blank in zip(texts.to_pylist(), is_blank(texts).tolist(), strict=True)
    ]
