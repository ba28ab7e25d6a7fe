"""The first contacts of a file, as ``check`` looks at them: enough to see what is usual, quick for any file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import read_column
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.contacts.number_regions import number_regions, residences
from a2pcli.contacts.table import Table
from a2pcli.content.encoding import measure_column
from a2pcli.content.fitness import characters
from a2pcli.content.parts import character_name
from a2pcli.content.prices import RateCard
from a2pcli.content.smart import plain_column, without_invisible_column
from a2pcli.content.templates import Expression, MessageTemplate, Rendered
from a2pcli.content.typography import invisible_in
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.frame import Frame, as_numpy, column_of, is_blank
from a2pcli.planning.frames import mask_of
from a2pcli.planning.spec import COUNTRY, AddressColumn

ROWS = 10_000
"""Number of rows in which empty cells are counted."""
RENDERED = 2_000
"""Number of rows whose messages are made."""
MANY = 0.05
"""A column that is empty in more than this share of the rows gets a warning."""
MOST = 0.5
"""The same for columns with a default."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """Limits of a text. ``smart``: replace typography. ``warn`` and ``refuse`` are SMS parts; ``characters`` is the
    channel's maximum. 0 means no limit."""

    smart: bool
    warn: int = 0
    refuse: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of the file that ``where`` selects; ``whole`` if there are no others."""

    path: str
    rows: Frame
    whole: bool
    problems: tuple[Problem, ...] = ()

    def empty_columns(self, template: MessageTemplate, place: Callable[[str], Problem]) -> list[Problem]:
        """Return a warning for each column of the template that is empty in many rows."""
        problems = []
        for column in sorted(template.columns):
            empty = int(is_blank(column_of(self.rows, column)).sum())
            defaulted = column in template.defaulted
            if empty <= len(self.rows) * (MOST if defaulted else MANY):
                continue
            message = f"column '{column}' is empty in {self._share(empty)}"
            if defaulted:
                text, hint = f"{message}: those people get the message without it", None
            else:
                text = f"{message}: they are excluded"
                hint = f"{{{{ {column} | default('…') }}}} gives them a value"
            problems.append(replace(place(column), message=text, hint=hint, code="empty-column"))
        return problems

    def render(
        self, template: MessageTemplate, at: Problem, limits: TextLimits
    ) -> tuple[list[str], list[Problem]]:
        """Return the messages of the first contacts, before smart encoding, and the problems with them."""
        rows = self.rows.head(RENDERED)
        rendered = template.render_column(rows)
        problems = list(self._failures(rendered, rows, at))
        made = rendered.bodies.drop_null()
        if len(made):
            lines = rows["@line"].to_numpy()[as_numpy(rendered.bodies.is_valid())]
            problems += self._long(made, lines, at, limits)
            problems += self._unseen(made, lines, at)
        return [text for text in made.to_pylist() if text], problems

    def _failures(self, rendered: Rendered, rows: Frame, at: Problem) -> list[Problem]:
        """Return one problem for each way in which the template fails. Missing values are reported by column
        elsewhere."""
        failed = as_numpy(rendered.reasons.is_valid())
        reasons = np.asarray(rendered.reasons.to_pylist(), dtype=object)
        problems = []
        for reason in dict.fromkeys(reasons[failed].tolist()):
            if reason == "missing-value":
                continue
            these = np.flatnonzero(reasons == reason)
            first = int(these[0])
            detail = rendered.details[first].as_py() or reason
            message = f"{_of(len(these), len(rows), 'fails', 'fail')}: {detail}"
            hint = f"first in line {rows['@line'][first]} of {self.path}"
            problems.append(replace(at, message=message, hint=hint, code=str(reason)))
        return problems

    def _unseen(self, made: pa.StringArray, lines: np.ndarray, at: Problem) -> list[Problem]:
        """Return a warning if invisible characters would force messages into UCS-2."""
        lost = without_invisible_column(made)[1]
        rows = np.flatnonzero(lost)
        if not len(rows):
            return []
        first = int(rows[0])
        name = character_name(invisible_in(made[first].as_py())[0][1])
        message = (
            f"{_of(len(rows), len(made), 'contains', 'contain')} invisible characters, which are removed"
        )
        hint = f"first in line {lines[first]} of {self.path}: {name}"
        return [replace(at, message=message, hint=hint, code="invisible-characters")]

    def _long(
        self, made: pa.StringArray, lines: np.ndarray, at: Problem, limits: TextLimits
    ) -> list[Problem]:
        if limits.characters:
            return self._longer(made, lines, at, limits.characters)
        if not limits.refuse:
            return []
        warn, refuse = limits.warn, limits.refuse
        measured = measure_column(plain_column(made, use_smart=limits.smart)[0])
        parts = measured.parts
        longest = int(parts.argmax())
        hint = f"the longest is line {lines[longest]} of {self.path}, with {parts[longest]} parts"
        problems = []
        if (parts > refuse).any():
            count = _of(int((parts > refuse).sum()), len(made), "needs", "need")
            message = f"{count} more than {refuse} parts and would be excluded"
            problems.append(replace(at, message=message, hint=hint, code="too-long"))
        elif (parts > warn).any():
            count = _of(int((parts > warn).sum()), len(made), "needs", "need")
            message = f"{count} more than {warn} parts"
            problems.append(replace(at, message=message, hint=hint, code="many-parts"))
        return problems

    def _longer(self, made: pa.StringArray, lines: np.ndarray, at: Problem, most: int) -> list[Problem]:
        """Return a warning for messages with more characters than the channel accepts."""
        counts = np.array([characters(text) for text in made.to_pylist()])
        longest = int(counts.argmax())
        if counts[longest] <= most:
            return []
        count = _of(int((counts > most).sum()), len(made), "has", "have")
        message = f"{count} more than {most:,} characters and would be excluded"
        hint = f"the longest is line {lines[longest]} of {self.path}, with {counts[longest]:,} characters"
        return [replace(at, message=message, hint=hint, code="too-long")]

    def _share(self, count: int) -> str:
        of = f"{len(self.rows):,} rows" if self.whole else f"the first {len(self.rows):,} rows"
        return f"{count:,} of {of}"


@dataclass(frozen=True, slots=True)
class SampledPeople:
    """Where the sample's addresses are: by row, and how many in each country."""

    by_row: pa.StringArray
    countries: Mapping[str, int]
    numbers: pa.StringArray
    """The addresses; null like the country if they cannot be messaged or have none."""

    def among(self, countries: Collection[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return a mask of the rows in these countries."""
        there: np.ndarray[tuple[int], np.dtype[np.bool_]] = mask_of(
            pc.is_in(self.by_row, pa.array(list(countries), pa.string()))
        )
        return there

    def unpriced(
        self, card: RateCard, *, gateway: str, channel: str, on: date, category: str | None = None
    ) -> dict[str, int]:
        """Return the countries with numbers whose price the card does not have, and how many."""
        countries = self.by_row.drop_null()
        one_part = np.ones(len(countries), dtype=np.int64)
        priced = card.price_column(
            gateway=gateway,
            channel=channel,
            on=on,
            countries=countries,
            numbers=self.numbers.drop_null(),
            parts=one_part,
            category=category,
        )
        unknown = countries.filter(pa.array(~priced.known))
        return dict(Counter(unknown.to_pylist()).most_common())

    def seen(self, countries: Collection[str]) -> list[str]:
        """Return those of the countries that occur in the sample."""
        return [country for country in countries if country in self.countries]


def sampled_people(
    rows: Frame, address: AddressColumn, policy: PhonePolicy, residence: tuple[str, ...] = ()
) -> SampledPeople:
    """Return the countries of the valid addresses in the rows."""
    found = _read(rows, address, policy, residence)
    good = pc.is_null(found["@reason"])
    countries = pc.if_else(good, found["@country"], pa.scalar(None, pa.string()))
    counts = Counter(country for country in countries.to_pylist() if country is not None)
    numbers = pc.if_else(pc.is_valid(countries), found["@address"], pa.scalar(None, pa.string()))
    return SampledPeople(countries, dict(counts.most_common()), numbers)


def _read(rows: Frame, address: AddressColumn, policy: PhonePolicy, residence: tuple[str, ...]) -> Frame:
    """Read the addresses, with the country in the row if they belong to none themselves."""
    regions = number_regions(rows, residence) if address.kind is Kind.PHONE else None
    found = read_column(rows[address.column], address.kind, policy, address.network, regions)
    if address.kind is not Kind.PHONE:
        found["@country"] = residences(rows, residence)
    return found


def _of(some: int, all_: int, one: str, many: str) -> str:
    return f"{some:,} of {all_:,} messages {one if some == 1 else many}"


def take_sample(
    table: Table,
    columns: Collection[str],
    where: Expression | None,
    at_where: Problem,
    address: AddressColumn | None = None,
    policy: PhonePolicy | None = None,
    residence: tuple[str, ...] = (),
) -> Sample:
    """Return the first rows that ``where`` selects. Raises ``InvalidInput`` if the file cannot be read."""
    chunks = table.chunks(columns, rows=ROWS)
    rows = next(chunks, None)
    if rows is None:
        nobody = replace(at_where, message="the file has no rows", path=table.path, line=1, column=None)
        return Sample(table.path, Frame({}), True, (replace(nobody, code="no-rows"),))
    whole = len(rows) < ROWS
    rows = rows.filter(~as_numpy(rows["@reason"].is_valid()))
    problems: list[Problem] = []
    if where is not None and len(rows):
        seen = rows
        if COUNTRY in where.columns and COUNTRY not in table.columns and address and policy:
            seen = rows.select(rows)
            seen[COUNTRY] = pc.fill_null(_read(rows, address, policy, residence)["@country"], "")
        selected = where.evaluate_column(seen)
        reasons = selected.reasons.to_pylist()
        failed = [row for row, reason in enumerate(reasons) if reason not in (None, "missing-value")]
        if failed:
            detail = selected.details[failed[0]].as_py()
            hint = f"first in line {rows['@line'][failed[0]]} of {table.path}"
            message = f"fails on {len(failed):,} of {len(rows):,} rows: {detail}"
            problems.append(replace(at_where, message=message, hint=hint, code="template-error"))
        if whole and not selected.keep.any():
            message = "matches no row"
            problems.append(replace(at_where, message=message, code="selects-nobody"))
        rows = rows.filter(selected.keep)
    return Sample(table.path, rows, whole, tuple(problems))
