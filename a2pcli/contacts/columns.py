"""Column names: how a header as people write it becomes the name a template uses, and which column is the address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from a2pcli.errors import InvalidInput, Problem, Severity

ADDRESS_NAMES: dict[str, tuple[str, ...]] = {
    "sms": (
        "phone", "mobile", "msisdn", "cell", "phone_number", "mobile_number", "cell_number", "cellphone",
        "cell_phone", "mobile_phone", "mobilephone", "phone_mobile", "phone_no", "mobile_no", "cell_no",
        "telephone", "telephone_number", "telephone_no", "tel", "tel_no", "phone_1", "phone1", "mobile_1",
        "mobile1", "number", "recipient", "recipient_number", "recipient_phone", "to", "to_number",
        "contact_number", "contact_no", "contact_phone", "customer_phone", "whatsapp", "sms", "sms_number",
        "gsm", "handy", "handynummer", "mobil", "mobilnummer", "telefon", "telefonnummer", "telefono",
        "movil", "celular", "cellulare", "portable", "telephone_portable", "mobiel", "mobiele_nummer",
    ),
}  # fmt: skip
"""Names an address column is known by, best first. The exact word `phone` always wins (a mapping makes it)."""
ADDRESS_NAMES["mms"] = ADDRESS_NAMES["sms"]

_TELLING_WORDS = {
    "phone",
    "mobile",
    "msisdn",
    "cell",
    "cellphone",
    "telephone",
    "mobil",
    "handy",
    "telefon",
    "gsm",
}
_OTHER_WORDS = {
    "type", "country", "code", "carrier", "provider", "network", "consent", "optin", "opt", "date", "id", "status",
    "valid", "verified", "model", "os", "brand", "name", "extension", "ext", "fax", "app", "user", "work", "home",
}  # fmt: skip
_LIKELY_NAMES = {name for name in ADDRESS_NAMES["sms"] if _TELLING_WORDS & {*name.split("_")}}
_LIKE_NUMBER = re.compile(r"\+?[\d ().-]{7,20}")
_NOT_NAME = re.compile(r"[\W_]+")


def canonical(name: str) -> str:
    """A header as templates write it: lower case, runs of anything but letters and digits one `_`.

    >>> canonical("  First-Name ")
    'first_name'
    """
    return _NOT_NAME.sub("_", name.casefold()).strip("_")


@dataclass(frozen=True, slots=True)
class Columns:
    """A header understood: `names` are canonical and unique, aligned with `header` (as written)."""

    header: tuple[str, ...]
    names: tuple[str, ...]
    duplicates: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Canonical name to the positions (from 0) of every column that has it, where there are several."""
    mapped: frozenset[str] = frozenset()
    """Canonical names that the campaign's mapping gave."""

    def find(self, name: str) -> str | None:
        """The canonical column that a name as someone typed it means, or None."""
        wanted = canonical(name)
        if wanted in self.names:
            return wanted
        squeezed = wanted.replace("_", "")
        near = [column for column in self.names if column.replace("_", "") == squeezed]
        return near[0] if len(near) == 1 else None

    def suggestion(self, name: str) -> str | None:
        """A hint that names the nearest column, or None."""
        near = get_close_matches(
            canonical(name), [column for column in self.names if column], n=1, cutoff=0.6
        )
        return f"did you mean '{self.header[self.names.index(near[0])].strip()}'?" if near else None


