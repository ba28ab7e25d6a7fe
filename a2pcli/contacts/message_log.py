"""Whose number counts in a file of messages: the sender's in what people wrote, the recipient's in what we sent.

A file with a column for each side says it by a column of directions, or by being a file of replies. Where it is not
plain, nothing is guessed: the wrong side is our own number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.text import read_digits
from a2pcli.addresses.zones.data import rows
from a2pcli.contacts.columns import Columns, in_yaml, pick_address
from a2pcli.contacts.fact_names import ADDRESSES
from a2pcli.contacts.table import Table, address_column
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.folding import name_key
from a2pcli.frame import Frame

_DATA = Path(__file__).parent / "data"
INBOUND, OUTBOUND, UNCLEAR = "in", "out", "?"
_LOOKED_AT = 200
"""Rows that are looked at to tell a column of numbers, or of directions, from another with such a name."""
_WHOLE = 7
"""Digits of a number that is no short code."""
_ENOUGH = 3
"""Rows from which on one and the same sender is suspicious in a file of replies."""


@dataclass(frozen=True, slots=True)
class PersonColumns:
    """Which columns hold the person's number: of a message from them, and of one to them.

    ``direction`` is the column that says which way each row went, where there is one. Without ``takes_outbound`` only
    what people wrote counts. ``is_log``: the file has columns of a log of messages.
    """

    inbound: str
    outbound: str
    direction: str | None = None
    takes_outbound: bool = True
    is_log: bool = False

    @property
    def columns(self) -> list[str]:
        """Names of the columns to read from the file."""
        names = (self.inbound, self.outbound, self.direction)
        return list(dict.fromkeys(name for name in names if name is not None))

    def cells(self, frame: Frame) -> tuple[pa.Array, pa.Array | None]:
        """The person's cell of each row; and which way each went (in, out, ?), where the file says it."""
        inbound = frame[self.inbound]
        if self.direction is None:
            return inbound, None
        said = frame[self.direction]
        ways = pa.array([way_of(text or "") for text in said.to_pylist()])
        outbound = frame[self.outbound]
        return pc.if_else(pc.equal(ways, OUTBOUND), outbound, inbound), ways


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    """Role to the keys of its names, in the order of ``data/log_columns.csv``."""
    found: dict[str, tuple[str, ...]] = {}
    for role, _, names in rows("log_columns.csv", _DATA):
        found[role] = (*found.get(role, ()), *map(name_key, names.split("|")))
    return found


def way_of(cell: str) -> str:
    """Which way a message went: in (from a person), out (to a person), or ? where the cell does not say.

    >>> way_of("Inbound"), way_of("outbound-api"), way_of("MO"), way_of("maybe")
    ('in', 'out', 'in', '?')
    """
    key = name_key(cell)
    for way in (INBOUND, OUTBOUND):
        if key in _names()[way] or key.startswith(f"{way}bound"):
            return way
    return UNCLEAR


def text_column(table: Table) -> str | None:
    """The column that holds what was written; None where there is none, or several as likely."""
    keys = {name_key(name): name for name in table.columns}
    return next((keys[key] for key in _names()["text"] if key in keys), None)


def recipient_column(table: Table, people: PersonColumns) -> str | None:
    """The column that says to whom of us each reply was written; None where there is none."""
    keys = {name_key(name): name for name in table.columns if name != people.inbound}
    return next((keys[key] for key in _names()["to"] if key in keys), None)


def person_columns(
    table: Table, asked: str | None, *, are_replies: bool, own: frozenset[str] = frozenset()
) -> PersonColumns:
    """Which column of a file holds the person. ``asked`` is the option ``--column``, already mapped to ``phone``.

    ``are_replies``: the file holds what people wrote, so the sender is the person. ``own`` are the numbers of ours.
    Raises InvalidInput where it is not plain.
    """
    sides = _Sides.of(table)
    if asked is not None:
        column = address_column(table, ADDRESSES)
        return PersonColumns(column, column, sides.direction if are_replies else None, not are_replies)
    found = _chosen(table, sides, are_replies, own)
    return replace(found, takes_outbound=not are_replies, is_log=bool(sides.sent_from or sides.sent_to))


def both_sides(table: Table) -> Problem | None:
    """The problem of contacts that are a log of messages, with a column for each side of a message; None where they are
    not, or the campaign names the column."""
    sides = _Sides.of(table)
    if "phone" in table.columns or not (sides.sent_from and sides.sent_to):
        return None
    columns = [sides.written(name) for name in (*sides.sent_from, *sides.sent_to)]
    return Problem(
        f"the file has columns for the sender and the recipient of a message ({', '.join(columns)}): whose"
        f" number is it?",
        path=table.path,
        line=table.header_line,
        hint=f"choose in the campaign: contacts: {{columns: {{phone: {in_yaml(columns[0])}}}}}",
        code="which-person",
    )


