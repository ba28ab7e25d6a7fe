"""Make the tables of numbers and zones from `phonenumbers` and the time zone database.

Run `python -m a2pcli.contacts.zones_make` after an upgrade of either library; a test fails until that is done. Never
imported at run time: the library's geographic data alone takes half a second and 60 MB to load.

The library's zones are the evidence; where they are thin or out of date they are put right here, each with the reason.
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

from a2pcli.contacts.zones_data import DATA, fold, states

SAME_FROM, SAME_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
"""Zones count as keeping the same time where they do in these years."""

WHOLE_STATE = set("306 639 474 250 236 257 672 778 709 879 867 807 418 581 367 907 928".split())
"""Area codes that reach into every zone of their state; the library knows some of it, exchange by exchange.
Saskatchewan with Lloydminster; British Columbia outside Vancouver, and its overlays; Newfoundland with Labrador; the
territories; Ontario northwest; Quebec with the Magdalen Islands; Alaska with the Aleutians; Arizona with the Navajos."""

AREA_ZONES = {
    "364": "America/Chicago America/New_York",  # overlay of 270, which lies in both
    "448": "America/Chicago America/New_York",  # overlay of 850: the Florida panhandle
    "930": "America/Chicago America/New_York",  # overlay of 812: southern Indiana
    "458": "America/Denver America/Los_Angeles",  # overlay of 541: Oregon with Malheur County
    "689": "America/New_York",  # overlay of 407: Orlando; the library says Central
}

PREFIX_ZONES: dict[str, tuple[str, str]] = {
    # prefix: zones, regions
    "740": ("Europe/Kaliningrad", ""),  # the library says Bucharest, which has summer time
    "7411": ("Asia/Yakutsk Asia/Vladivostok Asia/Magadan", ""),  # Yakutia has three zones
    "7840": ("Europe/Moscow", ""),  # Abkhazia's old code
    "7845": ("Europe/Samara", ""),  # Saratov moved an hour in 2016
    "5632": ("America/Santiago Pacific/Easter", ""),
    "5661": ("America/Punta_Arenas", ""),
    "5667": ("America/Punta_Arenas", ""),  # Aysén keeps Magallanes' time since 2025
    "612": ("Australia/Lord_Howe Australia/Sydney", "AU-ACT AU-NSW"),
    "613": ("Australia/Hobart Australia/Melbourne", "AU-TAS AU-VIC"),
    "617": ("Australia/Brisbane Australia/Sydney", "AU-QLD"),  # with towns of northern New South Wales
    "618": (
        "Australia/Adelaide Australia/Broken_Hill Australia/Darwin Australia/Eucla Australia/Perth",
        "AU-NT AU-SA AU-WA",
    ),
    "5255": ("America/Mexico_City", "MX-CMX MX-MEX"),
    "5256": ("America/Mexico_City", "MX-CMX MX-MEX"),  # overlay of 55
    "52626": ("America/Chihuahua America/Ojinaga", "MX-CHH"),
    "52656": ("America/Ciudad_Juarez", "MX-CHH"),
    "52657": ("America/Ciudad_Juarez", "MX-CHH"),
    "52987": ("America/Cancun", "MX-ROO"),  # Cozumel; the library says Querétaro
    "52427": ("America/Mexico_City", "MX-HID MX-MEX MX-QUE"),  # "Mexico/Quintana Roo", meant Querétaro
}

# Brazil: Anatel, Plano Geral de Códigos Nacionais. Codes at a border are given to all their states.
BRAZIL = {
    "SP": "11 12 13 14 15 16 17 18 19",
    "RJ": "21 22 24",
    "ES": "27 28",
    "MG": "31 32 33 34 35 37 38",
    "PR": "41 42 43 44 45 46",
    "SC": "42 47 48 49",
    "RS": "51 53 54 55",
    "DF": "61",
    "GO": "61 62 64",
    "TO": "63",
    "MT": "65 66",
    "MS": "67",
    "AC": "68",
    "RO": "69",
    "BA": "71 73 74 75 77",
    "SE": "79",
    "PE": "81 87",
    "AL": "82",
    "PB": "83",
    "RN": "84",
    "CE": "85 88",
    "PI": "86 89",
    "PA": "91 93 94",
    "AM": "92 97",
    "RR": "95",
    "AP": "96",
    "MA": "98 99",
}
BRAZIL_ZONES = {"87": "America/Recife", "92": "America/Manaus"}

NOT_ASKED = {
    "Asia/Urumqi": "China has one legal time",
    "Europe/Simferopol": "numbers of +380 do not work there",
    "America/Danmarkshavn": "a weather station",
    "Antarctica/Macquarie": "a research station",
}
NO_COUNTRY = {"XK": "Europe/Belgrade", "AC": "Atlantic/St_Helena", "TA": "Atlantic/St_Helena"}
"""Regions with numbers that the zone database's table of countries does not have."""

