"""What the cells of a contact say of where it is: time zone, state and postcode, as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

from a2pcli.addresses.zones.data import (
    NOTHING,
    Names,
    countries,
    country_codes,
    fold,
    postcodes,
    spoken,
    states,
    zone_cities,
    zone_key,
    zone_names,
)
from a2pcli.dataclass import dataclass
from a2pcli.folding import name_key
from a2pcli.timezones import ZoneInfo

_OFFSET = re.compile(
    r"(?P<etc>etc/)?(?:utc|gmt|ut|uct|zulu|z|universal|greenwich)?(?:time)?(?:0(?=[+\-−]))?"
    r"(?:(?P<sign>[+\-−±])?(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d)|(?P<part>[.,](?:0|25|5|50|75))?)?(?::00)?)?"
)
_CALLING_CODE = re.compile(r"(?:\+|00)?([1-9][0-9]{0,2})(?:\.0)?")
_FARTHEST = 14 * 60
_MONTHS = (1, 4, 7, 10)
"""Months in which a zone is asked for its offset: every summer time covers one and leaves one."""


def offsets_meant(text: str) -> tuple[int, ...]:
    """Minutes ahead of UTC that a text may mean; nothing for what is no offset. A bare number may be either way.

    >>> offsets_meant("UTC-8"), offsets_meant("GMT+5:30"), offsets_meant("Z"), offsets_meant("5")
    ((-480,), (330,), (0,), (-300, 300))
    >>> offsets_meant("Etc/GMT+5"), offsets_meant("noon")
    ((-300,), ())
    """
    plain = text.casefold().replace(" ", "").strip("()")
    found = _OFFSET.fullmatch(plain)
    if found is None or not plain:
        return ()
    part = float(found["part"].replace(",", ".")) if found["part"] else 0.0
    minutes = int(found["hours"] or 0) * 60 + int(found["minutes"] or 0) + round(part * 60)
    if minutes > _FARTHEST:
        return ()
    if minutes and (found["sign"] == "±" or (found["sign"] is None and plain[:1].isdigit())):
        return (-minutes, minutes)
    behind = (found["sign"] or "+") in "-−"
    if found["etc"]:
        behind = not behind  # POSIX signs: Etc/GMT+5 is five hours behind
    return (-minutes if behind else minutes,)


@cache
def zones_of_offsets(meant: tuple[int, ...], country: str) -> Names:
    """The country's zones that keep one of the offsets for some of the year; where there is none, one that always keeps
    the only offset. Nothing where no zone does."""
    here = [zone for zone in countries().get(country, NOTHING).zones if {*meant} & _offsets(zone)]
    if here or len(meant) != 1:
        return tuple(sorted(here))
    hours, rest = divmod(abs(meant[0]), 60)
    if not rest:
        sign = "-" if meant[0] > 0 else "+"  # POSIX signs again
        return (f"Etc/GMT{sign}{hours}" if hours else "Etc/UTC",)
    all_zones = sorted({zone for found in countries().values() for zone in found.zones})
    return tuple(zone for zone in all_zones if _offsets(zone) == {meant[0]})[:1]


@cache
def _offsets(zone: str) -> frozenset[int]:
    """The offsets that a zone keeps this year, in minutes."""
    place, year = ZoneInfo(zone), datetime.now(UTC).year
    moments = (datetime(year, month, 15, tzinfo=UTC).astimezone(place) for month in _MONTHS)
    return frozenset(
        round((moment.utcoffset() or datetime.resolution).total_seconds() / 60) for moment in moments
    )


HEAD = 6
"""Characters of a postcode that are read, beside its length."""

_EMPTY = frozenset(
    {"", "-", "--", "?", "n/a", "na", "none", "null", "nil", "nan", "unknown", "other", "#n/a"}
)
_EMPTY_HEADS = frozenset(word[:HEAD] for word in _EMPTY)
_DISPLAY = re.compile(r"^\((?:UTC|GMT)[^)]*\)\s*")
_LONG_NUMBER = re.compile(r"\d(?=(?:\D?\d){4})")
_ASIDE = re.compile(r"\s*\([^)]*\)\s*$")
_COUNTRY_AFTER = re.compile(
    r" (?:usa|us|united states|canada|australia|brasil|brazil|mexico|espana|spain|portugal)$"
)
_NEW_NAME = re.compile(r"(?!Etc/)[A-Z][A-Za-z_]+/[A-Za-z_+\-]+(?:/[A-Za-z_]+)?")
AMERICAN = frozenset({"US", "CA", "PR", "VI", "GU", "AS", "MP"})
_OVERSEAS = {
    **dict.fromkeys(("RE", "GP", "MQ", "GF", "YT", "PM", "BL", "MF", "NC", "PF", "WF"), "FR"),
    **dict.fromkeys(("JE", "GG", "IM"), "GB"),
}
_TERRITORIES = AMERICAN - {"US", "CA"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell says: zones, regions, or why it says nothing."""

    zones: Names = ()
    regions: Names = ()
    problem: str | None = None
    doubtful: bool = False
    """The zones are those it may mean: an offset, or letters with a meaning elsewhere."""


