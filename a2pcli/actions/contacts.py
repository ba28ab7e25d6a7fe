"""Checks a contacts file: what is read, repaired and refused, and why. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from a2pcli.actions.addresses import channel_named
from a2pcli.actions.tables import InputTable
from a2pcli.addresses.columns import REPAIRS as REPAIRS
from a2pcli.addresses.phone.numbers import PhonePolicy, region_code
from a2pcli.channels import channel_of
from a2pcli.config.load import load_settings
from a2pcli.contacts.checked import CheckedRow as CheckedRow
from a2pcli.contacts.checked import CheckedRows, Chunk, Counts
from a2pcli.contacts.facts import Facts, recognise
from a2pcli.contacts.table import Table as Table
from a2pcli.contacts.table import address_column
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, UsageError
from a2pcli.planning.people import address_columns
from a2pcli.planning.reading import read_as, reading_problems
from a2pcli.planning.refusals import FileRefusals, speaking, told_by_file
from a2pcli.planning.spec import AddressColumn


@dataclass(frozen=True, slots=True)
class CheckedContacts:
    """A contacts file under judgement. Counts and notes are complete once ``chunks`` have been read."""

    table: Table
    address: AddressColumn
    policy: PhonePolicy
    told: FileRefusals
    rows: CheckedRows
    others: tuple[AddressColumn, ...] = ()

    def chunks(self) -> Iterator[Chunk]:
        """Iterates over the rows of the file in chunks, each row with its number and its problem, if any."""
        return self.rows.chunks()

    @property
    def counts(self) -> Counts:
        """Counts over the rows read so far."""
        return self.rows.counts

    def further(self) -> dict[str, Counts]:
        """Counts of the other columns with addresses, by their names in the header. Reads the file again for each."""
        found = {}
        for other in self.others:
            countries = self.facts.columns("country")
            rows = CheckedRows(self.table, other.column, self.policy, other.kind, other.network, countries)
            for _ in rows.chunks():
                pass
            found[self.table.header[self.table.columns.index(other.column)].strip()] = rows.counts
        return found

    @property
    def column(self) -> str:
        """Name of the address column, as written in the header."""
        return self.table.header[self.table.columns.index(self.address.column)].strip()

    @property
    def facts(self) -> Facts:
        """What the columns say of a person, for messages to these addresses."""
        return recognise(self.table.described, self.address.column, self.address.kind)

    @property
    def read_as(self) -> dict[str, list[str]]:
        """Facts (phone, consent, …) by the columns that they are read from."""
        return read_as(self.table, self.address.column, self.facts, self.address.name)

    @property
    def notes(self) -> list[Problem]:
        """Warnings about the file and what its columns are read as."""
        return [*self.table.notes, *reading_problems(self.table, self.facts, self.told)]


def check_contacts(
    file: InputTable,
    *,
    region: str | None = None,
    allow_fictional: bool = False,
    allow_fixed_line: bool = False,
    channel: str | None = None,
) -> CheckedContacts:
    """Open a contacts file to judge the address in every row: those of the ``channel``, else the phone numbers, else
    what the file has; and count those of its other address columns, unless a column or a channel is named. Region
    and allowances are those of the settings beside the file or above it, unless they are given. Raises
    ``InvalidInput`` where the file cannot be used."""
    policy = _policy(file.file, region, allow_fictional, allow_fixed_line)
    wanted = channel_of(channel_named(channel, "--channel")) if channel else None
    table = file.open(wanted.column if wanted else "phone")
    others: tuple[AddressColumn, ...] = ()
    if wanted is None:
        address, *further = address_columns(table)
        others = () if file.column else tuple(further)
    else:
        address = AddressColumn(address_column(table, wanted.column), wanted.kind, wanted.network)
    facts = recognise(table.described, address.column, address.kind)
    countries = facts.columns("country")
    told = told_by_file(
        table, (address,), speaking(facts, marketing=True, binds=True), policy, "en", countries, whole=False
    )
    rows = CheckedRows(table, address.column, policy, address.kind, address.network, countries)
    return CheckedContacts(table, address, policy, told, rows, others)


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