def _chosen(table: Table, sides: _Sides, are_replies: bool, own: frozenset[str]) -> PersonColumns:
    sent_from, sent_to, other = sides.sent_from, sides.sent_to, sides.other
    if not (sent_from or sent_to):
        column = address_column(table, ADDRESSES)
        return PersonColumns(column, column, sides.direction)
    if len(sent_from) > 1 or len(sent_to) > 1 or (other and sent_from):
        raise _ask(table, sides, "more than one column may hold the person's number")
    if other:
        return PersonColumns(other, other, sides.direction)
    if sent_from and sent_to:
        return _of_both(table, sides, are_replies, own)
    if sent_from:
        return PersonColumns(sent_from[0], sent_from[0], sides.direction)
    if are_replies and sides.direction is None:
        raise _ask(table, sides, "the file has the recipient of each message, but not its sender")
    return PersonColumns(sent_to[0], sent_to[0], sides.direction)


def _of_both(table: Table, sides: _Sides, are_replies: bool, own: frozenset[str]) -> PersonColumns:
    """A column for each side: the directions decide, else what is ours, else what the file is said to hold."""
    (sent_from,), (sent_to,) = sides.sent_from, sides.sent_to
    if sides.direction is not None:
        return PersonColumns(sent_from, sent_to, sides.direction)
    ours = {name: sides.are(name, own) for name in (sent_from, sent_to)}
    if are_replies and not ours[sent_from]:
        senders, recipients = sides.values[sent_from], sides.values[sent_to]
        if len(senders) >= _ENOUGH and len({*senders}) == 1 < len({*recipients}):
            raise _ask(table, sides, f"every message is from one number in '{sides.written(sent_from)}'")
        return PersonColumns(sent_from, sent_from)
    if are_replies:
        raise _ask(table, sides, f"'{sides.written(sent_from)}' holds senders of your own")
    if ours[sent_to] and not ours[sent_from]:
        return PersonColumns(sent_from, sent_from)
    if ours[sent_from] and not ours[sent_to]:
        return PersonColumns(sent_to, sent_to)
    raise _ask(
        table,
        sides,
        "the file has columns for the sender and the recipient of a message, and does not say which is the person",
    )


def _ask(table: Table, sides: _Sides, why: str) -> InvalidInput:
    names = dict.fromkeys((*sides.sent_from, *filter(None, [sides.other]), *sides.sent_to))
    options = " or ".join(f"--column '{sides.written(name)}'" for name in names)
    return InvalidInput(
        Problem(
            f"{why}: whose number is it?",
            path=table.path,
            line=table.header_line,
            hint=f"choose with {options}",
            code="which-person",
        )
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """The columns of a file by what they say of a message, judged by their names and first rows."""

    table: Table
    sent_from: tuple[str, ...]
    sent_to: tuple[str, ...]
    other: str | None
    direction: str | None
    values: Mapping[str, list[str]]
    """The digits in the first rows of the columns of either side."""

    @classmethod
    def of(cls, table: Table) -> _Sides:
        keys = {name: name_key(name) for name in table.columns}
        by_role = {
            role: [name for name, key in keys.items() if key in _names()[role]]
            for role in ("from", "to", "direction", "kind")
        }
        wanted = [name for names in by_role.values() for name in names]
        first = next(table.chunks(wanted, rows=_LOOKED_AT), None) if wanted else None
        texts = {
            name: [] if first is None else [text for text in first[name].to_pylist() if text]
            for name in wanted
        }
        values = {name: [digits for text in texts[name] if (digits := _digits(text))] for name in wanted}
        numbers = {name for name in wanted if _holds_numbers(texts[name], values[name])}
        sent_from = tuple(name for name in by_role["from"] if name in numbers)
        sent_to = tuple(name for name in by_role["to"] if name in numbers)
        directions = [name for name in by_role["direction"] if texts[name]]
        directions += [
            name
            for name in by_role["kind"]
            if texts[name] and all(way_of(text) != UNCLEAR for text in texts[name])
        ]
        other = _other_column(table, {*by_role["from"], *by_role["to"]})
        return cls(table, sent_from, sent_to, other, next(iter(directions), None), values)

    def are(self, name: str, own: frozenset[str]) -> bool:
        """Whether a column holds nothing but numbers of ours."""
        found = self.values[name]
        return bool(found) and all(one.lstrip("+") in own for one in found)

    def written(self, name: str) -> str:
        """The column's name as written in the header."""
        return self.table.header[self.table.columns.index(name)].strip()


def _holds_numbers(texts: list[str], values: list[str]) -> bool:
    """Whether a column is one of numbers: most cells are, or some are whole ones (names may send, too)."""
    return 2 * len(values) > len(texts) or any(len(value.lstrip("+")) >= _WHOLE for value in values)


def _digits(text: str) -> str | None:
    found = read_digits(text)
    return found.compact if found.compact is not None and len(found.compact.lstrip("+")) >= 3 else None


def _other_column(table: Table, sides: Iterable[str]) -> str | None:
    """The column of phone numbers beside those of the two sides."""
    described, sides = table.described, {*sides}
    places = [place for place, name in enumerate(described.names) if name not in sides]
    rest = Columns(
        tuple(described.header[place] for place in places),
        tuple(described.names[place] for place in places),
        {name: where for name, where in described.duplicates.items() if name not in sides},
        described.mapped,
    )
    try:
        return pick_address(rest, "phone", table.path, table.header_line)
    except InvalidInput as error:
        if any(problem.code != "no-address-column" for problem in error.problems):
            raise
        return None
