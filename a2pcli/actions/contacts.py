"""Judging a contacts file: what is read, what is repaired, what is refused and why. Nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from a2pcli.actions.tables import InputTable
from a2pcli.addresses.phone.numbers import REPAIRS as REPAIRS
from a2pcli.addresses.phone.numbers import PhonePolicy, region_code
from a2pcli.config.load import load_settings
from a2pcli.contacts.checked import CheckedRow as CheckedRow
from a2pcli.contacts.checked import CheckedRows, Chunk, Counts
from a2pcli.contacts.facts import recognise
from a2pcli.contacts.table import Table as Table
from a2pcli.contacts.table import address_column
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, UsageError
from a2pcli.planning.reading import read_as, reading_problems
from a2pcli.planning.refusals import Told, speaking, told_by_file


@dataclass(frozen=True, slots=True)
class CheckedContacts:
    """A contacts file under judgement. Counts and notes are complete once ``chunks`` have been read."""

    table: Table
    address: str
    policy: PhonePolicy
    told: Told
    rows: CheckedRows

    def chunks(self) -> Iterator[Chunk]:
        """The rows, judged."""
        return self.rows.chunks()

    @property
    def counts(self) -> Counts:
        """What was found so far."""
        return self.rows.counts

    @property
    def column(self) -> str:
        """The column of the numbers, as written."""
        return self.table.header[self.table.columns.index(self.address)].strip()

    @property
    def read_as(self) -> dict[str, list[str]]:
        """What the columns are read as."""
        return read_as(self.table, self.address, recognise(self.table.described, self.address))

    @property
    def notes(self) -> list[Problem]:
        """Warnings about the file and what its columns are read as."""
        facts = recognise(self.table.described, self.address)
        return [*self.table.notes, *reading_problems(self.table, facts, self.told)]


def check_contacts(
    file: InputTable,
    *,
    region: str | None = None,
    allow_fictional: bool = False,
    allow_fixed_line: bool = False,
) -> CheckedContacts:
    """Open a contacts file to judge the number in every row. Region and allowances are those of the settings beside
    the file or above it, unless they are given. Raises ``InvalidInput`` where the file cannot be used."""
    policy = _policy(file.file, region, allow_fictional, allow_fixed_line)
    table = file.open()
    address = address_column(table)
    claims = speaking(recognise(table.described, address), marketing=True, binds=True)
    told = told_by_file(table, address, claims, policy, "en", whole=False)
    return CheckedContacts(table, address, policy, told, CheckedRows(table, address, policy))


def _policy(file: str, region: str | None, allow_fictional: bool, allow_fixed_line: bool) -> PhonePolicy:
    path = Path(file)
    settings = load_settings(path if file != "-" and path.exists() else Path.cwd()).settings
    try:
        chosen = region_code(region) if region else settings.region
    except InvalidInput as error:
        raise UsageError(
            *(replace(problem, message=f"--region: {problem.message}") for problem in error.problems)
        ) from None
    return PhonePolicy(
        region=chosen,
        allow_fictional=allow_fictional or settings.numbers.allow_fictional,
        allow_fixed_line=allow_fixed_line or settings.numbers.allow_fixed_line,
    )
