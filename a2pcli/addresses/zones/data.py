"""The tables behind ``zones``: which zones and states an area code, a prefix, a country, a state and a postcode have.

All are small CSV files in ``data/``, each with its sources in its first lines, read once when first needed (a few
milliseconds). Nothing here reads ``phonenumbers``' own geographic data, which is far too heavy for a run.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from a2pcli.dataclass import dataclass
from a2pcli.folding import name_key

DATA = Path(__file__).parent / "data"

Names = tuple[str, ...]
"""Zones (IANA names) or regions (ISO 3166-2), sorted."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a number alone says. ``anywhere``: it may be anywhere in its country, as most mobiles outside America."""

    zones: Names = ()
    regions: Names = ()
    anywhere: bool = False


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class States:
    """Zones of each region (``US-FL``), and what people call it: (country, folded name) to the code (``FL``).

    ``countries``: those of which every state is known, so that another name there is a mistake.
    """

    zones: dict[str, Names]
    names: dict[tuple[str, str], str]
    countries: frozenset[str]


@dataclass(frozen=True, slots=True)
class PostcodeRange:
    """Postcodes that begin with something from ``first`` to ``last`` (of equal length), and where they are."""

    first: str
    last: str
    regions: Names
    zones: Names

    def width(self) -> tuple[int, int]:
        """For the narrowest: longer prefixes first, then fewer of them."""
        steps = [ord(b) - ord(a) for a, b in zip(self.first, self.last, strict=True)]
        return -len(self.first), sum(step * 40 ** (len(steps) - i) for i, step in enumerate(steps))


def rows(name: str, folder: Path = DATA) -> Iterator[list[str]]:
    """The rows of a data file, without its comments. No cell there has a comma or a quotation mark."""
    for line in (folder / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split(",")


def names(text: str) -> Names:
    """The names in a cell of the data file, which are separated by spaces or semicolons."""
    return tuple(sorted(text.split()))


def fold(text: str) -> str:
    """A name as it is compared: no case, accents, dots or apostrophes; ``-``, ``_`` and ``&`` as spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        " " if char in "-_&" else char
        for char in plain
        if not unicodedata.combining(char) and char not in ".'’ʻ,"
    )
    return " ".join(kept.split())


@cache
def states() -> States:
    """States and provinces of the countries that have them in ``states.csv``."""
    zones: dict[str, Names] = {}
    known: dict[tuple[str, str], str] = {}
    for country, code, here, spellings in rows("states.csv"):
        zones[f"{country}-{code}"] = names(here)
        for spelling in (code, f"{country}-{code}", *spellings.split("|")):
            known.setdefault((country, fold(spelling)), code)
    strict = frozenset(country for country, _ in known)
    for country, code, here, spellings in rows("subdivisions.csv"):
        zones[f"{country}-{code}"] = names(here) or countries().get(country, NOTHING).zones
        for spelling in (code, f"{country}-{code}", *spellings.split("|")):
            known.setdefault((country, fold(spelling)), code)
    return States(zones, known, strict)


@cache
def country_codes() -> dict[str, str]:
    """What people call countries, as ``folding.name_key`` compares it, to the ISO 3166-1 code."""
    found: dict[str, str] = {}
    for code, spellings in rows("country_names.csv"):
        for spelling in (code, *spellings.split("|")):
            found.setdefault(name_key(spelling), code)
    return found


@cache
def areas() -> dict[int, Found]:
    """North American area codes with their regions and zones."""
    return {int(area): Found(names(zones), names(regions)) for area, _, regions, zones in rows("areas.csv")}


@cache
def prefixes() -> dict[str, Found]:
    """Prefixes (with the calling code) of countries that have several zones."""
    return {prefix: Found(names(zones), names(regions)) for prefix, zones, regions in rows("prefixes.csv")}


@cache
def countries() -> dict[str, Found]:
    """Time zones by country (ISO code)."""
    return {country: Found(names(zones), (), True) for country, zones in rows("countries.csv")}


@cache
def zone_names() -> dict[str, str]:
    """Names of zones as they are compared, to the current name."""
    return {zone_key(name): zone for name, zone in rows("names.csv")}


@cache
def zone_cities() -> dict[str, str]:
    """The cities zones are called after, folded, to the current name; without those of several zones."""
    found: dict[str, set[str]] = {}
    for name, zone in rows("names.csv"):
        area, city = name.split("/", 1)[0], name.rsplit("/", 1)[-1]
        if area in _AREAS and (name == zone or area != "Australia"):
            found.setdefault(fold(city), set()).add(zone)
    return {city: zones.pop() for city, zones in found.items() if len(zones) == 1}


_AREAS = frozenset({"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"})
"""Parts of the world in names of zones; the other first parts are old names by country."""


def zone_key(name: str) -> str:
    """A zone's name as it is compared: no case, spaces as ``_``."""
    return "_".join(name.casefold().split())


@cache
def spoken() -> dict[tuple[str, str], Names]:
    """What people write for zones: (country or ``*``, folded words) to all that it may mean."""
    found: dict[tuple[str, str], Names] = {}
    for word, here, zones in rows("spoken.csv"):
        for country in here.split():
            found[country, fold(word)] = names(zones)
    return found


@cache
def postcodes() -> dict[tuple[str, str], list[PostcodeRange]]:
    """Ranges of postcodes by country and first character, the narrowest first."""
    found: dict[tuple[str, str], list[PostcodeRange]] = {}
    for country, first, last, regions, zones in rows("postcodes.csv"):
        here = names(" ".join(_region(country, region) for region in regions.split()))
        entry = PostcodeRange(first, last, here, names(zones))
        for number in range(ord(first[0]), ord(last[0]) + 1):
            found.setdefault((country, chr(number)), []).append(entry)
    for ranges in found.values():
        ranges.sort(key=PostcodeRange.width)
    return found


def _region(country: str, region: str) -> str:
    """A region of the table: ``=JE`` is a country of its own."""
    return region[1:] if region.startswith("=") else f"{country}-{region}"


@cache
def divided_postcodes() -> frozenset[str]:
    """First three characters within which some range of some country begins or ends."""
    ranges = {entry for entries in postcodes().values() for entry in entries}
    begun = {entry.first[:3] for entry in ranges if entry.first[3:].strip("0")}
    return frozenset(begun | {entry.last[:3] for entry in ranges if entry.last[3:].strip("9")})
