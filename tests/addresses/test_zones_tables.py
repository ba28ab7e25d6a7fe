"""The tables of zones hold what the libraries and the zone database say, and no more than can be true."""

from __future__ import annotations

import importlib.resources
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from a2pcli.addresses.zones.data import (
    DATA,
    areas,
    countries,
    postcodes,
    prefixes,
    spoken,
    states,
    zone_names,
)
from a2pcli.addresses.zones.locate import locate

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import zone_tables

CURRENT = {zone for zones in zone_tables.zone_tab().values() for zone in zones}

# What the library says of an area code and we do not, each known to be wrong.
REFUTED = {
    ("1474", "America/Winnipeg"),  # an overlay of 306: Saskatchewan
    ("1689", "America/Chicago"),  # Orlando
    ("1879", "America/Puerto_Rico"),  # Labrador has summer time
}
WITHOUT_SUMMER_TIME = "Pacific/Honolulu"
"""The library's stand-in for the Aleutians, which have it."""


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return zone_tables.tables()


@pytest.mark.parametrize("name", ["areas.csv", "prefixes.csv", "countries.csv", "names.csv"])
def test_the_tables_are_what_the_libraries_say_today(made: dict[str, str], name: str) -> None:
    """After an upgrade: run `python docs/zone_tables.py` and look at what changed."""
    assert (DATA / name).read_text("utf-8") == made[name]


def test_every_area_code_the_library_places_is_placed_and_no_zone_of_it_is_lost() -> None:
    lost = set()
    for key, library in TIMEZONE_DATA.items():
        if key[0] == "1" and len(key) >= 4:
            ours = {zone_tables.clock(zone) for zone in areas()[int(key[1:4])].zones}
            now = {zone: zone_tables.clock(zone_tables.zone_names()[zone]) for zone in library}
            lost |= {(key, zone) for zone, clock in now.items() if clock not in ours}
    alaska = {(key, zone) for key, zone in lost if key.startswith("1907") and zone == WITHOUT_SUMMER_TIME}
    assert lost - alaska == REFUTED


def test_every_area_code_of_the_us_and_canada_lies_in_a_state_whose_zones_it_has() -> None:
    for area, found in areas().items():
        country = phonenumbers.region_code_for_number(phonenumbers.parse(f"+1{area}2345678"))
        assert found.zones, area
        if country in ("US", "CA", "PR", "VI", "GU", "AS", "MP"):
            assert found.regions, area
            assert set(found.zones) <= {
                zone for region in found.regions for zone in states().zones[region]
            }, area


def test_every_zone_in_every_table_is_a_current_name_that_python_knows() -> None:
    used = {
        zone
        for found in (*areas().values(), *prefixes().values(), *countries().values())
        for zone in found.zones
    }
    used |= {zone for zones in (*states().zones.values(), *spoken().values()) for zone in zones}
    used |= {zone for entries in postcodes().values() for entry in entries for zone in entry.zones}
    used |= set(zone_names().values())
    assert used - CURRENT == set()
    for zone in used:
        assert ZoneInfo(zone).key == zone


def test_every_old_name_in_the_database_maps_to_a_zone_that_keeps_the_same_time() -> None:
    for name, zone in zone_tables.zone_names().items():
        assert zone_tables.clock(name) == zone_tables.clock(zone), name


def test_every_name_of_a_place_in_the_database_is_understood() -> None:
    known = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    offsets = ("Etc/", "GMT")
    strange = {
        "Factory",
        "localtime",
        "UTC",
        "UCT",
        "Zulu",
        "Universal",
        "Greenwich",
        "HST",
        "EET",
        "WET",
        "MET",
    }
    for name in known:
        if not name.startswith(offsets) and name not in strange:
            place = locate("+18005550123", "US", timezone=name)
            assert place.zones, name
            assert place.problems is None, name


def test_postcode_zones_lie_in_their_states() -> None:
    for entries in postcodes().values():
        for entry in entries:
            for region in entry.regions:
                assert not entry.zones or set(states().zones[region]) & set(entry.zones), entry


@pytest.mark.parametrize(
    ("country", "wanted"), [("US", 56), ("CA", 13), ("AU", 8), ("BR", 27), ("MX", 32), ("PT", 20), ("ID", 38)]
)
def test_no_state_is_missing(country: str, wanted: int) -> None:
    """50 states, the District of Columbia and five territories; the provinces and states of the others."""
    mine = {region for region in states().zones if region.startswith(f"{country}-")}
    assert len(mine) == wanted


def test_every_state_with_postcodes_has_some() -> None:
    """But for Spain's communities and Portugal's districts, where the table has only what differs in time."""
    named = {region for entries in postcodes().values() for entry in entries for region in entry.regions}
    for region in states().zones:
        assert region in named or region[:2] not in ("US", "CA", "AU", "BR", "MX"), region


def test_states_together_have_every_zone_of_their_country() -> None:
    """A zone that no state has was forgotten. (Territories are countries of their own in the zone database.)"""
    for country in ("US", "CA", "AU", "BR", "MX", "ES", "PT", "ID"):
        whole = {zone_tables.clock(zone) for zone in zone_tables.zone_tab()[country]}
        mine = {
            zone for region, zones in states().zones.items() if region.startswith(country) for zone in zones
        }
        assert whole <= {zone_tables.clock(zone) for zone in mine}, country


def test_a_mobiles_zones_are_all_the_library_has_for_its_country() -> None:
    """For countries of several zones the library's answer is never more than ours."""
    for region in ("AU", "CL", "EC", "ES", "GB", "ID", "NZ", "PT"):
        mobile = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        code = phonenumbers.country_code_for_region(region)
        number = phonenumbers.format_number(mobile, phonenumbers.PhoneNumberFormat.E164)
        ours = {zone_tables.clock(zone) for zone in locate(number, region).zones}
        library = {zone_tables.clock(zone_tables.zone_names()[zone]) for zone in TIMEZONE_DATA[str(code)]}
        assert library <= ours, region


def test_the_librarys_geographic_data_is_not_loaded_at_run_time() -> None:
    """It costs half a second and 60 MB."""
    code = (
        "import sys, pyarrow as pa; from a2pcli.addresses.zones.locate import locate, locate_column;"
        "locate('+18505550123', 'US', postcode='32501', state='FL', timezone='EST');"
        "locate_column(pa.array(['+5511961234567']), pa.array(['BR']));"
        "print(*[name for name in sys.modules if 'geodata' in name or 'tzdata.' in name or 'zone_tables' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