SILENT = Cell()


def joined(one: Cell, other: Cell) -> Cell:
    """What two cells say together. Where one says something, that the other does not matters only to be told."""
    zones = tuple(sorted({*one.zones, *other.zones}))
    regions = tuple(sorted({*one.regions, *other.regions}))
    problem = "; ".join(dict.fromkeys(cell.problem for cell in (one, other) if cell.problem)) or None
    return Cell(zones, regions, problem, one.doubtful or other.doubtful)


def read_timezone(text: str, country: str) -> Cell:
    """A time zone as people and programs write it: an IANA name of any age or case, a Windows name, ``EST``,
    ``London``.

    What letters mean depends on the country of the number. An offset from UTC does not know summer time, and many
    programs write UTC for everybody: it means the country's zones that keep it for some of the year, else the offset
    itself, and is doubtful. So are letters that have a meaning only in other countries.
    """
    typed = text.strip().replace("\\", "/").replace("_slash_", "/")
    if typed.casefold() in _EMPTY:
        return SILENT
    typed = _DISPLAY.sub("", typed) or typed
    zones = _named(typed) or _said(typed, country)
    if zones:
        return Cell(zones)
    quoted = shown(text)
    meant = offsets_meant(typed)
    if meant:
        kept = zones_of_offsets(meant, country)
        if kept:
            return Cell(
                kept, problem=f"time zone '{quoted}' is an offset, not a place: {_WAITS}", doubtful=True
            )
    elsewhere = _meant_elsewhere(typed)
    if elsewhere:
        return Cell(
            elsewhere,
            problem=f"'{quoted}' is no time zone of {country or 'the number'}: {_WAITS}",
            doubtful=True,
        )
    return Cell(problem=f"'{quoted}' is no time zone: write a name such as America/New_York")


_WAITS = "messages wait for every zone that it may mean; write a name such as Europe/London"


def _meant_elsewhere(typed: str) -> Names:
    """All that letters mean in any country: ``Eastern`` is American and Australian."""
    words = _words_of(typed)
    return tuple(sorted({zone for (_, key), zones in spoken().items() if key in words for zone in zones}))


def read_country(text: str) -> Cell:
    """A country by its ISO code or its name in one of some forty languages, as its only region. A calling code (``49``,
    ``+44``) is of a number and says nothing of where a person is."""
    if text.strip().casefold() in _EMPTY or region_called(text) is not None:
        return SILENT
    code = country_codes().get(name_key(text))
    if code is None:
        return Cell(problem=f"'{shown(text)}' is no country: write its two letters, such as GB")
    return Cell(regions=(code,))


def region_called(text: str) -> str | None:
    """The main region of a calling code, None for anything else.

    >>> region_called("+49"), region_called("0044"), region_called("1"), region_called("DE"), region_called("999")
    ('DE', 'GB', 'US', None, None)
    """
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    found = _CALLING_CODE.fullmatch(text.strip())
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(found[1]), ()) if found else ()
    return next((region for region in regions if region != "001"), None)


def _named(typed: str) -> Names:
    """By its name in the zone database. Windows' names come later: what people say has more meanings."""
    typed = _ASIDE.sub("", typed)
    known = zone_names().get(zone_key(typed)) if "/" in typed or " " not in typed else None
    if known:
        return (known,)
    if _NEW_NAME.fullmatch(typed):
        try:
            return (ZoneInfo(typed).key,)
        except (ValueError, OSError, KeyError):
            return ()
    return ()


def _words_of(typed: str) -> tuple[str, str]:
    """What is written, folded, and the same without ``standard time`` and the like behind it."""
    words = fold(re.sub(r"\([^)]*\)", " ", typed).replace("/", " "))
    return words, re.sub(r"\s+(?:(?:standard|daylight|summer) time|time|standard|daylight)$", "", words)


def _said(typed: str, country: str) -> Names:
    words, short = _words_of(typed)
    homes = (country, "US", "*") if country in _TERRITORIES else (country, "*")
    for key in (words, short):
        for home in homes:
            if (home, key) in spoken():
                return spoken()[home, key]
    other = zone_names().get(zone_key(typed)) or zone_cities().get(words)
    return (other,) if other else ()


def read_state(text: str, country: str) -> Cell:
    """A state or province: its name, abbreviation or ISO 3166-2 code, any case.

    Looked for in the number's country; for a number of the US or Canada in both; elsewhere a code like ``US-TX`` and
    the full name of an American state are understood too.
    """
    if text.strip().casefold() in _EMPTY:
        return SILENT
    name = fold(text)
    region = _region(name, text, country) or _region(_COUNTRY_AFTER.sub("", name), text, country)
    if region:
        return Cell(regions=(region,))
    if country in states().countries or country in AMERICAN:
        return Cell(problem=f"'{shown(text)}' is no state or province known in {country}")
    return SILENT


