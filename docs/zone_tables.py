"""Make the tables of numbers and zones from `phonenumbers` and the time zone database.

Run `python docs/zone_tables.py` after an upgrade of either library; a test fails until that is done. No part of the
product: the library's geographic data alone takes half a second and 60 MB to load.

The library's zones are the evidence; where they are thin or out of date they are put right here, in
`zone_corrections`, each with the reason.
"""

from __future__ import annotations

import importlib.resources
import re
import zoneinfo
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import phonenumbers
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.tzdata import TIMEZONE_DATA
from zone_corrections import (
    AREA_ZONES,
    BRAZIL,
    BRAZIL_ZONES,
    CURRENT,
    NO_COUNTRY,
    NO_PLACE,
    NOT_ASKED,
    PREFIX_ZONES,
    WHOLE_STATE,
)

from a2pcli.addresses.zones.data import DATA, fold, states

SAME_FROM, SAME_UNTIL = datetime(2027, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
"""Zones count as keeping the same time where they do in these years."""


@cache
def tz_file(name: str) -> str:
    """A text file of the package tzdata; not the machine's own database, which may be older."""
    return importlib.resources.files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")


@cache
def clock(zone: str) -> tuple[float, ...]:
    """What a zone's clock says through the years: its changes, to the day."""
    with importlib.resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        rules = zoneinfo.ZoneInfo.from_file(file, zone)
    changes: list[float] = []
    moment, last = SAME_FROM, None
    while moment < SAME_UNTIL:
        offset = moment.astimezone(rules).utcoffset()
        if offset != last and offset is not None:
            changes += [moment.timestamp(), offset.total_seconds()]
            last = offset
        moment += timedelta(days=1)
    return tuple(changes)


@cache
def zone_tab() -> dict[str, list[str]]:
    """Country to its zones, the most important first."""
    found = defaultdict(list)
    for line in tz_file("zone.tab").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country].append(zone)
    return dict(found)


@cache
def zone_names() -> dict[str, str]:
    """Every name of a place in the zone database to its current name."""
    links = dict(line.split()[2:0:-1] for line in tz_file("tzdata.zi").splitlines() if line.startswith("L "))
    places = {zone for zones in zone_tab().values() for zone in zones}
    names = {zone: zone for zone in places}
    for name in links:
        if name in places or name in NO_PLACE or re.match(r"Etc/|GMT", name):
            continue
        target = CURRENT.get(name) or links[name]
        while target not in places and target in links:
            target = links[target]
        if target in places:
            names[name] = target
    return names


def windows_names() -> dict[str, str]:
    """The names Windows and the products around it export, to the zone of the same name in CLDR."""
    from babel.core import get_global

    mapping = get_global("windows_zone_mapping")
    known = zone_names()
    return {name: known[zone] for name, zone in mapping.items() if zone in known and "," not in name}


@cache
def _known_to_library() -> frozenset[str]:
    return frozenset(zone_names()[zone] for zones in TIMEZONE_DATA.values() for zone in zones)


def one_of_each(zones: list[str]) -> list[str]:
    """One zone of all that keep the same time: one the library names, else the database's first."""
    firsts: dict[tuple[float, ...], str] = {}
    for zone in sorted(zones, key=lambda zone: zone not in _known_to_library()):
        firsts.setdefault(clock(zone), zone)
    return sorted(firsts.values())


def countries() -> dict[str, list[str]]:
    """Every region with numbers to its zones; one of those that keep the same time."""
    found = {region: [zone] for region, zone in NO_COUNTRY.items()}
    tab = dict(zone_tab())
    tab["AU"] = tab["AU"] + tab["CX"] + tab["CC"]  # mobiles of both islands are in Australia's ranges
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        zones = [zone for zone in tab.get(region, []) if zone not in NOT_ASKED]
        if zones:
            found[region] = one_of_each(zones)
    return dict(sorted(found.items()))


def _same(zones: list[str], library: set[str]) -> list[str]:
    """Those zones that keep the same time as one of the library's."""
    clocks = {clock(zone_names()[zone]) for zone in library}
    return [zone for zone in zones if clock(zone) in clocks]


def _united(prefix: str) -> set[str]:
    """All zones the library has for a prefix and what begins with it."""
    return {zone for key, zones in TIMEZONE_DATA.items() if key.startswith(prefix) for zone in zones}


@cache
def _spellings(country: str) -> dict[str, str]:
    known = {name: code for (here, name), code in states().names.items() if here == country}
    # The geographic data's own spellings.
    also = {"US": {"washington state": "WA", "washington dc": "DC"}, "CA": {"british colombia": "BC"}}
    return known | also.get(country, {})


def _states_named(country: str, text: str) -> set[str]:
    """The states a geographic description names: `Pensacola, FL`, `Nova Scotia/Prince Edward Island`."""
    known = _spellings(country)
    whole = {known.get(fold(name)) for name in text.split("/")}
    if None not in whole:
        return {code for code in whole if code}
    end = known.get(fold(text.rsplit(",", 1)[-1]))
    return {end} if end else set()


