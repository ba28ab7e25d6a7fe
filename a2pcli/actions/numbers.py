"""Numbers that people name: how they are read, whose they are, and which of them are senders of our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, UsageError
from a2pcli.ledger.sender_names import sender_key
from a2pcli.reasons import SENTENCES
from a2pcli.visible import shown

if TYPE_CHECKING:
    from a2pcli.addresses.phone.types import PhoneResult
    from a2pcli.config.load import LoadedSettings
    from a2pcli.config.plain import NumberSettings
    from a2pcli.contacts.checked import PeopleRows
    from a2pcli.contacts.message_log import PersonColumns
    from a2pcli.contacts.table import Table
    from a2pcli.ledger.erasure import Person
    from a2pcli.ledger.store import Ledger

_KEYS = (
    "sender",
    "senders",
    "from",
    "originator",
    "source",
    "source_addr",
    "number",
    "numbers",
    "phone_number",
)
"""Keys of a gateway's block, and of what it sends, under which a sender's number may stand."""


@dataclass(frozen=True, slots=True)
class ReadNumbers:
    """What came of cells: ``numbers`` in E.164, each once; those of them that are ``doubtful``, being in no numbering
    plan; and a problem for every cell that is no number."""

    numbers: tuple[str, ...]
    doubtful: tuple[str, ...]
    problems: tuple[Problem, ...]

    def warnings(self) -> list[str]:
        """A sentence for each that is doubtful."""
        from a2pcli.addresses.phone.any_number import DOUBTFUL

        return [f"warning: {number} is {DOUBTFUL}" for number in self.doubtful]

    def one(self) -> str:
        """The only number that was asked about. Raises ``UsageError`` for what is none."""
        if self.problems:
            raise UsageError(*self.problems)
        (number,) = self.numbers
        return number


def read_numbers(cells: Sequence[str], region: str | None) -> ReadNumbers:
    """Read as widely as can be: suppressing one number too many does no harm.

    ``region`` is that of numbers without +.
    """
    from a2pcli.addresses.phone.any_number import DOUBTFUL, any_number

    numbers: dict[str, None] = {}
    doubtful, problems = [], []
    for cell in cells:
        result = any_number(cell, region)
        if result.number is None:
            problems.append(_unreadable(cell, result, region))
            continue
        numbers[result.number] = None
        if result.detail == DOUBTFUL:
            doubtful.append(result.number)
    return ReadNumbers(tuple(numbers), tuple(doubtful), tuple(problems))


def _unreadable(cell: str, result: PhoneResult, region: str | None) -> Problem:
    why = result.detail or (SENTENCES[result.reason] if result.reason else "not a number")
    hint = None
    if region is None and not cell.strip().startswith("+"):
        hint = "write it with + and the country's code, or give --region"
    # The last digits are enough to know one's own typing again.
    return Problem(f"…{shown(cell.strip()[-4:])}: {why}", hint=hint, code="number")


def person_of(cell: str, region: str | None) -> Person:
    """The person a number is of, with every form of it. Raises ``UsageError`` for what is no number."""
    import phonenumbers

    from a2pcli.addresses.phone.any_number import DOUBTFUL, SHORT_CODE, any_number
    from a2pcli.addresses.phone.same_phone import same_phone_forms
    from a2pcli.ledger.erasure import Person

    found = any_number(cell, region)
    if found.number is None or found.detail == DOUBTFUL:
        raise UsageError(_unreadable(cell, found, region))
    if found.type == SHORT_CODE:
        return Person(found.number, (found.number,))
    nationals = (
        phonenumbers.national_significant_number(phonenumbers.parse(form, None))
        for form in same_phone_forms(found.number)
    )
    cells = tuple(dict.fromkeys(national for national in nationals if len(national) >= 7))
    return Person(found.number, cells or (found.number.lstrip("+"),))


def own_numbers(
    settings: NumberSettings, ledger: Ledger | None = None, *, campaigns: bool = False
) -> frozenset[str]:
    """Digits of every sender that is a number, in every form of it: those of the settings and their gateways, of past
    runs, and with ``campaigns`` of campaign files too."""
    from a2pcli.addresses.phone.same_phone import same_phone_forms

    named = [*settings.settings.senders, *_of_blocks(settings.settings.gateways)]
    if ledger is not None:
        named += [run.sender for run in ledger.runs() if run.sender]
    if campaigns:
        named += _of_campaigns(settings)
    keys = {sender_key(name) for name in named}
    return frozenset(
        form.lstrip("+") for key in keys if key.isdigit() for form in (key, *same_phone_forms(f"+{key}"))
    )


def people_rows(
    table: Table,
    column: str | None,
    settings: LoadedSettings,
    region: str | None,
    *,
    are_replies: bool = False,
) -> tuple[PersonColumns, PeopleRows]:
    """Which columns hold the people of a table, and its rows with their numbers; own senders are left alone.

    ``region`` is that of numbers without +, None for the settings'. Of ``are_replies`` the person is who wrote.
    """
    from a2pcli.contacts.checked import PeopleRows
    from a2pcli.contacts.message_log import person_columns

    own = own_numbers(settings, campaigns=True)
    people = person_columns(table, column, are_replies=are_replies, own=own)
    return people, PeopleRows(table, people, region or settings.settings.region, own)


def is_own(number: str, own: frozenset[str]) -> bool:
    """Whether a number (E.164, or a short code) is a sender of ours."""
    return number.lstrip("+") in own


def _of_blocks(value: Any, key: str = "") -> Iterator[str]:
    """Senders that stand in gateways' blocks, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_blocks(inner, str(name).casefold())
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _of_blocks(inner, key)
    elif isinstance(value, str) and key in _KEYS:
        yield value


def _of_campaigns(settings: NumberSettings) -> Iterator[str]:
    """Senders of the campaign files beside the settings, in their folder of campaigns, and here."""
    from a2pcli.config.load import load_campaign

    for path in _files(
        (settings.folder, settings.folder / "campaigns", Path.cwd(), Path.cwd() / "campaigns")
    ):
        try:
            yield from load_campaign(path).campaign.senders.all
        except A2PError:
            continue  # no campaign, or a broken one: `check` tells about it


def _files(folders: Iterable[Path]) -> list[Path]:
    found = {
        path.resolve(): None
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix in (".yaml", ".yml") and path.stem != "a2pcli" and path.is_file()
    }
    return list(found)