def read_header(
    header: Sequence[str], mapping: Mapping[str, str], path: str, line: int
) -> tuple[Columns, list[Problem]]:
    """Give every column its name.

    A mapped column takes the name the mapping gives it, whatever other column had it. Of several columns with
    one name the first keeps it and the others become `name_2`, `name_3` (a warning). A column without a name is
    `column_7` by its place. Raises InvalidInput with a problem for each mapping whose column does not exist.
    """
    header = tuple(header)
    wanted = _targets(header, mapping, path, line)
    plain = [canonical(name) for name in header]
    positions: dict[str, list[int]] = {}
    for place, name in enumerate(plain):
        if name and place not in wanted:
            positions.setdefault(name, []).append(place)
    names: list[str] = [""] * len(header)
    taken = set(wanted.values()) | set(positions)
    for place, target in wanted.items():
        names[place] = target
    for place, name in enumerate(plain):
        if place in wanted:
            continue
        if name and positions[name][0] == place and name not in wanted.values():
            names[place] = name
            continue
        base, number = (name, 2) if name else ("column", place + 1)
        while f"{base}_{number}" in taken:
            number += 1
        names[place] = f"{base}_{number}"
        taken.add(names[place])
    duplicates = {name: tuple(places) for name, places in positions.items() if len(places) > 1}
    notes = [
        Problem(
            f"{len(places)} columns are called '{header[places[0]].strip()}'; "
            f"the first is read as '{names[places[0]]}', the next as '{names[places[1]]}'",
            path=path, line=line, severity=Severity.WARNING, code="duplicate-header",
        )
        for name, places in duplicates.items()
    ]  # fmt: skip
    return Columns(header, tuple(names), duplicates, frozenset(wanted.values())), notes


def _targets(header: Sequence[str], mapping: Mapping[str, str], path: str, line: int) -> dict[int, str]:
    """Place in the header to the name the mapping gives it."""
    found: dict[int, str] = {}
    problems: list[Problem] = []
    plain = Columns(tuple(header), tuple(canonical(name) for name in header))
    for target, written in mapping.items():
        exact = [place for place, name in enumerate(header) if name.strip() == written.strip()]
        column = plain.find(written)
        places = exact or [place for place, name in enumerate(plain.names) if column and name == column]
        if len(places) == 1:
            found[places[0]] = canonical(target)
            continue
        message = f"no column '{written}'" if not places else f"{len(places)} columns are called '{written}'"
        hint = plain.suggestion(written) or _listing(header)
        problems.append(Problem(message, path=path, line=line, hint=hint, code="unknown-column"))
    if problems:
        raise InvalidInput(*problems)
    return found


def pick_address(columns: Columns, channel: str, path: str, line: int) -> str:
    """The canonical name of the column that holds the address. See `table.address_column`."""
    known = ADDRESS_NAMES.get(channel, ADDRESS_NAMES["sms"])
    name = next((name for name in known if name in columns.names), None) or _speaking_name(columns)
    if name is None:
        raise InvalidInput(_no_address(columns, path, line))
    if name in columns.duplicates and name not in columns.mapped:
        places = ", ".join(str(place + 1) for place in columns.duplicates[name])
        written = columns.header[columns.duplicates[name][0]].strip()
        count = len(columns.duplicates[name])
        message = f"{count} columns are called '{written}' (columns {places}), and it is the one with the phone numbers"
        hint = "rename one of them"
        raise InvalidInput(Problem(message, path=path, line=line, hint=hint, code="duplicate-address-column"))
    return name


def _speaking_name(columns: Columns) -> str | None:
    """A column that can only be the one, though its name is longer: `customer_mobile_number`."""
    found = [
        name
        for name in columns.names
        if _TELLING_WORDS & {*name.split("_")} and not _OTHER_WORDS & {*name.split("_")}
    ]
    return found[0] if len(found) == 1 else None


def other_address_columns(columns: Columns, chosen: str) -> list[str]:
    """Columns, as written, that could hold the numbers as well as the chosen one. None where it was mapped."""
    if chosen in columns.mapped:
        return []
    return [
        written.strip()
        for written, name in zip(columns.header, columns.names, strict=True)
        if name != chosen and name in _LIKELY_NAMES
    ]


def _no_address(columns: Columns, path: str, line: int) -> Problem:
    if any(_LIKE_NUMBER.fullmatch(name.strip()) for name in columns.header):
        message, hint = (
            "the first row looks like a contact, not like a header",
            "put a row with names above it",
        )
    else:
        message = "no column with phone numbers: none is called phone, mobile, msisdn, …"
        hint = (
            f"name it: `columns: {{phone: …}}` in a campaign, --column in a check; {_listing(columns.header)}"
        )
    return Problem(message, path=path, line=line, hint=hint, code="no-address-column")


def _listing(header: Iterable[str]) -> str:
    named = [name.strip() for name in header if name.strip()]
    more = f", … {len(named) - 12} more" if len(named) > 12 else ""
    return "the columns are " + ", ".join(named[:12]) + more