def _region(name: str, text: str, country: str) -> str | None:
    for home in _homes(country):
        code = states().names.get((home, name))
        if code:
            return f"{home}-{code}"
    for home in sorted(states().countries):
        code = states().names.get((home, name))
        whole_code = code and name == fold(f"{home}-{code}") and re.match(r"\s*[A-Za-z]{2}-", text)
        if code and (whole_code or _is_abroad(name, home, country)):
            return f"{home}-{code}"
    return None


def _homes(country: str) -> tuple[str, ...]:
    """Where the states and postcodes of a country are looked for; overseas parts have those of their country."""
    if country in _OVERSEAS:
        return (country, _OVERSEAS[country])
    if country == "CA":
        return ("CA", "US")
    return ("US", "CA") if country in AMERICAN else (country,)


def _is_abroad(name: str, home: str, country: str) -> bool:
    """A state of the US or Canada by its full name, for a number of a country whose own states are known."""
    return home in ("US", "CA") and len(name) > 4 and country in states().countries


def read_postcode(head: str, length: int, country: str) -> Cell:
    """A postcode by its first ``HEAD`` characters (upper case, no spaces around) and its length.

    ZIP codes and others that a spreadsheet took the leading zero from get it back. Countries without a table say
    nothing.
    """
    if head.casefold() in _EMPTY_HEADS or (length <= HEAD and not head.strip("0-. ")):
        return SILENT
    for home in _homes(country):
        key = _POSTCODE_KEYS.get(home, _no_key)(head, length)
        if key:
            return _ranged(key, home) or (
                SILENT
                if home == "GB"
                else Cell(problem=f"the postcode is none of {_KINDS.get(country, country)}")
            )
    if country in _KINDS:
        return Cell(problem=f"the postcode is none of {_KINDS[country]}")
    return SILENT


def has_postcodes(country: str) -> bool:
    """Whether postcodes of numbers of a country say anything."""
    return country in _KINDS or country in AMERICAN or country in _POSTCODE_KEYS or country in _OVERSEAS


def _ranged(key: str, home: str) -> Cell | None:
    for entry in postcodes().get((home, key[0]), ()):
        start = key[: len(entry.first)]
        if entry.first <= start <= entry.last and len(start) == len(entry.first):
            if not entry.regions and not entry.zones:
                return Cell(problem="the postcode is of military post or abroad: it names no state")
            return Cell(entry.zones, entry.regions)
    return None


_KINDS = {
    "US": "the United States",
    "CA": "Canada",
    "AU": "Australia",
    "BR": "Brazil",
    "MX": "Mexico",
    "ES": "Spain",
    "PT": "Portugal",
    "FR": "France",
}


def _no_key(head: str, length: int) -> str:
    return ""


def _digits(head: str) -> str:
    found = re.match(r"\d+", head)
    return found[0] if found else ""


def _zip_key(head: str, length: int) -> str:
    """ZIP or ZIP+4; with leading zeros lost: ``2134``, ``21345678``, ``501``."""
    digits = _digits(head)
    if len(digits) == HEAD:
        return {9: digits[:5], 8: f"0{digits[:4]}"}.get(length, "")
    return digits.zfill(5) if 3 <= len(digits) <= 5 else ""


def _canadian_key(head: str, length: int) -> str:
    found = re.match(r"[ABCEGHJ-NPRSTVXY]\d[A-Z]", head)
    return found[0] if found else ""


def _cep_key(head: str, length: int) -> str:
    """Brazil: eight digits, ``01310-100``; seven where the zero was lost."""
    digits = _digits(head)
    if len(digits) == HEAD:
        return {8: digits[:5], 7: f"0{digits[:4]}"}.get(length, "")
    return digits.zfill(5) if 4 <= len(digits) <= 5 else ""


def _five_key(head: str, length: int) -> str:
    digits = _digits(head)
    return digits.zfill(5) if 4 <= len(digits) <= 5 else ""


def _four_key(head: str, length: int) -> str:
    digits = _digits(head)
    return digits.zfill(4) if 3 <= len(digits) <= 4 else ""


def _portuguese_key(head: str, length: int) -> str:
    """Four digits, and three more after a hyphen or without one."""
    return head[:4] if len(_digits(head)) == HEAD and length == 7 else _four_key(head, length)


def _british_key(head: str, length: int) -> str:
    """The letters of the postcode area; ``#`` behind a single one."""
    found = re.match(r"([A-Z]{1,2})\d", head)
    return found[1].ljust(2, "#") if found and length <= 9 else ""


_POSTCODE_KEYS = {
    "FR": _five_key,
    "GB": _british_key,
    "US": _zip_key,
    "CA": _canadian_key,
    "AU": _four_key,
    "BR": _cep_key,
    "MX": _five_key,
    "ES": _five_key,
    "PT": _portuguese_key,
}


@cache
def shown(text: str) -> str:
    """A cell as a problem may quote it: short, printable, no more than four digits of a number that stands there."""
    clean = "".join(char if char.isprintable() else " " for char in text.strip()[:200])
    clean = _LONG_NUMBER.sub("*", clean)
    return clean if len(clean) <= 40 else clean[:39] + "…"