CURRENT = {
    "Africa/Asmera": "Africa/Asmara",
    "Africa/Timbuktu": "Africa/Bamako",
    "America/Virgin": "America/St_Thomas",
    "America/Coral_Harbour": "America/Atikokan",
    "Atlantic/Jan_Mayen": "Arctic/Longyearbyen",
    "Iceland": "Atlantic/Reykjavik",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
    "Pacific/Yap": "Pacific/Chuuk",
}
"""Old spellings whose link in the database goes to a larger zone that keeps the same time."""

NO_PLACE = set("CET MET EET WET EST MST HST Factory UCT UTC Universal Zulu Greenwich".split())
"""Names of the database for fixed hours, or for what people mean by letters: `spoken.csv` has them by country."""


@cache
def tz_file(name: str) -> str:
    """A text file of the package tzdata; not the machine's own database, which may be older."""
    return importlib.resources.files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")


@cache
def clock(zone: str) -> tuple[float, ...]:
    """What a zone's clock says through the years: its offsets every six hours, as changes."""
    with importlib.resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        rules = zoneinfo.ZoneInfo.from_file(file, zone)
    changes: list[float] = []
    moment, last = SAME_FROM, None
    while moment < SAME_UNTIL:
        offset = moment.astimezone(rules).utcoffset()
        if offset != last and offset is not None:
            changes += [moment.timestamp(), offset.total_seconds()]
            last = offset
        moment += timedelta(hours=6)
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


def one_of_each(zones: list[str]) -> list[str]:
    """The first zone of all that keep the same time."""
    firsts = {clock(zone): zone for zone in reversed(zones)}
    return [zone for zone in zones if firsts[clock(zone)] == zone]


def countries() -> dict[str, list[str]]:
    """Every region with numbers to its zones; one of those that keep the same time."""
    found = {region: [zone] for region, zone in NO_COUNTRY.items()}
    tab = dict(zone_tab())
    tab["AU"] = tab["AU"] + tab["CX"] + tab["CC"]  # mobiles of both islands are in Australia's ranges
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        zones = [zone for zone in tab.get(region, []) if zone not in NOT_ASKED]
        if zones:
            found[region] = sorted(one_of_each(zones))
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
    source = f"# Made by `python -m a2pcli.contacts.zones_make` from phonenumbers {phonenumbers.__version__}"
    source += f" and tzdata {_tz_version()}.\n"
    places = [f"{name},{zone}" for name, zone in sorted((zone_names() | windows_names()).items())]
    return {
        "areas.csv": source + "# area code of North America,country,regions,zones\n" + _lines(areas()),
        "prefixes.csv": source + "# prefix,zones,regions\n" + _lines(prefixes()),
        "countries.csv": source
        + "# country,zones: one of those that keep the same time\n"
        + _lines([f"{region},{' '.join(zones)}" for region, zones in countries().items()]),
        "names.csv": source + "# name that was, or is, in the zone database or in Windows,current name\n" + _lines(places),
    }


def _tz_version() -> str:
    return tz_file("tzdata.zi").splitlines()[0].rsplit(" ", 1)[-1]


def _lines(rows: list[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def main(folder: Path = DATA) -> None:
    """Write the files."""
    for name, text in tables().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