def _area_states(area: str, country: str) -> list[str]:
    """The states of an area code: said of the whole, else of at least a tenth of its exchanges."""
    if country in ("PR", "VI", "GU", "AS", "MP"):
        return [country]
    if country not in ("US", "CA"):
        return []
    whole = GEOCODE_DATA.get(f"1{area}", {}).get("en")
    if whole:
        found = _states_named(country, whole)
    else:
        counted = Counter(
            state
            for key, names in GEOCODE_DATA.items()
            if key.startswith(f"1{area}")
            for state in _states_named(country, names.get("en", ""))
        )
        found = {state for state, count in counted.items() if count * 10 >= counted.total()}
    if not found:
        raise ValueError(f"no state known for area code {area}")
    return sorted(found)


def areas() -> list[str]:
    """`area,country,regions,zones` for every geographic area code of North America."""
    rows = []
    for area in sorted({key[1:4] for key in TIMEZONE_DATA if key[0] == "1" and len(key) > 3}):
        country = phonenumbers.region_code_for_number(phonenumbers.parse(f"+1{area}2345678"))
        if country is None:
            raise ValueError(f"no country known for area code {area}")
        here = _area_states(area, country)
        home = "CA" if country == "CA" else "US"
        regions = [f"{home}-{state}" for state in here]
        if area in AREA_ZONES:
            zones = AREA_ZONES[area].split()
        elif regions:
            zones = sorted({zone for region in regions for zone in states().zones[region]})
            if area not in WHOLE_STATE:
                zones = _same(zones, _united(f"1{area}")) or zones
        else:
            zones = sorted({zone_names()[zone] for zone in _united(f"1{area}")})
        rows.append(f"{area},{country},{' '.join(regions)},{' '.join(zones)}")
    return rows


def _mexico() -> dict[str, tuple[str, str]]:
    found = {}
    for prefix, names in GEOCODE_DATA.items():
        here = sorted(_states_named("MX", names.get("en", ""))) if prefix.startswith("52") else []
        if not here:
            continue
        zones = sorted({zone for state in here for zone in states().zones[f"MX-{state}"]})
        if here == ["CHH"] or here == ["CHH", "DUR"]:
            # Chihuahua left Mountain time in 2022; the library has not seen it. The border towns are named above.
            zones = ["America/Chihuahua"] if len(here) == 1 else ["America/Chihuahua", "America/Monterrey"]
        elif {"COA", "NLE", "TAM"} & set(here):
            # Towns at the border keep Texas' time, and their codes are 86, 87, 88, 89.
            inland = not re.match(r"528(?:6|7[4-9]|8|9)", prefix)
            zones = [zone for zone in zones if not (inland and zone == "America/Matamoros")]
        else:
            zones = _same(zones, _united(prefix) or set(_longest(prefix))) or zones
        found[prefix] = (" ".join(zones), " ".join(f"MX-{state}" for state in here))
    return found


def _longest(prefix: str) -> tuple[str, ...]:
    while prefix not in TIMEZONE_DATA:
        prefix = prefix[:-1]
    zones: tuple[str, ...] = TIMEZONE_DATA[prefix]
    return zones


def _brazil() -> dict[str, tuple[str, str]]:
    found = {}
    for code in sorted({code for codes in BRAZIL.values() for code in codes.split()}):
        here = [f"BR-{state}" for state, codes in sorted(BRAZIL.items()) if code in codes.split()]
        zones = " ".join(sorted({zone for state in here for zone in states().zones[state]}))
        found[f"55{code}"] = (BRAZIL_ZONES.get(code, zones), " ".join(here))
    return found


def prefixes() -> list[str]:
    """`prefix,zones,regions` outside North America, for countries that have several zones."""
    several = {region for region, zones in countries().items() if len(zones) > 1}
    codes = {str(phonenumbers.country_code_for_region(region)) for region in several} - {"1"}
    found: dict[str, tuple[str, str]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        code = next((code for code in codes if prefix.startswith(code) and prefix != code), None)
        if code not in (None, "55", "61"):
            found[prefix] = (" ".join(sorted({zone_names()[zone] for zone in zones})), "")
    longer = {key for key in found if any(key != known and key.startswith(known) for known in PREFIX_ZONES)}
    found = {key: value for key, value in found.items() if key not in longer}
    found.update(_mexico() | _brazil() | PREFIX_ZONES)
    return [f"{prefix},{zones},{regions}" for prefix, (zones, regions) in sorted(found.items())]


def tables() -> dict[str, str]:
    """Every made file by its name, as it should be."""
    source = f"# Made by `python docs/zone_tables.py` from phonenumbers {phonenumbers.__version__}"
    source += f" and tzdata {_tz_version()}.\n"
    heads = {
        "areas.csv": "area code of North America,country,regions,zones",
        "prefixes.csv": "prefix of lines at a place (in Mexico and Brazil of mobiles too),zones,regions",
        "countries.csv": "country,zones: one of those that keep the same time",
        "names.csv": "name that is or was in the zone database, or is Windows',current name",
    }
    places = [f"{name},{zone}" for name, zone in sorted((zone_names() | windows_names()).items())]
    everywhere = [f"{region},{' '.join(zones)}" for region, zones in countries().items()]
    bodies = (areas(), prefixes(), everywhere, places)
    return {
        name: f"{source}# {head}\n" + "".join(f"{row}\n" for row in body)
        for (name, head), body in zip(heads.items(), bodies, strict=True)
    }


def _tz_version() -> str:
    return tz_file("tzdata.zi").splitlines()[0].rsplit(" ", 1)[-1]


def main(folder: Path = DATA) -> None:
    """Write the files."""
    for name, text in tables().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
