"""What a contacts file's columns are read as, in a line, and what in them is a question to the campaign's author."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from a2pcli.addresses.zones.cells import shown
from a2pcli.contacts.columns import in_yaml
from a2pcli.contacts.facts import PLACE_FACTS, Facts
from a2pcli.contacts.table import Table
from a2pcli.errors import Problem, Severity
from a2pcli.planning.refusals import FileRefusals

EXAMPLES = 3
"""Number of cells quoted in a warning."""


def read_as(table: Table, address: str | None, facts: Facts, fact: str = "phone") -> dict[str, list[str]]:
    """Return each fact with its columns as written, the address (``fact``) first. JSON-ready."""
    found: dict[str, list[str]] = {}
    if address is not None:
        found[fact] = [table.header[table.columns.index(address)].strip()]
    for claim in facts.claims:
        if claim.certain:
            found.setdefault(claim.fact, []).append(claim.written)
    return found


def reading_problems(table: Table, facts: Facts, told: FileRefusals) -> Iterator[Problem]:
    """Yield warnings: columns that look like a fact but are not read as one, several columns for one fact, and
    answers that are neither yes nor no."""
    for written, (fact, why) in facts.unread.items():
        yield _warning(
            table,
            f"column '{written}': {why}",
            f"if so, set contacts: columns: {{{fact}: {in_yaml(written)}}}; if not, ignore: [{in_yaml(written)}]",
            "unread-column",
        )
    for fact in PLACE_FACTS:
        names = [f"'{claim.written}'" for claim in facts.of(fact)]
        if len(names) > 1:
            yield _warning(
                table,
                f"{' and '.join(names)} are both read as {fact}: if they differ, messages are held until both allow it",
                f"to use only one of them: contacts: columns: {{{fact}: …}}",
                "several-columns",
            )
    for written, counts_of in told.unclear.items():
        rows = counts_of.total()
        texts = [f"'{shown(text)}'" for text, _ in counts_of.most_common(EXAMPLES) if text]
        more = ", …" if len(counts_of) > len(texts) else ""
        yield _warning(
            table,
            f"column '{written}': {rows:,} row{'' if rows == 1 else 's'} with an answer that is neither yes nor no "
            f"({', '.join(texts)}{more}) {'is' if rows == 1 else 'are'} excluded",
            f"write yes or no there; if the column is not about consent: contacts: ignore: [{in_yaml(written)}]",
            "unclear-consent",
        )


def place_warnings(table: Table, problems: Counter[str]) -> Iterator[Problem]:
    """Yield a warning for each of the most frequent problems with cells about the recipient's place."""
    named = [(text, rows) for text, rows in problems.most_common() if text]
    for text, rows in named[:EXAMPLES]:
        yield _warning(table, f"{rows:,} row{'' if rows == 1 else 's'}: {text}", None, "place")
    rest = problems.total() - sum(rows for _, rows in named[:EXAMPLES])
    if rest:
        more = f"{rest:,} more row{'' if rest == 1 else 's'} with a time zone or place like these"
        yield _warning(table, more, None, "place")


def total_notes(table: Table, lines: Sequence[int], maybe: int | None) -> Iterator[Problem]:
    """Yield a note for each row in ``lines``, which are totals of other rows and excluded as invalid addresses; and a
    warning for the last row (line ``maybe``) if it gets a message and may be a total."""
    for line in lines:
        text = f"row {line} looks like a total of the rows above, not a person; it is excluded as an invalid address"
        yield Problem(text, table.path, line, severity=Severity.NOTE, code="total-row")
    if maybe is not None:
        text = f"the last row, {maybe}, may be a total of the rows above, and gets a message"
        hint = "if it is not a person, delete the row and plan again"
        yield Problem(text, table.path, maybe, hint=hint, severity=Severity.WARNING, code="total-row")


def _warning(table: Table, message: str, hint: str | None, code: str) -> Problem:
    return Problem(message, table.path, table.header_line, None, hint, Severity.WARNING, code)
