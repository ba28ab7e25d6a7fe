"""Column names: how a header as people write it becomes the name a template uses, and which column is the address."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from difflib import get_close_matches
from functools import cache

from a2pcli.contacts.fact_names import fact_names
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.folding import found_name, is_letter, name_key, name_words

_OTHER_WORDS = {
    "type", "country", "code", "carrier", "provider", "network", "consent", "optin", "opt", "date", "id", "status",
    "valid", "verified", "model", "os", "brand", "name", "extension", "ext", "fax", "app", "user", "work", "home",
}  # fmt: skip
_ABOUT_MESSAGES = {
    "sent", "opened", "opens", "clicked", "clicks", "bounced", "bounce", "bounces", "delivered", "marketing",
    "newsletter", "subject", "count", "total", "subscribed", "unsubscribed", "unsubscribe", "list", "campaign",
    "domain", "score", "out", "in", "hash", "md5", "sha256", "template", "permission", "preference",
    "preferences", "frequency", "last", "first", "text", "message", "allowed", "ok", "active", "group",
    "format", "language", "time", "at", "accepts", "do", "not", "send", "contact", "blocked", "invalid",
    "server", "password", "signature",
}  # fmt: skip
"""Words that make a name with ``email`` in it one of messages, or of consent to them."""
_SHORTEST = 6
"""Letters of a telling word that may have an ending: ``телефон-а``."""
_UNSPACED = (
    ("\u0e00", "\u0e7f"),
    ("\u1100", "\u11ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
    ("\uac00", "\ud7af"),
)
"""First and last letters of scripts that put no spaces between words."""
_LIKE_NUMBER = re.compile(r"\+?[\d ().-]{7,20}")
_LIKE_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_PLAIN_YAML = re.compile(r"[^\W\d_](?:[\w ()./-]*[\w)])?")
_YAML_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_NOT_NAME = re.compile(r"[\x00-\x2f\x3a-\x60\x7b-\x7f]+")


def in_yaml(name: str) -> str:
    """The name of a column as a person writes it into a campaign: in quotes where YAML would read it otherwise."""
    plain = _PLAIN_YAML.fullmatch(name) and name.casefold() not in _YAML_WORDS
    return name if plain else json.dumps(name, ensure_ascii=False)


def meant(typed: str, near: str) -> str:
    """A hint that names the nearest of what there is. Where the two look the same, it says which letter is not:
    a Cyrillic o in the file is another letter than the Latin one that was typed."""
    hint = f"did you mean '{near}'?"
    letters = [
        there
        for there, here in zip(near.casefold(), typed.casefold(), strict=False)
        if there != here and there.isascii() != here.isascii()
    ]
    if len(near) == len(typed) and letters:
        name = unicodedata.name(letters[0], f"U+{ord(letters[0]):04X}")
        return f"{hint} they look alike, but '{letters[0]}' in it is {name}"
    return hint


def canonical(name: str) -> str:
    """A header as templates write it: lower case, composed, runs of anything but letters and digits one ``_``.

    >>> canonical("  First-Name "), canonical("Pre\u0301nom")
    ('first_name', 'prénom')
    """
    if name.isascii():
        return _NOT_NAME.sub("_", name.casefold()).strip("_")
    visible = "".join(char for char in name if unicodedata.category(char) != "Cf")
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return _NOT_NAME.sub("_", "".join(char if is_letter(char) else "_" for char in text)).strip("_")


def looks_like_address(cell: str) -> bool:
    """Whether a text may be a phone number or an email address, and so is no name of a column."""
    text = cell.strip()[:100]
    return bool(_LIKE_NUMBER.fullmatch(text) or _LIKE_EMAIL.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Columns:
    """A header understood: ``names`` are canonical and unique, aligned with ``header`` (as written)."""

    header: tuple[str, ...]
    names: tuple[str, ...]
    duplicates: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Canonical name to the positions (from 0) of every column that has it, where there are several."""
    mapped: frozenset[str] = frozenset()
    """Canonical names that the campaign's mapping gave."""

    def find(self, name: str) -> str | None:
        """The canonical column that a name as someone typed it means, or None."""
        wanted = canonical(name)
        return wanted if wanted in self.names else found_name(name, self.names)

    def suggestion(self, name: str) -> str | None:
        """A hint that names the nearest column, or None."""
        near = get_close_matches(
            canonical(name), [column for column in self.names if column], n=1, cutoff=0.6
        )
        return meant(name, self.header[self.names.index(near[0])].strip()) if near else None


def read_header(
    header: Sequence[str], mapping: Mapping[str, str], path: str, line: int
) -> tuple[Columns, list[Problem]]:
    """Give every column its name.

    A mapped column takes the name the mapping gives it, whatever other column had it. Of several columns with
    one name the first keeps it and the others become ``name_2``, ``name_3`` (a warning). A column without a name is
    ``column_7`` by its place. Raises InvalidInput with a problem for each mapping whose column does not exist.
    """
    header = tuple(header)
    wanted = _targets(header, mapping, path, line)
    plain = [canonical(name) for name in header]
    positions: dict[str, list[int]] = {}
    for place, name in enumerate(plain):
        if name and place not in wanted:
            positions.setdefault(name, []).append(place)
    names: list[str] = [""] * len(header)
    following: dict[str, int] = {}
    taken = set(wanted.values()) | set(positions)
    for place, target in wanted.items():
        names[place] = target
    for place, name in enumerate(plain):
        if place in wanted:
            continue
        if name and positions[name][0] == place and name not in wanted.values():
            names[place] = name
            continue
        base, number = (name, following.get(name, 2)) if name else ("column", place + 1)
        while f"{base}_{number}" in taken:
            number += 1
        following[base] = number + 1
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


