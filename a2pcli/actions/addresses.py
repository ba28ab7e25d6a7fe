"""Reads addresses that people type: whose they are, and whether they are a sender of ours."""

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
    from a2pcli.addresses.kinds import Address, Kind
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
class ReadAddresses:
    """What came of cells: ``addresses`` in their normal spelling, each once; those of them that are ``doubtful``, being
    numbers in no numbering plan; and a problem for every cell that is no address."""

    addresses: tuple[str, ...]
    doubtful: tuple[str, ...]
    problems: tuple[Problem, ...]

    def warnings(self) -> list[str]:
        """A warning for each doubtful address."""
        from a2pcli.addresses.phone.any_number import DOUBTFUL

        return [f"warning: {number} is {DOUBTFUL}" for number in self.doubtful]

    def one(self) -> str:
        """The only address that was asked about. Raises ``UsageError`` for what is none."""
        if self.problems:
            raise UsageError(*self.problems)
        (address,) = self.addresses
        return address


def read_addresses(cells: Sequence[str], region: str | None) -> ReadAddresses:
    """Read phone numbers, email addresses and chat ids as widely as can be: suppressing one too many does no harm.

    ``region`` is that of numbers without +.
    """
    from a2pcli.addresses.any_address import any_address
    from a2pcli.addresses.phone.any_number import DOUBTFUL

    found: dict[str, None] = {}
    doubtful, problems = [], []
    for cell in cells:
        result = any_address(cell, region)
        if result.address is None:
            problems.append(unreadable(cell, result, region))
            continue
        found[result.address] = None
        if result.detail == DOUBTFUL:
            doubtful.append(result.address)
    return ReadAddresses(tuple(found), tuple(doubtful), tuple(problems))


def unreadable(cell: str, result: Address, region: str | None) -> Problem:
    """The ``Problem`` of a cell that is not a valid address."""
    why = result.detail or (SENTENCES[result.reason] if result.reason else "not an address")
    is_phone = result.kind == "phone"
    hint = None
    if is_phone and region is None and not cell.strip().startswith("+"):
        hint = "write it with + and the country's code, or give --region"
    # The last signs are enough to know one's own typing again.
    return Problem(f"…{shown(cell.strip()[-4:])}: {why}", hint=hint, code="number" if is_phone else "address")


def channel_named(text: str, option: str) -> str:
    """A channel that exists, by its name. Raises ``UsageError`` for another."""
    from difflib import get_close_matches

    from a2pcli.channels import NAMES

    channel = text.strip().lower()
    if channel not in NAMES:
        near = get_close_matches(channel, NAMES, 1)
        hint = f"did you mean {near[0]}?" if near else "the channels are " + ", ".join(NAMES)
        raise UsageError(Problem(f"{option} {text}: no such channel", hint=hint))
    return channel


def usual_channel(address: str) -> str:
    """The channel that an address is most often written to by: sms for phone numbers."""
    from a2pcli.addresses.kinds import Kind, kind_of
    from a2pcli.channels import DEFAULT

    kind = kind_of(address)
    if kind is Kind.HANDLE:
        return address.partition(":")[0]
    return DEFAULT if kind is Kind.PHONE else "email"


def person_of(cell: str, region: str | None) -> Person:
    """The person an address is of, with every form of it. Raises ``UsageError`` for what is no address."""
    import phonenumbers

    from a2pcli.addresses.any_address import any_address
    from a2pcli.addresses.kinds import Kind, forms_of
    from a2pcli.addresses.phone.any_number import DOUBTFUL, SHORT_CODE
    from a2pcli.ledger.erasure import Person

    found = any_address(cell, region)
    address = found.address
    if address is None or found.detail == DOUBTFUL:
        raise UsageError(unreadable(cell, found, region))
    if found.kind is not Kind.PHONE or found.type == SHORT_CODE:
        return Person(address, (address,))
    nationals = (
        phonenumbers.national_significant_number(phonenumbers.parse(form, None)) for form in forms_of(address)
    )
    cells = tuple(dict.fromkeys(national for national in nationals if len(national) >= 7))
    return Person(address, cells or (address.lstrip("+"),))


def own_numbers(
    settings: NumberSettings, ledger: Ledger | None = None, *, campaigns: bool = False
) -> frozenset[str]:
    """Digits of every sender that is a number, in every form of it: those of the settings and their gateways, of past
    runs, and with ``campaigns`` of campaign files too."""
    from a2pcli.addresses.phone.same_phone import same_phone_forms

    named = [*settings.settings.senders, *_of_blocks(settings.settings.gateways)]
    if ledger is not None:
        named += [run.sender for run in ledger.runs.all() if run.sender]
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
    """Which columns hold the people of a table, and its rows with their addresses; own senders are left alone.

    ``region`` is that of numbers without +, None for the settings'. Of ``are_replies`` the person is who wrote.
    """
    from a2pcli.contacts.checked import PeopleRows
    from a2pcli.contacts.message_log import person_columns

    own = own_numbers(settings, campaigns=True)
    people = person_columns(table, column, are_replies=are_replies, own=own)
    return people, PeopleRows(table, people, region or settings.settings.region, own)


def further_columns(table: Table, people: PersonColumns, named: str | None) -> list[tuple[str, Kind]]:
    """Columns with other addresses of the people, one of each kind: who says no by phone gets no email either.

    None where one column was ``named``, and in a log of messages."""
    from a2pcli.channels import CHANNELS
    from a2pcli.contacts.columns import find_address

    if named is not None or people.is_log:
        return []
    found: dict[str, Kind] = {}
    for channel in CHANNELS.values():
        column = find_address(table.described, channel.column) if channel.network is None else None
        if column is not None and column != people.inbound and column not in table.described.duplicates:
            found.setdefault(column, channel.kind)
    return list(found.items())


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