def pick_address(columns: Columns, wanted: str | Sequence[str], path: str, line: int) -> str:
    """The canonical name of the column that holds the address. See ``table.address_column``."""
    several = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    name = next(filter(None, (find_address(columns, fact) for fact in several)), None)
    if name is None:
        raise InvalidInput(_no_address(columns, several, path, line))
    if name in columns.duplicates and name not in columns.mapped:
        places = ", ".join(str(place + 1) for place in columns.duplicates[name])
        written = columns.header[columns.duplicates[name][0]].strip()
        count = len(columns.duplicates[name])
        message = (
            f"{count} columns are called '{written}' (columns {places}), and it is the one with the addresses"
        )
        if several == ("phone",):
            message = message.replace("addresses", "phone numbers")
        hint = "rename one of them"
        raise InvalidInput(Problem(message, path=path, line=line, hint=hint, code="duplicate-address-column"))
    return name


def find_address(columns: Columns, fact: str) -> str | None:
    """The canonical name of the column with addresses of a kind (``phone``, ``email``, a chat network); None for
    none."""
    keys: dict[str, str] = {}
    for column in columns.names:
        keys.setdefault(name_key(column), column)
    if fact in columns.mapped:
        return fact
    known = (keys[key] for key in fact_names().addresses[fact] if key in keys)
    return next(known, None) or _speaking_name(columns, fact)


def _speaking_name(columns: Columns, fact: str) -> str | None:
    """A column that can only be the one, though its name is longer: ``customer_mobile_number``."""
    found = [
        name
        for written, name in zip(columns.header, columns.names, strict=True)
        if name and _speaks_of(fact, written, name)
    ]
    return found[0] if len(found) == 1 else None


def _speaks_of(fact: str, written: str, name: str) -> bool:
    """Whether a name that is longer than those known has a telling word, and no word of something else."""
    telling = fact_names().telling[fact]
    words = {*name_words(written), *name_words(name)}
    if words & (_OTHER_WORDS if fact == "phone" else _OTHER_WORDS | _ABOUT_MESSAGES):
        return False
    key = name_key(name)
    inflected = {word[:-extra] for word in words for extra in (1, 2) if len(word) - extra >= _SHORTEST}
    return bool((words | inflected) & telling) or any(word in key for word in _unspaced(fact))


@cache
def _unspaced(fact: str) -> tuple[str, ...]:
    """Telling words of scripts that put no spaces between words."""
    telling = fact_names().telling[fact]
    return tuple(word for word in telling if any(first <= word[:1] <= last for first, last in _UNSPACED))


def other_address_columns(columns: Columns, chosen: str, fact: str = "phone") -> list[str]:
    """Columns, as written, that could hold the addresses as well as the chosen one. None where it was mapped."""
    if chosen in columns.mapped:
        return []
    return [
        written.strip()
        for written, name in zip(columns.header, columns.names, strict=True)
        if name and name != chosen and _likely(name, fact)
    ]


def _likely(name: str, fact: str) -> bool:
    """Whether a known name of address columns names a phone (an email, …), and not only a number or a recipient."""
    known = fact_names()
    telling = known.telling[fact]
    return name_key(name) in known.addresses[fact] and bool({name_key(name), *name_words(name)} & telling)


_CALLED = {
    "phone": ("phone numbers", "phone, mobile, msisdn"),
    "email": ("email addresses", "email, e-mail, mail"),
    "telegram": ("Telegram ids", "telegram, telegram id"),
    "messenger": ("Messenger ids", "messenger, psid"),
    "viber": ("Viber ids", "viber id"),
}
"""What an address column holds, and what such columns are called."""


def _no_address(columns: Columns, wanted: Sequence[str], path: str, line: int) -> Problem:
    if any(looks_like_address(name) for name in columns.header):
        message, hint = (
            "the first row looks like a contact, not a header",
            "insert a row with column names above it",
        )
    else:
        what, names = _CALLED[wanted[0]]
        if len(wanted) > 1:
            what, names = "phone numbers, email addresses or chat ids", "phone, mobile, email"
        message = f"no column with {what}: none is called {names}, …"
        where = f"`columns: {{{wanted[0]}: …}}` in a campaign, --column on the command line"
        hint = f"name it: {where}; {_listing(columns.header)}"
    return Problem(message, path=path, line=line, hint=hint, code="no-address-column")


_LIKE_NAME = re.compile(r"[^\W\d_][\w .'’()/&#°-]{0,39}")
_LIKE_SECRET = re.compile(r"\d{5}|[A-Za-z0-9_]{25}")


def _listing(header: Iterable[str]) -> str:
    """The columns by name. What does not look like one is not shown: the file may be another than was meant, and
    hold what belongs in no log."""
    named = [
        name.strip()
        if _LIKE_NAME.fullmatch(name.strip()) and not _LIKE_SECRET.search(name)
        else f"(column {place})"
        for place, name in enumerate(header, 1)
        if name.strip()
    ]
    if len(named) < 2:
        return "the file has one column"
    more = f", … {len(named) - 12} more" if len(named) > 12 else ""
    return "the columns are " + ", ".join(named[:12]) + more
